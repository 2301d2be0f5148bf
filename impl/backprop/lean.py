"""The lesson's network, fan_in → hidden → 1 with ReLU and mean squared error, backwards with less and less work.

``x`` is (examples, fan_in), ``w1`` (fan_in, hidden), ``b1`` (hidden,), ``w2`` (hidden, 1), ``b2`` (1,), and ``target``
(examples,) or (examples, 1). Nobody trains the input: its gradient, half of the products of a backward pass through
the first layer, is left out here (row backprop/module counts them).
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from impl.backprop.linear import linear
from impl.backprop.loss import mse_loss, mse_loss_gradient

USES = (
    *("torch.Tensor.clamp_min_", "torch.Tensor.le", "torch.Tensor.masked_fill_"),
    *("torch.Tensor.matmul", "torch.Tensor.sum", "torch.Tensor.T"),
)


class Gradients(NamedTuple):
    """Of the four parameters, each of its parameter's shape."""

    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor


class Kept(NamedTuple):
    """What the way back needs: the input, the hidden layer after its ReLU, and the loss's own gradient."""

    x: Tensor
    hidden: Tensor
    upstream: Tensor


def forward(
    x: Tensor, target: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> tuple[Tensor, Kept]:
    """The loss, and what the way back needs; the ReLU overwrites what it gets. ValueError if shapes do not fit."""
    hidden = linear(x, w1, b1).clamp_min_(0)
    output = linear(hidden, w2, b2)
    return mse_loss(output, target), Kept(x, hidden, mse_loss_gradient(output, target))


def backward(kept: Kept, w2: Tensor) -> Gradients:
    """All gradients but the input's, as written: Xᵀ G for the weights."""
    x, hidden, upstream = kept
    gradient = _through_relu(hidden, upstream, w2)
    return Gradients(x.T @ gradient, gradient.sum(0), hidden.T @ upstream, upstream.sum(0))


def backward_transposed(kept: Kept, w2: Tensor) -> Gradients:
    """The same, but (Gᵀ X)ᵀ for Xᵀ G: of the two orders, a matrix product may be quicker in one."""
    x, hidden, upstream = kept
    gradient = _through_relu(hidden, upstream, w2)
    return Gradients((gradient.T @ x).T, gradient.sum(0), hidden.T @ upstream, upstream.sum(0))


def _through_relu(hidden: Tensor, upstream: Tensor, w2: Tensor) -> Tensor:
    """Upstream through the last layer; the mask is applied in place."""
    return (upstream @ w2.T).masked_fill_(hidden <= 0, 0)
