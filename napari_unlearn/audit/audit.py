"""Every run of an experiment under every attack, beside original and oracle."""

import platform
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch

from napari_unlearn import __version__
from napari_unlearn.audit.damage import damage_of
from napari_unlearn.audit.distance import ks_distance
from napari_unlearn.audit.inversion import likeness
from napari_unlearn.audit.judge import judged
from napari_unlearn.audit.lira import lira
from napari_unlearn.audit.losses import ByPerson, confidence, losses_of
from napari_unlearn.audit.membership import auc_of, gap_of, privleak, rate_of
from napari_unlearn.audit.options import Options
from napari_unlearn.audit.people import chosen, part_of
from napari_unlearn.audit.result import Audit, RunAudit
from napari_unlearn.audit.shadows import Shadows, make_shadows
from napari_unlearn.audit.subjects import ORACLE, ORIGINAL, Audited, audited
from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.membership import Membership, attack
from napari_unlearn.evaluation.out_of_memory import memory_said
from napari_unlearn.evaluation.paper_runs import fraction_of
from napari_unlearn.evaluation.relearn import Relearned, relearn_runs
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.checkpoint import load_checkpoint, read_card, sha256
from napari_unlearn.models.device import resolve_device
from napari_unlearn.unlearning.segmentation import Segmentation

DIGITS = 6
"""Of a loss that is kept."""
AuditEvent = tuple[int, int] | Audit


@dataclass(frozen=True)
class Seen:
    """What a model lost on both sets."""

    members: ByPerson
    others: ByPerson

    @property
    def membership(self) -> Membership:
        """The loss attack."""
        return attack(self.members, self.others)


