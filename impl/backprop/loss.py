"""The mean squared error and its gradient (Parr & Howard 2018, §6), as in ``torch.nn.functional``.

Stricter than torch in one point: a column (N, 1) beside a row (N,) is the column's N numbers, and
any other two shapes that differ are refused. Row tensors/broadcasting says what they would compute.
"""

from __future__ import annotations

from itertools import product

from torch import Tensor

USES = (
    *("torch.Tensor.squeeze", "torch.Tensor.reshape", "torch.Tensor.sub", "torch.Tensor.mul"),
    *("torch.Tensor.sum", "torch.Tensor.div", "torch.Tensor.__getitem__", "torch.Tensor.item"),
)


def mse_loss(input: Tensor, target: Tensor) -> Tensor:  # noqa: A002 - the name that torch gives it
    """The mean of the squared differences, (1/N) Σ (ŷᵢ - yᵢ)², a scalar; NaN if there are none.

    Shapes are equal, or ``input`` is (*batch, 1) and ``target`` (*batch). Raises ValueError for
    any others: (N, 1) and (N,) would broadcast to all N² pairs, and average over those. Raises it
    also if ``input`` is not floating, as the differences of unsigned integers wrap around.
    """
    difference = _matched(input, target) - target
    return (difference * difference).sum() / difference.numel()


def mse_loss_gradient(input: Tensor, target: Tensor) -> Tensor:  # noqa: A002
    """The gradient 2 (ŷ - y) / N of :func:`mse_loss` with respect to ``input``, and of its shape.

    Raises as :func:`mse_loss` does.
    """
    difference = _matched(input, target) - target
    return (2 * difference / difference.numel()).reshape(input.shape)


def mse_loss_loops(input: Tensor, target: Tensor) -> float:  # noqa: A002
    """:func:`mse_loss` one number at a time, as a Python float. Raises as it does."""
    column, total = _matched(input, target), 0.0
    for place in product(*map(range, target.shape)):
        difference = column[place].item() - target[place].item()
        total += difference * difference
    return total / target.numel() if target.numel() else float("nan")


def _matched(input: Tensor, target: Tensor) -> Tensor:  # noqa: A002
    """``input``, of the shape of ``target``: never squeezed by more than its last dimension."""
    if not input.is_floating_point():
        raise ValueError(f"input must be floating, got {input.dtype}")
    matched = input.squeeze(-1) if input.shape == (*target.shape, 1) else input
    if matched.shape != target.shape:
        raise ValueError(
            "input must have the shape of target, or that and a last dimension of size 1, "
            f"got input {tuple(input.shape)} and target {tuple(target.shape)}"
        )
    return matched
