"""What a sweep keeps of any number of networks: moments, and counts on a grid. Both can be merged.

Samples are never collected. :class:`Moments` keep a count, a mean and a sum of squared deviations, and
merge by the formulas of Chan, Golub and LeVeque (1979). A :class:`Sketch` counts values in bins whose
width is a power of two, the finest with which at most ``BINS`` bins cover them all. That width follows
from the smallest and largest value alone, so that sketches can be merged in any order, and the result is
that of all values at once, to the last count. Where the values are logarithms, this is the grid of
DDSketch (Masson, Rim and Lee, 2019), coarsened evenly as in UDDSketch (Epicoco et al., 2020).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 1024
FINEST = -16  # the binary logarithm of the narrowest bin's width
COARSEST = 64

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """How many values, their mean, and the sum of their squared deviations from it."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: FloatArray) -> Moments:
        """Those of an array; values that are not finite show in the mean."""
        if not len(values):
            return cls()
        with np.errstate(invalid="ignore"):
            mean = float(values.mean())
            return cls(len(values), mean, float(((values - mean) ** 2).sum()))

    def merged(self, other: Moments) -> Moments:
        """Those of both together."""
        if not self.count or not other.count:
            return self if self.count else other
        count, apart = self.count + other.count, other.mean - self.mean
        mean = self.mean + apart * (other.count / count)
        squares = self.squares + other.squares + apart**2 * (self.count * other.count / count)
        return Moments(count, mean, squares)

    @property
    def variance(self) -> float:
        """The unbiased estimate; not a number for fewer than two values."""
        return self.squares / (self.count - 1) if self.count > 1 else math.nan

    def plain(self) -> list[float | str]:
        """As JSON, which :meth:`read` takes back without loss."""
        numbers = (self.mean, self.squares)
        return [self.count, *(x if math.isfinite(x) else str(x) for x in numbers)]

    @classmethod
    def read(cls, data: Any) -> Moments:
        """From :meth:`plain`. Raises ValueError or TypeError for anything else."""
        count, mean, squares = data
        return cls(natural(count), float(mean), float(squares))


@dataclass(frozen=True)
class Sketch:
    """Counts in bins of width 2**level, of which the first starts at first * 2**level.

    ``lost`` counts -inf, which lies below all bins, ``undefined`` what has no place: NaN and +inf.
    """

    level: int = FINEST
    first: int = 0
    counts: tuple[int, ...] = ()
    lost: int = 0
    undefined: int = 0

    @classmethod
    def of(cls, values: FloatArray) -> Sketch:
        """That of an array."""
        finite = values[np.isfinite(values)]
        lost = int(np.isneginf(values).sum())
        undefined = len(values) - len(finite) - lost
        if not len(finite):
            return cls(lost=lost, undefined=undefined)
        ends = (float(finite.min()), float(finite.max()))
        level = next(k for k in range(FINEST, COARSEST) if _span(ends, k) <= BINS)
        places = np.floor(np.ldexp(finite, -level)).astype(np.int64)
        first = int(places.min())
        return cls(level, first, tuple(np.bincount(places - first).tolist()), lost, undefined)

    def merged(self, other: Sketch) -> Sketch:
        """That of both together: the same whatever was merged before."""
        lost, undefined = self.lost + other.lost, self.undefined + other.undefined
        full = [each for each in (self, other) if each.counts]
        if len(full) < 2:
            kept = full[0] if full else self
            return Sketch(kept.level, kept.first, kept.counts, lost, undefined)
        level = max(each.level for each in full)
        while True:
            firsts, lasts = zip(*(each._ends(level) for each in full), strict=True)
            first, size = min(firsts), max(lasts) - min(firsts) + 1
            if size <= BINS:
                break
            level += 1
        counts = np.zeros(size, dtype=np.int64)
        for each in full:
            places = (each.first + np.arange(len(each.counts)) >> (level - each.level)) - first
            np.add.at(counts, places, each.counts)
        return Sketch(level, first, tuple(counts.tolist()), lost, undefined)

    def _ends(self, level: int) -> tuple[int, int]:
        """The first and the last bin, of a level at least as coarse as ours."""
        shift = level - self.level
        return self.first >> shift, (self.first + len(self.counts) - 1) >> shift

    @property
    def count(self) -> int:
        """How many values have a place: all but the undefined ones."""
        return self.lost + sum(self.counts)

    @property
    def width(self) -> float:
        """The width of a bin: no quantile is further off."""
        return math.ldexp(1.0, self.level)

    @property
    def rank_error(self) -> float:
        """The largest share of all values within one bin: no quantile's rank is further off."""
        return max(self.counts, default=0) / self.count if self.count else 0.0

    def quantile(self, share: float) -> float:
        """The value that ``share`` of all values are below, straight lines within a bin."""
        rank = share * self.count - self.lost
        if not self.counts or (self.lost and rank <= 0):
            return -math.inf if self.lost else math.nan
        below = np.cumsum(self.counts)
        i = min(int(np.searchsorted(below, rank)), len(self.counts) - 1)
        within = 1 - (below[i] - rank) / self.counts[i]
        return float(math.ldexp(self.first + i + within, self.level))

    def plain(self) -> dict[str, Any]:
        """As JSON, which :meth:`read` takes back."""
        return {
            "level": self.level,
            "first": self.first,
            "counts": list(self.counts),
            "lost": self.lost,
            "undefined": self.undefined,
        }

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Sketch:
        """From :meth:`plain`. Raises ValueError, TypeError or KeyError for anything else."""
        if type(data["level"]) is not int or type(data["first"]) is not int:
            raise TypeError("a sketch's level and first bin are whole numbers")
        counts = tuple(natural(each) for each in data["counts"])
        lost, undefined = natural(data["lost"]), natural(data["undefined"])
        return cls(data["level"], data["first"], counts, lost, undefined)


def natural(value: Any) -> int:
    """``value``, which must be a whole number, and not negative."""
    if type(value) is not int or value < 0:
        raise ValueError(f"a count is a whole number, not {value!r:.40}")
    return value


def _span(ends: tuple[float, float], level: int) -> int:
    """How many bins of width 2**level cover all that lies between."""
    first, last = (math.floor(math.ldexp(end, -level)) for end in ends)
    return last - first + 1
