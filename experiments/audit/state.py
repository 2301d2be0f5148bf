"""What theory knows of a tensor before the weights are drawn: the network of squares carries it from layer to layer.

A layer with independent, zero-mean weights maps expected squares to expected squares *linearly*: it is the layer
itself, with the weights' variance in place of each weight, so borders, strides, groups and dilation are right.
And what it does to expected squares of gradients is that map's transpose. So theory is a second network, run beside the
first, whose own backward pass predicts the first one's gradients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# Between two inputs at one position; in one input two neighbouring positions, any two; two positions of two inputs.
INPUTS, NEAR, FAR, APART = range(4)
CHUNK = 4096  # numbers that are added up in single precision; their sums in double


@dataclass(frozen=True)
class State:
    """``second`` and ``mean``: the expected square and value of each entry (``mean`` None is zero everywhere).

    ``cosines`` of four angles, by the names above. ``symmetric``: the law is symmetric about zero. ``known``: no weight
    has acted yet, ``mean`` is the value itself. ``approximate`` says why
    ``second`` is not exact; ``measured`` that it was restarted from measured numbers.
    """

    second: Tensor
    mean: Tensor | None = None
    cosines: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(4))
    symmetric: bool = False
    known: bool = False
    approximate: str = ""
    measured: bool = False
    features: int = 0  # the axis, 1 or -1, whose numbers have weights of their own; 0 is unknown
    level: float = 0.0  # the share of ``second`` that all features of a position have in common
    participation: float | None = None  # of a softmax: sum of its squares
    rectified: Any = (
        None  # what a rectifier left for a max-pool: its factor, and the cosines before
    )

    @cached_property
    def size(self) -> float:
        """The mean of the expected squares over all entries."""
        return float(self.second.detach().mean()) if self.second.numel() else 0.0

    @cached_property
    def mean_square(self) -> float:
        """The mean over all entries of the squared expected value."""
        return 0.0 if self.mean is None else mean_square(self.mean.detach())

    def with_(self, **changes: Any) -> State:
        """A copy with changes; softmax, rectifier and level are forgotten unless given."""
        return replace(self, **{"participation": None, "rectified": None, "level": 0.0, **changes})

    def facing(self, axis: int) -> State:
        """The same for who takes ``axis`` of three for the features: else positions are the numbers of a layer.

        These have weights of their own, so all that two of them share is their means. What were positions is now
        features, which one weight made from like numbers: they have a level in common.
        """
        if self.second.dim() != 3 or self.features in (0, axis):
            return self
        shared = self.mean_square / max(self.size, 1e-300)
        cosines = np.array([self.cosines[INPUTS], shared, shared, shared])
        level = max(0.0, float(self.cosines[FAR]) - shared)
        return self.with_(cosines=cosines, features=axis, level=level)

    def because(self, reason: str) -> State:
        """The same, approximate for this reason, too."""
        return replace(self, approximate=self.approximate or reason)


class Step(torch.autograd.Function):
    """``value`` forwards; backwards ``factor[0]`` times the gradient, into ``flow``, which has the same shape.

    That is how an operation whose backward map is not the transpose of its forward one says both.
    """

    @staticmethod
    def forward(ctx: Any, flow: Tensor, value: Tensor, factor: list[Any]) -> Tensor:
        """``value``, as a new tensor."""
        ctx.factor = factor
        return value.detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """The gradient's expected square, times the factor."""
        return gradient * ctx.factor[0], None, None


class Restart(torch.autograd.Function):
    """``value`` forwards; backwards, to each state that went in, the mean square that was measured there."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, levels: tuple[float, ...], *flows: Tensor) -> Tensor:
        """``value``, as a new tensor."""
        ctx.levels, ctx.shapes = levels, [flow.shape for flow in flows]
        return value.detach().clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        """Nothing is known of this operation: what was measured below it goes on."""
        pairs = zip(ctx.levels, ctx.shapes, strict=True)
        return (None, None, *(gradient.new_full(shape, level) for level, shape in pairs))


def step(flow: Tensor, value: Tensor, factor: Any) -> Tensor:
    """``value``, with ``factor`` times the gradient into ``flow``."""
    factors = factor if isinstance(factor, list) else [factor]
    made: Tensor = Step.apply(flow, value, factors)  # type: ignore[no-untyped-call]
    return made


def input_state(x: Tensor) -> State:
    """The model's own input: every square is known, and so are the angles."""
    value = x.detach()
    return State(
        value.float().square().requires_grad_(),
        value.float(),
        cosines(value),
        known=True,
    )


def known(value: Tensor) -> State:
    """A constant, a mask, or a parameter that is added: it is what it is."""
    value = value.detach()
    value = value.float() if value.is_floating_point() else value.to(torch.float32)
    return State(value.square(), value, cosines(value), known=True)


def squares(rows: Tensor) -> Tensor:
    """The sum of squares of each row, of shape (rows, numbers), in double precision and without a copy of them."""
    whole = rows.shape[1] // CHUNK * CHUNK
    parts = [rows[:, whole:], rows[:, :whole].unflatten(1, (-1, CHUNK)).flatten(0, 1)]
    rest, chunks = (torch.linalg.vector_norm(part, dim=1).double().square() for part in parts)
    return rest + chunks.view(len(rows), -1).sum(1)


def mean_square(x: Tensor) -> float:
    """The mean of the squares of all entries; NaN if there are none."""
    return float(squares(x.reshape(1, -1))) / x.numel() if x.numel() else math.nan


def cosine_between(x: Tensor) -> float:
    """The mean cosine of the angle between two different rows of ``x``; 1 for a single row."""
    rows = x.double() if x.numel() < 2**20 else x.float()  # copies of large ones take their time
    return cosine_of(rows, squares(rows).sqrt())


def cosine_of(rows: Tensor, norms: Tensor) -> float:
    """The same, for rows whose norms are known: the squared sum of unit vectors has each pair twice."""
    alive = int((norms > 0).sum())
    if alive < 2:
        return 1.0
    scales = torch.where(norms > 0, 1 / norms, 0.0).to(rows.dtype)
    total = float(squares((scales @ rows).reshape(1, -1)))
    return (total - alive) / (alive * (alive - 1))


def cosines(x: Tensor) -> npt.NDArray[np.float64]:
    """The four cosines of a tensor (batch, channels, *positions), or (batch, positions, features)."""
    if x.dim() < 2 or not x.numel():
        return np.ones(4)
    between = cosine_between(x.flatten(1)) if len(x) > 1 else 1.0
    if x.dim() == 2:
        return np.array([between] * 4)
    # Channels first if there are positions in two dimensions or more, features last in a sequence.
    places = x.double().flatten(2).transpose(1, 2) if x.dim() > 3 else x.double()
    near = _cosine(places[:, 1:], places[:, :-1])
    far = float(np.mean([cosine_between(one) for one in places[:8]]))
    apart = far if len(x) < 2 else _apart(places)
    return np.array([between, near, far, apart])


def _cosine(a: Tensor, b: Tensor) -> float:
    """The mean product of two tensors over their root mean squares."""
    return float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-300))


def _apart(places: Tensor) -> float:
    """The same for other positions of other inputs: what all pairs give, less those at one position or of one input."""
    total = places.sum((0, 1)).square().sum()
    rest = (
        total - places.sum(0).square().sum() - places.sum(1).square().sum() + places.square().sum()
    )
    batch, count = places.shape[:2]
    pairs = (batch - 1) * (count - 1)
    return float(rest / (places.square().sum() * pairs).clamp_min(1e-300)) if pairs else 1.0
