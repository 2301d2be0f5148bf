"""Deep ReLU stacks without weights: the mean squares of one input's signal, drawn from their exact law.

Given a layer's input, Gaussian weights make its preactivations independent and normal; so a layer's mean square is
the last one's, times a chi-square whose degrees of freedom are the number of active units (row depth/finite_width).
That takes two random numbers a layer, whatever its width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.passes import FloatArray

BLOCK = 1024  # networks that share a random stream: what is drawn does not depend on how many are asked for


def log_mean_squares(
    widths: Sequence[int],
    gain: float,
    networks: int,
    seed: int,
    *,
    key: Sequence[int] = (),
    negative_slope: float = 0.0,
) -> FloatArray:
    """log2 of the mean square after each layer over the input's, shape (L + 1, networks).

    ``widths`` are n_0, …, n_L; weights have variance gain² / fan_in; ``negative_slope`` is a leaky ReLU's. A network
    of which a layer died has -inf from there on. The same law as experiments/stack.py with real weights.
    """
    blocks = [
        _block(widths, gain, negative_slope, random_numbers(seed, *key, block))
        for block in range(-(-networks // BLOCK))
    ]
    return np.concatenate(blocks, axis=1)[:, :networks]


def random_numbers(seed: int, *key: int) -> np.random.Generator:
    """A stream of random numbers of its own for every seed and key, counted and not stepped (Philox)."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))


def _block(
    widths: Sequence[int], gain: float, slope: float, numbers: np.random.Generator
) -> FloatArray:
    logs = np.zeros((len(widths), BLOCK))
    for layer, units in enumerate(widths[1:], 1):
        active = numbers.binomial(units, 0.5, BLOCK)
        squares = chi_square(active, numbers)
        if slope:
            squares += slope**2 * chi_square(units - active, numbers)
        with np.errstate(divide="ignore"):  # no unit was active: the signal is gone
            logs[layer] = logs[layer - 1] + np.log2(gain**2 * squares / units)
    return logs


def chi_square(degrees: np.ndarray, numbers: np.random.Generator) -> FloatArray:
    """Chi-squares with these degrees of freedom; with none, 0."""
    return 2 * numbers.standard_gamma(degrees / 2)
