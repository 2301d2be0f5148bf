"""depth/finite_width: the experiment agrees with theory, and theory with IDEAS' numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from derivations import load
from experiments.depth.finite_width import Settings, compare, measure, tables
from experiments.settings import Unusable
from experiments.statistics import judge

ROW = "depth/finite_width"
FEW = Settings(networks=400, real=20, depth=20, width=24)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    "settings", [FEW, replace(FEW, width=200, depth=5), replace(FEW, depth=2, seed=1)]
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


@pytest.mark.parametrize(
    ("width", "log", "deviation", "second"),
    [(64, -2.0054, 2.037, 43.0), (128, -0.9893, 1.418, 6.79), (512, -0.24492, 0.7013, 1.626)],
)
def test_fifty_layers(width: int, log: float, deviation: float, second: float) -> None:
    drift, variance = (load(ROW).predict(n)(units=width) for n in ("drift", "log_ratio_variance"))
    assert 50 * drift == pytest.approx(log, rel=1e-4)
    assert math.sqrt(50 * variance) == pytest.approx(deviation, rel=1e-3)
    assert load(ROW).predict("second_moment")(depth=50, units=width) == pytest.approx(
        second, rel=2e-3
    )


@pytest.mark.parametrize("width", [20, 50, 200])
def test_the_leading_order_is_as_good_as_its_next_term(width: int) -> None:
    exact = load(ROW).predict("drift")(units=width)
    leading = load(ROW).predict("leading_drift")(units=width)
    assert abs((exact - leading) * width**2 + 49 / 12) < 20 / width  # and the term after it


def test_most_networks_are_below_the_mean() -> None:
    settings = replace(FEW, depth=100, networks=2000, real=2)
    last = tables(measure(settings, quiet), settings)["last.csv"].set_index("quantity")["measured"]
    assert last["share of networks below the mean"] > 0.9
    assert last["median of these networks"] < 1e-3


@pytest.mark.parametrize(
    "wrong", [{"width": 19}, {"networks": 1}, {"real": 1}, {"depth": 1}, {"seed": -1}]
)
def test_unusable_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)


def test_too_many_networks_are_refused_before_memory_is() -> None:
    with pytest.raises(Unusable, match="do not fit"):
        replace(FEW, networks=10**8)
