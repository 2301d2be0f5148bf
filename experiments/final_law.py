"""The last layer of a deep ReLU stack, at any depth and without sampling: density, quantiles, draws.

The logarithm of a layer's ratio of mean squares is that of a χ²_K with a random K, independent of all other
layers'. Its characteristic function is a short sum of gamma functions,

    φ(t) = Σ_k P(k | k > 0) (2 gain² / n)^it Γ(k/2 + it) / Γ(k/2),

so that the sum of L layers has Π φ_l, and a Fourier series its density. It is as exact as numbers of 64 bits allow: all
functions here are analytic; the range is taken so wide that a Chernoff bound leaves 1e-16 outside, and the
frequencies so high that |φ| is below that.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from scipy.special import gammaln, loggamma

from experiments.coins import binomial
from experiments.law import Law
from experiments.settings import Unusable
from experiments.traces import FloatArray

if TYPE_CHECKING:
    from scipy.interpolate import CubicHermiteSpline

TINY = 1e-16  # what may be left out
SPARE = 16  # points a cell of the Fourier series is divided into, for the table of quantiles
CHUNK = 2**20  # gamma functions at once
MOST = 2**22  # points of a table

Complex = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class LayerLaw:
    """log of one layer's ratio of mean squares, if a unit is active: the weights of each number k of them."""

    units: int
    law: Law

    @cached_property
    def active(self) -> tuple[FloatArray, FloatArray]:
        """The numbers k of active units that count, and their probabilities given that one is."""
        low, weights = binomial(self.units, (1 - self.law.dropout) / 2)
        k = np.arange(low, low + len(weights), dtype=np.float64)
        count = (k > 0) & (weights > 0)
        return k[count], weights[count] / weights[count].sum()

    @property
    def dead(self) -> float:
        """The probability that no unit is active."""
        return float(((1 + self.law.dropout) / 2) ** self.units)

    def log_power_mean(self, power: Complex) -> Complex:
        """log E[ratio^power], for real parts above minus half of the smallest k."""
        k, weights = self.active
        if len(power) * len(k) > CHUNK:
            parts = np.array_split(power, -(-len(power) * len(k) // CHUNK))
            return np.concatenate([self.log_power_mean(part) for part in parts if len(part)])
        values = loggamma(k / 2 + power[:, None]) - gammaln(k / 2) + np.log(weights)
        top = values.real.max(axis=1, keepdims=True)
        found = np.log(np.exp(values - top).sum(axis=1)) + top[:, 0]
        scale = 2 * math.log(self.law.gain) - 2 * math.log1p(-self.law.dropout)
        return found + power * (scale + math.log(2 / self.units))


class FinalLaw:
    """The law of log2 (mean square at x_L over the input's), given that the network lives.

    ``alive`` is the probability of that; the others are at x_L = 0. For ReLU, with or without dropout. Raises
    Unusable for other laws: a layer of a few orthogonal weights, say, has no density.
    """

    def __init__(self, law: Law) -> None:
        if type(law) is not Law or law.negative_slope:
            raise Unusable("the last layer's law is for Gaussian weights and negative-slope 0")
        units = Counter(map(int, law.widths[1:]))
        self.layers = [(LayerLaw(width, law), count) for width, count in units.items()]
        dying = [count * math.log1p(-layer.dead) for layer, count in self.layers]
        self.alive = math.exp(math.fsum(dying))
        self.low, self.high = self._range()
        self.coefficients = self._coefficients()

    def log_power_mean(self, power: npt.ArrayLike) -> Complex:
        """log E[(mean square)^power], given that the network lives."""
        z = np.atleast_1d(np.asarray(power, dtype=np.complex128))
        total = np.zeros(len(z), dtype=np.complex128)
        for layer, count in self.layers:
            total += count * layer.log_power_mean(z)
        return total

    def _range(self) -> tuple[float, float]:
        """Natural logs outside of which less than TINY is left, by Chernoff's bound."""
        wanted, powers = math.log(TINY), np.geomspace(1e-4, 1e6, 150)
        up = (self.log_power_mean(powers).real - wanted) / powers
        fewest = min(layer.active[0][0] for layer, _ in self.layers)
        powers = np.geomspace(1e-5, 0.499 * fewest, 100)
        down = (wanted - self.log_power_mean(-powers).real) / powers
        return float(down.max()), float(up.min())

    def _coefficients(self) -> Complex:
        """φ at the frequencies of the Fourier series over the range, up to where it is negligible."""
        step = 2 * math.pi / (self.high - self.low)
        found, count, chunk = [np.ones(1, dtype=np.complex128)], 1, 64
        while np.abs(found[-1][-1]) > TINY and count < MOST:
            frequencies = step * np.arange(count, count + chunk)
            found.append(np.exp(self.log_power_mean(1j * frequencies)))
            count, chunk = count + chunk, min(2 * chunk, 4096)
        return np.concatenate(found)

    @cached_property
    def table(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Natural logs, evenly spaced; the density there, and the distribution function."""
        terms = len(self.coefficients)
        points = min(MOST, 2 ** math.ceil(math.log2(2 * SPARE * terms)))
        width = self.high - self.low
        frequencies = 2 * math.pi / width * np.arange(terms)
        spectrum = np.zeros(points // 2 + 1, dtype=np.complex128)
        spectrum[:terms] = np.conj(self.coefficients * np.exp(-1j * frequencies * self.low))
        density = np.fft.irfft(spectrum, points) * points / width
        spectrum[1:terms] /= 1j * frequencies[1:]
        spectrum[0] = 0
        wave = np.fft.irfft(spectrum, points) * points / width
        x = self.low + width * np.arange(points) / points
        below = np.clip(wave - wave[0] + (x - self.low) / width, 0, 1)
        return x, np.maximum(density, 0), np.maximum.accumulate(below)

    @cached_property
    def _below(self) -> CubicHermiteSpline:
        from scipy.interpolate import CubicHermiteSpline  # slow to import

        x, density, below = self.table
        return CubicHermiteSpline(x, below, density)

    @property
    def mean(self) -> float:
        """Mean of the log2."""
        x, density, _ = self.table
        return float((x * density).sum() / density.sum()) / math.log(2)

    @property
    def variance(self) -> float:
        """Variance of the log2."""
        x, density, _ = self.table
        moments = [float((x**power * density).sum() / density.sum()) for power in (1, 2)]
        return (moments[1] - moments[0] ** 2) / math.log(2) ** 2

    def pdf(self, x: npt.ArrayLike) -> FloatArray:
        """The density of the log2 at ``x``, if the network lives."""
        logs, density, _ = self.table
        log = np.asarray(x, dtype=np.float64) * math.log(2)
        return np.interp(log, logs, density, left=0, right=0) * math.log(2)

    def cdf(self, x: npt.ArrayLike) -> FloatArray:
        """The probability of a log2 of at most ``x``, if the network lives."""
        log = np.asarray(x, dtype=np.float64) * math.log(2)
        inside = np.clip(log, self.table[0][0], self.table[0][-1])
        return np.clip(np.where(log > self.table[0][-1], 1.0, self._below(inside)), 0, 1)

    def quantile(self, share: npt.ArrayLike) -> FloatArray:
        """The log2 below which a ``share`` of the living networks is. Raises Unusable outside of 0 to 1."""
        p = np.asarray(share, dtype=np.float64)
        if not ((p >= 0) & (p <= 1)).all():
            raise Unusable("shares of networks must be from 0 to 1")
        points, below = self._rising
        return np.interp(p, below, points)

    @cached_property
    def _rising(self) -> tuple[FloatArray, FloatArray]:
        """log2 where the distribution function rises, and the function there."""
        x, _, below = self.table
        inside = np.concatenate([[True], np.diff(below) > 0])
        return x[inside] / math.log(2), below[inside]

    @cached_property
    def _guide(self) -> npt.NDArray[np.int64]:
        from experiments.inverse import guide

        return guide(self._rising[1])

    def draw(self, stream: Generator, networks: int) -> FloatArray:
        """log2 mean squares of ``networks`` networks, whatever their depth; -inf for dead ones."""
        from experiments.inverse import inverse  # Numba, for draws alone

        found = stream.random(networks)
        inverse(found, *self._rising, self._guide, self.alive)
        return found
