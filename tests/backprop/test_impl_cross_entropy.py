"""Softmax and cross-entropy against torch's, and where exponentials overflow."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torch.testing import assert_close

from impl.backprop.cross_entropy import (
    cross_entropy,
    cross_entropy_gradient,
    cross_entropy_loops,
    log_softmax,
    softmax,
)

Z, CLASSES = torch.ones(4, 3), torch.tensor([0, 1, 2, 2])

EXAMPLES = {
    "log_softmax": lambda: log_softmax(Z),
    "softmax": lambda: softmax(Z),
    "cross_entropy": lambda: cross_entropy(Z, CLASSES),
    "cross_entropy_gradient": lambda: cross_entropy_gradient(Z, CLASSES),
    "cross_entropy_loops": lambda: cross_entropy_loops(Z, CLASSES),
}


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    batch=st.integers(1, 5),
    classes=st.integers(1, 5),
    scale=st.sampled_from((0.0, 1.0, 30.0, 1e4)),
    dtype=st.sampled_from((torch.float64, torch.float32)),
    seed=st.integers(0, 99),
)
def test_matches_torch(
    batch: int, classes: int, scale: float, dtype: torch.dtype, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    logits = (scale * torch.randn(batch, classes, generator=rng)).to(dtype).requires_grad_()
    target = torch.randint(classes, (batch,), generator=rng)
    expected = functional.cross_entropy(logits, target)
    (gradient,) = torch.autograd.grad(expected, logits)
    z, eps = logits.detach(), torch.finfo(dtype).eps
    near = {"rtol": 8 * eps, "atol": 8 * eps * max(1.0, scale)}
    assert_close(log_softmax(z), functional.log_softmax(z, -1), **near)
    assert_close(softmax(z), functional.softmax(z, -1), **near)
    assert_close(cross_entropy(z, target), expected.detach(), **near)
    assert_close(cross_entropy_gradient(z, target), gradient, **near)
    assert cross_entropy_loops(z, target) == pytest.approx(
        expected.item(), rel=99 * eps, abs=99 * eps
    )


@pytest.mark.parametrize("shift", [0.0, -5.0, 1000.0])
def test_loops_are_torchs_whatever_is_added_to_all_logits(shift: float) -> None:
    rng = torch.Generator().manual_seed(4)
    logits = shift + torch.randn(4, 3, generator=rng, dtype=torch.float64)
    expected = functional.cross_entropy(logits, CLASSES).item()
    assert cross_entropy_loops(logits, CLASSES) == pytest.approx(expected, rel=1e-12)


def test_large_logits_do_not_overflow() -> None:
    logits = torch.tensor([[1e30, 0.0], [-1e30, 0.0]])
    assert cross_entropy(logits, torch.tensor([0, 1])).item() == 0
    assert cross_entropy_gradient(logits, torch.tensor([0, 0]))[1].tolist() == [-0.5, 0.5]
    assert torch.exp(torch.tensor(88.8)).isinf() and not torch.exp(torch.tensor(88.7)).isinf()


def test_equal_logits_cost_the_logarithm_of_their_number() -> None:
    assert cross_entropy(torch.full((3, 10), 7.0), torch.tensor([0, 4, 9])).item() == pytest.approx(
        math.log(10)
    )


@pytest.mark.parametrize(("shape", "target"), [((3,), ()), ((3, 2), (2,)), ((3, 2), (3, 1))])
def test_shapes_that_do_not_fit(shape: tuple[int, ...], target: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(batch, classes\) and \(batch,\), got") as caught:
        cross_entropy(torch.ones(shape), torch.zeros(target, dtype=torch.int64))
    assert str(caught.value).endswith(f"got {shape} and {target}")


@pytest.mark.parametrize(
    ("logits", "target", "message"),
    [
        (torch.ones(2, 2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64), "be floating"),
        (torch.ones(2, 2), torch.zeros(2), "target integer, got torch.float32 and torch.float32"),
        (torch.ones(2, 2), torch.tensor([0, 2]), "from 0 to 1, got 2"),
        (torch.ones(2, 2), torch.tensor([-1, 0]), "from 0 to 1, got -1"),
    ],
)
def test_what_is_not_a_logit_or_not_a_class(
    logits: torch.Tensor, target: torch.Tensor, message: str
) -> None:
    for function in (cross_entropy, cross_entropy_gradient, cross_entropy_loops):
        with pytest.raises(ValueError, match=message):
            function(logits, target)


def test_a_gradient_that_is_nearly_zero_keeps_its_digits() -> None:
    logits = torch.tensor([[30.0, 0.0]])
    right, wrong = cross_entropy_gradient(logits, torch.tensor([0]))[0].tolist()
    assert -right == wrong == pytest.approx(math.exp(-30), rel=1e-5)


def test_no_examples() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert cross_entropy(torch.ones(0, 3), none).isnan()
    assert math.isnan(cross_entropy_loops(torch.ones(0, 3), none))
    assert cross_entropy_gradient(torch.ones(0, 3), none).shape == (0, 3)


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 5)])
def test_softmax_is_along_the_last_dimension(shape: tuple[int, ...]) -> None:
    z = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert_close(log_softmax(z), functional.log_softmax(z, -1))
    assert_close(softmax(z), functional.softmax(z, -1))
