"""The product in Halide: what is computed, and when and where, apart from each other.

Halide is an extra, ``pip install -e ".[halide]"``; without it :func:`matmul_halide` says so, and all else works.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import Any

from torch import Tensor

from impl.tensors.compiled import operands
from impl.tensors.tile import ROWS, VECTOR, VECTORS

USES = (
    *("torch.Tensor.new_zeros", "torch.Tensor.__getitem__"),
    *("torch.Tensor.numpy", "torch.Tensor.contiguous"),
)
COMPILED_BY = ("halide",)
ONE_AT_A_TIME = Lock()  # a pipeline has one pair of operands


class NoHalide(ImportError):
    """Halide is not installed."""


def has_halide() -> bool:
    """Whether Halide is installed; it is not imported."""
    return find_spec("halide") is not None


def matmul_halide(a: Tensor, b: Tensor) -> Tensor:
    """By the schedule below, on one thread; raises NoHalide where that is missing, else as the other kernels."""
    a, b = operands(a, b)
    if not has_halide():
        raise NoHalide('Halide is not installed: pip install -e ".[halide]", or take another rung')
    (rows, terms), columns = a.shape, b.shape[1]
    if not (rows and terms and columns):
        return a.new_zeros((rows, columns))
    width = VECTORS * VECTOR // a.dtype.itemsize
    product = a.new_zeros((-(-rows // ROWS) * ROWS, -(-columns // width) * width))  # whole tiles
    hl = import_module("halide")
    left, right, pipeline = _pipeline(a.dtype.itemsize)
    with ONE_AT_A_TIME:
        left.set(hl.Buffer(a.numpy()))
        right.set(hl.Buffer(b.numpy()))
        pipeline.realize(hl.Buffer(product.numpy()))
    return product[:rows, :columns].contiguous()


def algorithm(hl: Any, left: Any, right: Any) -> tuple[Any, Any, Any, Any]:
    """What is computed; outside of A and B there are zeros. Halide's first axis is the one stored without gaps."""
    i, j, k = hl.Var("i"), hl.Var("j"), hl.RDom([(0, left.dim(0).extent())])
    zero = hl.cast(left.type(), 0)
    a, b = (hl.BoundaryConditions.constant_exterior(each, zero) for each in (left, right))
    strip, sums, product = hl.Func("strip"), hl.Func("sums"), hl.Func("product")
    strip[j, i] = b[j, i]
    sums[j, i] = zero
    sums[j, i] += a[k, i] * strip[j, k]
    product[j, i] = sums[j, i]
    return product, sums, strip, (i, j, k)


def schedule(hl: Any, product: Any, sums: Any, strip: Any, axes: Any, lanes: int) -> None:
    """When and where. However it is changed, the product stays the same: only the time differs."""
    (i, j, k), (row, column, y, x) = axes, map(hl.Var, ("row", "column", "y", "x"))
    product.tile(j, i, column, row, x, y, VECTORS * lanes, ROWS).reorder(x, y, row, column)
    product.vectorize(x, lanes).unroll(x).unroll(y)
    strip.compute_at(product, column).vectorize(j, lanes)  # packed, once for all rows
    sums.compute_at(product, row).vectorize(j, lanes).unroll(j).unroll(i)  # in registers
    sums.update().reorder(j, i, k).vectorize(j, lanes).unroll(j).unroll(i)


@cache
def _pipeline(size: int) -> tuple[Any, Any, Any]:
    """Operands and product, compiled for numbers of ``size`` bytes."""
    hl = import_module("halide")
    left, right = (hl.ImageParam(hl.Float(8 * size), 2, name) for name in ("A", "B"))
    product, sums, strip, axes = algorithm(hl, left, right)
    schedule(hl, product, sums, strip, axes, VECTOR // size)
    product.compile_jit()
    return left, right, product
