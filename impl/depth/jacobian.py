"""The Jacobian of a stack of layers, its singular values, and orthogonal weights, from scratch.

Singular values are found by Jacobi's method: pairs of columns are turned until all are at right angles; the lengths
of the columns are then the singular values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from impl.backprop.chain_rule import relu, relu_gradient

USES = (
    *("torch.Tensor.__getitem__", "torch.Tensor.__setitem__", "torch.Tensor.clone"),
    *("torch.Tensor.new_zeros", "torch.Tensor.normal_", "torch.Tensor.T", "torch.Tensor.double"),
    *("torch.Tensor.mul", "torch.Tensor.add", "torch.Tensor.sub", "torch.Tensor.div"),
    *("torch.Tensor.sum", "torch.Tensor.sqrt", "torch.Tensor.matmul", "torch.Tensor.__float__"),
    *("torch.Tensor.le", "torch.Tensor.eq", "torch.Tensor.masked_fill", "torch.where"),
    "torch.Tensor.item",
)
SWEEPS = 60  # Jacobi's method squares its error in each of the last sweeps: ten are usual


def stack_jacobians(
    x: Tensor, weights: Sequence[Tensor], negative_slope: float = 0.0
) -> list[Tensor]:
    """The Jacobian of every layer's output with respect to ``x``, of shape (n_0,).

    A layer is a matrix of shape (fan_out, fan_in) and a leaky ReLU; the slope 1 makes it linear. Its Jacobian is
    D W J, with D the rectifier's slopes and J the Jacobian of the layer before (Parr & Howard 2018, the vector chain
    rule). Raises ValueError if shapes do not fit.
    """
    if x.dim() != 1:
        raise ValueError(f"x must have shape (n,), got {tuple(x.shape)}")
    found: list[Tensor] = []
    for weight in weights:
        if weight.dim() != 2 or weight.shape[1] != x.numel():
            raise ValueError(f"weights must have {x.numel()} columns, got {tuple(weight.shape)}")
        z = (weight @ x[:, None])[:, 0]
        below = weight @ found[-1] if found else weight
        slopes = relu_gradient(z, z * 0 + 1, negative_slope)
        found.append(slopes[:, None] * below)
        x = relu(z, negative_slope)
    return found


def svdvals(A: Tensor) -> Tensor:  # noqa: N803 - the name that torch gives it
    """The singular values of a matrix, the largest first, as ``torch.linalg.svdvals``.

    Shape (rows, columns) to (min(rows, columns),). Raises ValueError for another shape, or for entries that are not
    finite.
    """
    if A.dim() != 2:
        raise ValueError(f"A must have shape (rows, columns), got {tuple(A.shape)}")
    if not math.isfinite(float((A * A).sum())):
        raise ValueError("A must have finite entries, whose squares have a finite sum")
    columns = (A if A.shape[0] < A.shape[1] else A.T).clone()  # the fewer, as rows of a tensor
    for _ in range(SWEEPS):
        if not sum(_turn(columns, pairs) for pairs in _rounds(columns.shape[0])):
            break
    lengths = (columns * columns).sum(1).sqrt()
    order = sorted(range(lengths.numel()), key=lambda k: -lengths[k].item())
    return lengths[order]


def _rounds(count: int) -> list[tuple[list[int], list[int]]]:
    """All pairs of ``count`` columns, in rounds in which each occurs once, as in a tournament."""
    players = [*range(count), *[-1] * (count % 2)]  # against -1 nobody plays
    found = []
    for _ in range(len(players) - 1):
        half = len(players) // 2
        pairs = [
            pair
            for pair in zip(players[:half], players[: -half - 1 : -1], strict=True)
            if -1 not in pair
        ]
        found.append(([p for p, _ in pairs], [q for _, q in pairs]))
        players = [players[0], players[-1], *players[1:-1]]
    return found


def _turn(columns: Tensor, pairs: tuple[list[int], list[int]]) -> bool:
    """Turn pairs of columns in their planes until they are at right angles; whether any was not."""
    p, q = columns[pairs[0]], columns[pairs[1]]
    first, second, inner = (p * p).sum(1), (q * q).sum(1), (p * q).sum(1)
    straight = inner * inner <= 1e-30 * first * second
    difference = second - first
    root = (difference * difference + 4 * inner * inner).sqrt()
    divisor = torch.where(difference <= 0, difference - root, difference + root)
    tangent = (2 * inner / divisor.masked_fill(straight, 1)).masked_fill(straight, 0)
    cosine = 1 / (1 + tangent * tangent).sqrt()
    sine = cosine * tangent
    columns[pairs[0]] = cosine[:, None] * p - sine[:, None] * q
    columns[pairs[1]] = sine[:, None] * p + cosine[:, None] * q
    return float((straight == 0).sum()) > 0


def gram_schmidt(m: Tensor) -> tuple[Tensor, Tensor]:
    """Columns at right angles that span the same, and the length that each column adds.

    Shape (rows, columns), with no more columns than rows, to (rows, columns) and (columns,): Q and
    the diagonal of R, which is positive, as in ``torch.linalg.qr`` up to signs. Raises ValueError
    for a wide matrix, and if a column depends on those before it.
    """
    if m.dim() != 2 or m.shape[0] < m.shape[1]:
        raise ValueError(f"m must have at most as many columns as rows, got {tuple(m.shape)}")
    done, lengths = m.T.clone()[:, :, None], m.new_zeros((m.shape[1],))
    for k in range(m.shape[1]):
        column, before = done[k], done[:k, :, 0]
        for _ in range(2):  # a second time for what rounding has left
            column = column - before.T @ (before @ column)
        length = float((column * column).sum().sqrt())
        if not length > 0:
            raise ValueError(f"column {k} of m depends on those before it")
        done[k], lengths[k] = column / length, length
    return done[:, :, 0].T, lengths


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill ``tensor`` (rows, columns) with a random orthogonal matrix times ``gain``.

    Of the law of ``torch.nn.init.orthogonal_``, though not to the bit: columns at right angles, or
    rows if these are fewer. Returns ``tensor``. Raises ValueError for another shape.
    """
    if tensor.dim() != 2:
        raise ValueError(f"tensor must have shape (rows, columns), got {tuple(tensor.shape)}")
    with torch.no_grad():
        wide = tensor.shape[0] < tensor.shape[1]
        shape = tuple(tensor.shape[::-1] if wide else tensor.shape)
        q, _ = gram_schmidt(tensor.new_zeros(shape).double().normal_(generator=generator))
        tensor[:] = gain * (q.T if wide else q)
    return tensor
