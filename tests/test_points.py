"""Random points: they respect all that is declared; and when two numbers agree."""

from __future__ import annotations

from random import Random

import mpmath as mp
import pytest
import sympy as sp

from derivations.numeric import Undefined
from derivations.points import Compared, compare, draw, free_symbols, gap, shown
from derivations.proof import Step

x, y = sp.symbols("x y", real=True)
p, v = sp.symbols("p v", positive=True)
n, i, j = sp.symbols("n i j", integer=True, positive=True)
w, u = sp.IndexedBase("w"), sp.IndexedBase("u")
f, g = sp.Function("f"), sp.Function("g", positive=True)


def test_points_respect_what_is_declared() -> None:
    kinds: dict[str, dict[str, bool]] = {
        "real": {"real": True}, "positive": {"positive": True}, "negative": {"negative": True},
        "nonnegative": {"nonnegative": True}, "nonpositive": {"nonpositive": True},
        "nonzero": {"real": True, "nonzero": True}, "integer": {"integer": True},
        "size": {"integer": True, "positive": True}, "count": {"integer": True, "nonnegative": True},
    }  # fmt: skip
    seen = {}
    for name, assumptions in kinds.items():
        symbol = sp.Symbol(name, **assumptions)
        drawn = [float(draw(symbol, Random(f"{name} {k}"), k % 20)) for k in range(400)]
        seen[name] = drawn
        assert draw(symbol, Random(0), 2) == {"real": 0, "nonnegative": 0, "nonpositive": 0,
            "size": 1, "count": 0}.get(name, draw(symbol, Random(0), 2))  # fmt: skip
    assert 0.1 <= min(seen["positive"]) < 0.12 < 4.5 < max(seen["positive"]) <= 10**0.7
    assert -(10**0.7) <= min(seen["negative"]) < -4.5 < -0.12 < max(seen["negative"]) <= -0.1
    assert min(seen["nonnegative"]) == max(seen["nonpositive"]) == 0
    assert max(seen["nonnegative"]) > 4.5 > -4.5 > min(seen["nonpositive"])
    assert -(10**0.7) <= min(seen["real"]) < -4.5 < 4.5 < max(seen["real"]) <= 10**0.7
    assert 0 in seen["real"]
    assert 0 not in seen["nonzero"] + seen["positive"] + seen["negative"]
    assert set(seen["size"]) == set(range(1, 10))
    assert set(seen["count"]) == set(range(10))
    assert set(seen["integer"]) == {*range(-9, 0), *range(1, 10)}
    for name in ("real", "nonzero"):  # both signs, in the first two points
        symbol = sp.Symbol(name, **kinds[name])
        assert all(draw(symbol, Random(k), 0) > 0 > draw(symbol, Random(k), 1) for k in range(9))
    both = [complex(draw(sp.Symbol("any"), Random(k), 0)) for k in range(400)]
    for parts in ([z.real for z in both], [z.imag for z in both]):
        assert -3 <= min(parts) < -2.9 < 2.9 < max(parts) <= 3


def test_places_are_equal_once_and_one_number_is_one() -> None:
    step = Step("places", x * p * i + j, x * p * i + j + n - n + 0 * y, "why")
    first = [found.at for found in compare(step)]
    assert len(first) == 5
    assert first[3][i] == first[3][j]
    assert any(at[i] != at[j] for at in first)
    assert [k for k, at in enumerate(first) if 1 in (at[x], at[p])] == [3]
    assert (first[3][x] == 1) != (first[3][p] == 1)
    assert [found.seed for found in compare(step, seed=2)] == [2 * 1_000_003 + k for k in range(5)]
    assert first == [found.at for found in compare(step)]
    assert first != [found.at for found in compare(step, seed=1)]
    assert len(list(compare(step, points=8))) == 8
    assert first != [found.at for found in compare(Step("other", step.lhs, step.rhs, "why"))]
    later = Step("later", n + x, x + n, "why", least=((n, 6),))
    assert {int(found.at[n]) for found in compare(later, points=30)} == {6, 7, 8, 9}


def test_what_is_bound_needs_no_value() -> None:
    assert free_symbols(sp.Sum(w[i] * x, (i, 1, n)) + f(p)) == {x, n, p}
    assert free_symbols(sp.Integral(y, (y, 0, v))) == {v}


def test_too_few_points_are_an_error_that_says_how_many() -> None:
    nothing = sp.Integral(0, (x, 0, 1))
    never = Step("never", p / nothing, p**2 / nothing, "why")
    with pytest.raises(
        Undefined, match=r"^defined at 0 of 20 points; last: .* has no value at p = "
    ):
        list(compare(never))


@pytest.mark.parametrize(
    ("left", "right", "digits", "agrees"),
    [
        ("1", "1.0000000000000000000000000000009", 30, True),
        ("1", "1.000000000000000000000000000002", 30, False),
        ("1000", "1000.0000000000000000000000000009", 30, True),
        ("1", "1.00000000009", 10, True),
        ("1", "1.0000000002", 10, False),
        ("0", "9e-40", 30, True),
        ("0", "2e-39", 30, False),
        ("-1", "1", 30, False),
    ],
)  # fmt: skip
def test_agreement_is_relative(left: str, right: str, digits: int, agrees: bool) -> None:
    with mp.workdps(45):
        one, two = mp.mpf(left), mp.mpf(right)
    for pair in ((one, two), (two, one)):
        assert Compared({}, *pair, digits, 0).agrees is agrees
    with mp.workdps(45):
        both = mp.matrix([[0, one]]), mp.matrix([[0, two]])
    assert Compared({}, *both, digits, 0).agrees is agrees
    assert not Compared({}, both[0], one, digits, 0).agrees


def test_a_place_and_a_difference_in_words() -> None:
    found = Compared({x: mp.mpf("1.23456789123"), n: mp.mpf(3)}, mp.mpf(1), mp.mpf(2), 30, 0)
    assert found.place == "x = 1.2345679, n = 3.0"
    assert gap(mp.mpf(1), mp.mpf(3)) == -2
    assert gap(mp.matrix([[1]]), mp.matrix([[1, 2]])) == "shapes differ"
    assert (shown("shapes differ"), shown(mp.mpf(2))) == ("shapes differ", "2.0")
    assert shown(mp.matrix([[1, 2]])) == "1.0, 2.0"
    with mp.workdps(45):
        assert shown(1 / mp.mpf(3)) == "0." + 30 * "3"
