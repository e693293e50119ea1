"""The checkpoints that a certificate is about: which came from which, and what their cards say."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_unlearn.certificate.content import MethodEntry, ModelEntry, ParameterEntry
from napari_unlearn.certificate.error import CertificateError
from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import read_card, sha256
from napari_unlearn.unlearning.strategies import find_strategy

ORIGINAL, ORACLE = "original", "oracle"
_COST = ("steps", "passes", "seconds")


@dataclass(frozen=True)
class Checkpoint:
    """A run's file, read as far as its header."""

    run: str
    path: Path
    sha256: str
    card: Card

    @property
    def entry(self) -> ModelEntry:
        """What the certificate says of it."""
        card = self.card
        return ModelEntry(
            run=self.run,
            role=card.role,
            title=card.title,
            sha256=self.sha256,
            parent=card.parent,
            architecture=card.architecture,
            parameters=card.parameters,
            strategy=card.strategy,
            strategy_parameters=card.strategy_parameters,
            seed=card.seed,
            retain_scans=card.retain_scans,
            forget_scans=card.forget_scans,
            data_hash=card.data_hash,
            sampling=card.sampling,
            cost={key: card.metrics[key] for key in _COST if key in card.metrics},
            versions=card.versions,
            remark=card.remark,
        )


def read_checkpoint(run: str, path: Path) -> Checkpoint:
    """Hash a run's file and read its card.

    Raises:
        UnlearnError: if it is no checkpoint of ours.
    """
    return Checkpoint(run, path, sha256(path), read_card(path))


@dataclass(frozen=True)
class Family:
    """The run that forgot, with everything it is compared with."""

    child: Checkpoint
    parent: Checkpoint | None
    """None if its file is not at hand."""
    original: Checkpoint | None
    oracle: Checkpoint | None
    chain: tuple[str, ...]
    """Runs from the first known ancestor to the child."""

    @property
    def paths(self) -> Mapping[str, Path]:
        """What is measured, by name: original, parent, child, oracle."""
        known = (self.original, self.parent, self.child, self.oracle)
        return {each.run: each.path for each in known if each is not None}

    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 by name, in the same order."""
        known = (self.original, self.parent, self.child, self.oracle)
        return {each.run: each.sha256 for each in known if each is not None}


def find_family(experiment: Experiment, run: str | None) -> Family:
    """The run of that name, or the only one that forgot, with its parent, original and oracle.

    Raises:
        WrongUse: if several runs forgot and none is named, or there is none of that name.
        UnlearnError: if there is none that forgot, or a checkpoint is damaged.
    """
    paths = experiment.runs
    name = run or _only(experiment, paths)
    if name not in paths:
        known = ", ".join(n for n in paths if n not in (ORIGINAL, ORACLE)) or "none yet"
        raise WrongUse(f"There is no run '{name}' in {experiment.folder}; accepted: {known}.")
    if name in (ORIGINAL, ORACLE):
        raise WrongUse(f"The {name} forgot nothing; accepted: --run with a run of 'unlearn'.")
    all_of_them = {}
    for each, path in paths.items():
        try:
            all_of_them[each] = read_checkpoint(each, path)
        except UnlearnError:
            if each in (name, ORIGINAL, ORACLE):
                raise  # a damaged run that is none of these is no business of this one
    by_hash = {each.sha256: each for each in reversed(all_of_them.values())}
    child = all_of_them[name]
    if not child.card.parent:
        raise CertificateError(
            f"{child.path}: made from random weights, not from a model that learnt; a certificate "
            "is about a run of 'unlearn'."
        )
    parent = by_hash.get(child.card.parent)
    chain, last = [name], parent
    while last is not None and last.run not in chain:
        chain.append(last.run)
        last = by_hash.get(last.card.parent)
    return Family(
        child,
        parent,
        all_of_them.get(ORIGINAL),
        all_of_them.get(ORACLE),
        tuple(reversed(chain)),
    )


def _only(experiment: Experiment, paths: Mapping[str, Path]) -> str:
    forgot = [name for name in paths if name not in (ORIGINAL, ORACLE)]
    if not forgot:
        raise CertificateError(
            f"{experiment.folder}: no run has forgotten anything yet; run 'unlearn' first."
        )
    if len(forgot) > 1:
        raise WrongUse(
            f"{experiment.folder}: several runs forgot; accepted: --run with one of "
            f"{', '.join(forgot)}."
        )
    return forgot[0]


def method_of(card: Card, task: str) -> MethodEntry | None:
    """The strategy of a card as the registry describes it; None if it is unknown here."""
    try:
        strategy = find_strategy(card.strategy, task)
    except UnlearnError:
        return None
    known = {parameter.name: parameter for parameter in strategy.parameters}
    return MethodEntry(
        name=strategy.name,
        title=strategy.title,
        formula=strategy.formula,
        paper=strategy.paper,
        remark=strategy.remark,
        parameters=tuple(
            ParameterEntry(
                name=name,
                value=value,
                unit=known[name].unit if name in known else "",
                meaning=known[name].help if name in known else "",
            )
            for name, value in card.strategy_parameters.items()
        ),
    )
