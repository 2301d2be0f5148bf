"""The verdict's error rates on whole runs, a hundred or two here; thousands by python -m experiments.calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from experiments import calibration
from experiments.calibration import Options, calibrate, counted, interval
from experiments.heavy_tails import (
    SKEWNESS,
    check_mean,
    mean_of_products,
    of_last_layer,
    unexplained_skewness,
    values_needed,
)
from experiments.settings import Unusable
from experiments.statistics import FALSE_ALARM


def test_whole_runs_err_as_rarely_as_they_say_and_notice_one_per_cent() -> None:
    """At 5 %, too, where a false alarm is not rare: a rate of 15 % would be found out nearly always."""
    runs = 150
    right = np.array(calibration.finite_width_runs(range(runs)))
    assert right[:, 0].sum() <= stats.binom.ppf(0.999, runs, FALSE_ALARM)
    assert right[:, 1].sum() <= stats.binom.ppf(0.999, runs, 0.05)
    wrong = np.array(calibration.finite_width_runs(range(40), gain=1.01))
    assert wrong[:, 0].sum() >= stats.binom.ppf(0.001, 40, 0.9)


def test_units_are_no_sample() -> None:
    """Taken for one, they reject correct code about nine times in ten."""
    rejected = sum(calibration.crowd_runs(range(60)))
    assert 0.75 < rejected / 60 <= 1


def test_the_record_has_all_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MEANS", 200)
    monkeypatch.setattr(calibration, "PLAN", {**calibration.PLAN, "networks": 50, "depth": 3})
    monkeypatch.setattr(calibration, "CROWD", {"width": 8, "batch": 2, "depth": 2})
    found = calibrate(Options(runs=3, wrong=2, crowds=2))
    assert found["false_alarms"]["runs"] == 3 and found["noticed"]["runs"] == 2
    assert len(found["tails"]) == len(calibration.TAILS)
    with pytest.raises(Unusable, match="runs must be at least 1"):
        calibrate(Options(runs=0))


def test_intervals_are_those_of_clopper_and_pearson() -> None:
    low, high = interval(3, 1000)
    tail = (1 - calibration.CONFIDENCE) / 2
    assert stats.binom.sf(2, 1000, low) == pytest.approx(tail)
    assert stats.binom.cdf(3, 1000, high) == pytest.approx(tail)
    assert counted(3, 1000, FALSE_ALARM)["kept"]
    assert not counted(20, 1000, FALSE_ALARM)["kept"]
    assert not counted(700, 1000, 0.9, at_least=True)["kept"]


def test_a_mean_without_power_is_refused_with_its_figures() -> None:
    mean, variance = of_last_layer(12, 24, 2)
    assert mean == pytest.approx((1 + 5 / 24) ** 12)
    assert math.sqrt(variance / 100) == pytest.approx(4.2, abs=0.05)
    with pytest.raises(Unusable) as refusal:
        check_mean(variance, 100, of="100 networks of width 24 and depth 12")
    assert str(refusal.value).startswith(
        "with 100 networks of width 24 and depth 12 this mean has a relative standard error of 4.2"
    )
    assert str(refusal.value).endswith("test the log instead")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("test", ["gamma", "t"])
def test_the_number_of_values_needed_is_enough(test) -> None:  # type: ignore[no-untyped-def]
    for variance in (0.05, 1.0, 30.0):
        enough = values_needed(variance, test)
        assert unexplained_skewness(variance, enough, test) <= SKEWNESS[test]
        check_mean(variance, enough, test)
        with pytest.raises(Unusable, match="values this mean"):
            check_mean(variance, enough - 1, test)


def test_what_is_allowed_can_be_trusted_and_what_is_refused_cannot() -> None:
    """Log-normal values, at p = 0.001: at the border of what is allowed, and well beyond it."""
    rng, runs, level = np.random.default_rng(0), 40_000, 1e-3
    for variance, count, trusted in ((0.5, 50, True), (5.0, 100, False)):
        spread = math.log1p(variance)
        means = np.exp(rng.normal(-spread / 2, math.sqrt(spread), (runs, count))).mean(axis=1)
        law = stats.gamma(count / variance, scale=variance / count)
        found = (2 * np.minimum(law.cdf(means), law.sf(means)) <= level).mean() / level
        assert bool(found < 2) is trusted
        assert (unexplained_skewness(variance, count, "gamma") < 0.151) is trusted


def test_allowed_means_become_comparisons() -> None:
    rng = np.random.default_rng(1)
    values = rng.gamma(100, 1 / 100, 2000)
    gamma = mean_of_products(values, 1.0, 0.01, statistic="x", layer=3)
    assert (gamma.test, gamma.layer) == ("gamma", 3)
    assert mean_of_products(values, 1.0, 0.01, "t", statistic="x").test == "t"
