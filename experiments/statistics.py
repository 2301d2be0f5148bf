"""Do all measurements agree with theory, and what would have been noticed?

A :class:`Comparison` sets a measured mean against its prediction. :func:`judge` tests all of them
at once: with Holm's method, correct theory is rejected in at most one run of a thousand, however
the comparisons depend on each other. :func:`verdict` says so in words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from experiments.settings import Unusable

FALSE_ALARM = 0.001  # the chance that an experiment rejects a correct theory
POWER = 0.9  # the chance with which an effect that is called noticeable is noticed


@dataclass(frozen=True)
class Comparison:
    """A measured value, its prediction, and the test that compares them.

    ``test`` names the law of the measured value if the prediction is right: ``gamma`` for a mean of
    squares of known variance (exact for squares of Gaussians, and close for rectified ones even far
    out in the tails, where a normal law is not), ``normal`` for another mean of known variance,
    ``t`` if the standard error was estimated, and ``exact`` for a value that has no randomness and
    must be within ``tolerance``. The others are SciPy's, and bring their ``p`` along: ``distance``
    for the largest gap between two distribution functions, ``binomial`` for a share of ``size``
    independent trials (see :mod:`experiments.distributions`). ``order`` is k if the value grows as
    the k-th power of the weights' standard deviation, else 0.
    """

    statistic: str
    measured: float
    predicted: float
    test: Literal["gamma", "normal", "t", "exact", "distance", "binomial"]
    standard_error: float = 0.0
    degrees_of_freedom: float = math.inf
    tolerance: float = 0.0
    order: int = 0
    layer: int | str = "all"
    input: str = ""
    p: float = math.nan
    size: float = math.inf


def mean_of_squares(
    sample: npt.ArrayLike, predicted: float, relative_variance: float, **where: Any
) -> Comparison:
    """The mean of independent means of squares, each of known variance / predicted**2."""
    values = np.asarray(sample, dtype=np.float64)
    error = abs(predicted) * math.sqrt(relative_variance / len(values))
    return Comparison(
        measured=float(values.mean()),
        predicted=float(predicted),
        standard_error=float(error),
        test="gamma",
        **where,
    )


def mean_value(sample: npt.ArrayLike, predicted: float, **where: Any) -> Comparison:
    """The mean of at least two independent values whose variance is estimated from them."""
    values = np.asarray(sample, dtype=np.float64)
    if len(values) < 2:
        raise ValueError("a standard error cannot be estimated from fewer than two values")
    with np.errstate(invalid="ignore"):  # judge() deals with infinities
        deviation = float(values.std(ddof=1))
    return Comparison(
        measured=float(values.mean()),
        predicted=float(predicted),
        standard_error=deviation / math.sqrt(len(values)),
        degrees_of_freedom=len(values) - 1,
        test="t",
        **where,
    )


def exact_value(measured: float, predicted: float, tolerance: float, **where: Any) -> Comparison:
    """A value without randomness, which may differ from its prediction by ``tolerance``."""
    return Comparison(
        measured=float(measured),
        predicted=float(predicted),
        tolerance=tolerance,
        test="exact",
        **where,
    )


def judge(comparisons: Sequence[Comparison], error_rate: float = FALSE_ALARM) -> pd.DataFrame:
    """The table of all comparisons, with their z, p, and whether they agree.

    What is not a finite number disagrees. Raises Unusable if there is nothing to compare.
    """
    if not comparisons:
        raise Unusable("nothing to compare: too few networks or units for any test")
    p = np.array([p_value(c) for c in comparisons])
    random = np.array([c.test != "exact" for c in comparisons])
    agrees = p > 0
    agrees[random] = ~holm(p[random], error_rate)
    table = pd.DataFrame([asdict(c) for c in comparisons])
    table["layer"] = table["layer"].astype(str)
    deviation = (table["measured"] - table["predicted"]) / table["standard_error"]
    table["z"] = deviation.where(random)
    table["p"] = pd.Series(p).where(random)
    table["agrees"] = agrees
    first = ["layer", "statistic", "input", "measured", "standard_error", "predicted"]
    return table[[*first, "z", "p", "agrees", "test", "degrees_of_freedom", "tolerance", "order"]]


def holm(p: npt.NDArray[np.float64], error_rate: float) -> npt.NDArray[np.bool_]:
    """What Holm's method rejects: the smallest p at error_rate / m, the next at / (m - 1), …"""
    order = np.argsort(p, kind="stable")
    levels = error_rate / np.arange(len(p), 0, -1)
    rejected_in_a_row = np.logical_and.accumulate(p[order] <= levels)
    rejected = np.zeros(len(p), dtype=bool)
    rejected[order] = rejected_in_a_row
    return rejected


