"""Gradients against autograd, and central differences against known derivatives."""

from __future__ import annotations

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

from impl.backprop.chain_rule import (
    Pair,
    central_difference,
    forward_and_backward,
    relu,
    relu_gradient,
    relu_gradient_loops,
)
from impl.backprop.linear import linear
from impl.backprop.loss import mse_loss

PROPERTY = settings(deadline=None, derandomize=True, max_examples=60)
DTYPES = st.sampled_from((torch.float64, torch.float32, torch.bfloat16))
SPECIAL = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.5, -2.5, 1e-30])
SLOPES = st.sampled_from((0.0, 0.01, 0.25, 1.0, 2.0, -1.0))
EXACT: dict[str, Any] = {"rtol": 0, "atol": 0, "equal_nan": True}
X, W, B, COLUMN = torch.ones(4, 3), torch.ones(3, 1), torch.ones(1), torch.ones(4, 1)

EXAMPLES = {
    "relu": lambda: [relu(X, slope) for slope in (0, 0.1)],
    "relu_gradient": lambda: [relu_gradient(X, X, slope) for slope in (0, 0.1)],
    "relu_gradient_loops": lambda: [relu_gradient_loops(X, X, slope) for slope in (0, 0.1)],
    "forward_and_backward": lambda: forward_and_backward(X, COLUMN, (W, B)),
    "central_difference": lambda: central_difference(lambda x: x[0, 0], X),
}


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rectify(x: Tensor, slope: float) -> Tensor:
    """What torch has: two functions, of which only the first gives relu(-inf) = 0."""
    return functional.leaky_relu(x, slope) if slope else functional.relu(x)


