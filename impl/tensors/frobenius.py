"""The Frobenius norm ‖A‖ = √(Σᵢ Σⱼ |aᵢⱼ|²) and its gradient A / ‖A‖.

Squares are formed in the tensor's own type. Where they leave its range the norm is inf, where they
fall below its smallest number it is 0: in float32 for entries of 1e20 and 1e-23, as in torch; in
float16 already for 256 and 1e-4, where torch computes in float32: convert with ``m.float()``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

from torch import Tensor

USES = (
    *("torch.Tensor.__getitem__", "torch.Tensor.item", "torch.Tensor.real", "torch.Tensor.imag"),
    *("torch.Tensor.mul", "torch.Tensor.add", "torch.Tensor.sum", "torch.Tensor.sqrt"),
    *("torch.Tensor.eq", "torch.Tensor.masked_fill", "torch.Tensor.div"),
    *("torch.Tensor.new_zeros", "torch.Tensor.__setitem__"),
)


def frobenius_norm(m: Tensor, dim: Sequence[int] = (-2, -1), keepdim: bool = False) -> Tensor:
    """The norm of each matrix in ``m``, as ``torch.linalg.matrix_norm(m, "fro", dim, keepdim)``.

    Shape (*batch, rows, columns) to (*batch), or to (*batch, 1, 1) with ``keepdim``; ``dim`` names
    the two dimensions. Autograd's gradient at a matrix of zeros is NaN, as the root has no slope
    there: see :func:`frobenius_norm_gradient`. Raises ValueError unless ``m`` is floating or
    complex and ``dim`` names two different dimensions; IndexError if one is out of range.
    """
    rows, columns = _two_dimensions(m, dim)
    squares = m.real * m.real + m.imag * m.imag if m.is_complex() else m * m
    return squares.sum((rows, columns), keepdim=keepdim).sqrt()


def frobenius_norm_loops(m: Tensor) -> float:
    """The formula as it stands, one loop for each sum: shape (rows, columns) to a Python float.

    Raises ValueError if ``m`` has not two dimensions.
    """
    if m.dim() != 2:
        raise ValueError(f"m must have 2 dimensions, got shape {tuple(m.shape)}")
    rows, columns = m.shape
    total = 0.0
    for i in range(rows):
        for j in range(columns):
            entry = abs(m[i, j].item())
            total += entry * entry
    return math.sqrt(total)


def frobenius_norm_gradient(m: Tensor, dim: Sequence[int] = (-2, -1)) -> Tensor:
    """The gradient A / ‖A‖ of each matrix's norm, of the shape of ``m``; 0 at zeros, as torch's.

    Raises as :func:`frobenius_norm` does.
    """
    norm = frobenius_norm(m, dim, keepdim=True)
    return m / norm.masked_fill(norm == 0, 1)


def frobenius_norm_gradient_loops(m: Tensor) -> Tensor:
    """:func:`frobenius_norm_gradient` of a real matrix, one quotient at a time."""
    norm, gradient = frobenius_norm_loops(m), m.new_zeros(m.shape)
    for place in product(*map(range, m.shape)):
        gradient[place] = 0.0 if norm == 0 else m[place].item() / norm
    return gradient


def _two_dimensions(m: Tensor, dim: Sequence[int]) -> tuple[int, int]:
    """``dim`` counted from the front, or a clear error."""
    count = m.dim()
    if not (m.is_floating_point() or m.is_complex()):
        raise ValueError(f"m must be floating or complex, got {m.dtype}: convert with m.float()")
    if count < 2:
        raise ValueError(f"m must have 2 dimensions or more, got shape {tuple(m.shape)}")
    if not isinstance(dim, Sequence) or len(dim) != 2:
        raise ValueError(f"dim must name two dimensions, got {dim}")
    for d in dim:
        if not -count <= d < count:
            raise IndexError(f"dim must lie between {-count} and {count - 1}, got {d}")
    rows, columns = (d % count for d in dim)
    if rows == columns:
        raise ValueError(f"dim must name two different dimensions, got {tuple(dim)}")
    return rows, columns
