"""depth/correlation: the experiment agrees with theory, and theory with a plain iteration."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from derivations import load
from experiments.depth._correlation_pictures import offset_of, wide_gaps
from experiments.depth.correlation import Settings, compare, measure, tables
from experiments.settings import Unusable
from experiments.statistics import judge

DERIVATION = load("depth/correlation")
FEW = Settings(networks=30, depth=6, width=60, draws=200, batch=20, units=32)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    "settings",
    [FEW, replace(FEW, angles=(0.5, 120.0)), replace(FEW, width=21, networks=200, seed=1)],
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.0, 0.5, 0.99])
def test_the_map_is_the_mean_product_in_cartesian_coordinates(rho: float) -> None:
    """No polar coordinates: over z by quadrature, over w given z by the mean of a rectified Gaussian."""
    rest = math.sqrt(1 - rho * rho)

    def given(z: float) -> float:
        t = rho * z / rest
        return z * rest * (t * norm.cdf(t) + norm.pdf(t)) * norm.pdf(z)

    mean, _ = quad(given, 0, np.inf, epsabs=1e-12)
    assert DERIVATION.predict("cosine")(angle=math.acos(rho)) == pytest.approx(2 * mean, abs=1e-9)


def test_the_first_layers_from_a_right_angle() -> None:
    cosines = 1 - wide_gaps(np.array([90.0]), 20)[:, 0]
    assert cosines[[1, 2, 5, 10, 20]] == pytest.approx(
        [0.3183, 0.4937, 0.7359, 0.8715, 0.9484], abs=6e-5
    )


def test_the_limit_is_reached_late_and_the_correction_is_right() -> None:
    gaps = wide_gaps(np.array([90.0]), 10_000)[:, 0]
    scaled = {layer: gaps[layer] * layer**2 for layer in (10, 100, 1000)}
    assert [scaled[n] for n in (10, 100, 1000)] == pytest.approx([12.85, 35.8, 43.13], rel=2e-3)
    asymptote, corrected = (DERIVATION.predict(n) for n in ("asymptote", "corrected"))
    assert asymptote(depth=1) == pytest.approx(44.413, abs=1e-3)
    offset = offset_of(gaps[10_000], 10_000)
    assert 3.9 < offset < 4.5
    assert corrected(depth=100, offset=offset) == pytest.approx(gaps[100], rel=6e-3)
    assert asymptote(depth=100) / gaps[100] > 1.2


def test_the_start_is_forgotten_but_for_the_offset() -> None:
    gaps = wide_gaps(np.array([30.0, 90.0, 170.0]), 10_000)
    offsets = [offset_of(gap, 10_000) for gap in gaps[-1]]
    assert offsets == sorted(offsets, reverse=True)
    later = wide_gaps(np.array([30.0, 90.0, 170.0]), 20_000)[-1]
    assert [offset_of(gap, 20_000) for gap in later] == pytest.approx(offsets, abs=0.01)


@pytest.mark.parametrize(("degrees", "times_n"), [(0, 5), (90, 0), (180, -1)])
def test_covariances(degrees: float, times_n: float) -> None:
    found = DERIVATION.predict("covariance")(angle=math.radians(degrees), units=7)
    assert 7 * found == pytest.approx(times_n, abs=1e-12)


def test_a_batch_is_worth_less_than_its_size() -> None:
    worth = tables(measure(FEW, quiet), FEW)["batches.csv"]["worth (predicted)"]
    assert list(worth) == sorted(worth, reverse=True) and worth.iloc[-1] < 3 and worth.iloc[0] < 20


@pytest.mark.parametrize(
    "wrong",
    [{"networks": 29}, {"width": 19}, {"units": 9}, {"batch": 1}, {"depth": 0}, {"seed": -1}]
    + [{"angles": a} for a in ((), (0.0,), (151.0,), (90.0, 90.0), (math.nan,))],
)
def test_unusable_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)