@PROPERTY
@given(
    shape=array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
    dtype=DTYPES,
    slope=SLOPES,
    seed=st.integers(0, 99),
)
def test_relu_and_its_gradient_are_torchs(
    shape: tuple[int, ...], dtype: torch.dtype, slope: float, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    x, upstream = SPECIAL[torch.randint(len(SPECIAL), (2, *shape), generator=rng)].to(dtype)
    if slope:  # torch's leaky gradient at NaN is slope · upstream, its relu's is upstream
        x = x.nan_to_num(-1.0)
    leaf = x.clone().requires_grad_()
    expected = rectify(leaf, slope)
    (gradient,) = torch.autograd.grad(expected, leaf, upstream)
    assert_close(relu(x, slope), expected.detach(), **EXACT)
    assert_close(relu_gradient(x, upstream, slope), gradient, **EXACT)
    one_by_one = relu_gradient_loops(x, upstream, slope)  # its products are float64
    assert_close(one_by_one, gradient, rtol=2 * torch.finfo(dtype).eps, atol=0, equal_nan=True)


def test_there_is_no_slope_unless_one_is_given() -> None:
    x, y, layers = randn(3, 4), randn(3), network([4, 5, 1])
    assert torch.equal(relu(x), relu(x, 0.0))
    assert torch.equal(relu_gradient(x, x), relu_gradient(x, x, 0.0))
    default = forward_and_backward(x, y, *layers)
    assert_close(default, forward_and_backward(x, y, *layers, negative_slope=0.0), **EXACT)


def test_relu_at_the_kink_and_at_nan() -> None:
    x, ones = torch.tensor([0.0, -0.0, float("nan")]), torch.ones(3)
    assert relu_gradient(x, ones).tolist() == [0, 0, 1]
    assert relu_gradient(x, ones, 0.25).tolist() == [0.25, 0.25, 1]
    assert relu(x, 0.25)[2].isnan()


def test_gradients_of_the_parts_by_central_differences() -> None:
    x, w, b = randn(3, 4).requires_grad_(), randn(4, 2).requires_grad_(), randn(2).requires_grad_()
    assert gradcheck(linear, (x, w, b))
    assert gradcheck(relu, (x,))
    assert gradcheck(lambda x: relu(x, 0.25), (x,))


def network(widths: list[int]) -> list[Pair]:
    return [
        (randn(n, m, seed=n + 10 * m), randn(m, seed=7 * n + m))
        for n, m in zip(widths, widths[1:], strict=False)
    ]


@PROPERTY
@given(
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    batch=array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=4),
    slope=SLOPES,
)
def test_network_gradients_are_autograds(
    widths: list[int], batch: tuple[int, ...], slope: float
) -> None:
    x, target, layers = randn(*batch, widths[0]), randn(*batch, widths[-1], seed=5), network(widths)
    loss, x_gradient, gradients = forward_and_backward(x, target, *layers, negative_slope=slope)
    leaves = [t.clone().requires_grad_() for t in (x, *(t for pair in layers for t in pair))]
    z = leaves[0]
    for index in range(1, len(leaves), 2):
        z = rectify(z, slope) if index > 1 else z
        z = z @ leaves[index] + leaves[index + 1]
    expected = functional.mse_loss(z, target)
    theirs = torch.autograd.grad(expected, leaves)
    assert_close(loss, expected.detach(), rtol=1e-12, atol=0)
    ours = (x_gradient, *(gradient for pair in gradients for gradient in pair))
    for our, their in zip(ours, theirs, strict=True):
        assert_close(our, their, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_network_gradients_by_central_differences(slope: float) -> None:
    x, target, layers = randn(3, 4), randn(3, seed=1), network([4, 5, 1])
    _, x_gradient, ((w_gradient, b_gradient), _) = forward_and_backward(
        x, target, *layers, negative_slope=slope
    )
    (w, b), last = layers

    def loss(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return forward_and_backward(x, target, (w, b), last, negative_slope=slope)[0]

    precision: dict[str, Any] = {"rtol": 1e-8, "atol": 1e-9}
    assert_close(central_difference(lambda x: loss(x, w, b), x), x_gradient, **precision)
    assert_close(central_difference(lambda w: loss(x, w, b), w), w_gradient, **precision)
    assert_close(central_difference(lambda b: loss(x, w, b), b), b_gradient, **precision)


def test_batch_of_one() -> None:
    loss, x_gradient, _ = forward_and_backward(randn(1, 3), randn(1), *network([3, 2, 1]))
    assert loss.shape == () and x_gradient.shape == (1, 3)


def test_central_difference_of_a_cubic() -> None:
    x = randn(2, 0, 3).sum(1) + randn(2, 3)
    assert_close(central_difference(lambda x: (x**3).sum(), x), 3 * x**2, rtol=0, atol=2e-9)
    assert central_difference(lambda x: x.item() ** 2, torch.tensor(3.0)).item() == pytest.approx(6)
    assert central_difference(torch.sum, torch.ones(2, 0)).shape == (2, 0)


def test_central_difference_takes_the_step_that_it_was_given() -> None:
    # for x³ the formula's error is ε² exactly
    wide = central_difference(lambda x: (x**3).sum(), torch.tensor([2.0]), epsilon=0.5)
    assert wide.item() == pytest.approx(12.25, abs=1e-12)
    assert central_difference(torch.relu, torch.zeros(())).item() == 0.5  # a kink: neither 0 nor 1


def test_central_difference_is_in_float64_and_leaves_x_alone() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    before, strided = x.detach().clone(), x.T
    gradient = central_difference(lambda x: (x * x).sum(), strided)
    assert gradient.dtype == torch.float64 and not gradient.requires_grad
    assert torch.equal(x, before)
    assert_close(gradient, 2 * before.T.double(), rtol=1e-9, atol=0)


def test_central_difference_visits_one_entry_at_a_time() -> None:
    seen: list[list[float]] = []

    def function(x: Tensor) -> float:
        seen.append(x.tolist())
        return 0.0

    central_difference(function, torch.tensor([1.0, 2.0]), epsilon=0.5)
    assert seen == [[1.5, 2], [0.5, 2], [1, 2.5], [1, 1.5]]


@pytest.mark.parametrize("epsilon", [0.0, -1e-6, float("nan")])
def test_central_difference_needs_a_step(epsilon: float) -> None:
    with pytest.raises(ValueError, match="epsilon must be positive, got"):
        central_difference(torch.sum, torch.ones(2), epsilon)


def test_network_refuses_to_broadcast_its_target() -> None:
    with pytest.raises(ValueError, match="input must have the shape of target"):
        forward_and_backward(randn(4, 3), randn(4), *network([3, 2]))
    assert mse_loss(randn(4, 1), randn(4)).shape == ()
