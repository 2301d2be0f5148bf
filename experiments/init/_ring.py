"""Convolutions on a ring: circular padding for any stride, dilation and direction, so that no border counts."""

from __future__ import annotations

import math
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional

from impl.init.fans import TRANSPOSED


def apply(module: nn.Module, x: Tensor) -> Tensor:
    """``module``, made without padding, on ``x`` (batch, channels, *size) closed to a ring.

    A convolution's sizes must be multiples of its stride; they are divided by it, or multiplied if
    it is transposed. A Linear takes (batch, features) as ever.
    """
    if isinstance(module, nn.Linear):
        return module(x)
    strides, sizes = tuple(module.stride), x.shape[2:]  # type: ignore[arg-type]
    if isinstance(module, TRANSPOSED):
        return _folded(module(x), [n * s for n, s in zip(sizes, strides, strict=True)])
    spans = [
        d * (k - 1)
        for d, k in zip(module.dilation, module.kernel_size, strict=True)  # type: ignore[arg-type]
    ]
    ends = chain.from_iterable((0, span) for span in reversed(spans))
    return module(functional.pad(x, tuple(ends), mode="circular"))


def _folded(y: Tensor, sizes: list[int]) -> Tensor:
    """Add what hangs over the end of each dimension to its beginning, as often as need be."""
    for dim, size in enumerate(sizes, 2):
        rounds = math.ceil(y.shape[dim] / size)
        missing = [*y.shape]
        missing[dim] = rounds * size - y.shape[dim]
        whole = torch.cat([y, y.new_zeros(missing)], dim)
        y = whole.unflatten(dim, (rounds, size)).sum(dim)
    return y
