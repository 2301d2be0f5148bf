"""The product of two matrices, five times: from three loops over numbers to one call.

All give C[i, j] = Σₖ A[i, k] B[k, j] (Goodfellow et al. 2016, section 2.2) and refuse the same shapes with the same
words. What differs is how much of the work is one call, and how much is a loop in Python.
"""

from __future__ import annotations

from torch import Tensor

from impl.tensors.einsum import einsum

USES = (
    *("torch.Tensor.__getitem__", "torch.Tensor.__setitem__", "torch.Tensor.new_zeros"),
    *("torch.Tensor.item", "torch.Tensor.tolist", "torch.Tensor.mul", "torch.Tensor.sum"),
    *("torch.Tensor.matmul", "torch.Tensor.T"),
)


def matmul_loops(a: Tensor, b: Tensor) -> Tensor:
    """Three loops; one call reads a number, and the rest is Python. Raises as :func:`matmul`."""
    rows, terms, columns = _sizes(a, b)
    product = a.new_zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            total = 0.0
            for k in range(terms):
                total += a[i, k].item() * b[k, j].item()
            product[i, j] = total
    return product


def matmul_lists(a: Tensor, b: Tensor) -> Tensor:
    """The same three loops over lists of numbers: what they cost without tensors. Raises as :func:`matmul`."""
    rows, _, columns = _sizes(a, b)
    product = a.new_zeros((rows, columns))
    lines, upright = a.tolist(), b.T.tolist()
    for i, line in enumerate(lines):
        for j, column in enumerate(upright):
            product[i, j] = sum(map(float.__mul__, line, column))
    return product


def matmul_elementwise(a: Tensor, b: Tensor) -> Tensor:
    """Two loops; one call multiplies a row by a column, entry by entry. Raises as :func:`matmul`."""
    rows, _, columns = _sizes(a, b)
    product = a.new_zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            product[i, j] = (a[i] * b[:, j]).sum()
    return product


def matmul_broadcast(a: Tensor, b: Tensor) -> Tensor:
    """One loop; one call multiplies a row, stretched, by all of ``b``. Raises as :func:`matmul`."""
    rows, _, columns = _sizes(a, b)
    product = a.new_zeros((rows, columns))
    for i in range(rows):
        product[i] = (a[i][:, None] * b).sum(0)
    return product


def matmul_einsum(a: Tensor, b: Tensor) -> Tensor:
    """No loop: einsum stretches both operands and sums. Raises as :func:`matmul`."""
    _sizes(a, b)
    return einsum("ik,kj->ij", a, b)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """The product of matrices ``a`` (rows, terms) and ``b`` (terms, columns), as ``a @ b``.

    Both are of one floating-point type. Raises ValueError, in one line, for anything else.
    """
    _sizes(a, b)
    return a @ b


def matmul_gradients(gradient: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients with respect to ``a`` and ``b``, G Bᵀ and Aᵀ G, for that of their product.

    Raises ValueError for matrices that do not fit, and for a gradient that has not the shape of the product.
    """
    rows, _, columns = _sizes(a, b)
    if tuple(gradient.shape) != (rows, columns):
        raise ValueError(f"gradient must have shape {(rows, columns)}, got {tuple(gradient.shape)}")
    return gradient @ b.T, a.T @ gradient


def _sizes(a: Tensor, b: Tensor) -> tuple[int, int, int]:
    """Rows, terms and columns of a product; raises ValueError if there is none."""
    left, right = a.shape, b.shape  # each is asked for once: a small product takes no longer
    if len(left) != 2 or len(right) != 2 or left[1] != right[0]:
        raise ValueError(
            f"a must be (rows, terms) and b (terms, columns), got {tuple(left)} and {tuple(right)}"
        )
    if a.dtype != b.dtype or not a.dtype.is_floating_point:
        raise ValueError(f"a and b must be of one floating-point type, got {a.dtype} and {b.dtype}")
    return left[0], left[1], right[1]
