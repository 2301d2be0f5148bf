"""Other layers without weights: orthogonal ones, and residual blocks; exact in law as ``experiments.law``.

Both keep what makes a Gaussian layer so simple: nothing singles out a direction at right angles to
x_l, so that the gradient there is f x_l / |x_l|² plus a vector of random length T in a direction that is
uniform on the sphere. T, f² / |x_l|² and the next layer's squares are all that a layer needs to know.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from experiments.law import (
    Counts,
    Halves,
    Law,
    Noise,
    chi_square,
    constant,
    halves,
    noise,
    rectified,
)
from experiments.law_passes import BLOCK, Step
from experiments.settings import Unusable, at_least
from experiments.traces import FloatArray


@dataclass(frozen=True)
class Orthogonal(Law):
    """Stacks as :class:`Law`, of gain times weights with orthonormal rows (or columns), Haar distributed.

    As ``torch.nn.init.orthogonal_`` makes them: rows where the layer is not wider than its input.
    """

    def ratio(self, stream: Generator, layer: int) -> FloatArray:
        """|x_l|² / |x_{l-1}|², over the two factors: z is gain |x| in a uniform direction, or its start."""
        return self.share(stream, layer, self.halves(stream, layer))

    def share(self, stream: Generator, layer: int, parts: Halves) -> FloatArray:
        """What the rectifier leaves of gain² |x|², if the layer has room for all of it."""
        units, fan_in = int(self.widths[layer]), int(self.widths[layer - 1])
        whole = parts.positive + parts.negative
        if fan_in > units:
            whole = whole + chi_square(np.full(BLOCK, fan_in - units), stream)
        return (parts.positive + self.negative_slope**2 * parts.negative) / whole

    def halves(self, stream: Generator, layer: int) -> Halves:
        """The units of a layer by sign, with the squares of all of them."""
        return halves(stream, int(self.widths[layer]), (1 - self.dropout) / 2, whole=True)

    def noise(self, stream: Generator, layer: int, parts: Halves) -> Noise:
        """All of what lies at right angles to x_l, brought to length 1."""
        leaky = self.negative_slope != 0
        return of_length_1(noise(stream, int(self.widths[layer]), parts.active, leaky=leaky))

    def top(self, stream: Generator) -> tuple[FloatArray, FloatArray]:
        """The squares of an N(0, 1) gradient at x_L: along it, and at right angles to it."""
        return gaussian_gradient(stream, int(self.widths[-1]))

    def step(self, stream: Generator, layer: int, radial: FloatArray, tangent: FloatArray) -> Step:
        """From x_l down to x_{l-1}, without the two factors.

        Wᵀ keeps lengths. Where the layer is wider than its input, that is so only once Wᵀ is filled up to
        a rotation, whose other outputs take their share of what lies at right angles.
        """
        parts = self.halves(stream, layer)
        ratio = self.share(stream, layer, parts)
        around = self.noise(stream, layer, parts)
        here = rectified(self.negative_slope, parts, radial, around, tangent)
        units, fan_in = int(self.widths[layer]), int(self.widths[layer - 1])
        across = np.maximum(here - radial * ratio, 0)
        if units > fan_in:
            kept, lost = (
                chi_square(np.full(BLOCK, k), stream) for k in (fan_in - 1, units - fan_in)
            )
            across = across * kept / (kept + lost)
        return Step(ratio, here, here, radial * ratio / here, across / here)

    def bottom(self, stream: Generator, radial: FloatArray, tangent: FloatArray) -> FloatArray:
        """The squared gradient at the input."""
        return radial + tangent


@dataclass(frozen=True)
class Residual:
    """Blocks x_l = x_{l-1} + scale · W₂ f(W₁ x_{l-1}); W₁ ~ N(0, gain² / width), W₂ ~ N(0, 1 / hidden).

    All x_l have ``width`` entries; between them are ``hidden`` ones (as many, if 0). The gradient of a
    layer is here the one at x_l. ``scale`` is α of the residual branch.
    """

    width: int
    depth: int
    scale: float
    gain: float = math.sqrt(2)
    hidden: int = 0
    negative_slope: float = 0.0

    def __post_init__(self) -> None:
        """Raise Unusable, in one line, for a stack that there is not."""
        at_least(1, width=self.width, depth=self.depth)
        at_least(0, hidden=self.hidden)
        for name in ("scale", "gain"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise Unusable(f"{name} must be positive and finite, got {value}")
        if not math.isfinite(self.negative_slope):
            raise Unusable(f"negative-slope must be finite, got {self.negative_slope}")

    @property
    def widths(self) -> Sequence[int] | Counts:
        """The widths of x_0, …, x_L."""
        return constant(self.width, self.depth)

    @property
    def factors(self) -> tuple[float, float]:
        """Nothing is common to the identity and the branch."""
        return 0.0, 0.0

    @property
    def between(self) -> int:
        """How many units each block has inside."""
        return self.hidden or self.width

    def ratio(self, stream: Generator, layer: int) -> FloatArray:
        """|x_l|² / |x_{l-1}|²."""
        _, branch = self.inside(stream)
        along, across = self.outside(stream)
        return (1 + branch * along) ** 2 + (branch * across) ** 2

    def inside(self, stream: Generator) -> tuple[Halves, FloatArray]:
        """The block's units by sign, and the deviation of what its branch adds, over |x|."""
        parts = halves(stream, self.between, 0.5, whole=self.negative_slope != 0)
        square = parts.positive + self.negative_slope**2 * parts.negative
        return parts, self.scale * self.gain * np.sqrt(square / (self.width * self.between))

    def outside(self, stream: Generator) -> tuple[FloatArray, FloatArray]:
        """A standard normal vector: along x, and its length at right angles to x."""
        across = np.sqrt(chi_square(np.full(BLOCK, self.width - 1), stream))
        return stream.standard_normal(BLOCK), across

    def top(self, stream: Generator) -> tuple[FloatArray, FloatArray]:
        """The squares of an N(0, 1) gradient at x_L: along it, and at right angles to it."""
        return gaussian_gradient(stream, self.width)

    def step(self, stream: Generator, layer: int, radial: FloatArray, tangent: FloatArray) -> Step:
        """From x_l down to x_{l-1}: in the plane of the two, and at right angles to both."""
        parts, branch = self.inside(stream)
        along, across = self.outside(stream)
        x, y = 1 + branch * along, branch * across  # x_l over |x_{l-1}|; x_{l-1} is (1, 0)
        ratio, here = x**2 + y**2, radial + tangent
        sideways, rest = self.in_the_plane(stream, tangent)
        down, aside = (
            (np.sqrt(radial) * one + sign * sideways * other) / np.sqrt(ratio)
            for one, other, sign in ((x, y, -1), (y, x, 1))
        )  # the gradient at x_l, along x_{l-1} and across
        inner = self.inner_gradient(stream, parts, (along * down + across * aside) ** 2, here)
        deviation = self.scale * self.gain * np.sqrt(inner / self.width)
        below = radial * ratio, self.around(stream, aside, rest, deviation)
        weights = branch**2 * self.between * here + self.scale**2 * inner
        return Step(ratio, here, weights, below[0] / here, below[1] / here)

    def in_the_plane(self, stream: Generator, tangent: FloatArray) -> tuple[FloatArray, FloatArray]:
        """One entry of a vector of squared length ``tangent``, and the squares of all others."""
        if self.width == 1:
            return np.zeros(BLOCK), np.zeros(BLOCK)
        one, others = (
            stream.standard_normal(BLOCK),
            chi_square(np.full(BLOCK, self.width - 2), stream),
        )
        scale = tangent / (one**2 + others)
        return np.sqrt(scale) * one, scale * others

    def inner_gradient(
        self, stream: Generator, parts: Halves, along: FloatArray, upstream: FloatArray
    ) -> FloatArray:
        """The squared gradient at W₁ x; ``along`` is hidden times the one at f(W₁ x), along that."""
        leaky, units = self.negative_slope != 0, self.between
        around = noise(stream, units, parts.active, leaky=leaky, whole=leaky)
        inner = rectified(self.negative_slope, parts, along / units, around, upstream / units)
        return inner if leaky else np.where(parts.active > 0, inner, 0.0)

    def around(
        self, stream: Generator, aside: FloatArray, rest: FloatArray, deviation: FloatArray
    ) -> FloatArray:
        """The squared gradient at right angles to x_{l-1}: the identity's, and the branch's on top."""
        if self.width == 1:
            return np.zeros(BLOCK)
        one = np.sqrt(aside**2 + rest) + deviation * stream.standard_normal(BLOCK)
        return one**2 + deviation**2 * chi_square(np.full(BLOCK, self.width - 2), stream)

    def bottom(self, stream: Generator, radial: FloatArray, tangent: FloatArray) -> FloatArray:
        """The squared gradient at the input."""
        return radial + tangent


def gaussian_gradient(stream: Generator, units: int) -> tuple[FloatArray, FloatArray]:
    """The squares of N(0, 1) entries: along one direction, and along all others."""
    return chi_square(np.ones(BLOCK), stream), chi_square(np.full(BLOCK, units - 1), stream)


def of_length_1(noise: Noise) -> Noise:
    """The same direction; zero, where there is no direction at right angles."""
    square = noise.between**2 + noise.positive + noise.negative
    square = np.where(square > 0, square, 1.0)
    return Noise(noise.between / np.sqrt(square), noise.positive / square, noise.negative / square)
