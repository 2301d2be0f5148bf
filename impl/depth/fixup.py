"""Residual blocks, forwards and backwards, and how Fixup begins them (Zhang et al. 2019, section 3).

A block is x + branch(x). A branch is a list of weights of shape (fan_out, fan_in), as ``torch.nn.Linear`` stores them,
with a ReLU between each and the next and none after the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor

from impl.backprop.chain_rule import relu, relu_gradient
from impl.init import kaiming

USES = (
    *("torch.Tensor.T", "torch.Tensor.matmul", "torch.Tensor.add", "torch.Tensor.mul"),
    *("torch.Tensor.sum", "torch.Tensor.__float__", "torch.Tensor.__setitem__"),
)


def fixup_branch_(
    weights: Sequence[Tensor], branches: int, generator: Generator | None = None
) -> Sequence[Tensor]:
    """Fill one branch of a network of ``branches``: Kaiming's weights, scaled, and zeros in the last layer.

    With m layers the scale is branches^(-1/(2m-2)). Returns ``weights``. Raises ValueError for fewer
    than two layers, which have nothing to scale, or fewer than one branch.
    """
    if len(weights) < 2 or branches < 1:
        raise ValueError(
            "a branch needs at least 2 layers, and a network at least 1 branch, "
            f"got {len(weights)} and {branches}"
        )
    scale = branches ** (-1 / (2 * len(weights) - 2))
    with torch.no_grad():
        for weight in weights[:-1]:
            kaiming.kaiming_normal_(weight, generator=generator)
            weight[:] = scale * weight
        weights[-1][:] = 0
    return weights


def fixup_(
    branches: Sequence[Sequence[Tensor]], generator: Generator | None = None
) -> Sequence[Sequence[Tensor]]:
    """Fill all branches of a network, as :func:`fixup_branch_` does each of them, and return them."""
    for weights in branches:
        fixup_branch_(weights, len(branches), generator)
    return branches


def residual(x: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """x + branch(x), of the shape (batch, units) of ``x``; and the input of each layer of the branch."""
    inputs = [x]
    for weight in weights[:-1]:
        inputs.append(relu(inputs[-1] @ weight.T))
    return x + inputs[-1] @ weights[-1].T, inputs


def residual_gradients(
    upstream: Tensor, weights: Sequence[Tensor], inputs: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """The gradients of x and of each weight, from ``upstream``, that of the block's output.

    ``inputs`` are those that :func:`residual` returned: a rectified number is 0 where its mask is, and serves for
    both.
    """
    through, gradients = upstream, []
    for layer in range(len(weights) - 1, -1, -1):
        gradients.append(through.T @ inputs[layer])
        through = through @ weights[layer]
        if layer:
            through = relu_gradient(inputs[layer], through)
    return upstream + through, gradients[::-1]


def first_step_change(gradients: Iterable[Tensor]) -> float:
    """How fast a loss falls with the learning rate, at the first step: the sum of all squared gradients."""
    return sum(float((gradient * gradient).sum()) for gradient in gradients)
