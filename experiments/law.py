"""Deep stacks without weights: the norms of both passes, exact in law, from a few random numbers a layer.

For one input and independent N(0, gain² / fan_in) weights, a layer sees of its input x no more than
the length: z = W x has independent N(0, gain² |x|² / fan_in) entries. Their signs are fair coins, apart
from their sizes, so that with K ~ Binomial(n, 1/2) positive units and the slope a of a leaky ReLU

    |x_l|² = gain² |x_{l-1}|² / n_{l-1} · (χ²_K + a² χ²_{n-K}),                     n = n_l,

independent of all layers before. Backwards, W given z and x is z x' / |x|² plus a copy of W that
forgets x, and δ_l · x_l is one number f for all gradients δ_l at x_l: a rectifier is homogeneous. So
δ_l is f x_l / |x_l|² plus a Gaussian vector at right angles to x_l, whose variance S is
gain² / n_l · |u_{l+1}|², with u_{l+1} the gradient at z_{l+1} (and 1 at the top). The rectifier weighs
its parts in positive and negative units by 1 and a. All of this holds at every width, without limits.

The layers are drawn from the top down: f² / |x_L|² is a χ²_1 whatever x_L is. Nothing is kept of a
layer but what is asked for. Other layers are in :mod:`experiments.law_kinds`, several inputs in
:mod:`experiments.law_inputs`; the steps are derived in row depth/exact_law.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from experiments.coins import heads
from experiments.law_passes import (
    BLOCK,
    Gradients,
    Kept,
    Layers,
    Step,
    both_passes,
    forward_pass,
)
from experiments.settings import Unusable, at_least
from experiments.traces import FloatArray, Trace, worker_count

Counts = npt.NDArray[np.int64]
NO_MORE: FloatArray = np.zeros(())  # what is not needed, or not there


class Halves(NamedTuple):
    """A layer's units by sign: how many are positive, and χ²_K and χ²_{n-K} (0 if not needed)."""

    active: Counts
    positive: FloatArray
    negative: FloatArray


class Noise(NamedTuple):
    """Standard normal noise at right angles to x_l: between the halves, and the squares within each."""

    between: FloatArray
    positive: FloatArray
    negative: FloatArray


