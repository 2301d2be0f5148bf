"""The verdict's error rates, by simulation; its arithmetic, against scipy.stats."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from experiments.settings import Unusable
from experiments.statistics import (
    FALSE_ALARM,
    POWER,
    Comparison,
    critical_value,
    exact_value,
    holm,
    judge,
    mean_of_squares,
    mean_value,
    noticeable,
    p_value,
)
from experiments.verdict import verdict

LAYERS, UNITS = (
    50,
    512 * 70,
)  # of the default run of init/kaiming: layers, and units in a layer's mean
SE = math.sqrt(5 / UNITS)


def rectified_means(rng: np.random.Generator, shape: tuple[int, ...], units: int) -> np.ndarray:
    """Means of 2 max(z, 0)**2 over that many units, drawn from their exact law."""
    return 2 / units * rng.chisquare(rng.binomial(units, 0.5, shape))


def rectified(measured: float, units: int = UNITS, layer: int | str = 1) -> Comparison:
    error = math.sqrt(5 / units)
    return Comparison("forward", measured, 1.0, "gamma", error, order=2, layer=layer)


def rejections(means: np.ndarray) -> int:
    """How many runs, one a row, are rejected; a run compares every layer and their mean."""
    run = [*(rectified(1.0, layer=k + 1) for k in range(LAYERS)), rectified(1.0, UNITS * LAYERS)]
    count = 0
    for values in np.column_stack([means, means.mean(axis=1)]):
        found = [replace(c, measured=float(v)) for c, v in zip(run, values, strict=True)]
        count += bool(holm(np.array([p_value(c) for c in found]), FALSE_ALARM).any())
    return count


def test_correct_theory_is_rejected_in_at_most_one_run_of_a_thousand() -> None:
    runs = 5_000
    means = rectified_means(np.random.default_rng(1), (runs, LAYERS), UNITS)
    assert rejections(means) <= stats.binom.ppf(0.999, runs, FALSE_ALARM)


@pytest.mark.parametrize("units", [200, 2_000, UNITS])
def test_the_error_rate_is_what_it_says_where_it_can_be_counted(units: int) -> None:
    """At 5 %, with few units as with many, where the gamma law is good to 1.5 %."""
    rng, runs, rate = np.random.default_rng(2), 40_000, 0.05
    means = rectified_means(rng, (runs,), units)
    p = np.array([p_value(rectified(m, units)) for m in means])
    found = (p <= rate).mean()
    assert abs(found - rate) < 4 * math.sqrt(rate * (1 - rate) / runs) + 0.015 * rate


def test_a_gain_that_is_one_per_cent_wrong_is_noticed_with_90_per_cent_power() -> None:
    runs = 2_000
    means = 1.01**2 * rectified_means(np.random.default_rng(3), (runs, LAYERS), UNITS)
    assert rejections(means) >= stats.binom.ppf(0.001, runs, POWER)


@pytest.mark.parametrize("test", ["gamma", "normal", "t"])
def test_the_smallest_noticeable_effect_is_noticed_nine_times_in_ten(test: Any) -> None:
    """A mean of squares of Gaussians, a normal mean, and one with an estimated error."""
    rng, runs, count, freedom = np.random.default_rng(4), 20_000, 200, 59
    c = Comparison("x", 2.0, 2.0, test, 0.02, freedom if test == "t" else math.inf)
    expected = 2.0 * (1 + noticeable(c, count))
    if test == "gamma":  # a scaled chi-square whose standard deviation is 1 % of its mean
        drawn, errors = expected * rng.chisquare(20_000, runs) / 20_000, np.full(runs, 0.02)
    else:
        drawn, errors = rng.normal(expected, 0.02, runs), np.full(runs, 0.02)
        if test == "t":
            errors = 0.02 * np.sqrt(rng.chisquare(freedom, runs) / freedom)
    found = [
        p_value(replace(c, measured=float(m), standard_error=float(e))) <= FALSE_ALARM / count
        for m, e in zip(drawn, errors, strict=True)
    ]
    assert abs(np.mean(found) - POWER) < 4 * math.sqrt(POWER * (1 - POWER) / runs)


def test_p_values_are_those_of_scipy() -> None:
    shape = 1 / 0.03**2
    gamma = stats.gamma(shape, scale=2.0 / shape)
    for measured in (1.7, 1.99, 2.0, 2.05, 2.4):
        two_sided = 2 * min(gamma.cdf(measured), gamma.sf(measured))
        c = Comparison("x", measured, 2.0, "gamma", 0.06)
        assert p_value(c) == pytest.approx(min(1.0, two_sided), rel=1e-9)
    sample = np.random.default_rng(5).normal(1.1, 1.0, 30)
    expected = stats.ttest_1samp(sample, 1.0)
    table = judge([mean_value(sample, 1.0, statistic="x")])
    assert table["p"].iloc[0] == pytest.approx(expected.pvalue, rel=1e-9)
    assert table["z"].iloc[0] == pytest.approx(expected.statistic, rel=1e-9)
    normal = Comparison("x", 1.5, 1.0, "normal", 0.2)
    assert p_value(normal) == pytest.approx(2 * stats.norm.sf(2.5), rel=1e-9)
    assert critical_value(math.inf, 10) == pytest.approx(stats.norm.isf(FALSE_ALARM / 20), rel=1e-6)


@pytest.mark.parametrize("test", ["distance", "binomial"])
def test_a_comparison_that_brings_its_p_value_keeps_it(test: Any) -> None:
    far = Comparison("a", 9.0, 1.0, test, 0.1, p=0.25, size=100.0)
    assert p_value(far) == 0.25
    assert p_value(replace(far, p=0.0)) == p_value(replace(far, p=math.nan)) == 0
    assert p_value(replace(far, measured=math.nan)) == 0


@pytest.mark.parametrize("test", ["normal", "gamma", "t"])
def test_what_has_no_scale_or_no_spread_tells_of_no_noticeable_error(test: Any) -> None:
    usual = Comparison("a", 1.0, 1.0, test, 0.1, degrees_of_freedom=9.0)
    assert 0 < noticeable(usual, 3) < 99
    for blind in ({"predicted": 0.0}, {"standard_error": 0.0}, {"test": "distance"}):
        assert noticeable(replace(usual, **blind), 3) == math.inf  # type: ignore[arg-type]
    assert noticeable(replace(usual, test="binomial"), 3) == math.inf  # of no known size


def test_holm_rejects_step_by_step() -> None:
    p = np.array([0.02, 0.001, 0.04, 0.012])  # the levels are 0.05 / 4, / 3, / 2, / 1
    assert holm(p, 0.05).tolist() == [True, True, True, True]
    p = np.array([0.03, 0.001, 0.04, 0.012])  # 0.03 > 0.025, which spares the larger ones too
    assert holm(p, 0.05).tolist() == [False, True, False, True]
    assert holm(np.array([0.013]), 0.05).tolist() == [True]
    assert holm(np.array([]), 0.05).tolist() == []


def test_a_mean_of_squares_knows_its_standard_error() -> None:
    c = mean_of_squares([1.0, 3.0, 2.0], 2.0, 0.12, statistic="forward", layer=3, order=2)
    assert c.measured == 2.0
    assert c.standard_error == pytest.approx(0.4)
    assert (c.layer, c.order, c.test) == (3, 2, "gamma")
    with pytest.raises(ValueError, match="fewer than two values"):
        mean_value([1.0], 1.0, statistic="x")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_finite_number_disagrees(bad: float) -> None:
    good = rectified(1.0)
    for c in (
        replace(good, measured=bad),
        replace(good, standard_error=bad),
        replace(good, predicted=bad),
        exact_value(bad, 1.0, math.inf, statistic="x"),
        mean_value([1.0, bad, 1.0], 1.0, statistic="x"),
    ):
        table = judge([good, c])
        assert table["agrees"].tolist() == [True, False]
        assert not verdict(table, [good, c])["agrees"]


def test_values_without_randomness_agree_within_their_tolerance_only() -> None:
    comparisons = [exact_value(1.0 + e, 1.0, 1e-9, statistic="x") for e in (0.0, 9e-10, 2e-9)]
    table = judge(comparisons)
    assert table["agrees"].tolist() == [True, True, False]
    assert table["p"].isna().all()
    found = verdict(table, comparisons)
    assert "disagree in 1 of 3 comparisons" in found["sentence"]
    assert found["sensitivity"]["sentence"].endswith("at most 1e-09.")


def test_a_sample_without_any_spread_is_held_to_its_prediction() -> None:
    assert judge([mean_value([1.0, 1.0], 1.0, statistic="x")])["agrees"].all()
    assert not judge([mean_value([1.0, 1.0], 1.1, statistic="x")])["agrees"].any()


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(Unusable, match="nothing to compare"):
        judge([])


def test_the_verdict_says_what_would_have_been_noticed() -> None:
    """An error e of the gain changes a mean square by the factor (1 + e)**2."""
    comparisons = [rectified(1.0), rectified(1.0, UNITS * LAYERS, layer="all")]
    found = verdict(judge(comparisons), comparisons, ["the weather"])["sensitivity"]
    single = math.sqrt(1 + noticeable(comparisons[0], 2)) - 1
    assert found["single_layer"] == pytest.approx(single)
    assert found["effect"] == pytest.approx(math.sqrt(1 + noticeable(comparisons[1], 2)) - 1)
    assert found["power"] == POWER
    assert f"{100 * single:.2g} % in any single one" in found["sentence"]


def test_a_disagreement_names_the_clearest() -> None:
    comparisons = [rectified(1.0), rectified(1.2, layer=7), rectified(1.1, layer=8)]
    found = verdict(judge(comparisons), comparisons)
    assert not found["agrees"]
    assert found["worst"]["layer"] == "7"
    assert [line["layer"] for line in found["disagreements"]] == ["7", "8"]
    assert "disagree in 2 of 3 comparisons" in found["sentence"]
    assert "at layer 7: 1.2 measured, 1 predicted" in found["sentence"]
