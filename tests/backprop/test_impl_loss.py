"""The mean squared error against torch's, and the broadcasting trap."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional
from torch.testing import assert_close

from impl.backprop.loss import mse_loss, mse_loss_gradient, mse_loss_loops

PROPERTY = settings(deadline=None, derandomize=True, max_examples=60)
SPECIAL = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0])
COLUMN, TARGET = torch.ones(4, 1), torch.zeros(4)

EXAMPLES = {
    "mse_loss": lambda: mse_loss(COLUMN, TARGET),
    "mse_loss_gradient": lambda: mse_loss_gradient(COLUMN, TARGET),
    "mse_loss_loops": lambda: mse_loss_loops(COLUMN, TARGET),
}


@PROPERTY
@given(
    shape=array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
    dtype=st.sampled_from((torch.float64, torch.float32, torch.bfloat16)),
    column=st.booleans(),
    special=st.booleans(),
    seed=st.integers(0, 99),
)
def test_matches_torch(
    shape: tuple[int, ...], dtype: torch.dtype, column: bool, special: bool, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    output, target = torch.randn(2, *shape, generator=rng).to(dtype)
    if special:
        output = output + SPECIAL[torch.randint(4, shape, generator=rng)].to(dtype)
    leaf = output.clone().requires_grad_()
    expected = functional.mse_loss(leaf, target)
    (gradient,) = torch.autograd.grad(expected, leaf)
    ours = output.unsqueeze(-1) if column else output
    precision: dict[str, Any] = {"rtol": 4 * torch.finfo(dtype).eps, "atol": 0, "equal_nan": True}
    assert_close(mse_loss(ours, target), expected.detach(), **precision)
    assert_close(mse_loss_gradient(ours, target), gradient.reshape(ours.shape), **precision)


@pytest.mark.parametrize(("shape", "target"), [((4, 1), (4,)), ((1, 1), (1,)), ((3, 2), (3, 2))])
def test_gradient_by_central_differences(shape: tuple[int, ...], target: tuple[int, ...]) -> None:
    output = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    y = torch.randn(target, dtype=torch.float64)
    assert gradcheck(mse_loss, (output, y))
    (autograd,) = torch.autograd.grad(mse_loss(output, y), output)
    assert_close(mse_loss_gradient(output, y), autograd, rtol=1e-14, atol=0)


def test_batch_of_one_keeps_its_dimension() -> None:
    output, target = torch.tensor([[3.0]]), torch.tensor([1.0])
    assert mse_loss(output, target).item() == 4
    assert torch.equal(mse_loss_gradient(output, target), torch.tensor([[4.0]]))


def test_integer_targets() -> None:
    assert mse_loss(torch.tensor([[2.5], [0.0]]), torch.tensor([2, 1])).item() == 0.625


def test_one_number_at_a_time() -> None:
    output, target = torch.randn(2, 4, 3, dtype=torch.float64)
    loops = mse_loss_loops(output, target)
    assert loops == pytest.approx(float(mse_loss(output, target)), rel=1e-14)
    assert mse_loss_loops(output[:, :1], target[:, 0]) == mse_loss_loops(output[:, 0], target[:, 0])
    assert math.isnan(mse_loss_loops(torch.ones(0, 1), torch.ones(0)))


@pytest.mark.parametrize("function", [mse_loss, mse_loss_gradient, mse_loss_loops])
@pytest.mark.parametrize(
    ("output", "target"),
    [((4,), (4, 1)), ((4, 2), (4,)), ((4, 1), (1, 4)), ((4,), ()), ((4, 1, 1), (4,)), ((3,), (4,))],
)
def test_refuses_to_broadcast(
    function: Callable[..., Tensor], output: tuple[int, ...], target: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="input must have the shape of target") as caught:
        function(torch.ones(output), torch.ones(target))
    assert f"got input {output} and target {target}" in str(caught.value)


@pytest.mark.parametrize("output", [torch.ones(2, dtype=torch.uint8), torch.ones(2) + 0j])
def test_refuses_what_is_not_floating(output: Tensor) -> None:
    with pytest.raises(ValueError, match=f"input must be floating, got {output.dtype}"):
        mse_loss(output, torch.ones(2))
