"""The lesson's network for tests: its operands, in some shapes, and autograd's loss and gradients."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SHAPES = [
    (1, 1, 1),
    (5, 3, 2),
    (113, 30, 33),
    (64, 784, 50),
    (120, 1100, 70),
    (7, 0, 3),
    (9, 20, 0),
]


def problem(
    examples: int, fan_in: int, hidden: int, kind: torch.dtype = torch.float64
) -> list[Tensor]:
    """In float64 no ReLU's input is so close to its kink that two orders of adding up disagree."""
    stream = torch.Generator().manual_seed(examples)
    shapes = (examples, fan_in), (examples, 1), (fan_in, hidden), (hidden,), (hidden, 1), (1,)
    return [torch.randn(shape, generator=stream, dtype=torch.float64).to(kind) for shape in shapes]


def autograd(
    x: Tensor, target: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The loss, and its gradients with respect to the parameters."""
    leaves = [tensor.clone().requires_grad_() for tensor in (w1, b1, w2, b2)]
    hidden = functional.relu(x @ leaves[0] + leaves[1])
    loss = functional.mse_loss(hidden @ leaves[2] + leaves[3], target)
    return loss, torch.autograd.grad(loss, leaves)
