"""A linear layer and its gradients, in all their ways, against torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from torch import Tensor
from torch.nn import functional
from torch.testing import assert_close

from impl.backprop.linear import (
    linear,
    linear_gradients,
    linear_gradients_einsum,
    linear_gradients_outer,
)

WAYS = (linear_gradients, linear_gradients_einsum, linear_gradients_outer)
X, W, B, COLUMN = torch.ones(4, 3), torch.ones(3, 1), torch.ones(1), torch.ones(4, 1)

EXAMPLES = {
    "linear": lambda: linear(X, W, B),
    "linear_gradients": lambda: linear_gradients(X, W, COLUMN),
    "linear_gradients_einsum": lambda: linear_gradients_einsum(X, W, COLUMN),
    "linear_gradients_outer": lambda: linear_gradients_outer(X, W, COLUMN),
}


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    batch=array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4),
    fan_in=st.integers(0, 4),
    fan_out=st.integers(0, 4),
    transposed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_linear_and_its_gradients_are_torchs(
    batch: tuple[int, ...], fan_in: int, fan_out: int, transposed: bool, seed: int
) -> None:
    x, upstream = randn(*batch, fan_in, seed=seed), randn(*batch, fan_out, seed=seed + 100)
    w, b = randn(fan_in, fan_out, seed=seed + 200), randn(fan_out, seed=seed + 300)
    if transposed:
        x, w = x.mT.contiguous().mT, w.T.contiguous().T
    leaves = [tensor.clone().requires_grad_() for tensor in (x, w, b)]
    expected = functional.linear(leaves[0], leaves[1].T, leaves[2])
    gradients = torch.autograd.grad(expected, leaves, upstream)
    assert_close(linear(x, w, b), expected.detach(), rtol=1e-12, atol=1e-14)
    for way in WAYS:
        for ours, theirs in zip(way(x, w, upstream), gradients, strict=True):
            assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("way", WAYS)
def test_gradients_keep_the_type(way: Any) -> None:
    x, w, upstream = (randn(*shape).float() for shape in ((4, 3), (3, 2), (4, 2)))
    assert {gradient.dtype for gradient in way(x, w, upstream)} == {torch.float32}


@pytest.mark.parametrize(
    ("x", "w", "b"),
    [
        ((2, 3), (2, 3), (3,)),  # the weights of torch.nn.Linear(3, 2), not transposed
        ((3,), (3, 2), (2,)),
        ((2, 3), (3, 2), (1,)),
        ((2, 3), (3, 2), (2, 2)),
        ((2, 3), (1, 3, 2), (3, 2)),
    ],
)
def test_shapes_that_do_not_fit(x: tuple[int, ...], w: tuple[int, ...], b: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="x, w and b must have shapes") as caught:
        linear(torch.ones(x), torch.ones(w), torch.ones(b))
    assert str(caught.value).endswith(f"got {x}, {w} and {b}")
