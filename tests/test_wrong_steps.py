"""The ways to make a step wrong: exactly those that apply, and none that leaves it as it is."""

from __future__ import annotations

import pytest
import sympy as sp

from derivations.expectation import Independent, Mean, Variance
from derivations.proof import Step
from derivations.wrong_steps import KINDS, mutants

x, y = sp.symbols("x y", real=True)
v = sp.Symbol("v", positive=True)
low = sp.Symbol("low", nonpositive=True)
n, i = sp.symbols("n i", integer=True, positive=True)
fan_in, fan_out = sp.symbols("fan_in fan_out", integer=True, positive=True)
w = sp.IndexedBase("w")
LAW = Independent(w, {1: 0, 2: v})
LEFT = sp.Function("f")(1)  # as it stands: nothing on this side can be made wrong


def made(kind: str, lhs: sp.Basic, rhs: sp.Basic) -> list[tuple[sp.Basic, sp.Basic]]:
    step = Step("step", lhs, rhs, "why")
    return [(m.step.lhs, m.step.rhs) for m in mutants(step) if m.kind == kind]


def rights(kind: str, rhs: sp.Basic, lhs: sp.Basic = LEFT) -> set[sp.Basic]:
    found = made(kind, lhs, rhs)
    assert {left for left, _ in found} <= {lhs}
    return {right for _, right in found}


def test_factors_signs_and_offsets() -> None:
    assert rights("factor 2", x + 1) == {2 * (x + 1)}
    assert rights("factor ½", x) == {x / 2}
    assert rights("sign", x) == {-x}
    assert rights("offset 1/100", x) == {x + sp.Rational(1, 100)}
    matrix = sp.ImmutableMatrix([[x, 1]])
    (moved,) = rights("offset 1/100", matrix)
    assert sp.Matrix(moved) == sp.Matrix([[x + sp.Rational(1, 100), sp.Rational(101, 100)]])


def test_exponents_of_powers_and_of_symbols() -> None:
    assert rights("exponent ± 1", x**3) == {x**4, x**2, x**6, sp.Integer(1)}
    assert rights("exponent ± 1", 1 / v) == {sp.Integer(1), v**-2}  # v⁻² twice: once is enough
    assert rights("exponent ± 1", sp.Integer(3)) == set()


def test_sizes_are_whole() -> None:
    assert rights("n → n ± 1", n * v) == {(n + 1) * v, (n - 1) * v}
    assert rights("n → n ± 1", x * v) == set()


def test_fans_change_places_with_the_same_assumptions() -> None:
    assert rights("fan_in ↔ fan_out", fan_in**2 * fan_out) == {fan_out**2 * fan_in}
    assert rights("fan_in ↔ fan_out", fan_in * v) == {fan_out * v}
    assert rights("fan_in ↔ fan_out", 2 * fan_out) == {2 * fan_in}
    assert rights("fan_in ↔ fan_out", x * v) == set()
    (rows,) = rights("fan_in ↔ fan_out", sp.Symbol("rows", positive=True))
    assert rows == sp.Symbol("columns", positive=True)


def test_roots_are_dropped() -> None:
    assert rights("dropped square root", sp.sqrt(v) * x) == {v * x}
    assert rights("dropped square root", x / sp.sqrt(v)) == {x / v}
    assert rights("dropped square root", v**2) == set()


def test_variance_and_second_moment_change_places() -> None:
    variance, square = Variance(w[1] + 1, LAW), Mean((w[1] + 1) ** 2, LAW)
    kind = "variance ↔ second moment"
    assert made(kind, variance, v) == [(square, v)]
    assert made(kind, square, v + 1) == [(variance, v + 1)]
    assert made(kind, Mean(w[1] ** 3, LAW), v) == []


def test_what_may_have_either_sign_is_negated() -> None:
    assert rights("ρ → −ρ", x + v + low) == {v + low - x}
    assert rights("ρ → −ρ", x**2) == set()  # it says the same


def test_each_term_is_lost_once_on_either_side() -> None:
    left = sp.Derivative(x**2 + y, x)
    found = made("lost term", left, 2 * x + v)
    assert set(found) == {
        (left, v),
        (left, 2 * x),
        (sp.Derivative(y, x), 2 * x + v),
        (sp.Derivative(x**2, x), 2 * x + v),
    }


def test_bounds_are_shifted_on_either_side() -> None:
    whole = sp.Sum(w[i], (i, 1, n))
    shifted = {
        sp.Sum(w[i], (i, 2, n)),
        sp.Sum(w[i], (i, 1, n + 1)),
        sp.Sum(w[i], (i, 1, n - 1)),
    }
    assert {left for left, _ in made("shifted bound", whole, v)} == shifted
    assert rights("shifted bound", whole) == shifted
    double = sp.Product(w[i], (i, 1, n), (fan_in, 1, 2))
    assert sp.Product(w[i], (i, 2, n), (fan_in, 1, 2)) in rights("shifted bound", double)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_made_twice_or_left_as_it_is(kind: str) -> None:
    lhs, rhs = sp.Sum(x * v, (i, 1, fan_in)), fan_in * x * sp.sqrt(v) * sp.sqrt(v + 1)
    found = made(kind, lhs, rhs)
    assert len(set(found)) == len(found)
    assert (lhs, rhs) not in found


def test_cases_of_a_wrong_step_are_few() -> None:
    step = Step("step", sp.Sum(i, (i, 1, n)), n * v, "why", cases=((n, (1, 2, 3)),))
    assert {m.step.cases for m in mutants(step)} == {((n, (2, 3)),)}
