"""Jacobians, singular values and orthogonal weights: torch and autograd as oracles."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from impl.depth.jacobian import gram_schmidt, orthogonal_, stack_jacobians, svdvals

X = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
WEIGHTS = [
    torch.tensor([[1.0, 2.0, 0.3], [0.5, -1.0, 1.0]], dtype=torch.float64),
    torch.tensor([[0.2, 1.0], [-1.0, 0.1], [1.0, 1.0], [2.0, 0.0]], dtype=torch.float64),
]
EMPTY = torch.zeros(4, 3, dtype=torch.float64)
EXAMPLES = {
    "stack_jacobians": lambda: stack_jacobians(X, WEIGHTS, 0.1),
    "svdvals": lambda: svdvals(WEIGHTS[1]),
    "gram_schmidt": lambda: gram_schmidt(WEIGHTS[1]),
    "orthogonal_": lambda: orthogonal_(EMPTY.clone(), 2.0, torch.Generator().manual_seed(0)),
}


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0])
def test_jacobians_are_autograds(slope: float) -> None:
    weights = [normal(5, 4), normal(3, 5, seed=1), normal(6, 3, seed=2)]
    x = normal(4, seed=3)
    for depth, found in enumerate(stack_jacobians(x, weights, slope), 1):

        def network(x: torch.Tensor, depth: int = depth) -> torch.Tensor:
            for weight in weights[:depth]:
                x = torch.nn.functional.leaky_relu(weight @ x, slope)
            return x

        expected = torch.autograd.functional.jacobian(network, x)
        assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_a_jacobian_times_its_input_is_the_output() -> None:
    """A rectifier is homogeneous."""
    (last,) = stack_jacobians(X, WEIGHTS)[-1:]
    output = X
    for weight in WEIGHTS:
        output = torch.relu(weight @ output)
    assert_close(last @ X, output, rtol=1e-13, atol=1e-13)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 9), st.integers(0, 99))
def test_singular_values_are_torchs(rows: int, columns: int, rank: int, seed: int) -> None:
    m = normal(rows, rank, seed=seed) @ normal(rank, columns, seed=seed + 1)
    found, expected = svdvals(m), torch.linalg.svdvals(m)
    assert found.shape == expected.shape
    assert_close(found, expected, rtol=1e-10, atol=1e-12 * (1 + float(expected.sum())))


@pytest.mark.parametrize("size", [1e-60, 1.0, 1e60])
def test_singular_values_of_any_size(size: float) -> None:
    m = normal(30, 20)
    assert_close(svdvals(size * m) / size, torch.linalg.svdvals(m), rtol=1e-12, atol=0)


def test_small_singular_values_of_graded_columns() -> None:
    """Jacobi's method keeps the relative accuracy of tiny values; LAPACK's default does not promise it."""
    q, _ = gram_schmidt(normal(6, 6))
    sizes = torch.tensor([10.0**-k for k in range(0, 60, 10)], dtype=torch.float64)
    assert_close(svdvals(q * sizes), sizes, rtol=1e-12, atol=0)


def test_gram_schmidt_is_qr_up_to_signs() -> None:
    m = normal(7, 5)
    q, lengths = gram_schmidt(m)
    expected_q, r = torch.linalg.qr(m)
    signs = r.diagonal().sign()
    assert_close(q, expected_q * signs, rtol=1e-10, atol=1e-12)
    assert_close(lengths, r.diagonal().abs(), rtol=1e-10, atol=0)


def test_gram_schmidt_of_nearly_dependent_columns() -> None:
    """Once is not enough: here the first pass leaves an error of 1e-8."""
    m = torch.ones(5, 3, dtype=torch.float64) + 1e-8 * normal(5, 3)
    q, _ = gram_schmidt(m)
    assert_close(q.T @ q, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6)])
def test_orthogonal_weights(shape: tuple[int, int]) -> None:
    w = orthogonal_(torch.empty(shape, dtype=torch.float64), gain=3.0)
    small = w @ w.T if shape[0] <= shape[1] else w.T @ w
    assert_close(small, 9 * torch.eye(min(shape), dtype=torch.float64), rtol=0, atol=1e-13)
    assert orthogonal_(torch.empty(shape)).dtype == torch.float32


def test_orthogonal_weights_have_no_preferred_sign() -> None:
    """Gram and Schmidt's Q of a Gaussian matrix is uniform; LAPACK's, with its own signs, is not."""
    stream = torch.Generator().manual_seed(0)
    first = [float(orthogonal_(EMPTY.clone(), generator=stream)[0, 0]) for _ in range(400)]
    assert abs(sum(v > 0 for v in first) - 200) < 66  # 6.6 standard deviations


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stack_jacobians(X[None], WEIGHTS), "x must have shape"),
        (lambda: stack_jacobians(X, WEIGHTS[::-1]), "weights must have 3 columns"),
        (lambda: svdvals(X), "A must have shape"),
        (lambda: svdvals(torch.full((2, 2), float("nan"))), "finite"),
        (lambda: gram_schmidt(EMPTY.T), "at most as many columns"),
        (lambda: gram_schmidt(EMPTY), "column 0 of m depends"),
        (lambda: orthogonal_(X), "tensor must have shape"),
    ],
)
def test_errors_say_what_is_wrong(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call()
