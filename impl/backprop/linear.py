"""A linear layer and its gradients G wᵀ, xᵀ G and 1ᵀ G, in the three ways of the lesson.

``upstream`` is G, the gradient of the loss with respect to the layer's output, and of its shape.
All three take shapes (*batch, fan_in), (fan_in, fan_out) and (*batch, fan_out), and return the
gradients of x, w and b. They differ in what they write down on the way (row backprop/linear).
"""

from __future__ import annotations

import torch
from torch import Tensor

USES = (
    *("torch.Tensor.add", "torch.Tensor.mul", "torch.Tensor.sum", "torch.Tensor.matmul"),
    *("torch.Tensor.T", "torch.Tensor.flatten", "torch.Tensor.__getitem__"),
    "torch.functional.einsum",
)

Gradients = tuple[Tensor, Tensor, Tensor]


def linear(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """x @ w + b: shapes (*batch, fan_in), (fan_in, fan_out) and (fan_out,) to (*batch, fan_out).

    ``torch.nn.Linear`` stores the transpose of ``w``. Raises ValueError if shapes do not fit.
    """
    if x.dim() < 2 or w.dim() != 2 or x.shape[-1] != w.shape[0] or b.shape != w.shape[1:]:
        raise ValueError(
            "x, w and b must have shapes (*batch, fan_in), (fan_in, fan_out) and (fan_out,), "
            f"got {tuple(x.shape)}, {tuple(w.shape)} and {tuple(b.shape)}"
        )
    return x @ w + b


def linear_gradients(x: Tensor, w: Tensor, upstream: Tensor) -> Gradients:
    """By matrix products: a sum over examples is what a matrix product does anyway."""
    rows = upstream.flatten(0, -2)
    return upstream @ w.T, x.flatten(0, -2).T @ rows, rows.sum(0)


def linear_gradients_einsum(x: Tensor, w: Tensor, upstream: Tensor) -> Gradients:
    """By the names of the axes (n example, i input, o output), with no transpose to remember."""
    examples, rows = x.flatten(0, -2), upstream.flatten(0, -2)
    return (
        torch.einsum("...o,io->...i", upstream, w),
        torch.einsum("ni,no->io", examples, rows),
        torch.einsum("no->o", rows),
    )


def linear_gradients_outer(x: Tensor, w: Tensor, upstream: Tensor) -> Gradients:
    """As the sum is written: the outer product of every example's x and G, then their sum.

    Writes down batch · fan_in · fan_out numbers, which is 8 GB for the lesson's first layer.
    """
    examples, rows = x.flatten(0, -2), upstream.flatten(0, -2)
    return upstream @ w.T, (examples[:, :, None] * rows[:, None, :]).sum(0), rows.sum(0)
