"""Means of a few large values: when a p-value can be trusted, and what is said where it cannot."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from experiments.heavy_tails import (
    SKEWNESS,
    check_mean,
    mean_of_products,
    of_last_layer,
    unexplained_skewness,
    values_needed,
)
from experiments.settings import Unusable


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
