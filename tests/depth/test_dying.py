"""depth/dying: a walk through all masks as oracle, torch, and an experiment that agrees with theory."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from derivations import load
from experiments.depth.dying import Settings, compare, measure, tables
from experiments.settings import Unusable
from experiments.statistics import judge
from impl.depth.dying import layers_survived

X = torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 1.0]], dtype=torch.float64)
EXAMPLES = {
    "layers_survived": lambda: layers_survived(X, (2, 2), 3, torch.Generator().manual_seed(0))
}
FEW = Settings(networks=2000, widths=(1, 3), depth=8)
PREDICT = load("depth/dying").predict


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


# The implementation


def test_layers_are_those_of_a_network_of_torch() -> None:
    widths, networks = (3, 2, 2, 2), 50
    found = layers_survived(X, widths, networks, torch.Generator().manual_seed(4))
    stream = torch.Generator().manual_seed(4)
    signal = [X] * networks
    survived = torch.zeros(networks, len(X), dtype=torch.float64)
    for width in widths:
        fan_in = signal[0].shape[1]
        stacked = torch.empty(networks * width, fan_in, dtype=torch.float64)
        torch.nn.init.kaiming_normal_(stacked, nonlinearity="relu", generator=stream)
        weights = stacked.split(width)
        signal = [torch.relu(x @ w.T) for x, w in zip(signal, weights, strict=True)]
        survived += torch.stack([(x != 0).any(1) for x in signal])
    assert torch.equal(found, survived)
    assert 0 < found.min(1).values.sum() < networks * len(widths)


def test_the_size_of_the_input_does_not_matter_and_no_depth_underflows() -> None:
    found = [
        layers_survived(s * X, (16,) * 1500, 2, torch.Generator().manual_seed(1))
        for s in (1.0, 2.0**300)
    ]
    assert torch.equal(*found)
    assert found[0].max() == 1500  # of about e^(-230) of the signal, were it not brought back


@pytest.mark.parametrize("x", [torch.zeros(2, 3), torch.ones(3), torch.tensor([[1.0], [0.0]])])
def test_inputs_without_a_size_are_refused(x: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="no input zero"):
        layers_survived(x, (3,), 1)


# The derivation


def test_numbers_that_a_reader_may_check() -> None:
    assert PREDICT("death")(units=4, depth=10) == pytest.approx(0.4755, abs=5e-5)
    assert PREDICT("death")(units=10, depth=5) == pytest.approx(0.00487, abs=5e-6)
    deep = PREDICT("death")
    assert deep(units=24.0, depth=10_000) < 1e-3 < deep(units=23.0, depth=10_000)


@pytest.mark.parametrize("units", [1, 2, 4])
def test_the_mean_lifetime_is_a_sum_over_a_geometric_law(units: int) -> None:
    silent = 2.0**-units
    passed = sum(min(t, 30) * silent * (1 - silent) ** t for t in range(5000))
    assert PREDICT("passed")(units=units, depth=30) == pytest.approx(passed)
    assert PREDICT("lifetime")(units=units) == 2**units - 1


def test_the_chance_of_two_inputs_is_that_of_random_directions() -> None:
    angle, units = 1.1, 2
    turn = torch.rand(200_000, units, generator=torch.Generator().manual_seed(0)) * 2 * math.pi
    silent = ((turn.cos() < 0) & ((turn - angle).cos() < 0)).all(1).double().mean()
    expected = PREDICT("both_silent")(units=units, angle=angle)
    assert silent.item() == pytest.approx(expected, abs=4 * math.sqrt(expected / 200_000))
    assert PREDICT("both_silent")(units=1, angle=math.pi) == 0


def test_bounds_enclose_each_other() -> None:
    for units in (1, 2, 5):
        size = {"units": units, "depth": 7}
        least, death, most = (PREDICT(n)(**size) for n in ("batch_least", "death", "batch_any"))
        assert least < death < most


# The experiment


@pytest.mark.parametrize(
    "settings", [FEW, replace(FEW, angle=90.0, seed=1), replace(FEW, depth=1, angle=1.0)]
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    samples = measure(settings, quiet)
    assert judge(compare(samples, settings))["agrees"].all()
    batch = tables(samples, settings)["batch.csv"]
    assert (batch["both dead"] <= batch["one dead"]).all()
    assert (batch["one dead"] <= batch["either dead"]).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"networks": 10},
        {"depth": 0},
        {"widths": ()},
        {"widths": (2, 2)},
        {"widths": (0,)},
        {"angle": 91.0},
        {"angle": 0.0},
        {"widths": (10**5,)},
    ],
)
def test_unusable_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)