@dataclass(frozen=True)
class Law:
    """Stacks of ``widths`` n_0, …, n_L with N(0, gain² / fan_in) weights; x_l = f(W_l x_{l-1}).

    f(z) is z where z > 0, elsewhere slope * z. ``dropout`` is the share of units that are set to 0 after
    f, with the others over 1 - dropout. :func:`constant` gives equal widths for any depth.
    """

    widths: Sequence[int] | Counts
    gain: float
    negative_slope: float = 0.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Raise Unusable, in one line, for widths or factors that no stack has."""
        if len(self.widths) < 2:
            raise Unusable("widths must name the input and at least one layer")
        at_least(1, widths=min(self.widths))
        if not (math.isfinite(self.gain) and self.gain > 0):
            raise Unusable(f"gain must be positive and finite, got {self.gain}")
        if not math.isfinite(self.negative_slope):
            raise Unusable(f"negative-slope must be finite, got {self.negative_slope}")
        if not 0 <= self.dropout < 1:
            raise Unusable(f"dropout must be at least 0 and less than 1, got {self.dropout}")
        if self.dropout and self.negative_slope:
            raise Unusable("dropout needs negative-slope 0: a leaky layer of zeros has a gradient")

    @property
    def depth(self) -> int:
        """The number of layers L."""
        return len(self.widths) - 1

    @property
    def factors(self) -> tuple[float, float]:
        """log2 of what a layer multiplies squares by, whatever is drawn: its weights, its rectifier."""
        return 2 * math.log2(self.gain), -2 * math.log2(1 - self.dropout)

    def ratio(self, stream: Generator, layer: int) -> FloatArray:
        """|x_l|² / |x_{l-1}|², over the two factors."""
        _, positive, negative = self.halves(stream, layer)
        return (positive + self.negative_slope**2 * negative) / int(self.widths[layer - 1])

    def top(self, stream: Generator) -> tuple[FloatArray, FloatArray]:
        """Radial and tangential part of an N(0, 1) gradient at x_L."""
        return chi_square(np.ones(BLOCK), stream), NO_MORE + 1

    def step(self, stream: Generator, layer: int, radial: FloatArray, tangent: FloatArray) -> Step:
        """From x_l down to x_{l-1}; the two factors are left out."""
        parts = self.halves(stream, layer)
        here = rectified(
            self.negative_slope, parts, radial, self.noise(stream, layer, parts), tangent
        )
        fan_in = int(self.widths[layer - 1])
        ratio = (parts.positive + self.negative_slope**2 * parts.negative) / fan_in
        return Step(ratio, here, here, radial * ratio / here, np.asarray(1 / fan_in))

    def bottom(self, stream: Generator, radial: FloatArray, tangent: FloatArray) -> FloatArray:
        """The squared gradient at the input."""
        return radial + tangent * chi_square(np.full(BLOCK, int(self.widths[0]) - 1), stream)

    def halves(self, stream: Generator, layer: int) -> Halves:
        """The units of a layer by the signs of their preactivations; dropped ones are not positive."""
        share, leaky = (1 - self.dropout) / 2, self.negative_slope != 0
        return halves(stream, int(self.widths[layer]), share, whole=leaky)

    def noise(self, stream: Generator, layer: int, parts: Halves) -> Noise:
        """What the gradient at x_l is at right angles to it, in units of its variance."""
        units, leaky = int(self.widths[layer]), self.negative_slope != 0
        return noise(stream, units, parts.active, leaky=leaky, whole=leaky)


def constant(width: int, depth: int) -> Counts:
    """The widths of ``depth`` layers, and of their input, all equal: a view of one number."""
    return np.broadcast_to(np.int64(width), depth + 1)


def sample(
    law: Layers,
    *,
    networks: int,
    seed: int,
    key: Sequence[int] = (),
    layers: Sequence[int] | None = None,
    both: bool = False,
    start: float = 0.0,
    workers: int = 0,
) -> Trace:
    """log2 mean squares as ``experiments.stack.run`` gives them, of shape (networks, layers, 1).

    For the input's mean square 2**start; for ``both`` passes with an independent N(0, 1) gradient at
    x_L. ``layers`` are those that are kept (all of them if None), in the order asked for. A stream
    belongs to a block of networks, and blocks are drawn whole: the results do not depend on
    ``workers``, nor a network on how many there are. Raises Unusable for a layer out of range.
    """
    passes = both_passes if both else forward_pass
    blocks = draw(law, passes, networks, seed, key, layers, workers=workers)
    forward = _joined([kept.forward for kept in blocks], networks) + start
    if not both:
        return Trace(forward[:, :, None], np.empty((networks, 0, 1)))
    return Trace(
        forward[:, :, None], _joined([kept.backward for kept in blocks], networks)[:, :, None]
    )


def gradients(
    law: Layers,
    *,
    networks: int,
    seed: int,
    key: Sequence[int] = (),
    layers: Sequence[int] | None = None,
    start: float = 0.0,
    readout: float = 1.0,
    workers: int = 0,
) -> Gradients:
    """As :func:`sample` of both passes, and the same numbers, with the gradients of the weights.

    They are those of f = w · x_L, w ~ N(0, readout²). Their sum over all layers and the readout is the
    diagonal of the tangent kernel (NTK); it needs no layer to be kept. Raises Unusable for a readout of 0.
    """
    if not (math.isfinite(readout) and readout > 0):
        raise Unusable(f"readout must be positive and finite, got {readout}")
    blocks = draw(law, both_passes, networks, seed, key, layers, readout=readout, workers=workers)
    return Gradients(
        _joined([kept.forward for kept in blocks], networks) + start,
        _joined([kept.backward for kept in blocks], networks),
        _joined([kept.weights for kept in blocks if kept.weights is not None], networks) + start,
        np.concatenate([kept.kernel for kept in blocks])[:networks] + start,
    )


def draw(
    law: Layers,
    passes: Callable[[Layers, Generator, Kept], None],
    networks: int,
    seed: int,
    key: Sequence[int],
    layers: Sequence[int] | None,
    *,
    readout: float | None = None,
    workers: int,
) -> list[Kept]:
    """Blocks of networks, each whole, from a stream of its own, by as many threads as there are workers."""
    at_least(1, networks=networks)
    Kept(law, layers, readout=readout)  # what cannot be used is refused before any thread starts

    def one(block: int) -> Kept:
        kept = Kept(law, layers, readout=readout)
        passes(law, random_numbers(seed, *key, block), kept)
        return kept

    with ThreadPoolExecutor(worker_count(workers)) as pool:
        return list(pool.map(one, range(-(-networks // BLOCK))))


def _joined(blocks: Sequence[FloatArray], networks: int) -> FloatArray:
    """(layers, BLOCK) of each block, as (networks, layers)."""
    return np.concatenate(blocks, axis=1).T[:networks]


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

    The forward half of :func:`sample`, of all layers.
    """
    law = Law(widths, gain, negative_slope)
    return sample(law, networks=networks, seed=seed, key=key).forward[:, :, 0].T


