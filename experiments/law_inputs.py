"""Several inputs of one network, jointly and without weights: norms, angles, and the tangent kernel, exact in law.

Let the k inputs be the columns of X = Q R, with orthonormal Q and a small R. For Gaussian weights W Q has
independent entries N(0, gain² / fan_in), so that Z = W X = gain / √fan_in · Ξ R with fresh normal Ξ: n k
numbers a layer, where W has n². Backwards, W given W Q is gain / √fan_in · Ξ Qᵀ and a copy of W that forgets
the columns of Q. With the gradients U = Q' R' at Z the gradients at X are thus

    Wᵀ U = gain / √fan_in · (Q Ξᵀ U + (1 - Q Qᵀ) Ξ' R'),                     Ξ' fresh and normal.

That asks nothing of X: inputs may be equal or zero, and more of them than units. Angles come from R, not
from scalar products, so that they are right to many digits even where they are tiny. On the way back Ξ is
drawn a second time, from the layer's own stream: what is kept of a layer is R, k² numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from experiments.law import Law
from experiments.orthogonal import basis_and_triangle, triangle
from experiments.philox_long import normal
from experiments.settings import Unusable, at_least
from experiments.traces import FloatArray, worker_count

LARGEST_BLOCK = 16  # networks that are drawn side by side
CACHED = 2**17  # numbers in a layer of a block, about what a core's cache holds
WEIGHTS, NOISE, READOUT = range(3)  # what a layer's random streams are for


@dataclass(frozen=True)
class Joint:
    """k vectors in each of some layers, as norms and angles; all arrays begin with the networks.

    ``forward`` and ``backward`` are log2 mean squares of x_l and of the gradients at z_l (at the input, for l
    = 0), of shape (networks, layers, k); -inf for zero. ``angles`` and ``backward_angles`` are 1 - cosine,
    (networks, layers, k, k); nan with a vector of zeros. ``kernel`` is the tangent kernel as log2 of its
    diagonal, (networks, k), and ``kernel_cosines``, (networks, k, k). Forwards only, the rest is empty.
    """

    forward: FloatArray
    angles: FloatArray
    backward: FloatArray
    backward_angles: FloatArray
    kernel: FloatArray
    kernel_cosines: FloatArray


def sample_inputs(
    law: Law,
    inputs: npt.ArrayLike,
    *,
    networks: int,
    seed: int,
    key: Sequence[int] = (),
    layers: Sequence[int] | None = None,
    both: bool = False,
    shared: bool = True,
    workers: int = 0,
) -> Joint:
    """Networks of this ``law`` that see the ``inputs`` (k, n_0), as ``experiments.stack.run`` shows them one by one.

    With ``both`` passes: a ``shared`` N(0, 1) gradient at x_L, that is the readout f = w · x_L, or one of its own
    for each input. ``layers`` are those that are kept (all if None), in the order asked for. Results do not
    depend on ``workers``. Raises Unusable for inputs or layers that do not fit.
    """
    x = np.asarray(inputs, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != law.widths[0] or not len(x) or not np.isfinite(x).all():
        raise Unusable(f"inputs must be finite, of shape (k, {law.widths[0]}), got {x.shape}")
    if law.dropout or type(law) is not Law:
        raise Unusable("several inputs need Gaussian weights and no dropout")
    at_least(1, networks=networks)
    kept = range(law.depth + 1) if layers is None else layers
    wrong = [layer for layer in kept if not 0 <= layer <= law.depth]
    if wrong:
        raise Unusable(f"layers must be from 0 to {law.depth}, got {wrong[0]}")
    size = max(1, min(LARGEST_BLOCK, CACHED // (int(np.max(law.widths)) * len(x))))

    def one(block: int) -> Joint:
        return _Block(law, x, size, kept, (seed, *key, block)).run(both, shared)

    with threadpool_limits(1), ThreadPoolExecutor(worker_count(workers)) as pool:
        found = list(pool.map(one, range(-(-networks // size))))
    names = [field.name for field in fields(Joint)]
    return Joint(
        *(np.concatenate([getattr(each, name) for each in found])[:networks] for name in names)
    )


class Columns(NamedTuple):
    """k vectors of every network: R of their Q R, brought to ordinary size, times 2**exponent each."""

    factor: FloatArray  # (networks, rank, k)
    exponent: npt.NDArray[np.int64]  # (networks, k)

    def logs(self, units: int) -> FloatArray:
        """log2 of the mean squares, (networks, k)."""
        with np.errstate(divide="ignore"):
            return np.log2(np.square(self.factor).sum(1) / units) + 2 * self.exponent

    def angles(self) -> FloatArray:
        """1 - cosine, (networks, k, k): half of the squared distance on the unit sphere."""
        with np.errstate(invalid="ignore"):
            points = self.factor / np.sqrt(np.square(self.factor).sum(1, keepdims=True))
        k = range(points.shape[2])
        chords = [np.square(points - points[:, :, i : i + 1]).sum(1) / 2 for i in k]
        return np.stack(chords, axis=1)

    def gram(self) -> FloatArray:
        """Scalar products, without the exponents."""
        return self.factor.transpose(0, 2, 1) @ self.factor


def columns(factor: FloatArray, exponent: npt.NDArray[np.int64]) -> Columns:
    """``factor``'s columns brought to size 1/2 to 1 by powers of two, which go into the exponents."""
    _, more = np.frexp(np.abs(factor).max(axis=1))
    return Columns(np.ldexp(factor, -more[:, None, :]), exponent + more)


