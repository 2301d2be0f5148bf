"""The Frobenius norm against torch, numpy and scipy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import Tensor
from torch.autograd import gradcheck
from torch.linalg import matrix_norm
from torch.testing import assert_close

from impl.tensors.frobenius import (
    frobenius_norm,
    frobenius_norm_gradient,
    frobenius_norm_gradient_loops,
    frobenius_norm_loops,
)

LESSON = torch.arange(1.0, 10).reshape(3, 3)
PROPERTY = settings(deadline=None, derandomize=True, max_examples=80)
DTYPES = (torch.float64, torch.float32, torch.bfloat16)
COMPLEX = torch.ones(2, 2) + 1j

EXAMPLES = {
    "frobenius_norm": lambda: [frobenius_norm(m) for m in (LESSON, COMPLEX)],
    "frobenius_norm_loops": lambda: frobenius_norm_loops(LESSON),
    "frobenius_norm_gradient": lambda: frobenius_norm_gradient(LESSON),
    "frobenius_norm_gradient_loops": lambda: frobenius_norm_gradient_loops(LESSON),
}


@st.composite
def tensors(draw: st.DrawFn, dtypes: tuple[torch.dtype, ...] = DTYPES) -> Tensor:
    """Two to four dimensions of 0 to 4, also NaN, infinite, subnormal, and not contiguous."""
    shape = draw(array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=4))
    values = draw(arrays(np.float32, shape, elements=st.floats(width=16)))
    plain = torch.from_numpy(values).to(draw(st.sampled_from(dtypes)))
    layout = draw(st.sampled_from(("plain", "transposed", "strided")))
    if layout == "transposed":
        return plain.mT.contiguous().mT
    return plain if layout == "plain" else plain.repeat_interleave(2, -1)[..., ::2]


def precision(m: Tensor) -> dict[str, Any]:
    """Four roundings (square, sum, root, torch's own), and no absolute error."""
    return {"rtol": 4 * torch.finfo(m.dtype).eps, "atol": 0, "equal_nan": True}


@PROPERTY
@given(m=tensors(), data=st.data(), keepdim=st.booleans())
def test_matches_torch_for_any_shape_type_layout_and_dimensions(
    m: Tensor, data: st.DataObject, keepdim: bool
) -> None:
    dim = tuple(data.draw(st.permutations(range(m.dim())))[:2])
    dim = tuple(d - m.dim() if data.draw(st.booleans()) else d for d in dim)
    ours, theirs = frobenius_norm(m, dim, keepdim), matrix_norm(m, "fro", dim, keepdim)
    assert_close(ours, theirs, **precision(m))


@PROPERTY
@given(m=tensors())
def test_gradient_matches_torch(m: Tensor) -> None:
    leaf = m.detach().clone().requires_grad_()
    (expected,) = torch.autograd.grad(matrix_norm(leaf).sum(), leaf)
    assert_close(frobenius_norm_gradient(m), expected, **precision(m))


@PROPERTY
@given(real=tensors(dtypes=(torch.float64,)))
def test_matches_torch_for_complex(real: Tensor) -> None:
    m = torch.complex(real, real.flip(-1) / 2)
    assert_close(frobenius_norm(m), matrix_norm(m), **precision(real))
    assert frobenius_norm(m).dtype == torch.float64


@pytest.mark.parametrize("m", [LESSON, torch.zeros(0, 3), torch.randn(4, 7), 1j * LESSON + 2])
def test_formula_with_two_sums_is_the_norm(m: Tensor) -> None:
    assert_close(frobenius_norm_loops(m), frobenius_norm(m).item(), rtol=1e-6, atol=0)
    assert_close(frobenius_norm_loops(m), np.linalg.norm(m.numpy()).item(), rtol=1e-6, atol=0)


def test_matches_numpy_and_scipy() -> None:
    m = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    expected = np.linalg.norm(m.numpy(), axis=(1, 3), keepdims=True)
    assert_close(frobenius_norm(m, (1, -1), keepdim=True).numpy(), expected, rtol=1e-14, atol=0)
    first = m[0, 0].numpy()
    assert frobenius_norm(m[0, 0]).item() == pytest.approx(scipy.linalg.norm(first), rel=1e-14)


def test_lesson_number() -> None:
    assert frobenius_norm(LESSON).item() == pytest.approx(math.sqrt(285), rel=1e-7)
    assert round(frobenius_norm_loops(LESSON), 4) == 16.8819


def test_gradients_of_both_orders() -> None:
    m = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    complex_m = torch.randn(2, 3, dtype=torch.complex128, requires_grad=True)
    assert gradcheck(frobenius_norm, (m,))
    assert gradcheck(frobenius_norm, (complex_m,))
    assert gradcheck(frobenius_norm_gradient, (m,))
    (autograd,) = torch.autograd.grad(frobenius_norm(m, (0, 2)).sum(), m)
    assert_close(frobenius_norm_gradient(m, (0, 2)), autograd, rtol=1e-12, atol=0)
    (autograd,) = torch.autograd.grad(matrix_norm(complex_m), complex_m)
    assert_close(frobenius_norm_gradient(complex_m), autograd, rtol=1e-12, atol=0)


def test_at_zero_the_gradient_is_zero_where_autograd_has_nan() -> None:
    zeros = torch.zeros(2, 2, requires_grad=True)
    assert torch.equal(frobenius_norm_gradient(zeros), torch.zeros(2, 2))
    (autograd,) = torch.autograd.grad(frobenius_norm(zeros), zeros)
    assert autograd.isnan().all()


@pytest.mark.parametrize(
    ("dtype", "large", "small"), [("float32", 1e20, 1e-23), ("float16", 256, 1e-4)]
)
def test_squares_leave_the_range_where_the_docstring_says(
    dtype: str, large: float, small: float
) -> None:
    for value, expected in ((large, math.inf), (small, 0.0)):
        m = torch.full((2, 2), value, dtype=getattr(torch, dtype))
        assert frobenius_norm(m).item() == expected
        assert (matrix_norm(m).item() == expected) == (dtype == "float32")
        assert frobenius_norm(m.double()).item() == pytest.approx(2 * m[0, 0].item())


@pytest.mark.parametrize(
    ("m", "dim", "error", "message"),
    [
        (
            torch.ones(3),
            (-2, -1),
            ValueError,
            r"m must have 2 dimensions or more, got shape \(3,\)",
        ),
        (torch.ones(()), (-2, -1), ValueError, r"2 dimensions or more, got shape \(\)"),
        (LESSON.int(), (0, 1), ValueError, r"floating or complex, got torch.int32"),
        (LESSON, (0, 0), ValueError, r"two different dimensions, got \(0, 0\)"),
        (LESSON, (0, -2), ValueError, r"two different dimensions, got \(0, -2\)"),
        (LESSON, (0,), ValueError, r"dim must name two dimensions, got \(0,\)"),
        (LESSON, (0, 1, 2), ValueError, r"dim must name two dimensions, got \(0, 1, 2\)"),
        (LESSON, 0, ValueError, r"dim must name two dimensions, got 0"),
        (LESSON, (0, 2), IndexError, r"dim must lie between -2 and 1, got 2"),
        (LESSON, (-3, 0), IndexError, r"dim must lie between -2 and 1, got -3"),
    ],
)
def test_errors(m: Tensor, dim: tuple[int, ...], error: type[Exception], message: str) -> None:
    for function in (frobenius_norm, frobenius_norm_gradient):
        with pytest.raises(error, match=message):
            function(m, dim)


def test_loops_take_one_matrix() -> None:
    with pytest.raises(ValueError, match=r"m must have 2 dimensions, got shape \(1, 3, 3\)"):
        frobenius_norm_loops(LESSON[None])


@pytest.mark.parametrize("matrix", [LESSON, torch.zeros(2, 3), torch.ones(3, 0)])
def test_gradient_one_quotient_at_a_time(matrix: torch.Tensor) -> None:
    loops = frobenius_norm_gradient_loops(matrix)
    assert_close(loops, frobenius_norm_gradient(matrix), rtol=1e-6, atol=0)
