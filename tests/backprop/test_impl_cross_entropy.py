"""Softmax cross-entropy and its gradient: against torch, at any size of logits, and what is refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from impl.backprop.cross_entropy import cross_entropy, cross_entropy_gradient, softmax

LOGITS = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 3, 1, 1, 2])
EXAMPLES = {
    "softmax": lambda: softmax(LOGITS),
    "cross_entropy": lambda: cross_entropy(LOGITS, LABELS),
    "cross_entropy_gradient": lambda: cross_entropy_gradient(LOGITS, LABELS),
}


@given(st.integers(1, 6), st.integers(1, 7), st.floats(0, 100), st.integers(0, 2**31))
def test_loss_and_gradient_are_those_of_torch(
    batch: int, classes: int, scale: float, seed: int
) -> None:
    stream = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(batch, classes, dtype=torch.float64, generator=stream)
    labels = torch.randint(classes, (batch,), generator=stream)
    leaf = logits.clone().requires_grad_()
    loss = functional.cross_entropy(leaf, labels)
    (gradient,) = torch.autograd.grad(loss, leaf)
    torch.testing.assert_close(cross_entropy(logits, labels), loss.detach())
    torch.testing.assert_close(cross_entropy_gradient(logits, labels), gradient)
    torch.testing.assert_close(softmax(logits), torch.softmax(logits, -1))


def test_a_gradient_sums_to_zero() -> None:
    assert cross_entropy_gradient(LOGITS, LABELS).sum(1).abs().max() < 1e-16


def test_large_logits_neither_overflow_nor_cancel() -> None:
    logits, label = torch.tensor([[800.0, 0.0, 760.0]], dtype=torch.float64), torch.tensor([0])
    assert float(cross_entropy(logits, torch.tensor([1]))) == 800
    gradient = cross_entropy_gradient(logits, label)[0]
    assert float(gradient[0]) == pytest.approx(-float(torch.tensor(-40.0).double().exp()))


@pytest.mark.parametrize(
    ("output", "target", "message"),
    [
        (LOGITS, LABELS[:4], "must have shapes"),
        (LOGITS[0], LABELS[0], "must have shapes"),
        (LOGITS[:0], LABELS[:0], "not be empty"),
        (LOGITS, LABELS.double(), "target integer"),
        (LABELS[:, None], LABELS, "output must be floating"),
        (LOGITS, LABELS + 1, "targets must be from 0 to 3, got 4"),
        (LOGITS, LABELS - 1, "got -1"),
    ],
)
def test_what_does_not_fit_is_refused(
    output: torch.Tensor, target: torch.Tensor, message: str
) -> None:
    for function in (cross_entropy, cross_entropy_gradient):
        with pytest.raises(ValueError, match=message):
            function(output, target)
