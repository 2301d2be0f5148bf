"""Small products: a tile reads both operands where they lie, and little Python comes before it.

To prepare operands for a product like 5 × 784 by 784 × 10 takes longer than to multiply them. So nothing is packed, no
array is made of a tensor: the kernel gets three addresses and three sizes, in one call.
"""

from __future__ import annotations

import threading
from typing import Any

import torch
from llvmlite import ir
from numba import carray, float32, float64, types
from numba.extending import intrinsic
from torch import Tensor

from impl.tensors.compiled import compiled
from impl.tensors.matmul import _sizes
from impl.tensors.tile import NARROW, multiply_narrow, narrow_width

USES = ("torch.Tensor.new_empty", "torch.Tensor.data_ptr")
COMPILED_BY = ("numba", "llvmlite")

LARGEST = 2**18  # multiplications
DOUBLE = {torch.float32: False, torch.float64: True}
ROWS = NARROW[0]
ROOM = threading.local()  # of each thread: for a tile at the edge, and the last terms of B
SPARE = 16 * (ROWS + 16)  # numbers in it: a tile is 16 wide at most


def matmul_small(a: Tensor, b: Tensor) -> Tensor | None:
    """The product, if it is small and its operands are as they must be: numbers side by side in memory; else None.

    Raises as :func:`impl.tensors.matmul.matmul`.
    """
    rows, terms, columns = _sizes(a, b)
    double = DOUBLE.get(a.dtype)
    if rows * terms * columns > LARGEST or double is None or not (is_plain(a) and is_plain(b)):
        return None
    product = a.new_empty((rows, columns))
    if not hasattr(ROOM, "spare"):
        ROOM.spare = a.new_empty(SPARE, dtype=torch.float64)
    addresses = a.data_ptr(), b.data_ptr(), product.data_ptr(), ROOM.spare.data_ptr()
    multiply_at(*addresses, rows, terms, columns, double)
    return product


def is_plain(tensor: Tensor) -> bool:
    """Does it lie in memory as it is, number by number, with no sign still to be changed?"""
    return tensor.is_cpu and tensor.is_contiguous() and not tensor.is_neg()


@intrinsic  # type: ignore[untyped-decorator]
def pointer(_: Any, address: Any) -> Any:
    """What lies at an address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.intp), generate


@compiled
def multiply_at(
    a: int, b: int, c: int, spare: int, rows: int, terms: int, columns: int, double: bool
) -> None:
    """C = A B, by where they lie."""
    sizes = (rows * terms,), (terms * columns,), (rows * columns,)
    if double:
        multiply_numbers(
            carray(pointer(a), sizes[0], float64),
            carray(pointer(b), sizes[1], float64),
            carray(pointer(c), sizes[2], float64),
            carray(pointer(spare), (SPARE,), float64),
            *(rows, terms, columns),
        )
    else:
        multiply_numbers(
            carray(pointer(a), sizes[0], float32),
            carray(pointer(b), sizes[1], float32),
            carray(pointer(c), sizes[2], float32),
            carray(pointer(spare), (SPARE,), float32),
            *(rows, terms, columns),
        )


@compiled
def multiply_numbers(
    a: Any, b: Any, c: Any, spare: Any, rows: int, terms: int, columns: int
) -> None:
    """Tile by tile. A tile at the edge is wider than B: it reads on in the next row, and beyond the last one not."""
    width = narrow_width(c)
    edge, tail = spare[: ROWS * width], spare[ROWS * width :]
    for j in range(0, columns, width):
        inside = min(width, columns - j)
        safe = max(0, terms + 1 - (j + width + columns - 1) // columns)  # terms that B has room for
        for k in range(safe, terms):
            for column in range(width):
                number = b[k * columns + j + column] if column < inside else 0
                tail[(k - safe) * width + column] = number
        for i in range(0, rows, ROWS):
            last = min(ROWS, rows - i) - 1
            left, right = (a, i * terms, terms, last), (b, j, columns, safe)
            if last + 1 == ROWS and inside == width:
                multiply_narrow(*left, *right, c, i * columns + j, columns, False)
                continue
            multiply_narrow(*left, *right, edge, 0, width, False)
            rest = tail, 0, width, terms - safe
            multiply_narrow(a, i * terms + safe, terms, last, *rest, edge, 0, width, True)
            for row in range(last + 1):
                for column in range(inside):
                    c[(i + row) * columns + j + column] = edge[row * width + column]
