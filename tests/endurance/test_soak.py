"""Nothing grows: the short form of scripts/soak.py, and that its judge sees growth."""

import numpy as np
import pytest

from tests.endurance.soak import Load, trends


def made_up(count, slope, seed=0):
    noise = np.random.default_rng(seed).normal(0, 50, count)
    return [Load(500_000 + slope * i + noise[i], 8, 20, 100_000) for i in range(count)]


def test_growth_is_told_from_noise():
    assert not trends(made_up(60, 0))[0].grows
    grown = trends(made_up(60, 20))[0]
    assert grown.grows
    assert grown.slope == pytest.approx(20, abs=2)


def test_what_grows_only_while_caches_fill_is_no_growth():
    loads = [Load(memory, 8, 20, 1) for memory in [*np.linspace(1000, 9000, 10), *[9000] * 40]]
    assert not trends(loads)[0].grows
