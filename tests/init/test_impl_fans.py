"""Fans against those of torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes
from torch.nn.init import _calculate_correct_fan, _calculate_fan_in_and_fan_out

from impl.init.fans import fan, fan_in_and_fan_out, true_fans

CONV = torch.empty(2, 3, 5, 5)
LAYER = torch.nn.Conv2d(3, 2, 5)

EXAMPLES = {
    "fan_in_and_fan_out": lambda: fan_in_and_fan_out(CONV),
    "fan": lambda: fan(CONV, "fan_out"),
    "true_fans": lambda: true_fans(LAYER),
}


@settings(deadline=None, derandomize=True, max_examples=60)
@given(shape=array_shapes(min_dims=2, max_dims=5, min_side=0, max_side=6))
def test_matches_torch(shape: tuple[int, ...]) -> None:
    tensor = torch.empty(shape)
    assert fan_in_and_fan_out(tensor) == _calculate_fan_in_and_fan_out(tensor)
    mode: Any
    for mode in ("fan_in", "fan_out", "FAN_OUT"):
        assert fan(tensor, mode) == _calculate_correct_fan(tensor, mode)


@pytest.mark.parametrize(
    ("layer", "fans"),
    [
        (torch.nn.Linear(784, 50), (784, 50)),
        (torch.nn.Conv2d(64, 128, 3), (9 * 64, 9 * 128)),  # He et al.: n = k²c, n̂ = k²d
        (torch.nn.Conv1d(2, 3, 5), (10, 15)),
    ],
)
def test_layers(layer: torch.nn.Linear, fans: tuple[int, int]) -> None:
    assert fan_in_and_fan_out(layer.weight) == fans


@pytest.mark.parametrize("shape", [(), (3,)])
def test_needs_two_dimensions(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="fans need 2 dimensions or more, got shape"):
        fan_in_and_fan_out(torch.empty(shape))


def test_unknown_mode() -> None:
    with pytest.raises(ValueError, match='mode must be "fan_in" or "fan_out", got \'fan_avg\''):
        fan(torch.empty(2, 3), "fan_avg")