def halves(stream: Generator, units: int, share: float, whole: bool) -> Halves:
    """Each of ``units`` is positive with probability ``share``; the negative ones' squares if ``whole``."""
    active = heads(stream, units, share, BLOCK)
    positive = chi_square(active, stream)
    negative = chi_square(units - active, stream) if whole else NO_MORE
    return Halves(active, positive, negative)


def noise(stream: Generator, units: int, active: Counts, leaky: bool, whole: bool = True) -> Noise:
    """A standard normal vector at right angles to x_l, by parts.

    K - 1 of its directions lie within the positive units. Of a leaky layer n - K - 1 lie within the
    negative ones, and one between the halves, unless one of them is empty; else x_l is within the
    positive units, and all others are n - K (which count only if the ``whole`` vector is needed).
    """
    positive = chi_square(active - 1, stream)
    if not leaky:
        rest = chi_square(units - active, stream) if whole else NO_MORE
        return Noise(NO_MORE, positive, rest)
    between = np.where((active > 0) & (active < units), stream.standard_normal(BLOCK), 0.0)
    return Noise(between, positive, chi_square(units - active - 1, stream))


def rectified(
    slope: float, parts: Halves, radial: FloatArray, noise: Noise, variance: FloatArray
) -> FloatArray:
    """|u|², where u is what the rectifier leaves of √radial x / |x| + √variance noise."""
    if slope == 0:  # x lies within the positive units, and only they count
        return radial + variance * noise.positive
    negative = slope**2 * parts.negative
    share = parts.positive / (parts.positive + negative)
    along, between = np.sqrt(radial), np.sqrt(variance) * noise.between
    above = np.sqrt(share) * along + np.sqrt(1 - share) * between
    below = np.sqrt(1 - share) * along - np.sqrt(share) * between
    kept = above**2 + variance * noise.positive
    return kept + slope**2 * (below**2 + variance * noise.negative)


def chi_square(degrees: npt.NDArray[np.number], stream: Generator) -> FloatArray:
    """χ² numbers with these degrees of freedom; 0 for none, or for less than none."""
    return 2 * stream.standard_gamma(np.maximum(degrees, 0) / 2)


def random_numbers(seed: int, *key: int) -> Generator:
    """A stream of random numbers of its own for every seed and key, counted and not stepped (Philox)."""
    return Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))
