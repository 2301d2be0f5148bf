"""The ladder goes on: four products in compiled Python, each with one more idea about memory and registers.

The same interface and the same errors as impl/tensors/matmul.py, for float32 and float64. Every kernel writes C of
shape (rows, columns) from A (rows, terms) and B (terms, columns), all stored row after row.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from impl.tensors.compiled import compiled, operands, run, widest_vectors
from impl.tensors.tile import WIDE

USES = (
    *("torch.Tensor.new_zeros", "torch.Tensor.__getitem__", "torch.Tensor.__setitem__"),
    "torch.Tensor.contiguous",
)
COMPILED_BY = ("numba",)

# Of A, whose entries are held: by 32 registers, or by 16, which leave six of the 18 to the first cache.
ROWS, TERMS = (7, 4) if WIDE else (6, 3)
TOGETHER = 16  # numbers that the widest register holds
WIDTH = 512  # columns whose sums lie next to the arithmetic
GAP = (
    WIDTH + 16
)  # from one row of them to the next: powers of two would meet in the same cache lines
DEPTH = 128 * TERMS  # rows of B in a block


def matmul_naive(a: Tensor, b: Tensor) -> Tensor:
    """The three loops, compiled as they are."""
    return _product(_naive, a, b)


def matmul_reordered(a: Tensor, b: Tensor) -> Tensor:
    """The same loops in the order i, k, j: B and C are read along their rows."""
    return _product(_reordered, a, b)


def matmul_registers(a: Tensor, b: Tensor) -> Tensor:
    """28 numbers of A in registers (or 18): a number of B, once read, serves seven sums, and a sum four products."""
    return _product(_registers, a, b, padded=True)


def matmul_tiles(a: Tensor, b: Tensor) -> Tensor:
    """The same, on blocks of B that stay in the cache, copied so that they lie there without gaps."""
    return _product(_tiles, a, b, padded=True)


@compiled
def _naive(a: Any, b: Any, c: Any) -> None:
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


@compiled
def _reordered(a: Any, b: Any, c: Any) -> None:
    for i in range(c.shape[0]):
        for k in range(a.shape[1]):
            for j in range(c.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


@compiled
def _add_seven_rows(sums: Any, a: Any, b0: Any, b1: Any, b2: Any, b3: Any) -> None:
    """Add A (7 × 4) times four rows of B to seven rows of sums."""
    widest_vectors()
    p0, p1, p2, p3 = a[0, 0], a[0, 1], a[0, 2], a[0, 3]
    q0, q1, q2, q3 = a[1, 0], a[1, 1], a[1, 2], a[1, 3]
    r0, r1, r2, r3 = a[2, 0], a[2, 1], a[2, 2], a[2, 3]
    s0, s1, s2, s3 = a[3, 0], a[3, 1], a[3, 2], a[3, 3]
    t0, t1, t2, t3 = a[4, 0], a[4, 1], a[4, 2], a[4, 3]
    u0, u1, u2, u3 = a[5, 0], a[5, 1], a[5, 2], a[5, 3]
    v0, v1, v2, v3 = a[6, 0], a[6, 1], a[6, 2], a[6, 3]
    # That is all; and the compiler sees that no number is left over.
    for j in range(len(b0) // TOGETHER * TOGETHER):
        w, x, y, z = b0[j], b1[j], b2[j], b3[j]
        sums[j] = sums[j] + p0 * w + p1 * x + p2 * y + p3 * z
        sums[j + GAP] = sums[j + GAP] + q0 * w + q1 * x + q2 * y + q3 * z
        sums[j + 2 * GAP] = sums[j + 2 * GAP] + r0 * w + r1 * x + r2 * y + r3 * z
        sums[j + 3 * GAP] = sums[j + 3 * GAP] + s0 * w + s1 * x + s2 * y + s3 * z
        sums[j + 4 * GAP] = sums[j + 4 * GAP] + t0 * w + t1 * x + t2 * y + t3 * z
        sums[j + 5 * GAP] = sums[j + 5 * GAP] + u0 * w + u1 * x + u2 * y + u3 * z
        sums[j + 6 * GAP] = sums[j + 6 * GAP] + v0 * w + v1 * x + v2 * y + v3 * z


@compiled
def _add_six_rows(sums: Any, a: Any, b0: Any, b1: Any, b2: Any) -> None:
    """The same with A (6 × 3) and three rows of B."""
    p0, p1, p2 = a[0, 0], a[0, 1], a[0, 2]
    q0, q1, q2 = a[1, 0], a[1, 1], a[1, 2]
    r0, r1, r2 = a[2, 0], a[2, 1], a[2, 2]
    s0, s1, s2 = a[3, 0], a[3, 1], a[3, 2]
    t0, t1, t2 = a[4, 0], a[4, 1], a[4, 2]
    u0, u1, u2 = a[5, 0], a[5, 1], a[5, 2]
    for j in range(len(b0) // TOGETHER * TOGETHER):
        x, y, z = b0[j], b1[j], b2[j]
        sums[j] = sums[j] + p0 * x + p1 * y + p2 * z
        sums[j + GAP] = sums[j + GAP] + q0 * x + q1 * y + q2 * z
        sums[j + 2 * GAP] = sums[j + 2 * GAP] + r0 * x + r1 * y + r2 * z
        sums[j + 3 * GAP] = sums[j + 3 * GAP] + s0 * x + s1 * y + s2 * z
        sums[j + 4 * GAP] = sums[j + 4 * GAP] + t0 * x + t1 * y + t2 * z
        sums[j + 5 * GAP] = sums[j + 5 * GAP] + u0 * x + u1 * y + u2 * z


@compiled
def _add_strip(a: Any, b: Any, start: int, c: Any, sums: Any) -> None:
    """Add A times a strip of B (whose columns begin at ``start``) to a strip of C, a few rows at a time."""
    widest_vectors()
    terms, width = a.shape[1], c.shape[1]
    end = start + width
    for i in range(0, len(c), ROWS):
        for row in range(ROWS):
            sums[row * GAP : row * GAP + width] = c[i + row]
        for k in range(0, terms, TERMS):
            rows = a[i : i + ROWS, k : k + TERMS]
            first, second, third = b[k, start:end], b[k + 1, start:end], b[k + 2, start:end]
            if WIDE:
                _add_seven_rows(sums, rows, first, second, third, b[k + 3, start:end])
            else:
                _add_six_rows(sums, rows, first, second, third)
        for row in range(ROWS):
            c[i + row] = sums[row * GAP : row * GAP + width]


@compiled
def _registers(a: Any, b: Any, c: Any, sums: Any, block: Any) -> None:
    for j in range(0, c.shape[1], WIDTH):
        _add_strip(a, b, j, c[:, j : j + WIDTH], sums)


@compiled
def _tiles(a: Any, b: Any, c: Any, sums: Any, block: Any) -> None:
    for j in range(0, c.shape[1], WIDTH):
        width = min(WIDTH, c.shape[1] - j)
        for k in range(0, len(b), DEPTH):
            depth = min(DEPTH, len(b) - k)
            for row in range(depth):
                block[row, :width] = b[k + row, j : j + width]
            _add_strip(a[:, k : k + depth], block, 0, c[:, j : j + width], sums)


def _product(kernel: Any, a: Tensor, b: Tensor, padded: bool = False) -> Tensor:
    """What ``kernel`` adds to zeros; ``padded`` with zeros on all sides, so that every tile is full."""
    a, b = operands(a, b)
    (rows, terms), columns = a.shape, b.shape[1]
    if not padded:
        product = a.new_zeros((rows, columns))
        run(kernel, a, b, product)
        return product
    sizes = (rows, ROWS), (terms, TERMS), (columns, TOGETHER)
    full, deep, broad = (-(-size // step) * step for size, step in sizes)
    a, b = _padded(a, full, deep), _padded(b, deep, broad)
    product = a.new_zeros((full, broad))
    run(kernel, a, b, product, a.new_zeros(ROWS * GAP), a.new_zeros((DEPTH, GAP)))
    return product[:rows, :columns].contiguous()


def _padded(matrix: Tensor, rows: int, columns: int) -> Tensor:
    """With rows and columns of zeros, if it has fewer."""
    if matrix.shape == (rows, columns):
        return matrix
    larger = matrix.new_zeros((rows, columns))
    larger[: matrix.shape[0], : matrix.shape[1]] = matrix
    return larger
