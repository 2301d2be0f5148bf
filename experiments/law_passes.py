"""Both passes of stacks that are drawn layer by layer, and what is kept of them.

A law says how one layer is drawn (``experiments.law.Law``, and those in ``experiments.law_kinds``); here
its layers become stacks, for one block of networks. Squares are held as logarithms to base 2, and all
else in units that every layer sets anew: no depth under- or overflows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from experiments.settings import Unusable
from experiments.traces import FloatArray

BLOCK = 2048  # networks that share a random stream, and are drawn side by side


class Step(NamedTuple):
    """One layer, from above: the law of what is below it, in units of ``here``.

    ``ratio`` is |x_l|² / |x_{l-1}|², ``here`` the layer's squared gradient, ``weights`` that of its
    weights over |x_{l-1}|²; ``radial`` is f² / |x_{l-1}|², and ``tangent`` what the gradient is at
    right angles to x_{l-1}: its squared length, or for Gaussian weights its variance.
    """

    ratio: FloatArray
    here: FloatArray
    weights: FloatArray
    radial: FloatArray
    tangent: FloatArray


class Layers(Protocol):
    """A stack whose layers can be drawn: what a law is asked for."""

    @property
    def widths(self) -> Sequence[int] | npt.NDArray[np.int64]:
        """n_0, …, n_L."""

    @property
    def depth(self) -> int:
        """The number of layers L."""

    @property
    def factors(self) -> tuple[float, float]:
        """log2 of what every layer multiplies squares by: its weights, and its rectifier."""

    def ratio(self, stream: Generator, layer: int) -> FloatArray:
        """|x_l|² / |x_{l-1}|², over the two factors."""

    def top(self, stream: Generator) -> tuple[FloatArray, FloatArray]:
        """Radial and tangential part of an N(0, 1) gradient at x_L."""

    def step(self, stream: Generator, layer: int, radial: FloatArray, tangent: FloatArray) -> Step:
        """From x_l down to x_{l-1}, without the two factors."""

    def bottom(self, stream: Generator, radial: FloatArray, tangent: FloatArray) -> FloatArray:
        """The squared gradient at the input."""


@dataclass(frozen=True)
class Gradients:
    """log2 of forward and backward mean squares, and of |∂f/∂W_l|², each (networks, layers).

    ``kernel`` (networks,) is log2 of Σ_l |∂f/∂W_l|², with the readout's, over all layers, kept or not.
    ``weights`` of layer 0, which has none, is -inf.
    """

    forward: FloatArray
    backward: FloatArray
    weights: FloatArray
    kernel: FloatArray


class Kept:
    """What is kept of one block: the squares in the layers asked for, in the order asked for.

    With a ``readout``, the deviation of w in f = w · x_L, the gradients of the weights are kept, too.
    """

    def __init__(self, law: Layers, layers: Sequence[int] | None, *, readout: float | None) -> None:
        weights, self.readout = readout is not None, 2 * math.log2(readout or 1)
        self.layers = range(law.depth + 1) if layers is None else layers
        wrong = [layer for layer in self.layers if not 0 <= layer <= law.depth]
        if wrong:
            raise Unusable(f"layers must be from 0 to {law.depth}, got {wrong[0]}")
        self.places = {
            layer: [i for i, k in enumerate(self.layers) if k == layer] for layer in self.layers
        }
        self.last = max(self.places, default=0)
        self.units = np.array([law.widths[layer] for layer in self.layers], dtype=np.float64)[
            :, None
        ]
        self.forward, self.backward = np.full((2, len(self.layers), BLOCK), np.nan)
        self.weights = np.full((len(self.layers), BLOCK), -np.inf) if weights else None
        self.kernel = np.zeros(BLOCK)

    def put(self, squares: FloatArray, layer: int, values: FloatArray) -> None:
        """Keep the values of a layer, if it is one of those asked for."""
        rows = self.places.get(layer)
        if rows:
            squares[rows] = values


def forward_pass(law: Layers, stream: Generator, kept: Kept) -> None:
    """Fill ``kept.forward``: log2 of each kept layer's mean square over the input's, for one block."""
    logs, factor = np.zeros(BLOCK), sum(law.factors)
    kept.put(kept.forward, 0, logs)
    for layer in range(1, kept.last + 1):
        with np.errstate(divide="ignore"):  # a layer of zeros has -inf, as all after it
            logs = logs + np.log2(law.ratio(stream, layer))
        kept.put(kept.forward, layer, logs + layer * factor)
    kept.forward -= np.log2(kept.units / int(law.widths[0]))


def both_passes(law: Layers, stream: Generator, kept: Kept) -> None:
    """Fill all of ``kept``, from the top down: with the gradients' mean squares, and the weights'."""
    from_weights, from_rectifier = law.factors
    above = np.zeros(BLOCK)  # log2 of |x_L|² over |x_l|², but for the factors
    unit = np.full(BLOCK, kept.readout)  # log2 of what the gradient is measured in, but for them
    radial, tangent = law.top(stream)
    died = np.full(BLOCK, law.depth + 1)  # the first layer of zeros
    for layer in range(law.depth, 0, -1):
        passed = (law.depth - layer) * (from_weights + from_rectifier)
        kept.put(kept.forward, layer, -above - passed)
        step = law.step(stream, layer, radial, tangent)
        ratio, radial, tangent = step.ratio, step.radial, step.tangent
        if not ratio.all():  # any number does: all that depends on it is -inf in the end
            dead = ratio == 0
            died[dead] = layer
            ratio, radial, tangent = (np.where(dead, 1.0, x) for x in (ratio, radial, tangent))
        above = above + np.log2(ratio)
        here = unit + np.log2(step.here)
        kept.put(kept.backward, layer, here + passed + from_rectifier)
        if kept.weights is not None:
            with np.errstate(divide="ignore"):  # a residual branch of zeros
                weights = unit + np.log2(step.weights) - above - from_weights
            kept.put(kept.weights, layer, weights)
            kept.kernel = np.logaddexp2(kept.kernel, weights)
        unit = here
    passed = law.depth * (from_weights + from_rectifier)
    kept.put(kept.backward, 0, unit + passed + np.log2(law.bottom(stream, radial, tangent)))
    kept.put(kept.forward, 0, -above - passed)
    _measured_from_the_input(law, kept, above + passed, died)


def _measured_from_the_input(
    law: Layers, kept: Kept, above: FloatArray, died: npt.NDArray[np.int64]
) -> None:
    """Squares over |x_L|² become mean squares over the input's; and no gradient passes a dead layer."""
    inputs, dead = int(law.widths[0]), died <= law.depth
    kept.forward += above - np.log2(kept.units / inputs)
    kept.backward -= np.log2(kept.units)
    for layer, rows in kept.places.items():
        kept.forward[rows] = np.where(died <= layer, -np.inf, kept.forward[rows])
    kept.backward[:, dead] = -np.inf  # f'(0) is the slope
    if kept.weights is not None:
        kept.weights += above + np.log2(inputs)
        kept.kernel = np.where(dead, -np.inf, kept.kernel + above + np.log2(inputs))
        kept.weights[:, dead] = -np.inf
