"""The last rungs: a tile of the product held in vector registers, written in the compiler's own language; and threads.

Around the tile (impl/tensors/tile.py) are loops over blocks, as in every BLAS: of B, which is packed into strips as
wide as a tile; of A, which the second cache holds; and over the tiles in both.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor

from impl.tensors.compiled import compiled, operands, run
from impl.tensors.small import matmul_small
from impl.tensors.tile import LINE, ROWS, VECTOR, VECTORS, WIDE, multiply_tile, tile_width

USES = ("torch.Tensor.new_empty", "torch.Tensor.new_zeros", "torch.Tensor.__getitem__")
COMPILED_BY = ("numba",)

DEPTH = 1024 if WIDE else 512  # terms in a block
STRIDE = DEPTH + 16  # from one row of a block of A to the next: not a power of two
COLUMNS = 2048  # in a block of B
SECOND = "SC_LEVEL2_CACHE_SIZE"  # as the C library of Linux tells it
ROOM = threading.local()
FEW = 2**22  # multiplications that one thread has done before another has started


def matmul_simd(a: Tensor, b: Tensor) -> Tensor:
    """Tiles in vector registers, on one thread. Raises as the other kernels."""
    if (small := matmul_small(a, b)) is not None:
        return small
    a, b = operands(a, b)
    product = a.new_empty((a.shape[0], b.shape[1]))
    _multiply(a, b, product)
    return product


def matmul_threads(a: Tensor, b: Tensor, threads: int | None = None) -> Tensor:
    """The same; each of ``threads`` takes a strip of rows (if None, as many as torch has). Raises as the others."""
    if (small := matmul_small(a, b)) is not None:
        return small
    a, b = operands(a, b)
    product = a.new_empty((a.shape[0], b.shape[1]))
    threads = threads or torch.get_num_threads()
    if threads == 1 or product.numel() * b.shape[0] < FEW:
        _multiply(a, b, product)
        return product
    strip = -(-a.shape[0] // (threads * ROWS)) * ROWS
    starts = range(0, a.shape[0], strip)
    first, *others = [(a[i : i + strip], b, product[i : i + strip]) for i in starts]
    waiting = [_helpers(threads - 1).submit(_multiply, *job) for job in others]
    _multiply(*first)  # this thread works, too
    for each in waiting:
        each.result()
    return product


@cache
def _helpers(count: int) -> ThreadPoolExecutor:
    """Threads that stay, with their room: to start one, and to fill its room, takes as long as a small product."""
    return ThreadPoolExecutor(count)


if hasattr(os, "register_at_fork"):  # a child process has none of the threads
    os.register_at_fork(after_in_child=_helpers.cache_clear)


@cache
def height(size: int) -> int:
    """Rows in a block of A, of numbers of ``size`` bytes: whole tiles that fill 0.6 of the second cache.

    At most 350 KB: a block that is larger brings nothing, as each strip of B is used often enough.
    """
    known = os.sysconf(SECOND) if SECOND in getattr(os, "sysconf_names", ()) else 0
    held = min(0.6 * (known if known > 0 else 2**19), 350_000)
    return max(1, int(held / (STRIDE * size * ROWS))) * ROWS


def _multiply(a: Tensor, b: Tensor, product: Tensor) -> None:
    """The kernel, in room that each thread keeps: fresh memory costs a page fault every 4 KB."""
    width = VECTORS * VECTOR // a.dtype.itemsize
    if not hasattr(ROOM, str(a.dtype)):
        sizes = (height(a.dtype.itemsize), STRIDE), ((DEPTH + 1) * COLUMNS,), (ROWS, width)
        setattr(ROOM, str(a.dtype), [a.new_zeros(size) for size in sizes])
    run(multiply, a, b, product, *getattr(ROOM, str(a.dtype)))


@compiled
def multiply(a: Any, b: Any, c: Any, left: Any, right: Any, edge: Any) -> None:
    """C = A B: blocks of columns, of terms, and of rows; and in ``left`` and ``right``, tile by tile."""
    if a.shape[1] == 0:
        c[:] = 0
    for start in range(0, c.shape[1], COLUMNS):
        for k in range(0, a.shape[1], DEPTH):
            depth = min(DEPTH, a.shape[1] - k)
            pack_columns(b, k, depth, start, right)
            multiply_block(a, k, depth, right, start, c, left, edge)


@compiled
def multiply_block(
    a: Any, first: int, depth: int, right: Any, start: int, c: Any, left: Any, edge: Any
) -> None:
    """``depth`` terms from the ``first`` on, times packed strips of B: into C from column ``start`` on."""
    (rows, terms), columns, width = a.shape, min(COLUMNS, c.shape[1] - start), tile_width(c)
    # A few columns leave too little work between two reads of A: then copy one tile's rows at a
    # time, and ask for the next.
    few = columns <= 2 * width
    block, ahead = (ROWS, LINE // a.itemsize) if few else (len(left), 0)
    for i in range(0, rows, block):
        taken, after = min(block, rows - i), min(i + ROWS, rows - 1) * terms
        pack_rows(a, i, taken, first, depth, left)
        for j in range(0, columns, width):
            for tile in range(0, taken, ROWS):
                operands = left, tile * STRIDE, STRIDE, 1, right, j * (depth + 1), depth
                whole = tile + ROWS <= taken and j + width <= columns
                place = (i + tile) * c.shape[1] + start + j
                if whole and few:
                    multiply_tile(*operands, c, place, c.shape[1], first > 0, a, after, ahead)
                elif whole:
                    multiply_tile(*operands, c, place, c.shape[1], first > 0, None, 0, 0)
                else:
                    multiply_tile(*operands, edge, 0, width, False, a, after, ahead)
                    end = i + min(tile + ROWS, taken), start + min(j + width, columns)
                    add_edge(c[i + tile : end[0], start + j : end[1]], edge, first > 0)


@compiled
def pack_rows(a: Any, start: int, taken: int, first: int, depth: int, left: Any) -> None:
    """A block of A, row by row, so that it lies together."""
    for row in range(taken):
        source, target = a[start + row, first : first + depth], left[row]
        for k in range(depth):
            target[k] = source[k]


@compiled
def pack_columns(b: Any, first: int, depth: int, start: int, right: Any) -> None:
    """Strips of B one after another, each as wide as a tile and row after row, the last filled up with zeros."""
    columns = min(COLUMNS, b.shape[1] - start)
    width = tile_width(b)
    for k in range(depth):
        for j in range(0, columns, width):
            to = j * (depth + 1) + k * width  # strips a power of two apart would meet in the cache
            if j + width <= columns:
                for column in range(width):
                    right[to + column] = b[first + k, start + j + column]
            else:
                for column in range(columns - j):
                    right[to + column] = b[first + k, start + j + column]
                for column in range(columns - j, width):
                    right[to + column] = 0


@compiled
def add_edge(here: Any, edge: Any, add: bool) -> None:
    """What of a tile lies within C."""
    for i in range(here.shape[0]):
        for j in range(here.shape[1]):
            here[i, j] = here[i, j] + edge[i, j] if add else edge[i, j]
