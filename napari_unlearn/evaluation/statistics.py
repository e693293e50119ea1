"""How far an unlearned model is from the oracle, and how sure one can be.

The slices of a patient resemble each other, so that intervals come from resampling
patients, never slices. Both models see the same slices, so that their difference is
resampled slice by slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unlearn.evaluation.bootstrap import Bootstrap, Values
from napari_unlearn.evaluation.table import RunResult, Sample


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; None where a single patient leaves nothing to resample."""

    value: float
    low: float | None
    high: float | None
    patients: int
    slices: int


def oracle_gap(
    run: RunResult,
    oracle: RunResult,
    sets: Sequence[str],
    quantity: str,
    bootstrap: Bootstrap | None = None,
) -> Estimate | None:
    """Distance from the oracle in one quantity, summed over sets.

        d = sum_s |delta_s|,  delta_s = mean over the slices of s of (unlearned - oracle)

    The interval is that of sum_s sign(delta_s) delta*_s over resampled patients, folded at
    zero. Resampling |delta| itself would not do: noise is positive after the absolute
    value, and the interval of two equal models would exclude zero.

    Returns:
        None if a set was not measured in both: a sum over fewer sets would flatter.
    """
    bootstrap = bootstrap or Bootstrap()
    value, patients, slices = 0.0, 0, 0
    drawn = np.zeros(bootstrap.resamples)
    single = False
    for name in sets:
        names, differences = _differences(run, oracle, name, quantity)
        if not names:
            return None
        mean = float(differences.mean())
        value += abs(mean)
        drawn += (-1 if mean < 0 else 1) * bootstrap.means(name, names, differences)
        count = len(set(names))
        single = single or count == 1
        patients, slices = patients + count, slices + len(names)
    if single:
        return Estimate(value, None, None, patients, slices)
    low, high = _fold(*bootstrap.interval(drawn))
    return Estimate(value, low, high, patients, slices)


def mean_estimate(
    run: RunResult, set_name: str, quantity: str, bootstrap: Bootstrap | None = None
) -> Estimate | None:
    """Mean over slices with its interval over patients; None if it was not measured.

    With quantity "agreement": PSNR [dB] between this run's and the oracle's reconstruction
    of the same slice, a stronger statement than equal averages.
    """
    bootstrap = bootstrap or Bootstrap()
    measured = _measured(run, set_name, quantity)
    if not measured:
        return None
    names = [sample.patient for sample, _ in measured]
    values = np.array([value for _, value in measured])
    count = len(set(names))
    interval = bootstrap.interval(bootstrap.means(set_name, names, values))
    low, high = (None, None) if count == 1 else interval
    return Estimate(float(values.mean()), low, high, count, len(names))


def tug_of_war(run: RunResult, oracle: RunResult, sets: Sequence[str]) -> float | None:
    """Closeness to the oracle on all sets at once, 1 = alike.

        ToW = prod_s (1 - |acc_s(unlearned) - acc_s(oracle)|)

    The accuracy of a reconstruction is its mean SSIM, held in [0, 1]. After Zhao et al.,
    What makes unlearning hard and what to do about it (RUM), NeurIPS 2024, whose sets are
    forget, retain and test.

    Returns:
        None if there is no set, or one was not measured in both.
    """
    product = 1.0
    for name in sets:
        both = [result.values(name, "ssim") for result in (run, oracle)]
        if not all(values.size for values in both):
            return None
        own, peer = (min(max(float(values.mean()), 0.0), 1.0) for values in both)
        product *= 1 - abs(own - peer)
    return product if sets else None


@dataclass(frozen=True)
class Cost:
    """What a run cost, as its card says; None where it does not, or there is no oracle."""

    steps: float | None
    """Passes forward and backward over one sample, those before the first step included.

    A step of the oracle is one pass; a step on a forget and a retain sample is two. A teacher's
    forward passes are not among them, but in the seconds.
    """
    seconds: float | None
    """Run-time efficiency (RTE): time of the optimisation, evaluation and saving excluded."""
    oracle_steps: float | None
    """Steps, as a share of the oracle's."""
    oracle_seconds: float | None
    """Seconds, as a share of the oracle's: a step on both sets costs two on one."""


def cost(run: RunResult, oracle: RunResult | None = None) -> Cost:
    """Steps and seconds, absolute and in units of the oracle's training.

    Seconds are compared as they were measured: runs on different machines differ by more
    than their strategies.
    """
    metrics = run.card.metrics
    steps, seconds = metrics.get("steps"), metrics.get("seconds")
    if steps is not None:
        steps = metrics.get("passes", steps + metrics.get("preparation_passes", 0.0))
    whole = {} if oracle is None else oracle.card.metrics
    return Cost(
        steps,
        seconds,
        _share(steps, whole.get("steps")),
        _share(seconds, whole.get("seconds")),
    )


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def _fold(low: float, high: float) -> tuple[float, float]:
    """The interval of |x| when x lies in [low, high]."""
    ends = sorted((abs(low), abs(high)))
    return (0.0 if low <= 0 <= high else ends[0]), ends[1]


def _measured(run: RunResult, set_name: str, quantity: str) -> list[tuple[Sample, float]]:
    found = [(sample, getattr(sample, quantity)) for sample in run.samples]
    return [(s, value) for s, value in found if s.set == set_name and value is not None]


def _differences(
    run: RunResult, oracle: RunResult, set_name: str, quantity: str
) -> tuple[list[str], Values]:
    """Patient and difference of every slice that both runs were measured on."""
    peers = {(s.scan, s.slice): value for s, value in _measured(oracle, set_name, quantity)}
    pairs = [
        (sample.patient, value - peers[sample.scan, sample.slice])
        for sample, value in _measured(run, set_name, quantity)
        if (sample.scan, sample.slice) in peers
    ]
    return [name for name, _ in pairs], np.array([difference for _, difference in pairs])
