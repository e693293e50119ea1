"""Measure how exact and how fast the split into measured and null space is on this machine.

Usage: python scripts/measure_null_space.py [--time]

Exact: the null-space part after the usual number of steps in single precision against all steps
in double precision, for the middle rows of a brain phantom. With --time also the seconds that
320x320 with 8 coils take, and those of another lambda afterwards.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from napari_unlearn.mri.coils import estimate_sensitivities
from napari_unlearn.mri.fourier import fft2c
from napari_unlearn.mri.null_space import DIMENSION, spectrum
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.mri.sense import Sense
from napari_unlearn.mri.simulate import birdcage_coils
from napari_unlearn.phantoms.subject import simulate_subject

LAMBDAS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
CASES = ((320, 8, 4, 0.08), (320, 8, 8, 0.04), (96, 4, 4, 0.08))
"""Columns, coils, acceleration, centre fraction."""


def slice_of(size: int, coils: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A noisy brain phantom and coils of unit norm, in double precision."""
    scan = simulate_subject("brain", 1, slices=1, size=size, coils=1)
    maps = birdcage_coils(coils, size, size, np.random.default_rng(0)).astype(np.complex128)
    maps /= np.sqrt((np.abs(maps) ** 2).sum(0))
    return torch.from_numpy(scan.targets[0]).to(torch.complex128), torch.from_numpy(maps)


def accuracy() -> None:
    """Relative error of the null-space part, and its share, per lambda."""
    for size, coils, acceleration, centre in CASES:
        image, maps = slice_of(size, coils)
        rows = slice(size // 2 - 4, size // 2 + 4)
        mask = Sampling("equispaced", acceleration, centre).mask(size, 0)
        exact = spectrum(Sense(maps[:, rows].contiguous(), mask), image[rows], size)
        single = maps[:, rows].to(torch.complex64).contiguous()
        found = spectrum(Sense(single, mask), image[rows].to(torch.complex64))
        name = f"{size}, {coils}, {acceleration}×, {100 * centre:g} %"
        cells = []
        for lam in LAMBDAS:
            right = exact.null(lam)
            cells.append(f"{float((found.null(lam) - right).norm() / right.norm()):.1e}")
        shares = [f"{100 * exact.null_share(lam):.2f} %" for lam in LAMBDAS]
        sys.stdout.write(
            f"| {name} | {' | '.join(cells)} |\n| null share | {' | '.join(shares)} |\n"
        )


def speed(repeats: int = 3) -> None:
    """Best of some runs, on as many threads as torch takes."""
    image, maps = (each.to(torch.complex64) for each in slice_of(320, 8))
    encoding = Sense(maps, Sampling("equispaced", 4, 0.08).mask(320, 0))
    kspace = fft2c(maps * image)
    for name, work in (
        ("sensitivities", lambda: estimate_sensitivities(kspace, 24, crop=-1.0)),
        (f"split, {DIMENSION} steps", lambda: spectrum(encoding, image)),
    ):
        sys.stdout.write(f"{name}: {_best(work, repeats):.2f} s\n")
    split = spectrum(encoding, image)
    again = _best(lambda: split.null(1e-3), 10)
    sys.stdout.write(f"another lambda: {1000 * again:.0f} ms\n{torch.get_num_threads()} threads\n")


def _best(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    accuracy()
    if "--time" in sys.argv:
        speed()
