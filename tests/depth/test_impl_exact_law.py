"""Networks with real weights, there and back, against torch's own initialisers and autograd."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from impl.depth.exact_law import dense, orthogonal_, residual, squared_length, there_and_back

X = torch.randn(1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
W = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
BACK = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
READOUT = torch.randn(1, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
MASK = torch.tensor([[2.0, 0.0, 2.0, 2.0]], dtype=torch.float64)
EMPTY = torch.empty(3, 2)

EXAMPLES = {
    "Back": lambda: dense(W)(X)[1](READOUT),
    "Squares": lambda: there_and_back([dense(W, 0.2, MASK)], X, READOUT),
    "orthogonal_": lambda: orthogonal_(EMPTY),
    "dense": lambda: dense(W, 0.2, MASK)(X)[1](READOUT),
    "residual": lambda: residual(W, BACK, 0.5, 0.1)(X)[1](X),
    "there_and_back": lambda: there_and_back([dense(W)], X, READOUT),
    "squared_length": lambda: squared_length(X),
}


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (1, 4), (4, 1), (1, 1)])
def test_rows_or_columns_are_orthonormal_as_torchs(shape: tuple[int, int]) -> None:
    for fill in (orthogonal_, torch.nn.init.orthogonal_):
        w = fill(torch.empty(shape, dtype=torch.float64), gain=1.5)
        gram = w @ w.T if shape[0] <= shape[1] else w.T @ w
        torch.testing.assert_close(gram / 2.25, torch.eye(min(shape), dtype=torch.float64))


def test_nearly_parallel_vectors_are_orthonormal_all_the_same() -> None:
    """A hundred normal vectors of as many entries: the last ones lie nearly in the span of the others."""
    w = orthogonal_(torch.empty(100, 100), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(w @ w.T, torch.eye(100), atol=2e-6, rtol=0)


def test_all_rotations_are_equally_likely() -> None:
    """Any entry is that of a uniform direction: mean 0, second moment 1/n, fourth 3 / n(n + 2)."""
    stream, n, count = torch.Generator().manual_seed(0), 3, 2000
    last = torch.stack(
        [orthogonal_(torch.empty(n, n), generator=stream)[-1, -1] for _ in range(count)]
    )
    for power, mean, square in ((1, 0, 1 / 3), (2, 1 / 3, 1 / 5), (4, 1 / 5, 1 / 9)):
        error = math.sqrt((square - mean**2) / count)
        assert abs(float((last**power).mean()) - mean) < 4.5 * error


def test_gradients_and_squares_are_autograds() -> None:
    x = X.clone().requires_grad_()
    weights = [t.clone().requires_grad_() for t in (W, BACK, W)]
    first, inner, second = weights
    inside = functional.leaky_relu(x @ first.T, 0.1)
    middle = x + 0.5 * (inside @ inner.T)
    out = functional.leaky_relu(middle @ second.T, 0.2) * MASK
    readout = READOUT.clone().requires_grad_()
    f = (out * readout).sum()
    *grads, back = torch.autograd.grad(f, [*weights, readout, x])
    layers = [residual(first.detach(), inner.detach(), 0.5, 0.1), dense(second.detach(), 0.2, MASK)]
    found = there_and_back(layers, X, READOUT)
    assert found.forward == pytest.approx([squared_length(t.detach()) for t in (x, middle, out)])
    assert found.backward[0] == pytest.approx(squared_length(back))
    assert found.kernel == pytest.approx(sum(map(squared_length, grads)))
    z = middle.detach() @ second.detach().T
    assert found.backward[2] == pytest.approx(
        squared_length(READOUT * MASK * torch.where(z > 0, 1, 0.2))
    )


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3)])
def test_a_generator_decides_alone(shape: tuple[int, int]) -> None:
    def drawn(seed: int, elsewhere: int) -> torch.Tensor:
        torch.manual_seed(elsewhere)
        stream = torch.Generator().manual_seed(seed)
        return orthogonal_(torch.empty(shape, dtype=torch.float64), generator=stream)

    assert torch.equal(drawn(0, 1), drawn(0, 2))
    assert not torch.equal(drawn(0, 1), drawn(3, 1))
    w = drawn(0, 1)
    small = w.T @ w if shape[0] > shape[1] else w @ w.T
    assert torch.allclose(small, torch.eye(min(shape), dtype=torch.float64), atol=1e-12)
