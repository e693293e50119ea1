"""Losses of people that nobody had to train a network for."""

import numpy as np


def people(label, count, mean=1.0, samples=30, spread=0.2, seed=0):
    """People who differ in how hard they are, and their samples around that."""
    rng = np.random.default_rng((seed, len(label)))
    levels = rng.normal(mean, spread, count)
    return {f"{label} {n}": rng.normal(level, 0.1, samples) for n, level in enumerate(levels, 1)}


def moved(losses, by):
    """The same people done worse by a constant."""
    return {who: own + by for who, own in losses.items()}
