"""init/shifted_relu: numpy as oracle, the maps iterated by hand, and an experiment that agrees with theory."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from derivations import load
from experiments.init.shifted_relu import MUTANTS, Settings, compare, measure, tables
from experiments.mutants import planted
from experiments.settings import Unusable
from experiments.statistics import judge
from impl.init.shifted_relu import centring_shift, shifted_relu, unit_gain

X = torch.linspace(-2, 2, 9).reshape(3, 3)
EXAMPLES = {
    "shifted_relu": lambda: shifted_relu(X),
    "centring_shift": centring_shift,
    "unit_gain": unit_gain,
}
ROW = load("init/shifted_relu")
SMALL = Settings(networks=12, depth=24, width=128, rivals=0, draws=0)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


def agrees(chosen: Settings) -> bool:
    return bool(judge(compare(measure(chosen, quiet), chosen))["agrees"].all())


# The implementation


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0, -1.0])
def test_it_is_numpys_maximum_less_a_constant(shift: float) -> None:
    x = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = np.maximum(x.numpy(), 0) - shift
    np.testing.assert_array_equal(shifted_relu(x, shift).numpy(), expected)
    assert shifted_relu(x.float()).dtype == torch.float32


def test_the_default_is_the_lessons_constant() -> None:
    assert torch.equal(shifted_relu(X), X.clamp_min(0) - 0.5)


def test_the_gradient_knows_no_constant() -> None:
    x = X.double().add(0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: shifted_relu(x, 0.7), (x,))


def test_constants() -> None:
    assert centring_shift() == pytest.approx(1 / math.sqrt(math.pi), rel=1e-15)
    assert centring_shift(1.0) == pytest.approx(1 / math.sqrt(2 * math.pi), rel=1e-15)
    assert centring_shift(2.0, 9.0) == pytest.approx(6 / math.sqrt(2 * math.pi), rel=1e-15)
    assert unit_gain() == pytest.approx(1.71286, abs=5e-6)
    assert centring_shift(unit_gain()) == pytest.approx(0.68333, abs=5e-6)


@pytest.mark.parametrize("given", [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (math.nan, 1.0)])
def test_constants_need_positive_numbers(given: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="gain and second_moment must be positive, got"):
        centring_shift(*given)


# The derivation


@pytest.mark.parametrize(("gain", "shift", "square"), [(1.4, 0.5, 1.0), (1.7, 0.7, 2.5)])
def test_predictions_are_the_moments_of_a_sum_over_a_fine_grid(
    gain: float, shift: float, square: float
) -> None:
    step, deviation = 1e-4, gain * math.sqrt(square)
    x = (np.arange(-300_000, 300_000) + 0.5) * step
    density = np.exp(-(x**2) / (2 * deviation**2)) / math.sqrt(2 * math.pi) / deviation * step
    y = np.maximum(x, 0) - shift
    moments = [float((density * y**k).sum()) for k in (1, 2, 4)]
    given = {"gain": gain, "second_moment": square}
    expected = {
        "mean": moments[0],
        "second_moment": moments[1],
        "spread": (moments[2] - moments[1] ** 2) / 7,
    }
    for name, value in expected.items():
        units = {"units": 7} if name == "spread" else {}
        assert ROW.predict(name)(**given, shift=shift, **units) == pytest.approx(value, rel=1e-6)
    assert ROW.predict("variance")(**given) == pytest.approx(moments[1] - moments[0] ** 2, rel=1e-6)


@pytest.mark.parametrize("start", [0.01, 1.0, 50.0])
def test_the_map_ends_at_its_fixed_point_from_anywhere(start: float) -> None:
    square, given = start, {"gain": math.sqrt(2), "shift": 0.5}
    for _ in range(80):
        before, square = square, float(ROW.predict("second_moment")(**given, second_moment=square))
    assert square == pytest.approx(ROW.predict("fixed_second_moment")(shift=0.5), rel=1e-9)
    assert square == pytest.approx(before, rel=1e-9)
    variance = ROW.predict("variance")(gain=given["gain"], second_moment=square)
    assert variance == pytest.approx(ROW.predict("fixed_variance")(shift=0.5), rel=1e-9)
    mean = ROW.predict("mean")(**given, second_moment=square)
    assert mean == pytest.approx(ROW.predict("fixed_mean")(shift=0.5), rel=1e-9)


def test_small_deviations_shrink_by_the_rate() -> None:
    fixed, small = ROW.predict("fixed_second_moment")(shift=0.5), 1e-6
    moved = ROW.predict("second_moment")(gain=math.sqrt(2), shift=0.5, second_moment=fixed + small)
    assert (moved - fixed) / small == pytest.approx(ROW.predict("rate")(), rel=1e-4)


# The experiment


@pytest.mark.parametrize(
    "chosen",
    [
        SMALL,
        replace(SMALL, start=4.0, seed=1),
        replace(SMALL, depth=1),
        replace(SMALL, depth=3, width=40, networks=60),
        replace(SMALL, depth=2, draws=20),
    ],
    ids=["small", "start", "one layer", "narrow", "lesson"],
)
def test_theory_and_measurement_agree(chosen: Settings) -> None:
    assert agrees(chosen)


def test_it_is_the_deep_mean_that_is_compared() -> None:
    samples = measure(SMALL, quiet)
    found = {(c.input, c.statistic): c for c in compare(samples, SMALL)}
    assert found["lesson", "deep mean"].predicted == pytest.approx(-0.25)
    assert found["centred", "deep mean"].predicted == pytest.approx(-0.2821, abs=5e-5)
    assert ("unit", "deep mean") not in found
    shallow = {c.statistic for c in compare(samples[samples["layer"] < 3], replace(SMALL, depth=2))}
    assert "deep mean" not in shallow


def test_the_lessons_numbers_are_within_their_own_error() -> None:
    chosen = replace(SMALL, networks=2, depth=1, draws=50)
    lesson = tables(measure(chosen, quiet), chosen)["lesson.csv"].set_index("quantity")
    away = ((lesson["lesson"] - lesson["predicted"]) / lesson["one_draw"]).dropna()
    assert len(away) == 2
    assert (away.abs() < 3).all()


def test_without_a_constant_the_deviation_is_the_same_and_only_then() -> None:
    """The comparison that says so can fail."""
    chosen = replace(SMALL, networks=2, depth=1, draws=5)
    (mutant,) = (m for m in MUTANTS if m.name == "cut off at zero")
    with planted(mutant):
        table = judge(compare(measure(chosen, quiet), chosen)).set_index("statistic")
    assert not table.loc["lesson: deviation, shifted / plain", "agrees"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"networks": 1}, "networks must be at least 2"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"width": 12}, "a ReLU layer needs at least 10 units"),
        ({"start": 0.0}, "start must be at least"),
        ({"draws": 1}, "draws must be at least 2"),
    ],
)
def test_unusable_settings_are_refused(wrong: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(Unusable, match=message):
        Settings(**wrong)
