"""The numeric road: the value of what is not evaluated, to thirty digits, and what has none."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import pytest
import sympy as sp

from derivations import numeric, points
from derivations.domains import bounded
from derivations.expectation import (
    GaussianMean,
    Independent,
    Mean,
    Normal,
    Signs,
    Variance,
)
from derivations.numeric import Undefined, evaluate
from derivations.points import compare
from derivations.proof import Step
from derivations.solve import Root

x, y = sp.symbols("x y", real=True)
p, v = sp.symbols("p v", positive=True)
q, keep = sp.Symbol("q", negative=True), bounded("keep", 0, 1)
n, i, j = sp.symbols("n i j", integer=True, positive=True)
w, u = sp.IndexedBase("w"), sp.IndexedBase("u")
f, g = sp.Function("f"), sp.Function("g", positive=True)
AT = {x: mp.mpf(-2), y: mp.mpf(3), p: mp.mpf(2), v: mp.mpf(4), n: mp.mpf(3)}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (x**2 + y, 7),
        (sp.Integral(x * y, (x, 0, y)), "13.5"),
        (sp.Integral(x * y, (x, 0, y), (y, 0, 2)), 2),  # the last limit is the outermost
        (sp.Integral(sp.Abs(x), (x, -1, 3)), 5),  # a kink at zero
        (sp.Integral(sp.exp(-p), (p, 0, sp.oo)), 1),
        (sp.Sum(i * y, (i, 1, n)), 18),
        (sp.Sum(i * j, (i, 1, j), (j, 1, n)), 25),
        (sp.Sum(i, (i, 4, n)), 0),  # nothing to add
        (sp.Product(i + 1, (i, 1, n)), 24),
        (sp.Product(i, (i, 4, n)), 1),
        (sp.Product(i * j, (i, 1, 2), (j, 1, 2)), 16),
        (sp.Sum(1 / sp.Integer(2) ** i, (i, 1, sp.oo)), 1),
        (sp.Product(1 - 1 / (i + 1) ** 2, (i, 1, sp.oo)), "0.5"),
        (sp.Derivative(x**3 * y, x), 36),
        (sp.Derivative(x**3 * y**2, x, 2, y), -72),
        (sp.Subs(x * y, (x, y), (y, x + 1)), -3),
        (sp.Subs(sp.Derivative(x**2, x), x, y), 6),
        (sp.Subs(keep**2 + 1, keep, 0), 1),
        (sp.Limit(sp.sin(x) / x, x, 0), 1),
        (sp.Limit((p + y) / p, p, sp.oo), 1),
        (GaussianMean(x**2 + y, x, v), 7),
        (GaussianMean(sp.Max(0, x) ** 2, x, v), 2),
        (Mean(x**2 + y, Independent(x, {1: 0, 2: v})), 7),
        (Mean(sp.Sum(w[i], (i, 1, 3)) ** 2, Independent(w, {1: 1, 2: v})), 18),
        (Mean(w[1] * u[1], Independent(w, {1: 2, 2: v + 4}), Independent(u, {1: 3, 2: 10})), 6),
        (Variance(w[1] + 2 * w[2], Independent(w, {1: 1, 2: v})), 15),
        (Mean(x**8, Normal(x, 2)), 1680),
        (Mean(w[1] ** 4 * sp.Abs(w[2]), Signs(w)), 1),
    ],
)  # fmt: skip
def test_the_value_of_what_is_not_evaluated(expression: sp.Expr, value: Any) -> None:
    close = mp.mpf(10) ** (-9 if expression.has(sp.Limit) else -numeric.DIGITS)
    with mp.workdps(numeric.WORKING_DIGITS):
        for seed in (0, 1):
            assert abs(evaluate(expression, AT, seed) - mp.mpf(value)) < close * 100


@pytest.mark.parametrize(("side", "value"), [("+", 1), ("-", -1)])
def test_a_limit_has_a_side(side: str, value: int) -> None:
    found = evaluate(sp.Limit(sp.Abs(x) / x + x, x, 0, side), {})
    assert found == pytest.approx(value)


@pytest.mark.parametrize(
    ("equation", "unknown", "root"),
    [
        (p * v - 12, p, 3), (sp.Eq(x**3, -8), x, -2), (sp.Eq(x + 5, 5), x, 0),
        (sp.Eq(v * p**2, 1), p, "0.5"), (sp.Eq(p, 10), p, 10),
    ],
)  # fmt: skip
def test_a_root_is_found_on_either_side(equation: sp.Basic, unknown: sp.Symbol, root: Any) -> None:
    found = evaluate(Root(equation, unknown), {v: mp.mpf(4)})
    assert abs(found - mp.mpf(root)) < mp.mpf("1e-25")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        (1 / (x + 2), r"^1/\(x \+ 2\) has no value at x = -2.0, .*\(division by zero\)$"),
        (sp.log(x + 2), "^log.* is not finite at x = -2.0|has no value"),
        (sp.Matrix([[1, 1 / (x + 2)]]), "has no value at x = -2.0"),
        (sp.Sum(i, (i, 5, n)), "^the range 5 to 3.0 of .* runs backwards$"),
        (Root(x**2 - 1, x), "^2 roots of .* found by sign changes, not 1$"),
        (Root(x**2 + 1, x), "^0 roots of "),
        (Mean(sp.Sum(w[i], (i, 1, n)), Signs(w)), "has no numeric range; give the step cases"),
        (sp.Subs(p, p, x), "^p would be -2.0, which its assumptions exclude$"),
        (GaussianMean(q, q, v), "^q is 2.0 there, which its assumptions exclude$"),
        (GaussianMean(p, p, v), "^p is -2.0 there, which its assumptions exclude$"),
        (sp.Subs(p, p, x / 3), "^p would be -0.66666667,"),
        (sp.Derivative(sp.Abs(x + 2), x), "at x = -2.0 depends on the side it is taken from"),
    ],
)
def test_what_has_no_value_says_so(expression: sp.Basic, said: str) -> None:
    with pytest.raises(Undefined, match=said):
        evaluate(expression, AT)


def test_functions_and_entries_have_values_that_only_their_names_places_and_the_seed_decide() -> (
    None
):
    def values(expression: sp.Expr) -> list[Any]:
        return [evaluate(expression, AT, seed) for seed in range(40)]

    assert values(f(x)) == values(f(y - 5)) != values(f(y))
    assert values(f(1)) == values(f(n - 2)) != values(g(1))
    assert all(0.3 <= value <= 3 for value in values(g(1)))
    assert all(0.3 <= abs(value) <= 3 for value in values(f(1)))
    assert {value > 0 for value in values(f(1))} == {True, False}
    assert values(w[2]) == values(w[n - 1]) != values(w[1])
    assert values(Mean(x**2, Independent(x, {1: 0, 2: g(1)}))) == pytest.approx(values(g(1)))
    assert values(Variance(x + y, Independent(x, {1: f(2), 2: g(1) + 9}))) == pytest.approx(
        [b + 9 - a**2 for a, b in zip(values(f(2)), values(g(1)), strict=True)]
    )
    assert evaluate(f(1), {}) == values(f(1))[0]
    assert min(values(g(1))) < 0.5
    assert values(w[1]) != values(u[1])
    assert values(w[1, 2]) != values(w[2, 1])
    assert min(values(w[1])) < -2 < 2 < max(values(w[1]))
    assert all(-3 <= value <= 3 for value in values(w[1]))
    assert len(set(values(f(1)))) == len(set(values(w[1]))) == 40


def test_a_place_that_is_a_symbol_is_put_in() -> None:
    law = Independent(w, {1: 0, 2: v})
    same, other = ({v: mp.mpf(4), i: mp.mpf(2), j: mp.mpf(k)} for k in (2, 5))
    assert evaluate(Mean(w[i] * w[j], law), same) == pytest.approx(4)
    assert evaluate(Mean(w[i] * w[j], law), other) == pytest.approx(0, abs=1e-30)


def test_a_limit_needs_fewer_digits() -> None:
    limit = Step("limit", sp.Limit(sp.sin(x) / x, x, 0), sp.S.One, "why")
    assert {found.digits for found in compare(limit)} == {numeric.LIMIT_DIGITS}
    turned = Step("limit", limit.rhs, limit.lhs, "why")
    assert {found.digits for found in compare(turned)} == {10}
    plain = Step("plain", sp.Integral(p, (p, 0, 1)), sp.S.Half, "why")
    assert {found.digits for found in compare(plain)} == {30}
    assert points.numeric is numeric


@pytest.mark.parametrize(
    ("power", "root"), [(1, 10**7), (1, mp.mpf(10) ** -7), (3, 300), (2, mp.mpf("0.02"))]
)
def test_a_root_is_found_near_and_far_and_to_all_digits(power: int, root: Any) -> None:
    with mp.workdps(numeric.WORKING_DIGITS):
        known = mp.mpf(root)
        found = evaluate(Root(p**power * v - n, p), {v: 1 / known**power, n: mp.mpf(1)})
        assert abs(found / known - 1) < mp.mpf(10) ** -numeric.DIGITS


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (sp.Derivative(1000 * x + sp.Abs(x) ** 3, x), 1000),
        (sp.Derivative(sp.Max(0, x), x), None),
        (sp.Derivative(sp.Max(0, x) * 10**-3, x), None),
        (sp.Derivative(x * sp.Heaviside(x, 0), x), None),
        (sp.Derivative(x * sp.Heaviside(-x, 0), x), None),
    ],
)
def test_a_derivative_is_the_same_from_both_sides(expression: sp.Expr, value: Any) -> None:
    if value is None:
        with pytest.raises(Undefined, match="depends on the side"):
            evaluate(expression, {x: mp.mpf(0)})
    else:
        assert evaluate(expression, {x: mp.mpf(0)}) == pytest.approx(value)


def test_where_a_function_has_a_pole_it_has_no_value_and_what_is_no_pole_is_an_error() -> None:
    with pytest.raises(Undefined, match=r"gamma.* has no value at x = 0.0 \(gamma function pole\)"):
        evaluate(sp.gamma(x), {x: mp.mpf(0)})
    with pytest.raises(Undefined, match="at any point"):
        evaluate(sp.Pow(sp.Integral(0, (x, 0, 1)), -1), {})
