"""What follows a linear layer: each derivative is autograd's, and who says that it is homogeneous is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from experiments import activations
from experiments.activations import Activation

MADE: dict[str, Callable[[], Activation]] = {
    "relu": activations.leaky,
    "leaky": lambda: activations.leaky(0.2),
    "absolute": lambda: activations.leaky(-1.0),
    "shifted": lambda: activations.shifted(0.5),
    "identity": lambda: activations.IDENTITY,
}


@pytest.fixture
def z() -> torch.Tensor:
    return torch.randn(4, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("name", MADE)
def test_the_gradient_is_autograds(name: str, z: torch.Tensor) -> None:
    made, upstream = MADE[name](), torch.linspace(-2, 3, 28, dtype=torch.float64).view(4, 7)
    leaf = z.clone().requires_grad_()
    made.value(leaf).backward(upstream)
    assert leaf.grad is not None
    assert torch.equal(made.gradient(z, upstream), leaf.grad)


def test_values_are_those_of_their_names(z: torch.Tensor) -> None:
    assert torch.equal(MADE["relu"]().value(z), z.clamp(min=0))
    assert torch.equal(MADE["leaky"]().value(z), torch.where(z > 0, z, 0.2 * z))
    assert torch.equal(MADE["absolute"]().value(z), z.abs())
    assert torch.equal(MADE["shifted"]().value(z), z.clamp(min=0) - 0.5)


@pytest.mark.parametrize("name", MADE)
def test_what_says_that_it_is_homogeneous_is(name: str, z: torch.Tensor) -> None:
    made = MADE[name]()
    scaled = torch.equal(made.value(8 * z), 8 * made.value(z))
    assert made.homogeneous is scaled
