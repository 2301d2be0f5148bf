"""The weights and biases that experiments run: as they are filled, of the variance that they say."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from experiments import weights
from experiments.weights import Weights

FANS = (300, 500)  # in, out
MADE: dict[str, tuple[Callable[[], Weights], float, bool]] = {
    "kaiming normal": (lambda: weights.kaiming_weights("normal"), 2 / 300, True),
    "kaiming uniform": (lambda: weights.kaiming_weights("uniform"), 2 / 300, False),
    "kaiming backwards": (lambda: weights.kaiming_weights("normal", "fan_out"), 2 / 500, True),
    "kaiming leaky": (
        lambda: weights.kaiming_weights("normal", negative_slope=2.0),
        2 / 5 / 300,
        True,
    ),
    "xavier normal": (lambda: weights.xavier_weights("normal"), 2 / 800, True),
    "xavier uniform": (lambda: weights.xavier_weights("uniform"), 2 / 800, False),
    "torch's default": (weights.default_weights, 1 / 3 / 300, False),
    "randn": (weights.normal_weights, 1.0, True),
    "small": (lambda: weights.normal_weights(0.01), 1e-4, True),
}


def stream(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def kurtosis(values: Tensor) -> float:
    """3 for a normal law, 1.8 for a uniform one."""
    return float((values**4).mean() / (values**2).mean() ** 2)


@pytest.mark.parametrize("name", MADE)
def test_the_law_and_its_variance_are_as_said(name: str) -> None:
    make, variance, normal = MADE[name]
    made, values = make(), torch.empty(FANS[1], FANS[0])
    made.fill(values, stream())
    assert made.variance(*FANS) == pytest.approx(variance)
    assert made.normal is normal
    # 150,000 values: a standard error of 0.37 % (normal), and 0.013 of the kurtosis
    assert float((values.double() ** 2).mean()) == pytest.approx(variance, rel=0.02)
    assert abs(float(values.double().mean())) < 5 * math.sqrt(variance / values.numel())
    assert kurtosis(values.double()) == pytest.approx(3.0 if normal else 1.8, abs=0.1)


@pytest.mark.parametrize("name", MADE)
def test_the_stream_decides(name: str) -> None:
    made = MADE[name][0]()
    one, again, other = (torch.empty(5, 3) for _ in range(3))
    for values, seed in ((one, 1), (again, 1), (other, 2)):
        made.fill(values, stream(seed))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_torchs_default_is_torchs() -> None:
    ours = torch.empty(40, 30)
    torch.manual_seed(7)
    theirs = torch.nn.Linear(30, 40).weight
    weights.default_weights().fill(ours, stream(7))
    assert torch.equal(ours, theirs)


def test_biases_are_filled_as_said() -> None:
    bias = torch.empty(20_000)
    weights.constant_biases(0.25)(bias, 16, stream())
    assert (bias == 0.25).all()
    weights.normal_biases(0.5)(bias, 16, stream())
    assert float(bias.std()) == pytest.approx(0.5, rel=0.03)
    assert abs(float(bias.mean())) < 0.02
    weights.default_biases()(bias, 16, stream())
    assert float(bias.max()) == pytest.approx(0.25, rel=0.01)  # 1/√16
    assert float(bias.min()) == pytest.approx(-0.25, rel=0.01)
    assert abs(float(bias.mean())) < 0.01
    again = torch.empty(20_000)
    weights.default_biases()(again, 16, stream())
    assert torch.equal(bias, again)
