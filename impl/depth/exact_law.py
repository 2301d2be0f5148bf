"""Networks with real weights of several kinds, one input there and back: all squares that a law speaks of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from impl.backprop.chain_rule import relu, relu_gradient

USES = (
    *("torch.Tensor.__getitem__", "torch.Tensor.__setitem__", "torch.Tensor.T"),
    *("torch.Tensor.matmul", "torch.Tensor.mul", "torch.Tensor.sum", "torch.Tensor.div"),
    *("torch.Tensor.add", "torch.Tensor.sub", "torch.Tensor.sqrt", "torch.Tensor.normal_"),
    *("torch.Tensor.__float__", "torch.Tensor.new_zeros"),
)


class Back(NamedTuple):
    """What comes back from a layer: the gradient at its input, and two squared lengths."""

    gradient: Tensor
    here: float  # of the gradient at its preactivations; of a residual block, at its output
    weights: float  # of the gradients of its weights


Layer = Callable[[Tensor], tuple[Tensor, Callable[[Tensor], Back]]]


class Squares(NamedTuple):
    """Squared lengths: of x_0, …, x_L; of the gradients at x_0, z_1, …, z_L; and of all weights' together."""

    forward: list[float]
    backward: list[float]
    kernel: float


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with orthonormal rows (or columns, if it has more rows) times ``gain``, all equally likely.

    As ``torch.nn.init.orthogonal_``, by Gram and Schmidt's method: each normal vector less what it has along
    those before, twice, which rounds better (saxe2013).
    """
    with torch.no_grad():
        rows = tensor.T if tensor.shape[0] > tensor.shape[1] else tensor
        rows.normal_(generator=generator)
        for i in range(rows.shape[0]):
            row = rows[i : i + 1]
            for _ in range(2 if i else 0):
                before = rows[:i]
                row = row - (row @ before.T) @ before
            rows[i : i + 1] = row / (row * row).sum().sqrt()
        rows[:] = gain * rows
    return tensor


def dense(weights: Tensor, negative_slope: float = 0.0, mask: Tensor | None = None) -> Layer:
    """x -> f(W x) with a (leaky) ReLU f; ``mask``, of shape (1, units), multiplies what comes out (dropout)."""

    def forward(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Back]]:
        z = x @ weights.T
        output = relu(z, negative_slope)

        def backward(gradient: Tensor) -> Back:
            if mask is not None:
                gradient = gradient * mask
            u = relu_gradient(z, gradient, negative_slope)
            here = squared_length(u)
            return Back(u @ weights, here, here * squared_length(x))

        return output if mask is None else output * mask, backward

    return forward


def residual(first: Tensor, second: Tensor, scale: float, negative_slope: float = 0.0) -> Layer:
    """x -> x + scale · W₂ f(W₁ x)."""

    def forward(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Back]]:
        inside, back = dense(first, negative_slope)(x)

        def backward(gradient: Tensor) -> Back:
            branch = scale * gradient
            inner = back(branch @ second)
            outer = squared_length(branch) * squared_length(inside)
            total = inner.weights + outer
            return Back(gradient + inner.gradient, squared_length(gradient), total)

        return x + scale * (inside @ second.T), backward

    return forward


def there_and_back(layers: Sequence[Layer], x: Tensor, readout: Tensor) -> Squares:
    """One input ``x`` (1, n_0) through the ``layers``, and the gradient of readout · x_L back.

    ``kernel`` is the tangent kernel: the squared gradient of all weights, the readout's included.
    """
    backs, forward = [], [squared_length(x)]
    for layer in layers:
        x, back = layer(x)
        backs.append(back)
        forward.append(squared_length(x))
    gradient, kernel = readout, forward[-1]
    backward: list[float] = []
    for back in backs[::-1]:
        gradient, here, weights = back(gradient)
        backward.append(here)
        kernel += weights
    backward.append(squared_length(gradient))
    return Squares(forward, backward[::-1], kernel)


def squared_length(x: Tensor) -> float:
    """The sum of the squares of all entries."""
    return float((x * x).sum())
