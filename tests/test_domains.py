"""Symbols with a range: drawn within it, and nothing is asked of them outside."""

from __future__ import annotations

import copy
from random import Random

import mpmath as mp
import pytest
import sympy as sp

from derivations.domains import bounded, within
from derivations.notation import parse_note
from derivations.points import draw
from derivations.proof import DerivationError, Step, check


def test_bounded_symbols_are_drawn_within_their_bounds() -> None:
    rho, keep, large = bounded("rho", -1, 1), bounded("keep", 0, 1), bounded("x", 3)
    size, few = bounded("n", 2, integer=True), bounded("k", 1, 4, integer=True)
    seen = {symbol: set() for symbol in (rho, keep, large, size, few)}
    for attempt in range(400):
        for symbol, values in seen.items():
            values.add(float(draw(symbol, Random(f"{symbol} {attempt}"), attempt)))
    assert -1 < min(seen[rho]) < -0.9 < 0.9 < max(seen[rho]) < 1
    assert 0 < min(seen[keep]) < 0.1 < 0.9 < max(seen[keep]) < 1
    assert 3.1 < min(seen[large]) < 3.2 < 7.5 < max(seen[large]) < 8.1
    assert seen[size] == set(range(2, 12))
    assert seen[few] == {1, 2, 3, 4}
    assert 0 in seen[rho]


def test_an_integers_lower_bound_comes_first_and_a_likeness_of_zero_third() -> None:
    for seed in range(20):
        assert draw(bounded("n", 2, integer=True), Random(seed), 0) == 2
        assert draw(bounded("rho", -1, 1), Random(seed), 2) == 0
    assert {draw(bounded("n", 2, integer=True), Random(s), 1) for s in range(50)} > {2, 3}


@pytest.mark.parametrize(
    ("low", "high", "integer", "positive", "nonnegative"),
    [
        (1, 5, True, True, True),
        (0, 5, True, None, True),
        (-1, 5, True, None, None),
        (0, 1, False, True, True),
        (0.5, 1, False, True, True),
        (-1, 1, False, None, None),
        (3, 3, True, True, True),
    ],
)
def test_bounds_become_assumptions(
    low: float, high: float, integer: bool, positive: object, nonnegative: object
) -> None:
    symbol = bounded("s", low, high, integer=integer)
    assert symbol.is_integer is (True if integer else None)
    assert (symbol.is_real, symbol.is_positive, symbol.is_nonnegative) == (
        True,
        positive,
        nonnegative,
    )


def test_bounded_symbols_are_symbols() -> None:
    rho = bounded("rho", -1, 1)
    assert rho == bounded("rho", -1, 1) != bounded("rho", 0, 1)
    assert copy.deepcopy(rho) == rho  # as worker processes do
    assert (sp.diff(rho**2, rho), keepers(rho)) == (2 * rho, (True, None))
    for low, high in ((1, 1), (-sp.oo, 1), (2, 1)):
        with pytest.raises(
            ValueError, match=r"^x needs a finite lower bound below the upper one, got"
        ):
            bounded("x", low, high)
    for words in (("1", 2), (1, "2")):  # text is not parsed
        with pytest.raises(sp.SympifyError):
            bounded("x", *words)


def keepers(symbol: sp.Symbol) -> tuple[object, object]:
    return symbol.is_real, symbol.is_positive


def test_a_step_may_need_the_range_of_its_symbol() -> None:
    rho, size = bounded("rho", -1, 1), bounded("n", 2, integer=True)
    arcsine = sp.Integral(1 / sp.sqrt(1 - rho**2), rho)
    assert check(
        Step("arcsine", sp.Derivative(sp.asin(rho), rho), 1 / sp.sqrt(1 - rho**2), "known")
    )
    assert arcsine.has(rho)
    i = sp.Symbol("i", integer=True, positive=True)
    telescope = sp.Sum(1 / (i * (i - 1)), (i, 2, size))
    assert check(Step("telescope", telescope, 1 - 1 / size, "it telescopes"))
    with pytest.raises(DerivationError):
        check(Step("half", telescope, sp.Rational(1, 2), "true for n = 2 only"))


def test_a_note_declares_ranges() -> None:
    entry = "{latex: a, unicode: a, say: a, meaning: a, unit: '1', domain: %s}"
    note = "---\nkey: me\nsymbols:\n  rho: " + entry % "correlation" + "\n  n: "
    note += entry.replace("}", ", minimum: 2}") % "positive integer" + "\n---\n"
    symbols = parse_note("me", note.encode()).symbols
    assert symbols["rho"].symbol == bounded("rho", -1, 1)
    assert symbols["n"].symbol == bounded("n", 2, integer=True)


@pytest.mark.parametrize(
    ("assumption", "inside", "outside"),
    [
        ("positive", (0.5,), (0, -1)),
        ("nonnegative", (0, 1), (-0.5,)),
        ("negative", (-0.5,), (0, 1)),
        ("nonpositive", (0, -1), (0.5,)),
        ("nonzero", (1, -1), (0,)),
        ("integer", (0, 3, -2), (0.5,)),
        ("real", (0, 0.5, -1), ()),
    ],
)
def test_what_is_declared_decides_which_values_are_inside(
    assumption: str, inside: tuple[float, ...], outside: tuple[float, ...]
) -> None:
    symbol = sp.Symbol("s", **{assumption: True})
    assert all(within(symbol, mp.mpf(value)) for value in inside)
    assert not any(within(symbol, mp.mpf(value)) for value in outside)
    assert within(symbol, mp.mpf("-2.5"), between=True) is (
        assumption in ("negative", "nonpositive", "nonzero", "integer", "real")
    )


def test_bounds_are_inside_and_nothing_beyond() -> None:
    share, size = bounded("s", -1, 2), bounded("n", 2, 4, integer=True)
    assert [within(share, mp.mpf(k)) for k in (-2, -1, 2, 3)] == [False, True, True, False]
    assert [within(size, mp.mpf(k)) for k in (1, 2, 4, 5)] == [False, True, True, False]
    large = bounded("l", 2, 99, integer=True)
    drawn = {int(draw(large, Random(k), 1)) for k in range(300)}
    assert drawn == set(range(2, 12))
