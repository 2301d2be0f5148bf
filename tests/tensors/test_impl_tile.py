"""impl/tensors/tile.py: a tile alone, and on a machine without wide registers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from llvmlite import ir
from numba import njit

from derivations.rows import ROOT
from impl.tensors.tile import (
    AHEAD,
    LINE,
    NARROW,
    ROWS,
    VECTOR,
    VECTORS,
    _Tile,
    multiply_narrow,
    multiply_tile,
    narrow_width,
    tile_width,
)

EXAMPLES: dict[str, object] = {}  # the tile is for kernels, and those of simd.py call it


PLAIN = """
import torch
from impl.tensors import kernels, simd, small, tile
assert not tile.WIDE and tile.VECTOR == 32, "the features of another machine are not taken"
a, b = torch.arange(77.0).view(7, 11), torch.arange(341.0).view(11, 31)
assert torch.equal(simd.matmul_simd(a, b), a @ b)  # unpacked
small.LARGEST = -1
for rung in (simd.matmul_simd, kernels.matmul_registers, kernels.matmul_tiles):
    assert torch.equal(rung(a, b), a @ b)
asm = "".join(simd.multiply.inspect_asm().values())
assert asm
print(any(word in asm for word in ("ymm", "vfmadd")))
"""


@njit  # not kept between runs: the instructions are written afresh
def kernel(a: Any, left: Any, b: Any, right: Any, c: Any, out: Any, add: bool, after: Any) -> int:
    from_a, row_step, term_step = left
    from_b, terms = right
    from_c, step = out
    operands = a, from_a, row_step, term_step, b, from_b, terms
    multiply_tile(*operands, c, from_c, step, add, after, 0, 1)
    return tile_width(c)  # type: ignore[no-any-return]


@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_a_tile_is_the_product_and_nothing_beside_it_is_touched(number: type) -> None:
    width, stream = VECTORS * VECTOR // np.dtype(number).itemsize, np.random.default_rng(0)
    for terms, upright in ((5, False), (40, True), (0, False)):
        a, b = (stream.integers(-8, 9, s).astype(number) for s in ((ROWS, terms), (terms, width)))
        before = stream.integers(-8, 9, (ROWS + 2, width + 3)).astype(number)
        flat = np.concatenate([[99] * 3, (a.T if upright else a).ravel(), [99] * 3]).astype(number)
        left = (3, 1, ROWS) if upright else (3, terms, 1)
        low = np.concatenate([[99] * 5, b.ravel(), [99] * 5]).astype(number)
        for add in (False, True):
            c = before.copy()
            out = (c.shape[1] + 2, c.shape[1])  # the second row's third number
            found = kernel(flat, left, low, (5, terms), c.reshape(-1), out, add, flat)
            expected = before.copy()
            expected[1:-1, 2:-1] = a @ b + (before[1:-1, 2:-1] if add else 0)
            assert np.array_equal(c, expected)
            assert found == width


@njit
def narrow(a: Any, left: Any, b: Any, right: Any, c: Any, out: Any, add: bool) -> int:
    from_a, row_step, last = left
    from_b, b_step, terms = right
    multiply_narrow(*(a, from_a, row_step, last, b, from_b, b_step, terms), c, out[0], out[1], add)
    return narrow_width(c)  # type: ignore[no-any-return]


@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_a_narrow_tile_takes_operands_as_they_lie_and_repeats_the_last_row(number: type) -> None:
    rows, width = NARROW[0], NARROW[1] * VECTOR // np.dtype(number).itemsize
    stream = np.random.default_rng(0)
    for terms, last in ((5, rows - 1), (4, 2), (1, 0), (0, 0)):
        a, b = (
            stream.integers(-8, 9, s).astype(number)
            for s in ((last + 1, terms + 3), (terms, width + 5))
        )
        before = stream.integers(-8, 9, (rows + 2, width + 3)).astype(number)
        product = a[np.minimum(np.arange(rows), last), 2 : 2 + terms] @ b[:, 3 : 3 + width]
        for add in (False, True):
            c = before.copy()
            left, right = (2, terms + 3, last), (3, width + 5, terms)
            out = (c.shape[1] + 2, c.shape[1])
            found = narrow(a.ravel(), left, b.ravel(), right, c.reshape(-1), out, add)
            expected = before.copy()
            expected[1:-1, 2:-1] = product + (before[1:-1, 2:-1] if add else 0)
            assert np.array_equal(c, expected)
            assert found == width


@pytest.mark.parametrize("number", [ir.FloatType(), ir.DoubleType()])
def test_a_term_loads_vectors_and_asks_for_those_of_later_terms(number: Any) -> None:
    """The instructions as they are written, before LLVM makes others of them."""
    module, pointer = ir.Module(), number.as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer, pointer]), "term")
    builder = ir.IRBuilder(function.append_basic_block())
    tile = _Tile(builder, number, ROWS, VECTORS)
    zeros = len(re.findall(r"store <", str(module)))
    tile.ask_ahead(function.args[1])
    tile.add_products([function.args[0]] * ROWS, function.args[1])
    tile.store([function.args[0]] * ROWS, add=False)
    builder.ret_void()
    text, size = str(module), 8 if isinstance(number, ir.DoubleType) else 4
    lanes = VECTOR // size
    assert zeros >= ROWS * VECTORS  # every tile starts from zeros
    # to be read, to be kept in every cache, as data
    asked = re.findall(r'call void @"llvm.prefetch.p0"\(.*, i32 0, i32 3, i32 1\)', text)
    first, line = AHEAD * VECTORS * lanes, LINE // size
    assert len(asked) == VECTORS * lanes // line
    for j in range(len(asked)):
        assert f'"{function.args[1].name}", i64 {first + j * line}' in text
    fused = rf'call <{lanes} x \w+> @"llvm.fmuladd.v{lanes}f{8 * size}"\('
    assert len(re.findall(fused, text)) == ROWS * VECTORS
    vectors = [line for line in text.splitlines() if ", align" in line]
    assert len(vectors) == VECTORS + ROWS * VECTORS  # loads of B, and the stores
    assert all(line.endswith(f", align {size}") for line in vectors)


def test_a_machine_without_wide_registers_gets_the_same_product() -> None:
    """Numba and the tile are told of no feature: LLVM makes narrow instructions, without fused ones."""
    env = os.environ | {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", PLAIN], env=env, cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"
