"""Tests of whole laws: scipy as oracle, their error rates, and what they notice."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import stats

from derivations import load
from experiments.distributions import (
    noticeable_distance,
    probability_integrals,
    same_law,
    same_pairs,
    share,
    uniform,
)
from experiments.law import Law, sample
from experiments.statistics import FALSE_ALARM, POWER, Comparison, judge, noticeable, p_value
from experiments.verdict import sensitivity, verdict

CDF = load("depth/finite_width").predict("ratio_cdf")


def ratios(units: int, count: int, gain: float = math.sqrt(2), seed: int = 0) -> np.ndarray:
    logs = sample(Law((units, units), gain), networks=count, seed=seed).forward[:, 1, 0]
    return np.exp2(logs)


def integrals(values: np.ndarray, units: int) -> np.ndarray:
    stream = np.random.default_rng(9)
    return probability_integrals(values, lambda r: CDF(ratio=r, units=units), stream)


@pytest.mark.parametrize("units", [1, 2, 3, 24, 64, 512, 2000])
def test_the_distribution_function_is_scipys_mixture(units: int) -> None:
    r, k = np.array([0.0, 0.01, 0.5, 0.95, 1.0, 1.2, 3.0]), np.arange(1, units + 1)[:, None]
    shares = stats.binom.pmf(k, units, 0.5) * stats.chi2.cdf(units * r / 2, k)
    expected = 0.5**units + shares.sum(axis=0)
    assert CDF(ratio=r, units=units) == pytest.approx(expected, rel=1e-10, abs=1e-300)


def test_the_fourth_moment_is_that_of_the_distribution() -> None:
    grid = np.linspace(0, 40, 400_001)
    tail = 1 - CDF(ratio=grid, units=3)
    for name, power in (("ratio_square", 2), ("ratio_fourth", 4)):
        integral = np.trapezoid(power * grid ** (power - 1) * tail, grid)
        assert load("depth/finite_width").predict(name)(units=3) == pytest.approx(
            integral, rel=1e-5
        )


@pytest.mark.parametrize("units", [1, 2, 3, 20, 100])
def test_probability_integrals_of_networks_are_uniform(units: int) -> None:
    """One unit, too: half of its ratios are zero, and become uniform over the jump."""
    found = integrals(ratios(units, 30_000), units)
    assert uniform(found, statistic="x").p > 1e-3
    assert abs(np.mean(found < 0.5**units) - 0.5**units) < 0.01


def test_a_table_is_as_good_as_the_function() -> None:
    values = ratios(16, 30_000)
    exact = [CDF(ratio=v, units=16) for v in values[:50]]
    assert integrals(values, 16)[:50] == pytest.approx(exact, rel=1e-9)


def test_many_equal_numbers_need_no_table() -> None:
    found = integrals(np.full(5000, 0.7), 16)
    assert found == pytest.approx(float(CDF(ratio=0.7, units=16)))


@pytest.mark.parametrize("bad", [[0.5, 1.5], [0.5, math.nan], [-0.1, 0.5], []])
def test_what_is_no_probability_disagrees(bad: list[float]) -> None:
    assert not judge([uniform(bad, statistic="x")])["agrees"].any()


def test_p_values_are_scipys() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.random(50), rng.random(80) ** 1.1
    assert uniform(one, statistic="x").p == stats.kstest(one, "uniform").pvalue
    assert same_law(one, other, statistic="x").p == stats.ks_2samp(one, other).pvalue
    assert share(7, 20, 0.5, statistic="x").p == stats.binomtest(7, 20).pvalue
    hits = share(7, 20, 0.4, statistic="x")
    assert (hits.measured, hits.predicted, hits.size) == (0.35, 0.4, 20)
    assert hits.standard_error == pytest.approx(math.sqrt(0.4 * 0.6 / 20))
    bound = share(7, 20, 0.5, "less", statistic="x")
    assert bound.p == stats.binomtest(7, 20, alternative="less").pvalue
    assert noticeable(bound, 1) == math.inf  # it depends on how far away the bound is


def test_what_chance_alone_gives_is_shown_beside_a_distance() -> None:
    rng = np.random.default_rng(2)
    found = [uniform(rng.random(500), statistic="x") for _ in range(1000)]
    z = [(c.measured - c.predicted) / c.standard_error for c in found]
    assert abs(np.mean(z)) < 0.15  # √n D is a little smaller than its limit
    assert np.std(z) == pytest.approx(1, abs=0.1)


def test_error_rates_at_five_per_cent() -> None:
    """Of one sample, of two, of pairs' projections, and of shares, which are cautious."""
    rng, runs, rate = np.random.default_rng(3), 600, 0.05
    p: dict[str, list[float]] = {"one": [], "two": [], "pairs": [], "share": []}
    for _ in range(runs):
        p["one"].append(uniform(rng.random(60), statistic="x").p)
        p["two"].append(same_law(rng.random(60), rng.random(90), statistic="x").p)
        x, y = rng.normal(size=(2, 60, 2))
        p["pairs"].append(same_pairs(x, y, "x")[2].p)
        p["share"].append(share(rng.binomial(400, 0.3), 400, 0.3, statistic="x").p)
    for name, values in p.items():
        found = (np.array(values) <= rate).sum()
        assert found <= stats.binom.ppf(0.9999, runs, rate), name
        assert found >= 0.5 * rate * runs, name


