"""Processes that are forked from one in which torch and our rooms are imported already."""

import multiprocessing
import os
from functools import cache
from multiprocessing.context import ForkServerContext

_ROOMS = (
    *("cli", "evaluation.paper_figures", "evaluation.subject_results", "experiment"),
    *("reading.reading", "study.judge", "study.pieces", "terminal", "unlearning.loop"),
)


@cache
def quick() -> ForkServerContext:
    """One server per process of pytest; it starts with its first child."""
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"napari_unlearn.{room}" for room in _ROOMS])
    return context


def ready() -> ForkServerContext:
    """The same once everything is imported, for who counts the time that children take."""
    context = quick()
    first = context.Process(target=os.getpid)
    first.start()
    first.join()
    return context
