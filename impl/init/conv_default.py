"""PyTorch's default initialisation of Linear and convolutional layers, from scratch, to the last bit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from impl.backprop.chain_rule import relu
from impl.init.fans import fan
from impl.init.kaiming import kaiming_uniform_

USES = (
    *("torch.Tensor.uniform_", "torch.Tensor.new_zeros", "torch.Tensor.__getitem__"),
    *("torch.Tensor.T", "torch.Tensor.matmul", "torch.Tensor.add", "torch.Tensor.mul"),
    *("torch.Tensor.sum", "torch.Tensor.__float__"),
)


def default_bound(fan_in: int) -> float:
    """Where the default law ends: U(-1/√n, 1/√n), n = ``fan_in`` (Glorot and Bengio 2010, eq. 1).

    Raises ValueError for a fan below 1.
    """
    if fan_in < 1:
        raise ValueError(f"fan_in must be at least 1, got {fan_in}")
    return 1 / math.sqrt(fan_in)


def reset_parameters_(
    weight: Tensor, bias: Tensor | None = None, generator: Generator | None = None
) -> None:
    """Fill ``weight`` (out, in, *kernel) and ``bias`` (out,) as ``nn.Linear`` and ``nn.Conv2d`` do.

    The slope √5 is chosen so that Kaiming's uniform law ends at 1/√fan_in; the bias has the same law.
    Raises ValueError as ``impl.init.fans.fan`` does.
    """
    kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    if bias is not None and weight.numel():
        bound = default_bound(fan(weight, "fan_in"))
        with torch.no_grad():
            bias.uniform_(-bound, bound, generator=generator)


def layer_squares(
    x: Tensor, widths: Sequence[int], generator: Generator | None = None, *, bias: bool = True
) -> list[float]:
    """Mean squares of the preactivations of ReLU layers with default parameters, for one input.

    ``x`` has shape (fan_in,); ``widths`` are those of the layers. Raises ValueError for another shape.
    """
    if x.dim() != 1:
        raise ValueError(f"x must be a vector, got shape {tuple(x.shape)}")
    squares: list[float] = []
    for width in widths:
        weight, offset = x.new_zeros((width, x.numel())), x.new_zeros((width,))
        reset_parameters_(weight, offset if bias else None, generator)
        z = (x[None] @ weight.T)[0] + offset
        squares.append(float((z * z).sum()) / width)
        x = relu(z)
    return squares
