"""Is a sample drawn from a law, or two samples from the same one? Tests of whole laws as comparisons.

Each p-value is SciPy's, and joins all others in Holm's method. Put into its own distribution
function, a number becomes uniform (its *probability integral*): :func:`uniform` tests that.
:func:`same_law` compares two samples, :func:`same_pairs` two samples of pairs, by projections. A
permutation test, of the energy distance say, is not among them: at the level that Holm's method
asks of one of 200 comparisons it needs 200,000 permutations to reject anything at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from experiments.statistics import FALSE_ALARM, POWER, Comparison

Numbers = npt.NDArray[np.float64]
NODES = 4096  # of a distribution function that is tabulated
# Mean and deviation of √n times a distance that is there by chance (Kolmogorov's law).
MEAN = math.sqrt(math.pi / 2) * math.log(2)
DEVIATION = math.sqrt(math.pi**2 / 12 - MEAN**2)
PROJECTIONS = {"first": (1, 0), "second": (0, 1), "sum": (1, 1), "difference": (1, -1)}


def probability_integrals(
    sample: npt.ArrayLike,
    distribution: Callable[[Numbers], Numbers],
    stream: np.random.Generator,
) -> Numbers:
    """``distribution`` of each number of ``sample``, none of them negative; uniform if it is their law.

    A law may have an atom at 0, where its distribution function jumps from 0: each zero becomes a
    number from ``stream``, uniform over the jump. Large samples are interpolated in a table over the
    root, in which a chi-square of any degree is smooth.
    """
    from scipy.interpolate import CubicSpline

    values = np.asarray(sample, dtype=np.float64)
    found = np.full(values.shape, np.nan)  # what is no number is no probability
    usable = np.isfinite(values)
    if not usable.any():
        return found
    roots = np.sqrt(values[usable])
    nodes = np.linspace(roots.min(), roots.max(), NODES)
    if roots.size <= NODES or nodes[0] == nodes[-1]:
        found[usable] = distribution(roots**2)
    else:
        found[usable] = CubicSpline(nodes, distribution(nodes**2))(roots)
    zeros = values == 0
    found[zeros] *= stream.random(int(zeros.sum()))
    return found


def uniform(sample: npt.ArrayLike, **where: Any) -> Comparison:
    """The largest distance of a sample's distribution function from that of U(0, 1) (Kolmogorov and Smirnov).

    The sample must be independent. A number outside [0, 1], or none, is as far away as can be.
    """
    from scipy import stats  # a second that other experiments can do without

    values = np.asarray(sample, dtype=np.float64).ravel()
    inside = values.size and bool(((values >= 0) & (values <= 1)).all())
    if not inside:
        return _distance(1.0, 0.0, max(values.size, 1), where)
    found = stats.kstest(values, stats.uniform.cdf)
    return _distance(found.statistic, found.pvalue, values.size, where)


def same_law(one: npt.ArrayLike, other: npt.ArrayLike, **where: Any) -> Comparison:
    """The largest distance of two samples' distribution functions. Ties, as of dead networks, make it cautious.

    Infinities are numbers here, as the logarithm of nothing is; NaN is not, and disagrees.
    """
    from scipy import stats

    first, second = (np.asarray(x, dtype=np.float64).ravel() for x in (one, other))
    size = first.size * second.size / max(first.size + second.size, 1)
    if not size or np.isnan(first).any() or np.isnan(second).any():
        return _distance(1.0, 0.0, max(size, 1.0), where)
    found = stats.ks_2samp(first, second)
    return _distance(found.statistic, found.pvalue, size, where)


def same_pairs(
    one: npt.ArrayLike, other: npt.ArrayLike, statistic: str, **where: Any
) -> list[Comparison]:
    """Two samples of pairs, shape (…, 2): either number's law, and that of their sum and difference.

    Sum and difference are those of normal scores: of a number's rank among both samples, as a
    standard normal number. They change with the pair's dependence, and not with either's scale.
    """
    from scipy import stats

    pairs = [np.asarray(x, dtype=np.float64).reshape(-1, 2) for x in (one, other)]
    both = np.concatenate(pairs)
    ranks = stats.rankdata(both, axis=0, nan_policy="propagate")
    scores = stats.norm.ppf((ranks - 0.5) / len(both))
    return [
        same_law(
            scores[: len(pairs[0])] @ direction,
            scores[len(pairs[0]) :] @ direction,
            statistic=f"{statistic}, {name}",
            **where,
        )
        for name, direction in PROJECTIONS.items()
    ]


def share(
    hits: int,
    trials: int,
    probability: float,
    alternative: Literal["two-sided", "less", "greater"] = "two-sided",
    **where: Any,
) -> Comparison:
    """How many of ``trials`` independent trials hit, by the exact binomial test.

    For a ``probability`` that is a bound from below, the alternative is "less"; from above, "greater".
    What such a test would notice is not told: it depends on how far away the bound is.
    """
    from scipy import stats

    found = stats.binomtest(int(hits), int(trials), probability, alternative)
    return Comparison(
        measured=hits / trials,
        predicted=float(probability),
        standard_error=math.sqrt(probability * (1 - probability) / trials),
        test="binomial",
        p=float(found.pvalue),
        size=int(trials) if alternative == "two-sided" else math.inf,
        **where,
    )


def noticeable_distance(c: Comparison, comparisons: int, error_rate: float = FALSE_ALARM) -> float:
    """The distance between distribution functions that is noticed with 90 % power, at the least.

    Where they are that far apart, the share of the sample below is at most √(log 10 / 2n) nearer
    than it should be, with 90 % probability (Hoeffding's inequality). That is a bound: smaller
    distances may be noticed, too.
    """
    critical = special.kolmogi(error_rate / comparisons) / math.sqrt(c.size)
    return min(1.0, critical + math.sqrt(-math.log(1 - POWER) / (2 * c.size)))


def _distance(found: float, p: float, size: float, where: dict[str, Any]) -> Comparison:
    return Comparison(
        measured=float(found),
        predicted=float(MEAN / math.sqrt(size)),
        standard_error=float(DEVIATION / math.sqrt(size)),
        test="distance",
        p=float(p),
        size=float(size),
        **where,
    )