def test_pairs_are_told_apart_by_their_dependence() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 3000, 2))
    y = y @ np.array([[1, 0.5], [0, math.sqrt(0.75)]])  # the same numbers each, correlated
    agrees = judge(same_pairs(x, y, "pair", layer=3))["agrees"].tolist()
    assert agrees == [True, True, False, False]
    assert judge(same_pairs(np.exp(x), np.exp(rng.normal(size=(3000, 2))), "pair"))["agrees"].all()
    assert not judge(same_pairs(x, np.where(x > 3, np.nan, x), "pair"))["agrees"].any()


def test_dead_networks_are_numbers_and_nan_is_not() -> None:
    one = np.array([-np.inf] * 5 + [0.0] * 95)
    assert same_law(one, one, statistic="x").p == 1
    assert same_law([math.nan], [1.0], statistic="x").p == 0 == same_law([], [1.0], statistic="x").p


@pytest.mark.parametrize("count", [1, 200])
def test_a_noticeable_distance_is_noticed(count: int) -> None:
    """A law whose distribution function is that far off in the middle, and nowhere further."""
    rng, size = np.random.default_rng(5), 400
    c = uniform(rng.random(size), statistic="x")
    off = noticeable_distance(c, count)
    noticed = 0
    for _ in range(300):
        values = rng.random(size)
        low = rng.random(size) < 0.5 + off
        values = np.where(low, values / 2, 0.5 + values / 2)
        noticed += uniform(values, statistic="x").p <= FALSE_ALARM / count
    assert noticed >= stats.binom.ppf(0.001, 300, POWER)


@pytest.mark.parametrize(("probability", "count"), [(0.02, 1), (0.3, 100), (0.9, 100)])
def test_a_noticeable_share_is_noticed_nine_times_in_ten(probability: float, count: int) -> None:
    """The worse of both directions exactly so, the other one more often."""
    rng, trials, runs = np.random.default_rng(6), 5000, 500
    off = noticeable(share(0, trials, probability, statistic="x"), count)
    noticed = []
    for changed in (probability * (1 - off), probability * (1 + off)):
        p = [
            share(hits, trials, probability, statistic="x").p
            for hits in rng.binomial(trials, changed, runs)
        ]
        noticed.append(np.mean(np.array(p) <= FALSE_ALARM / count))
    assert abs(min(noticed) - POWER) < 4 * math.sqrt(POWER * (1 - POWER) / runs)


def test_they_join_all_others_in_one_verdict() -> None:
    rng = np.random.default_rng(7)
    mean = Comparison("mean", 1.0, 1.0, "normal", 0.01, order=2)
    law = uniform(rng.random(100), statistic="law")
    deaths = share(25, 100, 0.25, statistic="deaths")
    found = verdict(judge([mean, law, deaths]), [mean, law, deaths])
    assert found["agrees"] and found["comparisons"] == 3
    assert "So would a law (law) whose" in found["sensitivity"]["sentence"]
    alone = sensitivity([law])["sentence"]
    assert alone.startswith("A law (law) whose distribution function is off by 0.3")
    assert sensitivity([deaths])["sentence"].startswith("A probability (deaths) off by ")
    wrong = replace(law, p=0.0)
    assert not judge([mean, wrong])["agrees"].all()
    assert p_value(replace(law, p=math.nan)) == 0


def test_a_gain_that_is_one_per_cent_wrong_is_seen_in_the_law() -> None:
    test = partial(integrals, units=64)
    assert uniform(test(ratios(64, 40_000)), statistic="x").p > 1e-3
    wrong = ratios(64, 40_000, 1.01 * math.sqrt(2))
    assert uniform(test(wrong), statistic="x").p < 1e-6
