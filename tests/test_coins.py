"""Binomial numbers from a table: the table's probabilities, and the numbers, are scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from experiments.coins import alias_table, binomial, heads
from experiments.law import random_numbers


@pytest.mark.parametrize("coins", [1, 2, 3, 10, 64, 513, 10**6])
@pytest.mark.parametrize("share", [0.5, 0.35, 0.01])
def test_the_table_holds_the_binomials_probabilities(coins: int, share: float) -> None:
    low, probabilities = binomial(coins, share)
    table, law = alias_table(coins, share), stats.binom(coins, share)
    k = np.arange(low, low + len(probabilities))
    np.testing.assert_allclose(probabilities, law.pmf(k), rtol=1e-8, atol=1e-30)
    assert law.cdf(low - 1) + law.sf(k[-1]) < 1e-19
    held = table.keep.copy()
    np.add.at(held, table.other, np.where(table.other == np.arange(len(k)), 0, 1 - table.keep))
    np.testing.assert_allclose(held / len(k), probabilities, atol=1e-13)
    assert ((table.keep >= 0) & (table.keep <= 1)).all()


def test_numbers_are_spread_as_they_should_be() -> None:
    drawn = heads(random_numbers(0), 7, 0.35, 100_000)
    expected = stats.binom(7, 0.35).pmf(np.arange(8)) * len(drawn)
    assert stats.chisquare(np.bincount(drawn, minlength=8), expected).pvalue > 0.001
    wrong = stats.binom(7, 0.36).pmf(np.arange(8)) * len(drawn)
    assert stats.chisquare(np.bincount(drawn, minlength=8), wrong).pvalue < 0.001
