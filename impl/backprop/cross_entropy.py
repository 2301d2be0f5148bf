"""Softmax and the cross-entropy of its probabilities, from the logits in one go, without overflow.

exp(z) leaves the range of float32 above z = 88.7. Taking the largest logit away first changes
nothing in exact arithmetic, and no exponential is then above 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

USES = (
    *("torch.Tensor.amax", "torch.Tensor.sub", "torch.Tensor.exp", "torch.Tensor.log"),
    *("torch.Tensor.sum", "torch.Tensor.mul", "torch.Tensor.div", "torch.arange"),
    *("torch.Tensor.__getitem__", "torch.Tensor.__setitem__", "torch.Tensor.item"),
    "torch.Tensor.tolist",
)


def log_softmax(input: Tensor) -> Tensor:  # noqa: A002 - the name that torch gives it
    """z - log Σ exp(z) along the last dimension, of the shape of ``input``."""
    shifted = input - input.amax(-1, keepdim=True)
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


def softmax(input: Tensor) -> Tensor:  # noqa: A002
    """exp(z) / Σ exp(z) along the last dimension: positive, and 1 in sum."""
    return log_softmax(input).exp()


def cross_entropy(input: Tensor, target: Tensor) -> Tensor:  # noqa: A002
    """The mean over examples of -log p of the right class, a scalar; NaN if there are none.

    Takes logits (batch, classes) and the numbers of classes (batch,). Raises ValueError for other
    shapes, for logits that are not floating, and for numbers of no class.
    """
    rows = _rows(input, target)
    return -1 * log_softmax(input)[rows, target].sum() / rows.shape[0]


def cross_entropy_gradient(input: Tensor, target: Tensor) -> Tensor:  # noqa: A002
    """Its gradient (p - y) / batch with respect to the logits, where y is 1 at the right class.

    There p - 1 is taken as minus the sum of the others, which does not cancel when p is nearly 1.
    Raises as :func:`cross_entropy` does.
    """
    rows = _rows(input, target)
    gradient = softmax(input)
    gradient[rows, target] = 0
    gradient[rows, target] = -1 * gradient.sum(-1)
    return gradient / rows.shape[0]


def cross_entropy_loops(input: Tensor, target: Tensor) -> float:  # noqa: A002
    """:func:`cross_entropy` one number at a time, as a Python float. Raises as it does."""
    total, batch = 0.0, _rows(input, target).shape[0]
    for n in range(batch):
        logits = [input[n, c].item() for c in range(input.shape[1])]
        largest = max(logits)
        total += math.log(math.fsum(math.exp(z - largest) for z in logits))
        total += largest - logits[int(target[n].item())]
    return total / batch if batch else math.nan


def _rows(input: Tensor, target: Tensor) -> Tensor:  # noqa: A002
    """The numbers of the examples, once all fits: -1 would be the last class, and 0.5 the first."""
    if not input.is_floating_point() or target.is_floating_point():
        raise ValueError(
            f"input must be floating and target integer, got {input.dtype} and {target.dtype}"
        )
    if input.dim() != 2 or target.shape != input.shape[:1]:
        raise ValueError(
            "input and target must have shapes (batch, classes) and (batch,), "
            f"got {tuple(input.shape)} and {tuple(target.shape)}"
        )
    batch, classes = input.shape
    strange = [number for number in target.tolist() if not 0 <= number < classes]
    if strange:
        raise ValueError(f"targets must be from 0 to {classes - 1}, got {strange[0]}")
    return torch.arange(batch)
