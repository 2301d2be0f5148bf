"""The step at which a vector leaves the range of a format: its law, on a grid, with a fresh matrix at every step.

The squared length before step t is a product of t chi-squares (the first vector is one). Its logarithm's density is
that of one chi-square's, convolved with itself. No entry is beyond a limit with the probability that is derived.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import stats

from derivations.init.repeated_product import DERIVATION
from experiments.traces import FloatArray

POINTS = 2**12  # of the grid
REACH = 12  # standard deviations of the sum that it spans, to either side
LARGEST = (2 - 2.0**-24) * 2.0**127  # what is larger rounds to infinity in 32 bits
SMALLEST = 2.0**-126  # what is smaller is held with fewer bits, or is 0


def log_squares(width: int, count: int) -> tuple[FloatArray, FloatArray]:
    """The logarithm of a product of ``count`` chi-squares of ``width`` degrees: values, and their probabilities."""
    given = {"units": width, "weight_var": 1}
    mean = float(DERIVATION.predict("log_growth")(**given))
    deviation = math.sqrt(float(DERIVATION.predict("log_variance")(units=width)))
    spacing = 2 * REACH * deviation * math.sqrt(count) / POINTS
    offsets = spacing * (np.arange(POINTS) - POINTS // 2)
    logs = mean + offsets
    one = np.exp(stats.chi2.logpdf(np.exp(logs), width) + logs) * spacing
    spectrum = np.fft.fft(np.fft.ifftshift(one / one.sum())) ** count
    density = np.fft.fftshift(np.fft.ifft(spectrum).real).clip(0)
    return np.asarray(count * mean + offsets), np.asarray(density / density.sum())


def stays_below(limit: float, width: int, std: float, step: int) -> float:
    """The chance that no entry is beyond ``limit`` after ``step`` multiplications."""
    logs, weights = log_squares(width, step)
    deviation = np.exp(logs / 2 + step * math.log(std))
    below = DERIVATION.predict("all_below")(deviation=deviation, limit=limit, units=width)
    return float(weights @ below)


@lru_cache(maxsize=8)
def crossing(limit: float, width: int, std: float, steps: int) -> FloatArray:
    """The chances that the vector crosses ``limit`` at step 1, 2, …, ``steps``: upwards if it grows, else downwards.

    A vector that is across is taken to stay there, which it does if a step changes its length by a factor of several.
    """
    inside = np.array([stays_below(limit, width, std, step) for step in range(1, steps + 1)])
    across = 1 - inside if std**2 * width > 1 else inside
    return np.diff(across, prepend=0.0)


def moments(chances: FloatArray) -> tuple[float, float]:
    """Mean and variance of a step with these chances."""
    steps = np.arange(1, len(chances) + 1)
    mean = float(steps @ chances)
    return mean, float(steps**2 @ chances) - mean**2
