"""impl/backprop/lean.py: autograd's gradients, without the input's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.testing import assert_close

from impl.backprop import lean

SHAPES = [
    (1, 1, 1),
    (5, 3, 2),
    (113, 30, 33),
    (64, 784, 50),
    (120, 1100, 70),
    (7, 0, 3),
    (9, 20, 0),
]


def problem(examples: int, fan_in: int, hidden: int) -> list[Tensor]:
    """In float64: there, no ReLU's input is so close to its kink that two orders of adding up disagree."""
    stream = torch.Generator().manual_seed(examples)
    shapes = (examples, fan_in), (examples, 1), (fan_in, hidden), (hidden,), (hidden, 1), (1,)
    return [torch.randn(shape, generator=stream, dtype=torch.float64) for shape in shapes]


def autograd(
    x: Tensor, target: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    leaves = [tensor.clone().requires_grad_() for tensor in (w1, b1, w2, b2)]
    hidden = functional.relu(x @ leaves[0] + leaves[1])
    loss = functional.mse_loss(hidden @ leaves[2] + leaves[3], target)
    return loss, torch.autograd.grad(loss, leaves)


SMALL = problem(5, 3, 2)
KEPT = lean.forward(*SMALL)[1]
EXAMPLES: dict[str, Callable[[], object]] = {
    "forward": lambda: lean.forward(*SMALL),
    "backward": lambda: lean.backward(KEPT, SMALL[4]),
    "backward_transposed": lambda: lean.backward_transposed(KEPT, SMALL[4]),
    "Gradients": lambda: lean.Gradients(*SMALL[2:]),
    "Kept": lambda: lean.Kept(*KEPT),
}


@pytest.mark.parametrize("backward", [lean.backward, lean.backward_transposed])
@pytest.mark.parametrize("shape", SHAPES)
def test_loss_and_gradients_are_autograds(
    shape: tuple[int, int, int], backward: Callable[..., lean.Gradients]
) -> None:
    given = problem(*shape)
    loss, kept = lean.forward(*given)
    expected, gradients = autograd(*given)
    assert_close(loss, expected)
    for ours, theirs in zip(backward(kept, given[4]), gradients, strict=True):
        assert_close(ours, theirs)


def test_operands_are_left_alone_and_what_does_not_fit_is_refused() -> None:
    before = [tensor.clone() for tensor in SMALL]
    lean.backward(lean.forward(*SMALL)[1], SMALL[4])
    assert all(map(torch.equal, before, SMALL))
    with pytest.raises(ValueError, match="x, w and b must have shapes"):
        lean.forward(SMALL[0].T, *SMALL[1:])
    with pytest.raises(ValueError, match="input must have the shape of target"):
        lean.forward(SMALL[0], SMALL[1][:-1], *SMALL[2:])
