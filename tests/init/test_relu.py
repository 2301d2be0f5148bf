"""init/relu: torch as oracle, the moments as plain integrals, and an experiment that agrees with theory."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from torch.nn import functional
from torch.testing import assert_close

from derivations import load
from experiments.init.relu import MUTANTS, Settings, compare, measure, moments, tables
from experiments.mutants import planted
from experiments.settings import Unusable
from experiments.statistics import judge
from impl.init.relu import leaky_relu, leaky_relu_loops, relu

X = torch.linspace(-2, 2, 9).reshape(3, 3)
SPECIAL = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.5, -2.5, 1e-30])

EXAMPLES = {
    "relu": lambda: relu(X),
    "leaky_relu": lambda: leaky_relu(X, 0.1),
    "leaky_relu_loops": lambda: leaky_relu_loops(X, 0.1),
}
PREDICT = {name: load("init/relu").predict(name) for name in ("mean", "variance")}
SMALL = Settings(batches=100, size=500, runs=0)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


# The implementation


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    shape=array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
    dtype=st.sampled_from((torch.float64, torch.float32, torch.bfloat16)),
    slope=st.sampled_from((0.0, 0.01, 0.25, 1.0, 2.0, -1.0)),
    seed=st.integers(0, 99),
)
def test_rectifiers_are_torchs(
    shape: tuple[int, ...], dtype: torch.dtype, slope: float, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    x = SPECIAL[torch.randint(len(SPECIAL), shape, generator=rng)].to(dtype)
    assert_close(relu(x), functional.relu(x), rtol=0, atol=0, equal_nan=True)
    expected = functional.leaky_relu(x, slope)
    assert_close(leaky_relu(x, slope), expected, rtol=0, atol=0, equal_nan=True)
    rounding = torch.finfo(dtype).eps  # Python's numbers are float64
    assert_close(leaky_relu_loops(x, slope), expected, rtol=rounding, atol=0, equal_nan=True)


def test_the_default_slope_is_torchs() -> None:
    assert torch.equal(leaky_relu(X), functional.leaky_relu(X))
    assert torch.equal(leaky_relu_loops(X), functional.leaky_relu(X))


def test_gradients_are_torchs() -> None:
    x = X.double().add(0.1).requires_grad_()
    assert torch.autograd.gradcheck(relu, (x,))
    assert torch.autograd.gradcheck(leaky_relu, (x,))


def test_the_input_is_left_as_it_was() -> None:
    x = X.clone()
    for call in EXAMPLES.values():
        call()
    assert torch.equal(x, X)


# The derivation


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0, -1.0, 2.0])
def test_predictions_are_the_moments_of_a_sum_over_a_fine_grid(slope: float) -> None:
    """The midpoint rule, with numpy's own rectifier: none of the derivation's code."""
    step, variance = 1e-4, 2.0
    x = (np.arange(-120_000, 120_000) + 0.5) * step
    density = np.exp(-(x**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance) * step
    y = np.where(x > 0, x, slope * x)
    given = {"preactivation_var": variance, "negative_slope": slope}
    predict = {n: load("init/relu").predict(n) for n in ("absolute", "fourth_moment")}
    mean = float((density * y).sum())
    expected = {
        "mean": mean,
        "variance": float((density * (y - mean) ** 2).sum()),
        "absolute": float((density * np.abs(y)).sum()),
        "fourth_moment": float((density * y**4).sum()),
    }
    for name, value in expected.items():
        assert (PREDICT | predict)[name](**given) == pytest.approx(value, rel=1e-7, abs=1e-9)


def test_the_numbers_that_the_lesson_is_about() -> None:
    unit = {"preactivation_var": 1, "negative_slope": 0}
    assert PREDICT["mean"](**unit) == pytest.approx(0.3989, abs=5e-5)
    assert PREDICT["variance"](**unit) == pytest.approx(0.3408, abs=5e-5)
    row = load("init/relu")
    assert row.predict("kaiming_mean")(second_moment=1) == pytest.approx(0.5642, abs=5e-5)
    kaimings = math.sqrt(row.predict("kaiming_variance")(second_moment=1))
    assert kaimings == pytest.approx(0.8256, abs=5e-5)
    product = {"weight_var": 1, "second_moment": 1}
    assert row.predict("product_deviation")(**product) == pytest.approx(0.6314, abs=5e-5)


def test_a_symmetric_law_that_is_not_gaussian_keeps_the_half_and_not_the_mean() -> None:
    signs = np.array([-1.0, 1.0])  # variance 1, as N(0, 1)
    y = np.maximum(signs, 0)
    assert (y**2).mean() == 0.5 == (signs * y).mean() - signs.mean() * y.mean()
    assert y.mean() == 0.5 != pytest.approx(PREDICT["mean"](preactivation_var=1, negative_slope=0))
    assert y.var() == 0.25


# The experiment


def agrees(chosen: Settings) -> bool:
    return bool(judge(compare(measure(chosen, quiet), chosen))["agrees"].all())


@pytest.mark.parametrize(
    "chosen",
    [
        replace(SMALL, variance=4.0),
        replace(SMALL, slopes=(2.0, -0.5), seed=1),
        replace(SMALL, size=20),
        replace(SMALL, runs=20, width=64),
    ],
)
def test_theory_and_measurement_agree(chosen: Settings) -> None:
    assert agrees(chosen)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("cut off at 6, as ReLU6 is", Settings(variance=4.0, slopes=(0.0,), runs=0)),
        ("variance divided by n", replace(SMALL, size=20, batches=2000)),
    ],
)
def test_what_the_default_size_cannot_see_another_one_does(name: str, seen: Settings) -> None:
    (mutant,) = (m for m in MUTANTS if m.name == name)
    assert agrees(seen)
    with planted(mutant):
        assert not agrees(seen)


def test_estimates_have_no_bias() -> None:
    """Over all samples of two numbers from a law with two values, each estimate is right on average."""
    x = [torch.tensor([a, b], dtype=torch.float64) for a in (0, 1) for b in (0, 1)]
    found = [moments(pair, pair) for pair in x]
    averages = {name: sum(each[name] for each in found) / 4 for name in found[0]}
    half = dict.fromkeys(("mean", "absolute", "second_moment", "fourth_moment"), 0.5)
    assert averages == {**half, "variance": 0.25, "covariance": 0.25}


def test_the_lessons_numbers_are_within_their_own_error() -> None:
    chosen = replace(SMALL, runs=100)
    samples = measure(chosen, quiet)
    lesson = tables(samples, chosen)["lesson.csv"]
    assert len(lesson) == 6
    assert (((lesson["lesson"] - lesson["predicted"]) / lesson["one_run"]).abs() < 3).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"slopes": ()}, "slopes must be different"),
        ({"slopes": (0.5, 0.5)}, "slopes must be different"),
        ({"slopes": (math.inf,)}, "slopes must be finite"),
        ({"variance": 0.0}, "the variance positive"),
        ({"variance": -1.0}, "variance must be at least 0"),
        ({"runs": 1}, "runs must be at least 2"),
        ({"size": 1}, "size must be at least 2"),
    ],
)
def test_unusable_settings_are_refused(wrong: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(Unusable, match=message):
        Settings(**wrong)