def p_value(c: Comparison) -> float:
    """The two-sided p-value, or the one that ``c`` brings along; 0 for what is not a finite number."""
    difference = c.measured - c.predicted
    if not math.isfinite(difference) or not math.isfinite(c.standard_error):
        return 0.0
    if c.test in ("distance", "binomial"):
        return c.p if c.p >= 0 else 0.0
    if c.test == "exact" or c.standard_error == 0:
        return float(abs(difference) <= c.tolerance)
    if c.test == "gamma":
        shape = (c.predicted / c.standard_error) ** 2
        x = shape * c.measured / c.predicted
        tail = min(special.gammainc(shape, x), special.gammaincc(shape, x))
    elif c.test == "t":
        tail = special.stdtr(c.degrees_of_freedom, -abs(difference / c.standard_error))
    else:
        tail = special.ndtr(-abs(difference / c.standard_error))
    return min(1.0, 2 * float(tail))


def noticeable(c: Comparison, comparisons: int, error_rate: float = FALSE_ALARM) -> float:
    """The smallest relative error of the predicted value that is noticed with 90 % power.

    At the level that Holm's method asks of the first of ``comparisons``; infinite if none would be,
    and for a distance between distribution functions, whose own unit is told by
    ``experiments.distributions.noticeable_distance``.
    """
    if c.predicted == 0 or not c.standard_error > 0 or c.test == "distance":
        return math.inf
    level = error_rate / comparisons / 2
    if c.test == "gamma":
        shape = (c.predicted / c.standard_error) ** 2
        up = special.gammainccinv(shape, level) / special.gammaincinv(shape, 1 - POWER)
        down = special.gammaincinv(shape, level) / special.gammaincinv(shape, POWER)
        return float(max(up - 1, 1 - down))
    if c.test == "binomial":
        return _noticeable_share(c, level) if math.isfinite(c.size) else math.inf
    if c.test == "t":
        critical = critical_value(c.degrees_of_freedom, comparisons, error_rate)
        shift = special.nctdtrinc(c.degrees_of_freedom, 1 - POWER, critical)
    else:
        shift = -special.ndtri(level) + special.ndtri(POWER)
    return float(shift * c.standard_error / abs(c.predicted))


def _noticeable_share(c: Comparison, level: float) -> float:
    """The smallest relative error of a probability that so many trials show; exact, by the binomial law."""
    from scipy.stats import binom  # a second that other experiments can do without

    errors = []
    for probability in (c.predicted, 1 - c.predicted):  # too many hits, too many misses
        count = 1 + binom.isf(level, c.size, probability)  # the first that is rejected
        if count <= c.size:
            noticed = special.betaincinv(count, c.size - count + 1, POWER)
            errors.append((noticed - probability) / c.predicted)
    return float(max(errors, default=math.inf))


def critical_value(
    degrees_of_freedom: npt.ArrayLike, comparisons: int, error_rate: float = FALSE_ALARM
) -> npt.NDArray[np.float64]:
    """How many standard errors away the first of ``comparisons`` is rejected."""
    freedom = np.minimum(np.asarray(degrees_of_freedom, dtype=np.float64), 1e9)  # inf: a normal law
    return np.asarray(-special.stdtrit(freedom, error_rate / comparisons / 2))
