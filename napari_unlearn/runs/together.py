"""A command carried out by several processes of this machine that share every step.

They are started by torch's elastic launcher, which is what torchrun runs; torchrun itself would
end with a traceback of its own whenever one of them fails.
"""

import logging
import os
import signal
import sys
import uuid
from collections.abc import Sequence

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from napari_unlearn.errors import Cancelled, UnlearnError
from napari_unlearn.unlearning.ranks import GO_ON, LAUNCHER


def run_together(count: int, arguments: Sequence[str]) -> None:
    """Run this program's command line in several processes; if one ends, all do.

    Raises:
        UnlearnError: if a process was killed; `Cancelled` if the run was interrupted.
        SystemExit: if the run failed, which one of the processes has then said why.
    """
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    os.environ[LAUNCHER] = str(os.getpid())
    # The sentence is ours to say; gloo would log lines of its own beside it.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    launch = elastic_launch(config, sys.executable)
    try:
        launch("-m", "napari_unlearn", *arguments)
    except ChildFailedError as error:
        codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        failed = [code for code in codes.values() if code > 0]
        signals = sorted((rank, -code) for rank, code in codes.items() if code < 0)
        if failed:  # the launcher's own SIGTERM ends the others then
            signals = [(rank, number) for rank, number in signals if number != signal.SIGTERM]
        if not signals:
            sys.exit(max(failed))
        rank, number = signals[0]
        raise UnlearnError(
            f"Process {rank + 1} of {count} was killed (signal {number}), by a person or because "
            f"memory ran out, which ended the run. {GO_ON}"
        ) from error
    except (SignalException, KeyboardInterrupt) as stop:
        raise Cancelled(f"Interrupted. {GO_ON}") from stop
