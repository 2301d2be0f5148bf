"""Softmax and its cross-entropy, and the gradient p - y, as in ``torch.nn.functional``."""

from __future__ import annotations

import torch
from torch import Tensor

USES = (
    *("torch.Tensor.amax", "torch.Tensor.sub", "torch.Tensor.exp", "torch.Tensor.log"),
    *("torch.Tensor.sum", "torch.Tensor.div", "torch.Tensor.mul", "torch.arange"),
    *("torch.Tensor.clone", "torch.Tensor.__getitem__", "torch.Tensor.__setitem__"),
    "torch.Tensor.tolist",
)


def softmax(input: Tensor) -> Tensor:  # noqa: A002 - as torch names it
    """exp(z) / Σ exp(z) along the last dimension, of the shape of ``input``.

    The largest z is taken off first: that changes nothing, and nothing overflows.
    """
    powers = (input - input.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1, keepdim=True)


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """The mean over the batch of -log softmax(output)[target], a scalar.

    ``output`` (batch, classes) are logits, ``target`` (batch,) the numbers of classes. Raises
    ValueError for other shapes, for logits that are not floating, and for numbers of no class.
    """
    places = _places(output, target)
    shifted = output - output.amax(-1, keepdim=True)
    return (shifted.exp().sum(-1).log() - shifted[places]).sum() / target.numel()


def cross_entropy_gradient(output: Tensor, target: Tensor) -> Tensor:
    """The gradient (p - y) / N of :func:`cross_entropy` with respect to ``output``, and of its shape.

    p is the softmax, y is 1 at the target and 0 elsewhere. Raises as :func:`cross_entropy` does.
    """
    places = _places(output, target)
    gradient = softmax(output)
    others = gradient.clone()
    others[places] = 0  # p - 1 at the target is minus the others: their sum does not cancel
    gradient[places] = -1 * others.sum(-1)
    return gradient / target.numel()


def _places(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The index of every row's target."""
    if output.dim() != 2 or target.shape != output.shape[:1] or not target.numel():
        raise ValueError(
            "output and target must have shapes (batch, classes) and (batch,), and not be empty, "
            f"got {tuple(output.shape)} and {tuple(target.shape)}"
        )
    if not output.is_floating_point() or target.is_floating_point():
        raise ValueError(
            f"output must be floating and target integer, got {output.dtype} and {target.dtype}"
        )
    wrong = [k for k in target.tolist() if not 0 <= k < output.shape[1]]
    if wrong:
        raise ValueError(f"targets must be from 0 to {output.shape[1] - 1}, got {wrong[0]}")
    return torch.arange(target.numel(), device=target.device), target
