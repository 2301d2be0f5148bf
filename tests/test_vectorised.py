"""Predictions as functions of arrays: of whole numbers, with gammas and sums, and of sizes that overflow a float."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from derivations import load
from derivations.cumulative import cumulative, tamed
from derivations.vectorised import vectorised

i, k, n = sp.symbols("i k n", integer=True, positive=True)
v, x = sp.symbols("v x", positive=True)


def test_whole_numbers_do_not_wrap_around_in_a_prediction() -> None:
    power = vectorised((n, v), v / n + n**5)
    sizes = np.array([10, 10**6])
    assert power(sizes, 1) == pytest.approx([1e5 + 0.1, 1e30])
    assert power(10, True) == pytest.approx(1e5 + 0.1)
    assert vectorised((n,), n**-2)(np.arange(1, 3)) == pytest.approx([1, 0.25])
    assert vectorised((n,), sp.gamma(n + 1) / sp.gamma(n))(1500) == pytest.approx(1500)
    assert vectorised((n,), sp.Sum(1 / i, (i, 1, n)))([1, 2]) == pytest.approx([1, 1.5])


def test_predictions_take_their_symbols_by_name_and_are_vectorised() -> None:
    ratio = load("init/kaiming").predict("forward_ratio")
    values = ratio(fan_in=sp.lambdify([], 512)(), weight_var=2 / 512, negative_slope=0)
    assert values == pytest.approx(1)
    with pytest.raises(TypeError, match="takes fan_in"):
        ratio(width=3)
    with pytest.raises(KeyError, match="forward_ratio"):
        load("init/kaiming").predict("nothing")


def test_a_prediction_with_gammas_does_not_overflow() -> None:
    norm = load("tensors/frobenius").predict("expected_norm")
    assert norm(size=[1, 1500], weight_std=1) == pytest.approx(
        [0.7978845608, 38.7234],
        rel=1e-6,
    )


def test_gammas_of_large_sizes_are_those_of_mpmath() -> None:
    law = (
        sp.binomial(n, k) * sp.lowergamma(k / sp.Integer(2), x) / sp.gamma(k / sp.Integer(2)) / 2**n
    )
    fast = cumulative((n, k, x), law)
    for size, alive, at in ((4, 1, 0.3), (2000, 970, 480.0), (2000, 1030, 520.0)):
        share = mp.gammainc(mp.mpf(alive) / 2, 0, at, regularized=True)
        exact = mp.binomial(size, alive) * share / mp.mpf(2) ** size
        assert fast(size, alive, at) == pytest.approx(float(exact), rel=1e-9)
    shares = fast(4, 1, np.array([0.1, 0.2, 0.3]))
    assert shares.shape == (3,)
    assert (np.diff(shares) > 0).all()


def test_powers_and_choices_become_one_exponential() -> None:
    for product in (
        sp.binomial(n, k) / 2**n,
        sp.binomial(n, k) * 2 ** (-n) * x,
        3**k * sp.binomial(n, k),
    ):
        tame = tamed(product)
        assert len(tame.atoms(sp.exp)) == 1
        assert not tame.has(sp.binomial)
    assert tamed(x**3 * v) == x**3 * v  # not a whole number's power
    assert tamed(sp.lowergamma(k, x)).has(sp.gamma)
