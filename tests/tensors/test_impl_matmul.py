"""The rungs of the matrix product against torch and numpy, and against each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor
from torch.testing import assert_close

from impl.tensors import matmul

RUNGS = [
    *(matmul.matmul_loops, matmul.matmul_lists, matmul.matmul_elementwise),
    *(matmul.matmul_broadcast, matmul.matmul_einsum, matmul.matmul),
]
A, B, G = torch.rand(2, 3), torch.rand(3, 4), torch.rand(2, 4)
EXAMPLES = {
    **{rung.__name__: lambda rung=rung: rung(A, B) for rung in RUNGS},
    "matmul_gradients": lambda: matmul.matmul_gradients(G, A, B),
}
SIZE = st.integers(0, 4)
DTYPES = st.sampled_from((torch.float64, torch.float32, torch.bfloat16))


@st.composite
def pairs(draw: st.DrawFn, special: bool) -> tuple[Tensor, Tensor]:
    """Small whole numbers, which all rungs add up exactly; or whatever a float can be; in two layouts."""
    rows, terms, columns = draw(SIZE), draw(SIZE), draw(SIZE)
    values = st.floats(width=16) if special else st.integers(-8, 8).map(float)
    dtype, found = draw(DTYPES), []
    for shape in ((rows, terms), (terms, columns)):
        one = torch.from_numpy(draw(arrays(np.float32, shape, elements=values))).to(dtype)
        found.append(one.mT.contiguous().mT if draw(st.booleans()) else one)
    return found[0], found[1]


@pytest.mark.parametrize("rung", RUNGS)
@settings(max_examples=60)
@given(pair=pairs(special=False))
def test_whole_numbers_come_out_exactly(rung: object, pair: tuple[Tensor, Tensor]) -> None:
    product = rung(*pair)  # type: ignore[operator]
    expected = pair[0].double().numpy() @ pair[1].double().numpy()
    assert product.dtype == pair[0].dtype
    assert_close(product.double(), torch.from_numpy(expected), rtol=0, atol=0)


@pytest.mark.parametrize("rung", RUNGS)
@settings(max_examples=60)
@given(pair=pairs(special=True))
def test_infinite_and_missing_numbers_are_where_torch_has_them(
    rung: object, pair: tuple[Tensor, Tensor]
) -> None:
    a, b = (matrix.double() for matrix in pair)  # half precision cannot overflow double
    assert_close(rung(a, b), a @ b, equal_nan=True)  # type: ignore[operator]


@pytest.mark.parametrize("rung", [*RUNGS, lambda a, b: matmul.matmul_gradients(G, a, b)])
@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (((2, 3), (4, 2)), "(2, 3) and (4, 2)"),
        (((2, 3), (3,)), "(2, 3) and (3,)"),
        (((), (1, 1)), "() and (1, 1)"),
        (((1, 2, 3), (3, 2)), "(1, 2, 3) and (3, 2)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_in_one_line(
    rung: object, shapes: tuple[tuple[int, ...], tuple[int, ...]], said: str
) -> None:
    with pytest.raises(ValueError, match="a must be") as caught:
        rung(*map(torch.ones, shapes))  # type: ignore[operator]
    assert str(caught.value) == f"a must be (rows, terms) and b (terms, columns), got {said}"


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize(
    "types", [(torch.float32, torch.float64), (torch.int64, torch.int64), (torch.bool, torch.bool)]
)
def test_other_types_are_refused(rung: object, types: tuple[torch.dtype, torch.dtype]) -> None:
    a, b = (torch.ones(2, 2, dtype=dtype) for dtype in types)
    with pytest.raises(ValueError, match="a and b must be of one floating-point type, got torch"):
        rung(a, b)  # type: ignore[operator]


@settings(max_examples=40)
@given(pair=pairs(special=False), data=st.data())
def test_gradients_are_autograds(pair: tuple[Tensor, Tensor], data: st.DataObject) -> None:
    a, b = (matrix.double().requires_grad_() for matrix in pair)
    shape = (a.shape[0], b.shape[1])
    gradient = torch.from_numpy(data.draw(arrays(np.float64, shape, elements=st.floats(-9, 9))))
    theirs = torch.autograd.grad(a @ b, (a, b), gradient)
    for mine, peer in zip(matmul.matmul_gradients(gradient, a, b), theirs, strict=True):
        assert_close(mine, peer)


def test_a_gradient_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gradient must have shape \(2, 4\), got \(4, 2\)"):
        matmul.matmul_gradients(G.T, A, B)