def audit(
    experiment: Experiment,
    options: Options | None = None,
    device: str = "auto",
    cancel: CancelToken | None = None,
    command: str = "",
) -> Iterator[AuditEvent]:
    """Attack every run of an experiment.

    Args:
        experiment: with runs; without one called "oracle" most questions stay open.
        options: which attacks, on whom.
        device: as `resolve_device` takes it.
        cancel: looked at between two people, steps or models.
        command: that makes these figures again.

    Yields:
        Pieces of work done and in all; at last the audit.

    Raises:
        UnlearnError: if there is nothing to audit, the hold-out is none, a file is unusable, or
            memory runs out.
    """
    options, cancel = options or Options(), cancel or CancelToken()
    about = audited(experiment, options.hold_out, options.runs)
    work = _Work(about, options, device, cancel)
    with memory_said(f"attacking the runs of '{experiment.name}'", work.place):
        seen = yield from work.losses()
        runs = {name: _plain(name, seen, options, work.hashes[name]) for name in seen}
        for add in (work.relearned, work.inverted, work.shadowed):
            found = yield from add(seen)
            runs = {name: replace(run, **found.get(name, {})) for name, run in runs.items()}
    yield Audit(
        experiment=experiment.name,
        task=experiment.task,
        hold_out=about.hold_out,
        members=len(about.members),
        others=len(about.others),
        samples="patch" if isinstance(about.task, Segmentation) else "slice",
        margin=options.margin,
        runs=judged(runs, options, work.no_relearning),
        remarks=tuple(work.remarks),
        command=command,
        versions={
            "napari-unlearn": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        seeds=_seeds(experiment, options),
    )


def _seeds(experiment: Experiment, options: Options) -> dict[str, int]:
    """What the figures were drawn with; the inversion probe draws nothing."""
    seeds = {"intervals": options.bootstrap.seed}
    if options.relearn is not None:
        seeds["relearning"] = options.relearn.seed
    if options.shadows:
        seeds["shadow models"] = experiment.seed
    return seeds


def _plain(name: str, seen: Mapping[str, Seen], options: Options, digest: str) -> RunAudit:
    """Everything that follows from the losses alone."""
    own, oracle = seen[name], seen.get(ORACLE)
    found, draws = own.membership, options.bootstrap
    kept = {**own.members, **own.others}
    run = RunAudit(
        name=name,
        auc=auc_of(found, draws),
        auc_gap=None,
        privleak=None,
        rate=rate_of(own.members, own.others, draws),
        ks=None,
        damage=None,
        losses={who: tuple(np.round(each, DIGITS).tolist()) for who, each in kept.items()},
        sha256=digest,
    )
    if oracle is None or name == ORACLE:
        return run
    peer = oracle.membership
    return replace(
        run,
        auc_gap=gap_of(found, peer, draws),
        privleak=privleak(found.auc, peer.auc),
        ks=ks_distance(own.members, oracle.members, draws),
        damage=damage_of(own.members, own.others, oracle.members, oracle.others, draws),
    )


Figures = Mapping[str, Mapping[str, Any]]
"""Fields of `RunAudit` to fill in, by run."""


class _Work:
    """The attacks one after the other, and how far they are."""

    def __init__(self, about: Audited, options: Options, device: str, cancel: CancelToken) -> None:
        self.about, self.options, self.cancel = about, options, cancel
        self.device, self.place = device, resolve_device(device)
        self.remarks: list[str] = []
        self.hashes: dict[str, str] = {}
        """Of the checkpoints, by run."""
        self.no_relearning = "" if options.relearn else "The relearn attack was left out."
        self.attacked = {n: path for n, path in about.runs.items() if fraction_of(n) is None}
        """A sweep is judged by its losses alone."""
        self.shadowed_runs = {n: p for n, p in self.attacked.items() if read_card(p).strategy}
        pieces = [len(about.runs)]
        pieces += [len(self.attacked)] if options.relearn else []
        pieces += [len(self.attacked)] if options.inversion else []
        pieces += [options.shadows * (1 + len(self.shadowed_runs))] if options.shadows else []
        self.done, self.total = 0, sum(pieces)

    def step(self) -> tuple[int, int]:
        """One more piece is done."""
        self.done += 1
        return self.done, self.total

    def losses(self) -> Generator[AuditEvent, None, dict[str, Seen]]:
        """Of every run on members and others."""
        about, seen = self.about, {}
        for name, path in about.runs.items():
            self.cancel.check()
            self.hashes[name] = sha256(path)
            model, _ = load_checkpoint(path, str(self.place))
            sets = ((about.forget, about.members), (about.other, about.others))
            seen[name] = Seen(
                *(losses_of(about.task, model, part, who, self.place) for part, who in sets)
            )
            yield self.step()
        return seen

    def relearned(self, seen: Mapping[str, Seen]) -> Generator[AuditEvent, None, Figures]:
        """The relearn attack; what stands against it is remarked."""
        about, relearn = self.about, self.options.relearn
        if relearn is None or ORACLE not in seen or ORIGINAL not in seen:
            return {}
        learnt, test = about.forget, about.other
        if isinstance(about.task, Segmentation):
            # How good a model is comes back with any training; what it knows of people is how much
            # better it is on those of them that the attack does not show than on strangers.
            half = len(about.forget) // 2
            if not half:
                self.no_relearning = "One forgotten person cannot be relearnt from another."
                return {}
            places = tuple(range(len(about.forget)))
            learnt, test = (
                part_of(about.forget, places[:half]),
                part_of(about.forget, places[half:]),
            )
        found: dict[str, Relearned] = {}
        try:
            for event in relearn_runs(
                self.attacked,
                learnt,
                test,
                relearn,
                self.device,
                self.cancel,
                about.experiment.kind.task(unlearning=True),
                about.other if isinstance(about.task, Segmentation) else None,
            ):
                if isinstance(event, dict):
                    found = event
                else:
                    yield self.step()
        except EvaluationError as error:
            self.no_relearning = str(error)
            self.remarks.append(str(error))
        oracle = found.get(ORACLE)
        return {
            name: {
                "relearned": own,
                "relearn_ratio": None if oracle is None else own.ratio(oracle),
            }
            for name, own in found.items()
        }

    def inverted(self, seen: Mapping[str, Seen]) -> Generator[AuditEvent, None, Figures]:
        """The inversion probe: likeness in place of loss, so that members should lie below."""
        about, probe = self.about, self.options.inversion
        if probe is None:
            return {}
        sides = ((about.forget, about.members), (about.other, about.others))
        found: dict[str, Membership] = {}
        for name, path in self.attacked.items():
            model, _ = load_checkpoint(path, str(self.place))
            unlike = []
            for part, people in sides:
                asked = chosen(people, probe.people)
                alike = likeness(
                    about.task, model, part, people, asked, probe, self.place, self.cancel
                )
                unlike.append({who: np.array([-value]) for who, value in alike})
            found[name] = attack(*unlike)
            yield self.step()
        return self._beside("inversion", found)

    def shadowed(self, seen: Mapping[str, Seen]) -> Generator[AuditEvent, None, Figures]:
        """U-LiRA on every run with a strategy, on the original, and on the oracle as each run's."""
        about, count = self.about, self.options.shadows
        if not count:
            return {}
        shadows: Shadows = {}
        for event in make_shadows(
            about.experiment, self.shadowed_runs, about.hold_out, count, self.device, self.cancel
        ):
            if isinstance(event, tuple):
                yield self.step()
            else:
                shadows = event
        figures: dict[str, dict[str, Any]] = {}
        for name, own in shadows.items():
            if name not in seen:
                continue
            found = {name: self._lira(seen[name], own)}
            if ORACLE in seen:
                # The oracle under the same shadows is what an attack on ignorance gives.
                found[ORACLE] = self._lira(seen[ORACLE], own)
            figures[name] = dict(self._beside("lira", found)[name])
        return figures

    def _lira(self, seen: Seen, shadows: Any) -> Membership:
        task = self.about.task
        both = confidence(task, {**seen.members, **seen.others})
        own = {who: float(value.mean()) for who, value in both.items()}
        asked = shadows[0].statistic
        others = [who for who in seen.others if who in asked]
        return lira(own, [*seen.members], others, shadows)

    def _beside(self, key: str, found: Mapping[str, Membership]) -> Figures:
        """AUC and gap to the oracle's."""
        oracle, draws = found.get(ORACLE), self.options.bootstrap
        figures: dict[str, dict[str, Any]] = {}
        for name, own in found.items():
            beside = oracle is not None and name != ORACLE
            gap = gap_of(own, oracle, draws) if beside and oracle is not None else None
            figures[name] = {key: auc_of(own, draws), f"{key}_gap": gap}
        return figures
