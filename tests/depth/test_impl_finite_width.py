"""One deep network, layer by layer: against torch, and where it ends."""

from __future__ import annotations

import pytest
import torch

from impl.depth.finite_width import layer_ratios

X = torch.arange(1.0, 7.0, dtype=torch.float64)
EXAMPLES = {"layer_ratios": lambda: layer_ratios(X, (4, 3), torch.Generator().manual_seed(0))}


def test_ratios_are_those_of_a_network_of_torch() -> None:
    widths = (9, 4, 7)
    ratios = layer_ratios(X, widths, torch.Generator().manual_seed(3))
    stream, x, before = torch.Generator().manual_seed(3), X, X.square().mean()
    for width, ratio in zip(widths, ratios, strict=True):
        weight = torch.empty(width, len(x), dtype=torch.float64)
        torch.nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=stream)
        x = torch.relu(torch.nn.functional.linear(x, weight))
        assert ratio == pytest.approx(float(x.square().mean() / before), rel=1e-12)
        before = x.square().mean()


def test_the_size_of_the_input_does_not_matter() -> None:
    sizes = (1.0, 2.0**300, 2.0**-300)
    found = [layer_ratios(s * X, (5, 5), torch.Generator().manual_seed(1)) for s in sizes]
    assert found[0] == found[1] == found[2]


def test_an_input_may_have_zeros() -> None:
    assert (
        len(layer_ratios(torch.tensor([0.0, 1.0]), (5, 5), torch.Generator().manual_seed(0))) == 2
    )


def test_a_layer_that_dies_is_the_last() -> None:
    ratios = layer_ratios(X, (1,) * 60, torch.Generator().manual_seed(0))
    assert ratios[-1] == 0 and len(ratios) < 60
    assert all(ratio > 0 for ratio in ratios[:-1])


@pytest.mark.parametrize("x", [torch.zeros(3), torch.ones(2, 2), torch.tensor([float("nan")])])
def test_an_input_without_a_size_is_refused(x: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="x must be a vector that is not zero"):
        layer_ratios(x, (3,))
