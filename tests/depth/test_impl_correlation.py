"""Angles and arc-cosine kernels: torch as oracle, plain integrals, and random layers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from impl.depth.correlation import (
    arc_cosine_kernel,
    arc_cosine_kernel_loops,
    cosine_similarity,
    layer_products,
)

X = torch.tensor([[1.0, 2.0, -0.5], [0.3, -1.0, 2.0]], dtype=torch.float64)
Y = torch.tensor([[2.0, 0.1, 1.0], [1.0, 2.0, -0.5], [-1.0, 0.0, 0.7]], dtype=torch.float64)
EXAMPLES = {
    "cosine_similarity": lambda: cosine_similarity(X, X),
    "arc_cosine_kernel": lambda: arc_cosine_kernel(X, Y, 2),
    "arc_cosine_kernel_loops": lambda: arc_cosine_kernel_loops(X[0], X[1]),
    "layer_products": lambda: layer_products(X, (4, 3), torch.Generator().manual_seed(0)),
}


def integral(x: torch.Tensor, y: torch.Tensor, degree: int) -> float:
    """Twice the mean of (u v)^degree where both are positive, in Cartesian coordinates, without angles."""
    a, b = float(x.norm()), float(y.norm())
    rho = float(x @ y) / (a * b)
    rest = math.sqrt(1 - rho * rho)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    nodes, weights = 6 * (nodes + 1), 6 * weights  # from 0 to 12
    u, beyond = nodes[:, None], nodes[None]
    w = beyond - rho * u / rest  # the second is positive from here on
    density = np.exp(-(u**2 + w**2) / 2) / (2 * math.pi)
    values = (a * u) ** degree * (b * rest * beyond) ** degree * density
    return float(2 * weights @ values @ weights)


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_the_kernel_is_the_mean_over_gaussian_weights(degree: int) -> None:
    kernel = arc_cosine_kernel(X, Y, degree)
    assert kernel[0, 2].item() == pytest.approx(integral(X[0], Y[2], degree), rel=1e-6)
    for i, x in enumerate(X):
        for j, y in enumerate(Y):
            assert arc_cosine_kernel_loops(x, y, degree) == pytest.approx(
                kernel[i, j].item(), rel=1e-7
            )


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_of_equal_and_opposite_inputs(degree: int) -> None:
    square = float((X[0] * X[0]).sum()) ** degree * (1, 1, 3)[degree]
    assert_close(arc_cosine_kernel(X[:1], X[:1], degree).item(), square, rtol=1e-6, atol=0)
    assert abs(arc_cosine_kernel(X[:1], -X[:1], degree).item()) < 1e-6


def test_kernels_are_positive_definite() -> None:
    x = torch.randn(12, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for degree in (0, 1, 2):
        assert torch.linalg.eigvalsh(arc_cosine_kernel(x, x, degree)).min() > -1e-6


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_cosine_is_torchs(dim: int) -> None:
    y = X.flip(0) + 0.1
    theirs = torch.nn.functional.cosine_similarity(X, y, dim=dim)
    assert_close(cosine_similarity(X, y, dim=dim), theirs, rtol=1e-12, atol=0)


def test_cosine_broadcasts_and_survives_zeros() -> None:
    ours = cosine_similarity(X[:, None], Y[None], dim=2)
    theirs = torch.nn.functional.cosine_similarity(X[:, None], Y[None], dim=2)
    assert_close(ours, theirs, rtol=1e-12, atol=0)
    assert cosine_similarity(0 * X, X).eq(0).all()
    assert cosine_similarity(1e-9 * X[:1], X[:1]).item() < 1  # eps counts, as in torch


def test_products_are_those_of_a_network_of_torch() -> None:
    widths = (5, 4, 6)
    found = layer_products(X, widths, torch.Generator().manual_seed(3))
    stream, x = torch.Generator().manual_seed(3), X
    for width, products in zip(widths, found, strict=True):
        weight = torch.empty(width, x.shape[1], dtype=torch.float64)
        torch.nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=stream)
        y = torch.relu(torch.nn.functional.linear(x, weight))
        lengths = x.norm(dim=1)
        expected = y @ y.T / lengths / lengths[:, None] * x.shape[1] / width
        assert_close(products, expected, rtol=1e-10, atol=1e-12)
        x = y


def test_a_layer_that_dies_is_the_last() -> None:
    found = layer_products(X, (1,) * 60, torch.Generator().manual_seed(0))
    assert len(found) < 60 and found[-1].diagonal().min() == 0


def test_depth_neither_over_nor_underflows() -> None:
    found = layer_products(1e-150 * X, (30,) * 200, torch.Generator().manual_seed(0))
    assert len(found) == 200 and all(f.isfinite().all() for f in found)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: arc_cosine_kernel(X, Y, 3), "degree must be 0, 1 or 2, got 3"),
        (lambda: arc_cosine_kernel(X, Y[:, :2]), "x and y must have shapes"),
        (lambda: arc_cosine_kernel(0 * X, Y), "rows of zeros"),
        (lambda: arc_cosine_kernel_loops(0 * X[0], X[1]), "zeros"),
        (lambda: arc_cosine_kernel_loops(X[0], X[1], -1), "degree"),
        (lambda: layer_products(X[0], (3,)), "x must have rows"),
        (lambda: layer_products(0 * X, (3,)), "x must have rows"),
    ],
)
def test_errors_say_what_is_wrong(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call()


def test_by_default_the_kernel_is_that_of_a_rectifier() -> None:
    assert_close(arc_cosine_kernel(X, Y), arc_cosine_kernel(X, Y, 1))
    assert arc_cosine_kernel_loops(X[0], Y[0]) == arc_cosine_kernel_loops(X[0], Y[0], 1)


def test_short_vectors_have_angles_and_rounding_makes_none() -> None:
    """The cosine of a vector and its multiple may be rounded beyond 1, where it has no angle."""
    stream = torch.Generator().manual_seed(0)
    many = torch.randn(300, 7, generator=stream, dtype=torch.float64)
    for factor in (3.0, -3.0):
        for x in many:
            pair = (x[None], factor * x[None])
            exact = 3 * float(x @ x) if factor > 0 else 0.0
            kernel = arc_cosine_kernel(*pair).item()
            assert kernel == pytest.approx(exact, abs=1e-6)
            assert arc_cosine_kernel_loops(x, factor * x) == pytest.approx(exact, abs=1e-6)
    assert arc_cosine_kernel_loops(1e-3 * X[0], 1e-3 * X[0]) > 0


def test_a_length_below_epsilon_counts_as_epsilon() -> None:
    x = torch.tensor([[1e-9, 0.0]], dtype=torch.float64)
    expected = torch.nn.functional.cosine_similarity(x, x)
    assert_close(cosine_similarity(x, x), expected)
    assert_close(cosine_similarity(X, 1e-3 * X), torch.ones(2, dtype=torch.float64))


def test_one_row_of_zeros_among_others_is_refused() -> None:
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match="x must have rows that are not zeros"):
        layer_products(x, (3,))
    with pytest.raises(ValueError, match=r"must have shapes \(a, n\), \(b, n\)"):
        arc_cosine_kernel(torch.ones(2, 2, 2), torch.ones(2, 2))
