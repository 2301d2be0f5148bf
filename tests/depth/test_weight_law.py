"""depth/weight_law: scipy's laws as oracle for the derivation, and an experiment that agrees with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from derivations import load
from experiments.depth import _weight_laws as laws
from experiments.depth.weight_law import Settings, compare, measure, tables
from experiments.settings import Unusable
from experiments.statistics import judge

FEW = Settings(draws=10_000, units=8, real=30, depth=4, width=20)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("uniform", stats.uniform()),
        ("Laplace", stats.laplace()),
        ("truncated", stats.truncnorm(-2, 2)),
        ("normal", stats.norm()),
        ("signs", stats.bernoulli(0.5)),
    ],
)
def test_the_excess_of_each_law_is_scipys(name: str, law: Any) -> None:
    assert laws.EXCESS[name]() == pytest.approx(float(law.stats("k")), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "concentration", "variance"),
    [
        ("uniform", 1 / 8, 4.7),
        ("signs", 1 / 8, 4.5),
        ("signs", 1 / 3, 11 / 3),
        ("Laplace", 1 / 3, 7),
    ],
)
def test_variances(name: str, concentration: float, variance: float) -> None:
    predict = load("depth/weight_law").predict("ratio_variance")
    found = predict(units=1, excess=laws.EXCESS[name](), concentration=concentration)
    assert found == pytest.approx(variance)


@pytest.mark.parametrize("cut", [0.5, 1.0, 2.0, 4.0])
def test_a_truncated_law_is_scipys(cut: float) -> None:
    predict = load("depth/weight_law").predict
    left = float(predict("truncated_square")(cut=cut))
    law = stats.truncnorm(-cut, cut)
    assert left == pytest.approx(law.var(), rel=1e-9)
    excess = predict("truncated_excess")(cut=cut, left=left)
    assert excess == pytest.approx(float(law.stats("k")), abs=1e-6)


def test_behind_a_wide_layer_the_law_hardly_matters() -> None:
    """The ratio of the second of two wide layers, averaged over real signals."""
    units, draws = 64, 4000
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(draws, units)), 0)
    fourth = (x**4).sum(1) / (x**2).sum(1) ** 2
    predict = load("depth/weight_law").predict
    exact = predict("ratio_variance")(units=units, excess=-2, concentration=fourth).mean()
    wide = predict("wide_variance")(units=units, excess=-2)
    assert exact == pytest.approx(wide, rel=0.02)
    assert wide == pytest.approx(5 / units, rel=0.08)


@pytest.mark.parametrize("settings", [FEW, replace(FEW, inputs=3, seed=1), replace(FEW, real=0)])
def test_theory_and_measurement_agree(settings: Settings) -> None:
    samples = measure(settings, quiet)
    assert judge(compare(samples, settings))["agrees"].all()
    files = tables(samples, settings)
    assert len(files["variances.csv"]) == 15
    assert len(files["depth.csv"]) == (3 * settings.depth if settings.real else 0)


@pytest.mark.parametrize(
    "wrong", [{"draws": 9999}, {"inputs": 2}, {"units": 0}, {"real": 5}, {"draws": 10**9}]
)
def test_unusable_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)
