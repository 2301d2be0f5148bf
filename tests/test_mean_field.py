"""Quadrature for activations: against the numeric road's own integrals, closed forms of rows, and known numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from scipy import integrate, stats

from derivations import load, mean_field
from derivations.numeric import evaluate


@pytest.mark.parametrize("name", ["tanh", "gelu", "silu", "sigmoid", "elu", "selu", "relu6"])
@pytest.mark.parametrize("power", [1, 2])
def test_moments_are_the_numeric_roads(name: str, power: int) -> None:
    exact = float(evaluate(mean_field.expectation(name, power, sp.Rational(7, 4)), {}))
    assert mean_field.moments(name, 1.75)[power - 1] == pytest.approx(exact, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("name", sorted(mean_field.ACTIVATIONS))
def test_the_slopes_square_is_that_of_a_difference(name: str) -> None:
    def slope(z: float) -> float:
        step = 1e-5
        high, low = mean_field.evaluated(name, np.array([z + step, z - step]), 0.3)
        return float(((high - low) / (2 * step)) ** 2 * stats.norm.pdf(z / 1.3) / 1.3)

    ends = [(-12, -3), (-3, -1), (-1, 0), (0, 1), (1, 3), (3, 6), (6, 12)]
    total = sum(integrate.quad(slope, a, b)[0] for a, b in ends)
    assert mean_field.moments(name, 1.69, 0.0, 0.3)[2] == pytest.approx(total, rel=2e-3)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_a_rectifier_is_the_rows(slope: float) -> None:
    row, given = load("init/relu"), {"preactivation_var": 2.5, "negative_slope": slope}
    mean, square, slopes = mean_field.moments("leaky_relu", 2.5, 0.0, slope)
    assert mean == pytest.approx(float(row.predict("mean")(**given)))
    assert square == pytest.approx(float(row.predict("second_moment")(**given)))
    assert slopes == pytest.approx((1 + slope**2) / 2)


def test_similar_inputs_of_a_relu_are_the_rows() -> None:
    angle = np.linspace(0.05, math.pi, 9)
    cosine = load("depth/correlation").predict("cosine")(angle=angle)
    found = mean_field.similarity("leaky_relu", np.cos(angle), 1.0) / 0.5
    assert found == pytest.approx(cosine, abs=2e-3)


def test_selu_is_at_its_fixed_point() -> None:
    mean, square, _ = mean_field.moments("selu", 1.0)
    assert (float(mean), float(square)) == pytest.approx((0, 1), abs=1e-9)


def test_a_gain_keeps_the_square() -> None:
    for name in ("gelu", "silu", "elu", "selu"):
        assert mean_field.moments(name, mean_field.gain(name) ** 2)[1] == pytest.approx(1, rel=1e-9)
    assert math.isnan(mean_field.gain("tanh"))
    assert mean_field.gain("leaky_relu", 0.2) == pytest.approx(math.sqrt(2 / 1.04), rel=1e-9)


def test_no_gain_keeps_the_square_of_what_is_never_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mean_field.ACTIVATIONS, "shifted", 2 + mean_field.z)
    assert math.isnan(mean_field.gain("shifted"))


def test_arrays_are_their_elements() -> None:
    variances, means = np.array([[0.5], [2.0]]), np.array([-0.3, 0.0, 1.1])
    found = mean_field.moments("relu6", variances, means)
    for at in np.ndindex(2, 3):
        alone = mean_field.moments("relu6", variances[at[0], 0], means[at[1]])
        assert [each[at] for each in found] == pytest.approx([float(each) for each in alone])
    cosines = np.array([[-1.0, 0.0], [0.4, 1.0]])
    found_cosines = mean_field.similarity("gelu", cosines, 1.5, 0.2)
    for at in np.ndindex(2, 2):
        alone = mean_field.similarity("gelu", cosines[at], 1.5, 0.2)
        assert found_cosines[at] == pytest.approx(float(alone))


def test_similar_inputs_of_a_smooth_one_with_a_mean() -> None:
    """Mehler's series against a sum over a grid of pairs."""
    z = np.linspace(-8, 8, 801)
    x, y = np.meshgrid(z, z)
    rho, mean, deviation = 0.6, 0.4, 1.3
    density = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).pdf(np.dstack([x, y]))
    f = mean_field.evaluated("tanh", mean + deviation * z, 0.0)
    expected = float(f @ density @ f) * (z[1] - z[0]) ** 2
    assert mean_field.similarity("tanh", rho, deviation**2, mean) == pytest.approx(expected)


def test_a_mean_moves_the_kink() -> None:
    grid = np.linspace(-14, 15, 400_001)
    values = np.maximum(grid, 0) ** 2 * stats.norm.pdf(grid, 0.7, 1.5)
    assert mean_field.moments("leaky_relu", 2.25, 0.7)[1] == pytest.approx(
        np.trapezoid(values, grid)
    )


@pytest.mark.parametrize("rectified", [False, True])
def test_the_largest_of_a_window(rectified: bool) -> None:
    random = np.random.default_rng(1)
    shared, own = random.standard_normal((400_000, 1)), random.standard_normal((400_000, 4))
    largest = (math.sqrt(0.3) * shared + math.sqrt(0.7) * own).max(axis=1)
    positive = (largest > 0).mean()
    largest = np.maximum(largest, 0) if rectified else largest
    found = mean_field.largest(4, 0.3, rectified)
    assert found[:3] == pytest.approx(
        (largest.mean(), np.square(largest).mean(), positive), abs=0.01
    )
