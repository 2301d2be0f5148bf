"""The rectifier and its leaky form (He et al. 2015, section 2.1), as in ``torch.nn.functional``.

Both are the identity above 0. Below, a ReLU is 0 and a leaky one is a line of another slope.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

USES = (
    *("torch.Tensor.clamp_min", "torch.Tensor.clamp_max", "torch.Tensor.mul", "torch.Tensor.add"),
    *("torch.Tensor.__getitem__", "torch.Tensor.__setitem__", "torch.Tensor.item"),
    "torch.empty_like",
)


def relu(input: Tensor) -> Tensor:  # noqa: A002 - the name that torch gives it
    """max(x, 0), of the shape and type of ``input``; NaN stays NaN."""
    return input.clamp_min(0)


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:  # noqa: A002
    """max(x, 0) + slope · min(x, 0), of the shape and type of ``input``.

    The slope 0 makes a ReLU (but NaN of -inf, as in torch), 1 a line, -1 the absolute value.
    """
    return input.clamp_min(0) + negative_slope * input.clamp_max(0)


def leaky_relu_loops(input: Tensor, negative_slope: float = 0.01) -> Tensor:  # noqa: A002
    """:func:`leaky_relu` one number at a time, with nothing but a comparison and a product."""
    output = torch.empty_like(input)
    for place in product(*map(range, input.shape)):
        number = input[place].item()
        output[place] = negative_slope * number if number < 0 else number
    return output
