"""The last layer's law without sampling: against quadrature, moments from the derivation, and the sampler."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from derivations import load
from experiments.final_law import FinalLaw
from experiments.inverse import guide, inverse
from experiments.law import Law, constant, random_numbers, sample
from experiments.law_kinds import Orthogonal
from experiments.settings import Unusable
from experiments.statistics import FALSE_ALARM

HE = math.sqrt(2)
LOG2 = math.log(2)


def one_layer(units: int, ratio: float) -> float:
    """The probability that a living layer's ratio is at most ``ratio``: a mixture of χ² laws."""
    k = np.arange(1, units + 1)
    weights = stats.binom(units, 0.5).pmf(k) / (1 - 0.5**units)
    return float(weights @ stats.chi2(k).cdf(ratio * units / 2))


def two_layers(units: int, ratio: float) -> float:
    """The same for the product of two ratios, by quadrature over the first one's logarithm."""
    k = np.arange(1, units + 1)
    weights = stats.binom(units, 0.5).pmf(k) / (1 - 0.5**units)

    def integrand(log: float) -> float:
        x = math.exp(log) * units / 2
        return float(weights @ stats.chi2(k).pdf(x)) * x * one_layer(units, ratio / math.exp(log))

    return float(integrate.quad(integrand, -60, 8, limit=500, epsabs=1e-13, points=(-5, 0, 3))[0])


@pytest.mark.parametrize("units", [1, 3])
def test_one_and_two_layers_are_those_of_quadrature(units: int) -> None:
    logs = np.array([-6.0, -2.0, -0.3, 0.0, 0.7, 1.5])
    for depth, expected in ((1, one_layer), (2, two_layers)):
        law = FinalLaw(Law(constant(units, depth), HE))
        np.testing.assert_allclose(law.cdf(logs), [expected(units, 2**x) for x in logs], atol=1e-9)


@pytest.mark.parametrize(
    ("units", "depth"), [(1, 1), (1, 40), (2, 5), (24, 100), (64, 50), (512, 1), (512, 10_000)]
)
def test_mean_and_variance_are_the_derivations(units: int, depth: int) -> None:
    law, predict = FinalLaw(Law(constant(units, depth), HE)), load("depth/finite_width").predict
    drift, variance = (predict(name)(units=units) for name in ("drift", "log_ratio_variance"))
    assert law.mean * LOG2 == pytest.approx(depth * drift, rel=1e-9)
    assert law.variance * LOG2**2 == pytest.approx(depth * variance, rel=1e-7)
    assert law.alive == pytest.approx((1 - 0.5**units) ** depth, rel=1e-12)


CASES = {
    "tiny": Law((2, 3, 1, 2, 2), HE),
    "uneven": Law((5, 7, 4, 4, 9), 1.1),
    "dropout": Law((5, 7, 4, 6), HE, dropout=0.3),
    "deep": Law(constant(30, 200), HE),
    "wide": Law(constant(10**6, 3), HE),
}


@pytest.mark.parametrize("case", CASES)
def test_the_sampler_has_this_law(case: str) -> None:
    the, law = CASES[case], FinalLaw(CASES[case])
    last = sample(the, networks=8192, seed=2, layers=(the.depth,)).forward[:, 0, 0]
    alive = np.isfinite(last)
    share = FALSE_ALARM / len(CASES) / 3
    assert stats.kstest(last[alive], law.cdf).pvalue > share
    assert stats.binomtest(int(alive.sum()), len(last), law.alive).pvalue > share
    drawn = law.draw(random_numbers(3), 8192)
    assert stats.ks_2samp(np.maximum(last, -1e4), np.maximum(drawn, -1e4)).pvalue > share


def test_a_wrong_law_is_noticed() -> None:
    last = sample(CASES["deep"], networks=8192, seed=2, layers=(200,)).forward[:, 0, 0]
    for wrong in (Law(constant(30, 200), 1.01 * HE), Law(constant(31, 200), HE)):
        assert stats.kstest(last, FinalLaw(wrong).cdf).pvalue < FALSE_ALARM


def test_density_distribution_and_quantiles_fit_together() -> None:
    law = FinalLaw(Law((20, 30, 20), HE))
    x = np.linspace(-4, 3, 2001)
    inside = np.diff(law.cdf(x))
    np.testing.assert_allclose(
        (law.pdf(x)[1:] + law.pdf(x)[:-1]) / 2 * np.diff(x), inside, atol=1e-7
    )
    share = np.array([1e-6, 0.01, 0.5, 0.99, 1 - 1e-6])
    np.testing.assert_allclose(law.cdf(law.quantile(share)), share, atol=1e-6)
    assert law.cdf([-1e9, 1e9]).tolist() == [0, 1]
    assert law.pdf([-1e9, 1e9]).tolist() == [0, 0]


def test_what_has_no_such_law_is_refused() -> None:
    for law in (Law((3, 4), 1.0, 0.1), Orthogonal((3, 4), 1.0)):
        with pytest.raises(Unusable, match="Gaussian weights and negative-slope 0"):
            FinalLaw(law)
    with pytest.raises(Unusable, match="from 0 to 1"):
        FinalLaw(Law((3, 4), 1.0)).quantile(1.1)


@pytest.mark.parametrize(("width", "depth"), [(3, 2), (8, 50), (512, 10_000)])
def test_draws_are_quantiles_of_random_shares(width: int, depth: int) -> None:
    """The compiled inverse is np.interp's, dead networks apart, however long the table and steep the function."""
    final = FinalLaw(Law(constant(width, depth), math.sqrt(2)))
    shares = random_numbers(3).random(20_000)
    drawn = final.draw(random_numbers(3), 20_000)
    living = shares < final.alive
    assert np.isneginf(drawn[~living]).all()
    expected = final.quantile(shares[living] / final.alive)
    np.testing.assert_allclose(drawn[living], expected, rtol=0, atol=1e-9)


def test_the_inverse_reaches_both_ends() -> None:
    below, points = np.array([0.0, 1e-12, 0.5, 0.999, 1 - 1e-15]), np.arange(5.0)
    shares = np.array([0.0, 5e-13, 0.25, 0.5, np.nextafter(1, 0), 1.0])
    inverse(shares, points, below, guide(below), 1.0)
    assert shares[:4] == pytest.approx([0, 0.5, 1.5, 2], abs=1e-9)
    assert shares[4] == pytest.approx(4, abs=0.2) and np.isneginf(shares[5])
