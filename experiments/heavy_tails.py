"""Means that a few large values make up: tested where a p-value can be trusted, refused where not.

A product of many independent ratios is nearly log-normal. The mean of N such values, of relative
variance v each, has the relative standard error √(v/N), and is skewed: by (3 + v) √(v/N), where a
gamma law of the same variance has 2 √(v/N). The skewness that a test does not allow for makes its
p-values too small, and the smaller ones the more. ``python -m experiments.calibration`` measures by
how much: up to the ``SKEWNESS`` here, by less than a factor of 2.5 at p = 10⁻⁴.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from experiments.settings import Unusable
from experiments.statistics import Comparison, mean_of_squares, mean_value

Test = Literal["gamma", "t"]
SKEWNESS: dict[Test, float] = {"gamma": 0.15, "t": 0.07}  # that a test's p-values bear
ALLOWED: dict[Test, int] = {
    "gamma": 2,
    "t": 0,
}  # √(v/N) times this is allowed for by the test's own law


def unexplained_skewness(relative_variance: float, count: float, test: Test) -> float:
    """The skewness of a mean of ``count`` log-normal values, less that which the test's own law has."""
    return (3 - ALLOWED[test] + relative_variance) * math.sqrt(relative_variance / count)


def values_needed(relative_variance: float, test: Test) -> int:
    """How many values a mean needs for a p-value that can be trusted."""
    return math.ceil((unexplained_skewness(relative_variance, 1, test) / SKEWNESS[test]) ** 2)


def check_mean(relative_variance: float, count: int, test: Test = "gamma", of: str = "") -> None:
    """Raise Unusable, with the figures, if the p-value of such a mean cannot be trusted.

    ``of`` names what the values belong to, as in "100 networks of width 24 and depth 12".
    """
    if unexplained_skewness(relative_variance, count, test) <= SKEWNESS[test]:
        return
    error = math.sqrt(relative_variance / count)
    raise Unusable(
        f"with {of or f'{count:,} values'} this mean has a relative standard error of "
        f"{error:.2g}, most of it from a few that are large: a p-value would need "
        f"{values_needed(relative_variance, test):.2g} of them; test the log instead"
    )


def mean_of_products(
    sample: npt.ArrayLike,
    predicted: float,
    relative_variance: float,
    test: Test = "gamma",
    of: str = "",
    **where: Any,
) -> Comparison:
    """The mean of independent products of many ratios, as a comparison; Unusable as in :func:`check_mean`."""
    values = np.asarray(sample, dtype=np.float64)
    check_mean(relative_variance, len(values), test, of)
    if test == "gamma":
        return mean_of_squares(values, predicted, relative_variance, **where)
    return mean_value(values, predicted, **where)


def of_last_layer(depth: int, units: int, power: Literal[1, 2]) -> tuple[float, float]:
    """Mean and relative variance of a power of the mean square after ``depth`` layers, over the input's: exact."""
    from derivations.depth.finite_width import DERIVATION

    moments = {1: 1.0, 2: 0.0, 4: 0.0}
    moments[2] = float(DERIVATION.predict("second_moment")(depth=depth, units=units))
    moments[4] = float(DERIVATION.predict("fourth_moment")(depth=depth, units=units))
    return moments[power], moments[2 * power] / moments[power] ** 2 - 1
