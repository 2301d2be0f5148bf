"""init/kaiming: the experiment agrees with theory (tests/test_experiment_mutants.py: with nothing else)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from experiments.init.kaiming import MUTANTS, Settings, compare, measure, tables
from experiments.mutants import planted
from experiments.statistics import Comparison, judge
from experiments.verdict import verdict

DEFAULT = Settings()
TESTED = replace(DEFAULT, rivals=0, draws=0)  # the default size, without the stacks for show
FEW = replace(TESTED, networks=10)  # sees less than the default size does, which is enough for most
SMALL = Settings(depth=6, width=128, networks=40, rivals=0, draws=0)
RECTANGULAR = replace(SMALL, widths=(784, 300, 150, 250, 100, 200))


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


def run(settings: Settings) -> tuple[pd.DataFrame, list[Comparison]]:
    comparisons = compare(measure(settings, quiet), settings)
    return judge(comparisons), comparisons


@pytest.fixture(scope="module")
def samples() -> pd.DataFrame:
    return measure(DEFAULT, quiet)


# Theory and measurement agree


def test_the_default_run_agrees_and_knows_the_gain_to_half_a_per_cent(
    samples: pd.DataFrame,
) -> None:
    comparisons = compare(samples, DEFAULT)
    found = verdict(judge(comparisons), comparisons)
    assert found["agrees"], found["sentence"]
    assert found["sensitivity"]["effect"] <= 0.005
    assert found["sensitivity"]["single_layer"] <= 0.05
    layers = [c for c in comparisons if c.statistic == "forward" and c.input == "digit"]
    assert [c.layer for c in layers] == ["all", *range(1, 51)]


def test_the_lessons_numbers_are_predicted(samples: pd.DataFrame) -> None:
    lesson = tables(samples, DEFAULT)["lesson.csv"].set_index("quantity")
    assert lesson.loc["randn: standard deviation", "unit_inputs"] == pytest.approx(28)
    ideal = {
        "randn/√784 and ReLU: mean": 1 / math.sqrt(2 * math.pi),
        "Kaiming and ReLU: mean": 1 / math.sqrt(math.pi),
        "Kaiming and ReLU: standard deviation": math.sqrt(1 - 1 / math.pi),
    }
    for quantity, value in ideal.items():
        assert lesson.loc[quantity, "unit_inputs"] == pytest.approx(value)
        assert lesson.loc[quantity, "predicted"] == pytest.approx(value, rel=0.02)
    kaimings = lesson.loc["Kaiming and ReLU: mean"]
    assert abs(kaimings["lesson"] - kaimings["predicted"]) < 2 * kaimings["one_draw"]
    exact = lesson[lesson["z"].notna()]
    assert len(exact) == 8
    assert exact["z"].abs().max() < 4.6


@pytest.mark.parametrize(
    "settings",
    [
        replace(SMALL, distribution="uniform"),
        replace(SMALL, negative_slope=0.25),
        replace(SMALL, negative_slope=-1.0),
        replace(SMALL, cotangent="signs"),
        RECTANGULAR,
        replace(RECTANGULAR, mode="fan_out"),
        replace(RECTANGULAR, mode="fan_out", distribution="uniform", negative_slope=0.5),
        replace(SMALL, widths=(100, 300, 200), inputs=("gaussian",)),
        replace(SMALL, widths=(784, *[10] * 60), networks=100, inputs=("digit",)),  # some die
    ],
    ids=["uniform", "leaky", "modulus", "signs", "rectangular", "fan_out", "all", "flat", "narrow"],
)
def test_other_settings_agree_too(settings: Settings) -> None:
    table, comparisons = run(settings)
    assert table["agrees"].all(), verdict(table, comparisons)["sentence"]


def test_fan_out_on_a_rectangular_stack_is_predicted_and_not_one() -> None:
    table, _ = run(replace(RECTANGULAR, mode="fan_out", inputs=("digit",)))
    predicted = table[table["statistic"] == "forward"].set_index("layer")["predicted"]
    assert predicted["1"] == pytest.approx(784 / 300)
    assert predicted["4"] == pytest.approx(250 / 100)


# What is wrong, is noticed


@pytest.mark.parametrize("name", ["fan_in for fan_out", "the deviation of the layer before"])
def test_a_rectangular_stack_notices_wrong_fans_at_every_layer(name: str) -> None:
    (mutant,) = (m for m in MUTANTS if m.name == name)
    with planted(mutant):
        table, _ = run(RECTANGULAR)
    assert set(table[~table["agrees"]]["layer"]) >= {"2", "3", "4", "5"}


@pytest.mark.parametrize("initialiser", ["xavier", "default", "normal"])
def test_the_other_initialisers_disagree(initialiser: Any) -> None:
    table, _ = run(replace(FEW, initialiser=initialiser))
    assert not table["agrees"].any()


def test_a_cotangent_that_is_not_sign_symmetric_breaks_the_backward_claim() -> None:
    """Ones at the output know the rectifiers: a finding, not a mistake of the code."""
    table, _ = run(replace(SMALL, depth=20, cotangent="ones"))
    wrong = table[~table["agrees"]]
    assert len(wrong) > 0
    assert all(name.startswith("backward") for name in wrong["statistic"])
