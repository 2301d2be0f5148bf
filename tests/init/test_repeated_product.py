"""init/repeated_product: powers of a matrix as oracle, the law of the overflow, theory and measurement."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from derivations import load
from experiments.init import _float_range as float_range
from experiments.init.repeated_product import Settings, compare, measure, tables
from experiments.settings import Unusable
from experiments.statistics import judge
from impl.init.repeated_product import first_step, overflowed, repeated_product, vanished

X = torch.ones(3)
EXAMPLES = {
    "repeated_product": lambda: list(repeated_product(X, 3)),
    "first_step": lambda: first_step([X], overflowed),
    "overflowed": lambda: overflowed(X),
    "vanished": lambda: vanished(X),
}
FEW = Settings(draws=20, narrow=40, real=4, width=64, pairs=300, runs=2)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_matrix_is_a_power_and_fresh_ones_are_a_product() -> None:
    x = torch.randn(5, dtype=torch.float64, generator=stream(1))
    matrices = torch.empty(3, 5, 5, dtype=torch.float64)
    drawn = stream()
    for matrix in matrices:
        matrix.normal_(0, 0.3, generator=drawn)
    *_, last = repeated_product(x, 3, 0.3, fresh=False, generator=stream())
    assert_close(last, torch.linalg.matrix_power(matrices[0], 3) @ x)
    *_, last = repeated_product(x, 3, 0.3, generator=stream())
    assert_close(last, matrices[2] @ matrices[1] @ matrices[0] @ x)


def test_the_lessons_loop() -> None:
    a = torch.empty(512, 512).normal_(generator=stream())
    x = torch.randn(512, generator=stream(1))
    step = first_step(repeated_product(x, 100, fresh=False, generator=stream()), overflowed)
    products = 0
    while torch.isfinite(x).all():
        x = a @ x
        products += 1
    assert step == products
    assert step in (28, 29)


def test_a_deviation_may_be_missing_of_numbers_that_are_all_there() -> None:
    """Why the lesson's own test, std() != std(), fires early: the sum overflows before an entry does."""
    x = torch.full((512,), 1e38)
    assert not overflowed(x)
    assert not torch.isfinite(x.std())
    assert torch.isfinite(x.double().std())


@pytest.mark.parametrize(
    ("entries", "over", "gone"),
    [
        ((1.0, -2.0), False, False),
        ((0.0, -0.0), False, True),
        ((0.0, 1e-45), False, False),
        ((1.0, math.inf), True, False),
        ((math.inf, -math.inf), True, False),
        ((0.0, math.nan), True, False),
        ((3e38, 3e38), False, False),
    ],
)
def test_what_is_out_of_range(entries: tuple[float, float], over: bool, gone: bool) -> None:
    x = torch.tensor(entries)
    assert overflowed(x) == over and vanished(x) == gone


def test_nothing_is_asked_for_after_the_first_step() -> None:
    def vectors():  # type: ignore[no-untyped-def]
        yield X
        yield X * math.inf
        raise AssertionError

    assert first_step(vectors(), overflowed) == 2
    assert first_step([X], overflowed) is None


@pytest.mark.parametrize(
    ("x", "steps", "std"), [(torch.ones(2, 2), 1, 1.0), (X, -1, 1.0), (X, 1, -1.0)]
)
def test_what_is_no_product_is_refused(x: torch.Tensor, steps: int, std: float) -> None:
    with pytest.raises(ValueError, match="x must be a vector, steps and std not negative"):
        repeated_product(x, steps, std)


def test_the_grid_has_the_derived_mean_and_variance() -> None:
    for width, count in product((20, 64, 512), (1, 5, 40)):
        logs, weights = float_range.log_squares(width, count)
        mean = load("init/repeated_product").predict("log_growth")(units=width, weight_var=1)
        variance = load("init/repeated_product").predict("log_variance")(units=width)
        assert weights @ logs == pytest.approx(count * float(mean), rel=1e-9)
        spread = weights @ (logs - count * float(mean)) ** 2
        assert spread == pytest.approx(count * float(variance), rel=1e-6)


def test_the_overflow_is_at_the_29th_product_or_the_28th() -> None:
    chances = float_range.crossing(float_range.LARGEST, 512, 1.0, 40)
    assert chances[27] == pytest.approx(0.110, abs=0.001)
    assert chances[28] == pytest.approx(0.890, abs=0.001)
    assert chances.sum() == pytest.approx(1, abs=1e-9)


def test_the_chance_of_an_overflow_by_drawing_from_the_law() -> None:
    width, step, draws = 64, 43, 20_000
    rng = np.random.default_rng(0)
    logs = np.log(rng.chisquare(width, (draws, step))).sum(axis=1)
    largest = np.abs(rng.standard_normal((draws, width))).max(axis=1) * np.exp(logs / 2)
    share = (largest < float_range.LARGEST).mean()
    expected = float_range.stays_below(float_range.LARGEST, width, 1.0, step)
    assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / draws)


def test_theory_and_measurement_agree() -> None:
    samples = measure(FEW, quiet)
    assert judge(compare(samples, FEW))["agrees"].all()
    found = tables(samples, FEW)
    assert found["overflow.csv"]["fresh, predicted"].sum() == pytest.approx(1, abs=1e-3)
    assert len(found["lesson.csv"]) == 5
    assert set(tables(samples, replace(FEW, runs=0))) == {"paths.csv", "overflow.csv"}


@pytest.mark.parametrize(
    "wrong", [{"draws": 1}, {"narrow": 19}, {"real": 1}, {"runs": -1}, {"width": 10**6}]
)
def test_unusable_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)


def test_no_step_and_no_spread_are_no_mistake() -> None:
    x = torch.ones(3)
    assert list(repeated_product(x, 0, 1.0)) == []
    assert [float(y.abs().sum()) for y in repeated_product(x, 2, 0.0)] == [0, 0]
