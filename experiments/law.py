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
layer but what is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from experiments.passes import FloatArray
from experiments.settings import Unusable, at_least
from experiments.stack import Trace, worker_count

BLOCK = 1024  # networks that share a random stream, and are drawn side by side

Counts = npt.NDArray[np.int64]
Halves = tuple[Counts, FloatArray, FloatArray]


@dataclass(frozen=True)
class Law:
    """Stacks of ``widths`` n_0, …, n_L with N(0, gain² / fan_in) weights; x_l = f(W_l x_{l-1}).

    f(z) is z where z > 0, elsewhere slope * z. :func:`constant` gives equal widths for any depth.
    """

    widths: Sequence[int] | Counts
    gain: float
    negative_slope: float = 0.0

    def __post_init__(self) -> None:
        """Raise Unusable, in one line, for widths or factors that no stack has."""
        if len(self.widths) < 2:
            raise Unusable("widths must name the input and at least one layer")
        at_least(1, widths=min(self.widths))
        if not (math.isfinite(self.gain) and self.gain > 0):
            raise Unusable(f"gain must be positive and finite, got {self.gain}")
        if not math.isfinite(self.negative_slope):
            raise Unusable(f"negative-slope must be finite, got {self.negative_slope}")

    @property
    def depth(self) -> int:
        """The number of layers L."""
        return len(self.widths) - 1


def constant(width: int, depth: int) -> Counts:
    """The widths of ``depth`` layers, and of their input, all equal: a view of one number."""
    return np.broadcast_to(np.int64(width), depth + 1)


def sample(
    law: Law,
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
    kept = range(law.depth + 1) if layers is None else layers
    wrong = [layer for layer in kept if not 0 <= layer <= law.depth]
    if wrong:
        raise Unusable(f"layers must be from 0 to {law.depth}, got {wrong[0]}")
    at_least(1, networks=networks)
    places = {layer: [i for i, k in enumerate(kept) if k == layer] for layer in kept}

    def one(block: int) -> tuple[FloatArray, FloatArray]:
        stream = random_numbers(seed, *key, block)
        found = np.full((2, len(kept), BLOCK), np.nan)
        if both:
            both_passes(law, stream, found, places)
        else:
            forward_pass(law, stream, found[0], places)
        return found[0], found[1]

    blocks = range(-(-networks // BLOCK))
    with ThreadPoolExecutor(worker_count(workers)) as pool:
        pairs = list(pool.map(one, blocks))
    forward = np.concatenate([f for f, _ in pairs], axis=1).T[:networks, :, None] + start
    if not both:
        return Trace(forward, np.empty((networks, 0, 1)))
    backward = np.concatenate([b for _, b in pairs], axis=1).T[:networks, :, None]
    return Trace(forward, backward)


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


def forward_pass(
    law: Law, stream: Generator, found: FloatArray, places: dict[int, list[int]]
) -> None:
    """Fill ``found``: log2 of each kept layer's mean square over the input's, for one block."""
    logs = np.zeros(BLOCK)
    found[places.get(0, [])] = logs
    for layer in range(1, max(places, default=0) + 1):
        units = int(law.widths[layer])
        _, positive, negative = halves(stream, units, law.negative_slope)
        with np.errstate(divide="ignore"):  # a layer of zeros has -inf, as all after it
            logs = logs + np.log2(law.gain**2 * (positive + negative) / units)
        found[places.get(layer, [])] = logs


def both_passes(
    law: Law, stream: Generator, found: FloatArray, places: dict[int, list[int]]
) -> None:
    """Fill ``found``: as :func:`forward_pass`, and log2 of the gradients' mean squares."""
    forward, backward = found
    above = np.zeros(BLOCK)  # log2 of x_L's mean square over that of x_l
    size = np.zeros(BLOCK)  # log2 of S, the variance of δ_l at right angles to x_l
    radial = chi_square(np.ones(BLOCK), stream)  # f² / |x_l|², in units of S
    died = np.full(BLOCK, law.depth + 1)  # the first layer of zeros
    for layer in range(law.depth, 0, -1):
        units, fan_in = int(law.widths[layer]), int(law.widths[layer - 1])
        forward[places.get(layer, [])] = -above
        parts = halves(stream, units, law.negative_slope)
        gradient = squared_gradient(stream, law, units, parts, radial)
        square = parts[1] + parts[2]
        died[square == 0] = layer
        square[square == 0] = 1.0  # any number: all that depends on it is -inf in the end
        backward[places.get(layer, [])] = size + np.log2(gradient / units)
        size += np.log2(law.gain**2 / fan_in * gradient)
        above += np.log2(law.gain**2 / units * square)
        radial = radial * square / gradient
    inputs = int(law.widths[0])
    gradient = radial + chi_square(np.full(BLOCK, inputs - 1), stream)
    backward[places.get(0, [])] = size + np.log2(gradient / inputs)
    forward[places.get(0, [])] = -above
    forward += above
    for layer, rows in places.items():
        forward[rows] = np.where(died <= layer, -np.inf, forward[rows])
    backward[:, died <= law.depth] = -np.inf  # f'(0) is the slope: no gradient passes a dead layer


def halves(stream: Generator, units: int, slope: float) -> Halves:
    """How many units are positive, and χ²_K and a² χ²_{n-K}: the squares of either half."""
    active = stream.binomial(units, 0.5, BLOCK)
    positive = chi_square(active, stream)
    if slope == 0:
        return active, positive, np.zeros(BLOCK)
    return active, positive, slope**2 * chi_square(units - active, stream)


def squared_gradient(
    stream: Generator, law: Law, units: int, parts: Halves, radial: FloatArray
) -> FloatArray:
    """|u_l|² in units of S: what a layer's rectifiers leave of δ_l = f x_l / |x_l|² + √S noise.

    At right angles to x_l lie K - 1 directions within the positive units, n - K - 1 within the
    negative ones, and one between the halves, unless one of them is empty.
    """
    active, positive, negative = parts
    if law.negative_slope == 0:  # x_l lies within the positive units, and only they count
        return radial + chi_square(active - 1, stream)
    share = positive / (positive + negative)
    between = np.where((active > 0) & (active < units), stream.standard_normal(BLOCK), 0.0)
    above = np.sqrt(share * radial) + np.sqrt(1 - share) * between
    below = np.sqrt((1 - share) * radial) - np.sqrt(share) * between
    kept = above**2 + chi_square(active - 1, stream)
    return kept + law.negative_slope**2 * (below**2 + chi_square(units - active - 1, stream))


def chi_square(degrees: npt.NDArray[np.number], stream: Generator) -> FloatArray:
    """χ² numbers with these degrees of freedom; 0 for none, or for less than none."""
    return 2 * stream.standard_gamma(np.maximum(degrees, 0) / 2)


def random_numbers(seed: int, *key: int) -> Generator:
    """A stream of random numbers of its own for every seed and key, counted and not stepped (Philox)."""
    return Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))
