"""Convolution in both pictures, and its gradients, against torch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional
from torch.testing import assert_close

from impl.backprop.conv import conv2d, conv2d_gradients, conv2d_loops, unfold, weight_matrix

X, W, B, G = torch.ones(1, 2, 4, 4), torch.ones(3, 2, 3, 3), torch.ones(3), torch.ones(1, 3, 2, 2)

EXAMPLES = {
    "conv2d_loops": lambda: conv2d_loops([[[[1.0]]]], [[[[2.0]]]], [0.0]),
    "unfold": lambda: unfold(X, (3, 3)),
    "conv2d": lambda: conv2d(X, W, B),
    "conv2d_gradients": lambda: conv2d_gradients(X, W, G),
    "weight_matrix": lambda: weight_matrix(W, (4, 4)),
}


def randn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@budget(deadline=None, derandomize=True, max_examples=50)
@given(
    batch=st.integers(0, 3),
    channels=st.integers(1, 3),
    filters=st.integers(1, 3),
    size=st.tuples(st.integers(3, 6), st.integers(3, 6)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_convolution_and_its_gradients_are_torchs(
    batch: int,
    channels: int,
    filters: int,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: int,
    padding: int,
    seed: int,
) -> None:
    x = randn(seed, batch, channels, *size).requires_grad_()
    weight = randn(seed + 100, filters, channels, *kernel).requires_grad_()
    bias = randn(seed + 200, filters).requires_grad_()
    expected = functional.conv2d(x, weight, bias, stride, padding)
    upstream = randn(seed + 300, *expected.shape)
    theirs = torch.autograd.grad(expected, (x, weight, bias), upstream)
    with torch.no_grad():
        assert_close(conv2d(x, weight, bias, stride, padding), expected)
        assert_close(conv2d_gradients(x, weight, upstream, stride, padding), theirs)
        band = weight_matrix(weight, size, stride, padding)
        flat = (expected - bias[:, None, None]).flatten(1)
        assert_close(x.flatten(1) @ band.T, flat)
        if batch:
            looped = conv2d_loops(x.tolist(), weight.tolist(), bias.tolist(), stride, padding)
            assert_close(x.new_tensor(looped), expected)
            windows = functional.unfold(x, kernel, stride=stride, padding=padding)
            assert_close(unfold(x, kernel, stride, padding), windows, rtol=0, atol=0)


def test_no_channel_gives_the_bias_and_no_filter_gives_nothing() -> None:
    assert (conv2d(X[:, :0], W[:, :0], B) == 1).all()
    assert conv2d(X, W[:0]).shape == (1, 0, 2, 2)


@pytest.mark.parametrize(
    ("x", "weight", "stride", "padding"),
    [
        *(
            (X, W[:, :1], 1, 0),
            (X[0], W, 1, 0),
            (X[:, :, :2], W, 1, 0),
            (X, W, 0, 0),
            (X, W, 1, -1),
        ),
        (torch.ones(5, 2, 4), W, 1, 0),  # no batch, though the channels seem to fit
        (X[:, :, :1], torch.ones(3, 2, 4, 3), 1, 1),  # one row more than the padded image has
    ],
)
def test_what_does_not_fit_is_refused(x: Tensor, weight: Tensor, stride: int, padding: int) -> None:
    with pytest.raises(ValueError, match="must"):
        conv2d(x, weight, None, stride, padding)


def test_by_default_it_goes_one_step_at_a_time_without_a_border() -> None:
    x, weight, bias = randn(0, 2, 2, 5, 4), randn(1, 3, 2, 3, 3), randn(2, 3)
    expected = functional.conv2d(x, weight, bias)
    upstream = randn(3, *expected.shape)
    loops = conv2d_loops(x.tolist(), weight.tolist(), bias.tolist())
    assert_close(torch.tensor(loops, dtype=torch.float64), expected)
    assert_close(unfold(x, (3, 3)), functional.unfold(x, (3, 3)))
    matrix = weight_matrix(weight, (5, 4))
    assert_close((x.flatten(1) @ matrix.T).reshape(expected.shape), functional.conv2d(x, weight))
    given = conv2d_gradients(x, weight, upstream)
    assert_close(given, conv2d_gradients(x, weight, upstream, 1, 0))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [
        ((4, 3), (1, 1), 1, 0),
        ((4, 5), (3, 2), 1, 2),
        ((5, 3), (2, 3), 2, 1),
        ((3, 3), (3, 3), 3, 1),
    ],
)
def test_every_step_and_border_in_all_pictures(
    size: tuple[int, int], kernel: tuple[int, int], stride: int, padding: int
) -> None:
    x, weight = randn(0, 2, 2, *size).requires_grad_(), randn(1, 3, 2, *kernel).requires_grad_()
    expected = functional.conv2d(x, weight, None, stride, padding)
    upstream = randn(2, *expected.shape)
    theirs = torch.autograd.grad(expected, (x, weight), upstream)
    with torch.no_grad():
        band = weight_matrix(weight, size, stride, padding)
        assert_close(x.flatten(1) @ band.T, expected.flatten(1))
        ours = conv2d_gradients(x, weight, upstream, stride, padding)
        assert_close(ours, (*theirs, upstream.sum((0, 2, 3))))
        loops = conv2d_loops(x.tolist(), weight.tolist(), [0.0] * 3, stride, padding)
        assert_close(x.new_tensor(loops), expected)
