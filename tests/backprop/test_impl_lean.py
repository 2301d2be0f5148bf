"""impl/backprop/lean.py: autograd's gradients, without the input's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.testing import assert_close

from impl.backprop import lean
from tests.lessons_network import SHAPES, autograd, problem

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