class _Block:
    """Some networks, side by side."""

    def __init__(
        self, law: Law, x: FloatArray, size: int, layers: Sequence[int], key: tuple[int, ...]
    ) -> None:
        self.law, self.size, self.layers = law, size, layers
        words = np.random.SeedSequence(key[0], spawn_key=key[1:]).generate_state(3, np.uint32)
        self.key, self.word = (int(words[0]), int(words[1])), int(words[2])
        self.drawn: tuple[int, FloatArray] = 0, np.empty(0)  # the last layer's weights
        columns_of_x = np.ascontiguousarray(np.broadcast_to(x.T, (size, *x.T.shape)))
        self.basis, factor = basis_and_triangle(columns_of_x)
        nothing = np.zeros((size, len(x)), dtype=np.int64)
        self.signals = [columns(factor, nothing)]
        self.gradients: dict[int, Columns] = {}
        self.kernel = Kernel(size, len(x))

    def run(self, both: bool, shared: bool) -> Joint:
        """Forwards, and perhaps backwards: what is kept of it."""
        for layer in range(1, self.law.depth + 1):
            factor = triangle(self.rectified(self.preactivations(layer)))
            self.signals.append(columns(factor, self.signals[-1].exponent))
        if both:
            self.backwards(shared)
        forward = self.kept(dict(enumerate(self.signals)))
        if both:
            return Joint(*forward, *self.kept(self.gradients), *self.kernel.logs_and_cosines())
        nothing = np.empty((self.size, 0))
        return Joint(*forward, *[nothing] * 4)

    def kept(self, found: dict[int, Columns]) -> tuple[FloatArray, FloatArray]:
        """Log mean squares and angles in the layers asked for."""
        k = self.signals[0].exponent.shape[1]
        if not self.layers:
            return np.empty((self.size, 0, k)), np.empty((self.size, 0, k, k))
        logs = [found[layer].logs(int(self.law.widths[layer])) for layer in self.layers]
        return np.stack(logs, 1), np.stack([found[layer].angles() for layer in self.layers], 1)

    def normal(self, layer: int, use: int, *shape: int) -> FloatArray:
        """Standard normal numbers, the same whenever they are asked for."""
        numbers = np.empty((self.size, *shape))
        normal(numbers.reshape(-1), self.key, (layer, use, self.word))
        return numbers

    def weights(self, layer: int) -> FloatArray:
        """Ξ: W Q without its factor, (networks, units, rank)."""
        if self.drawn[0] != layer:
            units, rank = int(self.law.widths[layer]), self.signals[layer - 1].factor.shape[1]
            self.drawn = layer, self.normal(layer, WEIGHTS, units, rank)
        return self.drawn[1]

    def preactivations(self, layer: int) -> FloatArray:
        """Z = Ξ R, without the weights' factor but with the exponent's change, (networks, units, k)."""
        return self.weights(layer) @ (self.signals[layer - 1].factor * self.deviation(layer))

    def deviation(self, layer: int) -> float:
        """That of the weights."""
        return self.law.gain / math.sqrt(self.law.widths[layer - 1])

    def rectified(self, z: FloatArray) -> FloatArray:
        """The (leaky) ReLU."""
        slope = self.law.negative_slope
        return np.where(z > 0, z, slope * z) if slope else np.maximum(z, 0.0)

    def derivative(self, z: FloatArray) -> npt.NDArray[Any]:
        """That of the (leaky) ReLU."""
        return np.where(z > 0, 1.0, self.law.negative_slope) if self.law.negative_slope else z > 0

    def backwards(self, shared: bool) -> None:
        """Gradients from the top down, and the kernel."""
        depth, k = self.law.depth, self.signals[0].exponent.shape[1]
        self.kernel.add(self.signals[-1], None)
        gradient = self.normal(depth, READOUT, int(self.law.widths[depth]), 1 if shared else k)
        exponent = np.zeros((self.size, k), dtype=np.int64)
        z = self.preactivations(depth)
        for layer in range(depth, 0, -1):
            gradient = gradient * self.derivative(z)
            above = columns(triangle(gradient), exponent)
            self.gradients[layer] = above
            self.kernel.add(self.signals[layer - 1], above)
            scaled = gradient * np.ldexp(1.0, exponent - above.exponent)[:, None, :]
            basis = self.basis
            if layer > 1:
                z = self.preactivations(layer - 1)
                basis, _ = basis_and_triangle(self.rectified(z))
            gradient, exponent = self.below(layer, scaled, above, basis), above.exponent
        self.gradients[0] = columns(triangle(gradient), exponent)

    def below(
        self, layer: int, gradient: FloatArray, above: Columns, basis: FloatArray
    ) -> FloatArray:
        """Wᵀ U: along the inputs' span what Ξ says, at right angles fresh noise."""
        rank, _ = above.factor.shape[1:]
        deviation = self.deviation(layer)
        noise = self.normal(layer, NOISE, basis.shape[1], rank) @ (above.factor * deviation)
        along = deviation * (self.weights(layer).transpose(0, 2, 1) @ gradient)
        known = basis @ (along - basis.transpose(0, 2, 1) @ noise)
        return np.add(known, noise, out=known)


