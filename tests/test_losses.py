"""The gradients at the output of a deep stack: those of the losses that torch has, where float64 can hold it."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from experiments.losses import cross_entropy, gaussian_targets, mean_squared_error, random_labels
from experiments.passes import Rescaled
from experiments.settings import Unusable


def output(exponents: list[list[int]], seed: int = 5) -> Rescaled:
    """Vectors of ordinary size, times two to these powers."""
    made = Rescaled(torch.tensor(exponents))
    made.vectors = torch.randn(len(exponents), 6, generator=torch.Generator().manual_seed(seed))
    return made


def drawn(seed: int = 6) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_gradient_of_mse_is_autograds_with_the_output_far_from_one() -> None:
    loss = mean_squared_error(gaussian_targets(3))
    target = loss.compared_with(6, drawn(), None)
    assert target.shape == (3, 6)
    at = output([[3], [-2], [200]])
    exact = torch.ldexp(at.vectors.double(), at.exponent).requires_grad_()
    functional.mse_loss(exact, target.double()).backward()
    vectors, exponent = loss.gradient_at(at, target)
    torch.testing.assert_close(
        torch.ldexp(vectors.double(), exponent), exact.grad, rtol=1e-6, atol=0
    )


def test_the_gradient_of_cross_entropy_is_autograds() -> None:
    loss = cross_entropy(random_labels(3))
    labels = loss.compared_with(6, drawn(), None)
    assert labels.shape == (3,)
    at = output([[1], [0], [-4]])
    exact = torch.ldexp(at.vectors.double(), at.exponent).requires_grad_()
    functional.cross_entropy(exact, labels).backward()
    vectors, exponent = loss.gradient_at(at, labels)
    torch.testing.assert_close(
        torch.ldexp(vectors.double(), exponent), exact.grad, rtol=1e-5, atol=1e-9
    )


def test_labels_of_the_inputs_are_taken_where_none_are_drawn() -> None:
    loss, labels = cross_entropy(), torch.tensor([0, 5, 2])
    assert loss.compared_with(6, drawn(), labels) is labels
    with pytest.raises(Unusable, match="a label is 5, and the stack has 5 outputs"):
        loss.compared_with(5, drawn(), labels)
    with pytest.raises(Unusable, match="these have none"):
        loss.compared_with(6, drawn(), None)


def test_an_output_that_float64_cannot_hold_is_refused() -> None:
    loss = mean_squared_error(gaussian_targets(2))
    target = loss.compared_with(6, drawn(), None)
    with pytest.raises(Unusable, match="float64 cannot hold it"):
        loss.gradient_at(output([[0], [1100]]), target)


def test_one_vanished_gradient_among_others_is_refused() -> None:
    """An output that float64 takes for zero, at a target of zero: MSE has no gradient there."""
    loss = mean_squared_error(lambda units, stream: torch.zeros(2, units))
    with pytest.raises(Unusable, match="vanishes even in float64"):
        loss.gradient_at(output([[0], [-1200]]), torch.zeros(2, 6))
    vectors, _ = loss.gradient_at(output([[0], [-1200]]), torch.ones(2, 6))
    assert (vectors != 0).all()  # a target that is not zero has one
