"""impl/tensors/kernels.py, and the rungs above it beside it: every rung, on any shape, against torch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from impl.tensors import kernels, schedules, simd

HALIDE = pytest.mark.skipif(
    not schedules.has_halide(), reason='Halide is an extra: pip install -e ".[halide]"'
)
RUNGS = [
    *(kernels.matmul_naive, kernels.matmul_reordered),
    *(kernels.matmul_registers, kernels.matmul_tiles),
    *(simd.matmul_simd, simd.matmul_threads),
    pytest.param(schedules.matmul_halide, marks=HALIDE),
]
A, B = torch.rand(2, 3), torch.rand(3, 5)
EXAMPLES: dict[str, Callable[[], object]] = {
    rung.__name__: lambda rung=rung: rung(A, B)  # type: ignore[misc]
    for rung in RUNGS[:4]
}
Rung = Callable[[Tensor, Tensor], Tensor]
SHAPES = [
    *((0, 3, 2), (3, 0, 2), (3, 2, 0), (0, 0, 0), (1, 1, 1), (5, 784, 10), (300, 3, 1)),
    *((7, 4, 32), (15, 9, 33), (13, 1030, 31), (2, 3, 2100), (173, 17, 70), (1, 70, 129)),
]


def whole_numbers(*shape: int, dtype: torch.dtype) -> Tensor:
    """Few enough, and small enough, that every order of adding up is exact."""
    stream = torch.Generator().manual_seed(sum(shape))
    return torch.randint(-8, 9, shape, generator=stream).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rung", RUNGS)
def test_any_shape_and_layout_comes_out_exactly(rung: Rung, dtype: torch.dtype) -> None:
    for rows, terms, columns in SHAPES:
        a, b = (
            whole_numbers(rows, terms, dtype=dtype),
            whole_numbers(terms, columns, dtype=dtype),
        )
        gaps = whole_numbers(rows, 2 * terms, dtype=dtype)[:, ::2]
        for left, right in ((a, b), (a.T.contiguous().T, b.T.contiguous().T), (gaps, b.flip(0))):
            product = rung(left, right)
            assert product.dtype == dtype and product.is_contiguous()
            assert_close(product, left @ right, rtol=0, atol=0)


@pytest.mark.parametrize("rung", RUNGS)
def test_random_numbers_are_within_rounding_and_operands_are_left_alone(rung: Rung) -> None:
    a, b = torch.randn(61, 1100), torch.randn(1100, 77)
    before = a.clone(), b.clone()
    exact, sizes = a.double() @ b.double(), a.double().abs() @ b.double().abs()
    assert ((rung(a, b).double() - exact).abs() <= 1100 * 2.0**-24 * sizes).all()
    assert torch.equal(a, before[0]) and torch.equal(b, before[1])


@pytest.mark.parametrize("rung", RUNGS)
def test_infinite_and_missing_numbers_are_where_torch_has_them(rung: Rung) -> None:
    a, b = whole_numbers(9, 6, dtype=torch.float32), whole_numbers(6, 40, dtype=torch.float32)
    a[1, 2], a[8, 0], b[3, 39], b[0, 7] = torch.inf, torch.nan, -torch.inf, torch.nan
    assert_close(rung(a, b), a @ b, equal_nan=True)


@pytest.mark.parametrize("rung", RUNGS)
def test_what_does_not_fit_is_refused_as_by_the_lower_rungs(rung: Rung) -> None:
    for shapes in (((2, 3), (4, 2)), ((2, 3), (3,)), ((), (1, 1)), ((1, 2, 3), (3, 2))):
        with pytest.raises(ValueError, match=r"a must be \(rows, terms\) and b \(terms, columns\)"):
            rung(*map(torch.ones, shapes))
    for types in ((torch.float32, torch.float64), (torch.int64, torch.int64)):
        with pytest.raises(ValueError, match="one floating-point type"):
            rung(*(torch.ones(2, 2, dtype=dtype) for dtype in types))
    for dtype in (torch.bfloat16, torch.float16):
        with pytest.raises(ValueError, match=f"takes float32 or float64 on the CPU, got {dtype}"):
            rung(torch.ones(2, 2, dtype=dtype), torch.ones(2, 2, dtype=dtype))
    with pytest.raises(ValueError, match="float32 on meta and cpu: matmul takes all"):
        rung(torch.ones(2, 2, device="meta"), torch.ones(2, 2))


@pytest.mark.parametrize("rung", RUNGS)
def test_no_gradient_flows(rung: Rung) -> None:
    a = torch.ones(2, 2, requires_grad=True)
    assert not rung(a, a).requires_grad