class Kernel:
    """A sum of k × k matrices that span many orders of magnitude, with an exponent for each row and column."""

    def __init__(self, size: int, k: int) -> None:
        self.sum = np.zeros((size, k, k))
        self.exponent = np.full((size, k), -(2**40))  # below all that comes

    def add(self, signals: Columns, gradients: Columns | None) -> None:
        """Add (UᵀU) ∘ (XᵀX); without gradients XᵀX, which is the readout's."""
        term, exponent = signals.gram(), signals.exponent
        if gradients is not None:
            term, exponent = term * gradients.gram(), exponent + gradients.exponent
        largest = np.maximum(self.exponent, exponent)
        self.sum = _shifted(self.sum, self.exponent - largest) + _shifted(term, exponent - largest)
        self.exponent = largest

    def logs_and_cosines(self) -> tuple[FloatArray, FloatArray]:
        """log2 of the diagonal, and what is off it over the root of two of its entries."""
        diagonal = np.diagonal(self.sum, axis1=1, axis2=2)
        with np.errstate(divide="ignore", invalid="ignore"):
            cosines = self.sum / np.sqrt(diagonal[:, :, None] * diagonal[:, None, :])
            return np.log2(diagonal) + 2 * self.exponent, cosines


def _shifted(matrix: FloatArray, exponent: npt.NDArray[np.int64]) -> FloatArray:
    return np.ldexp(matrix, exponent[:, :, None] + exponent[:, None, :])
