"""impl/backprop/fused.py: autograd's loss and gradients, in one pass and little memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from impl.backprop import fused
from tests.lessons_network import SHAPES, autograd, problem

SMALL = problem(5, 3, 2, torch.float32)
SMALL[1] = SMALL[1][:, 0]  # a vector of targets will do, too
EXAMPLES: dict[str, Callable[[], object]] = {
    "loss_and_gradients": lambda: fused.loss_and_gradients(*SMALL)
}


@pytest.mark.parametrize("shape", SHAPES)
def test_loss_and_gradients_are_autograds(shape: tuple[int, int, int]) -> None:
    given = problem(*shape, torch.float64)
    loss, gradients = fused.loss_and_gradients(*given)
    expected, theirs = autograd(*given)
    assert loss == pytest.approx(expected.item())
    for ours, their in zip(gradients, theirs, strict=True):
        assert_close(ours, their)


def test_a_column_of_targets_and_operands_with_gaps_make_no_difference() -> None:
    given = problem(30, 20, 10, torch.float64)
    given[1] = given[1][:, 0]
    usual = fused.loss_and_gradients(*given)
    spread = [torch.stack((tensor, tensor), -1)[..., 0] for tensor in given]
    spread[1] = spread[1][:, None]
    found = fused.loss_and_gradients(*spread)
    assert found[0] == usual[0] and all(map(torch.equal, found[1], usual[1]))


def test_single_precision_is_as_good_as_autograds() -> None:
    """Away from the kinks of ReLU, where one rounding decides whether a whole gradient passes."""
    given = problem(3000, 40, 20, torch.float32)
    exact = [tensor.double() for tensor in given]
    far = ((exact[0] @ exact[2] + exact[3]).abs() > 1e-5).all(1)
    given[:2], exact[:2] = (tensor[far] for tensor in given[:2]), (one[far] for one in exact[:2])
    assert len(given[0]) > 2900
    for ours, theirs, best in zip(
        fused.loss_and_gradients(*given)[1], autograd(*given)[1], autograd(*exact)[1], strict=True
    ):
        error, usual = ((found - best).abs().max() for found in (ours, theirs))
        assert error <= 4 * usual + 1e-6 * best.abs().max()


def test_missing_numbers_stay_missing() -> None:
    given = problem(4, 3, 2, torch.float64)
    given[0][1, 1] = torch.nan
    loss, gradients = fused.loss_and_gradients(*given)
    assert loss != loss and all(gradient.isnan().any() for gradient in gradients)


def test_what_it_takes_besides_its_results_is_less_than_a_megabyte_and_does_not_grow() -> None:
    """The kernel allocates nothing: it has this room, and what it is given."""
    sizes = []
    for examples in (1, 50_000):
        x = torch.zeros(1).expand(examples, 784)
        sizes.append(sum(each.numel() * each.dtype.itemsize for each in fused._room(x, 50)))
    assert sizes[0] == sizes[1] < 2**20


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((0, torch.ones(5, 4)), "a must be"),
        ((1, torch.ones(4)), r"b1, w2, b2 and target must have shapes \(2,\), \(2, 1\), \(1,\)"),
        ((3, torch.ones(3)), r"got \(3,\), \(2, 1\), \(1,\) and \(5,\)"),
        ((4, torch.ones(2, 2)), "b1, w2, b2 and target must have shapes"),
        ((5, torch.ones(1, dtype=torch.float64)), "all tensors of one type"),
        ((2, torch.ones(3, 2, dtype=torch.float64)), "one floating-point type"),
    ],
)
def test_what_does_not_fit_is_refused(change: tuple[int, Tensor], said: str) -> None:
    given = list(SMALL)
    given[change[0]] = change[1]
    with pytest.raises(ValueError, match=said):
        fused.loss_and_gradients(*given)


def test_no_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="there must be examples"):
        fused.loss_and_gradients(SMALL[0][:0], SMALL[1][:0], *SMALL[2:])
