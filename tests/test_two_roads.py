"""The numeric road against numbers known otherwise; the laws and points that it draws; what algebra leaves."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import mpmath as mp
import pytest
import sympy as sp

from derivations import algebra, numeric, points
from derivations.domains import bounded
from derivations.expectation import (
    Dependent,
    GaussianMean,
    Independent,
    Law,
    Mean,
    Normal,
    Signs,
    Symmetric,
    Variance,
)
from derivations.numeric import Undefined, evaluate, unroll
from derivations.outcomes import draw_outcomes
from derivations.points import Compared, compare, draw, free_symbols, gap, shown
from derivations.proof import Step
from derivations.solve import Root

x, y = sp.symbols("x y", real=True)
p, v = sp.symbols("p v", positive=True)
q, keep = sp.Symbol("q", negative=True), bounded("keep", 0, 1)
n, i, j = sp.symbols("n i j", integer=True, positive=True)
w, u = sp.IndexedBase("w"), sp.IndexedBase("u")
f, g = sp.Function("f"), sp.Function("g", positive=True)
G = g(7)
AT = {x: mp.mpf(-2), y: mp.mpf(3), p: mp.mpf(2), v: mp.mpf(4), n: mp.mpf(3)}


# Numbers known otherwise


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


def test_the_absolute_value_of_a_normal_variable() -> None:
    with mp.workdps(numeric.WORKING_DIGITS):
        found = evaluate(GaussianMean(sp.Abs(x), x, v), AT)
        assert abs(found - 2 * mp.sqrt(2 / mp.pi)) < mp.mpf(10) ** -numeric.DIGITS


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


def test_sums_are_written_out() -> None:
    assert unroll(sp.Sum(w[i], (i, 1, 3)) ** 2) == (w[1] + w[2] + w[3]) ** 2
    assert unroll(sp.Product(w[i] + 1, (i, 2, 3))) == (w[2] + 1) * (w[3] + 1)
    double = sp.Sum(w[i, j], (i, 1, j), (j, 1, 2))
    assert unroll(double) == w[1, 1] + w[1, 2] + w[2, 2]
    assert unroll(x + y) == x + y
    assert unroll(sp.Sum(w[i], (i, 2, 1))) == 0


# Random laws


def moment(outcomes: Sequence[tuple[Any, dict[sp.Expr, Any]]], *powers: tuple[sp.Expr, int]) -> Any:
    def product(values: dict[sp.Expr, Any]) -> Any:
        return mp.fprod(values[entry] ** power for entry, power in powers)

    return mp.fsum(chance * product(values) for chance, values in outcomes)


@pytest.mark.parametrize("atoms", [2, 3])
@pytest.mark.parametrize(
    "law",
    [
        Independent(w, {1: sp.Integer(1), 2: sp.Integer(5)}),
        Independent(w, {1: sp.Integer(2)}),
        Independent(w, {2: sp.Integer(5)}),
        Symmetric(w, {2: sp.Integer(5)}),
        Symmetric(w, {2: sp.Integer(5), 4: sp.Integer(40)}),
        Symmetric(w, {}),
        Dependent(w, {1: sp.Integer(1), 2: sp.Integer(5)}),
        Normal(w, 5),
        Signs(w),
    ],
    ids=str,
)
def test_a_random_law_has_what_is_declared_and_no_more(law: Law, atoms: int) -> None:
    one, two = w[1], w[2]
    with mp.workdps(numeric.WORKING_DIGITS):
        third, mixed = set(), set()
        for seed in range(6):
            made = draw_outcomes(law, [one, two], lambda m: mp.mpf(int(m)), seed, atoms)
            assert abs(mp.fsum(chance for chance, _ in made) - 1) < 1e-40
            assert all(chance > 0 for chance, _ in made)
            for power, declared in law.moments.items():
                for entry in (one, two):
                    assert abs(moment(made, (entry, int(power))) - int(declared)) < 1e-38
            apart = moment(made, (one, 1)) * moment(made, (two, 1))
            together = moment(made, (one, 1), (two, 1))
            mixed.add(mp.nstr(together - apart, 8) if abs(together - apart) > 1e-30 else "0")
            third.add(mp.nstr(moment(made, (one, 3)), 8))
            assert made == draw_outcomes(law, [one, two], lambda m: mp.mpf(int(m)), seed, atoms)
            if isinstance(law, Symmetric):
                assert abs(moment(made, (one, 3))) < 1e-38
        assert (mixed == {"0"}) is law.independent
        assert len(third) == 6 or isinstance(law, Symmetric)
        values = {Normal: 5, Signs: 2, Dependent: 3}.get(type(law), atoms)
        if type(law) is Symmetric:
            values = 3 if 4 in law.moments else 2 * values
        assert len(made) == (values if isinstance(law, Dependent) else values**2)


def test_values_and_chances_of_a_law_are_spread() -> None:
    """Both signs, and neither rare nor all alike: a law that is nearly a constant breaks no identity."""
    free = Independent(w, {})
    values, chances = [], []
    for seed in range(200):
        for chance, drawn in draw_outcomes(Symmetric(w, {}), [w[1]], lambda m: mp.mpf(1), seed):
            values.append(float(drawn[w[1]]))
            chances.append(float(chance))
    assert len(values) == 200 * 6  # three values and their mirror images, unless asked otherwise
    sizes = sorted(abs(value) for value in values)
    assert 0.2 <= sizes[0] < 0.25 < 2.9 < sizes[-1] <= 3
    assert {value > 0 for value in values} == {True, False}
    assert 0.2 / 2.2 / 2 <= min(chances) < 0.07 < 0.3 < max(chances) <= 1 / 1.4 / 2
    first = [
        draw_outcomes(free, [w[1]], lambda m: mp.mpf(1), seed)[0][1][w[1]] for seed in range(60)
    ]
    assert 15 < sum(value > 0 for value in first) < 45


def test_a_law_keeps_the_side_to_which_it_leans() -> None:
    """Stretching and shifting leave the order of the values as it was."""
    lean = draw_outcomes(Independent(w, {}), [w[1]], lambda m: mp.mpf(m), 3)
    same = draw_outcomes(Independent(w, {1: 2}), [w[1]], lambda m: mp.mpf(int(m)), 3)
    gaps = [b[1][w[1]] - a[1][w[1]] for a, b in zip(lean, same, strict=True)]
    assert max(gaps) - min(gaps) < 1e-12  # a mean alone shifts
    fitted = draw_outcomes(Independent(w, {1: 2, 2: 13}), [w[1]], lambda m: mp.mpf(int(m)), 3)
    order = [sorted(range(3), key=lambda k: made[k][1][w[1]]) for made in (lean, fitted)]
    assert order[0] == order[1]


@pytest.mark.parametrize("seed", range(5))
def test_a_law_with_three_moments_has_them_and_no_fourth(seed: int) -> None:
    moments = {1: 2, 2: -3, 3: 7}
    law = Independent(w, moments)
    drawn = draw_outcomes(law, [w[1]], lambda m: mp.mpf(int(m)), seed)
    assert len({at[w[1]] for _, at in drawn}) == 4
    sums = [mp.fsum(p * at[w[1]] ** k for p, at in drawn) for k in range(5)]
    assert [round(float(total), 9) for total in sums[:4]] == [1, *moments.values()]
    other = draw_outcomes(law, [w[1]], lambda m: mp.mpf(int(m)), seed + 1)
    assert abs(sums[4] - mp.fsum(p * at[w[1]] ** 4 for p, at in other)) > 1e-3
    assert len(draw_outcomes(law, [w[1], w[2]], lambda m: mp.mpf(int(m)), seed)) == 16


def test_a_law_with_a_third_moment_alone_is_not_known() -> None:
    with pytest.raises(
        NotImplementedError, match=r"no finite law is known for the moments \[2, 3\]"
    ):
        draw_outcomes(Independent(w, {2: 1, 3: 0}), [w[1]], lambda m: mp.mpf(1), 0)


def test_many_entries_take_two_values_each(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def drawn(*arguments: Any) -> Any:
        asked.append(arguments[-1])
        return draw_outcomes(*arguments)

    monkeypatch.setattr(numeric, "draw_outcomes", drawn)
    for size in (6, 7):
        evaluate(Mean(sp.Sum(w[i], (i, 1, size)), Independent(w, {1: 0})), {})
    assert asked == [3, 2]


# Points


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


def test_a_limit_needs_fewer_digits() -> None:
    limit = Step("limit", sp.Limit(sp.sin(x) / x, x, 0), sp.S.One, "why")
    assert {found.digits for found in compare(limit)} == {numeric.LIMIT_DIGITS}
    turned = Step("limit", limit.rhs, limit.lhs, "why")
    assert {found.digits for found in compare(turned)} == {10}
    plain = Step("plain", sp.Integral(p, (p, 0, 1)), sp.S.Half, "why")
    assert {found.digits for found in compare(plain)} == {30}
    assert points.numeric is numeric


# What algebra leaves


@pytest.mark.parametrize(
    ("lhs", "rhs", "left"),
    [
        ((x + 1) ** 2, x**2 + 2 * x + 1, None),
        (sp.sin(x) ** 2 + sp.cos(x) ** 2, sp.S.One, None),
        (sp.Product(f(i), (i, 1, n + 1)), f(n + 1) * sp.Product(f(i), (i, 1, n)), None),
        (sp.Sum(g(i), (i, 1, n + 2)) - g(n + 2) - g(n + 1), sp.Sum(g(i), (i, 1, n)), None),
        (sp.Max(0, x), x * sp.Heaviside(x, 0), None),
        (sp.sqrt(p**2 * v), p * sp.sqrt(v), None),
        (x, x + 1, -1),
        (sp.Matrix([[x, y]]), sp.Matrix([[x, y + 2]]), -2),
        (sp.Matrix([[x, (y + 1) ** 2]]), sp.Matrix([[x, y**2 + 2 * y + 1]]), None),
        (sp.Matrix([[x, y]]), sp.Matrix([[x], [y]]), sp.Symbol("shapes: (1, 2) and (2, 1)")),
        (sp.Matrix([[x]]), x, sp.Symbol("shapes: (1, 1) and a number")),
        (x, sp.Matrix([[x]]), sp.Symbol("shapes: a number and (1, 1)")),
    ],
)  # fmt: skip
def test_what_algebra_leaves_of_a_difference(lhs: sp.Basic, rhs: sp.Basic, left: Any) -> None:
    assert algebra.difference(lhs, rhs) == left


def test_each_way_of_simplifying_is_shown_until_nothing_is_left() -> None:
    ways = [name for name, _ in algebra.simplified((x + 1) ** 2, x**2 + 2 * x + 1)]
    assert ways == ["doit", "expand"]
    assert [name for name, _ in algebra.simplified(x, y)] == list(algebra.ROADS)


@pytest.mark.parametrize(
    ("law", "expression", "value"),
    [
        (Symmetric(w, {2: v}), w[1] ** 3 + w[1] ** 2, v),
        (Symmetric(w, {2: v}), sp.Max(0, w[1]) ** 2 + 3, v / 2 + 3),
        (Symmetric(w, {2: v, 4: p}), w[1] ** 2 + sp.Max(0, w[2]) ** 2, 3 * v / 2),
        (Signs(w), sp.Abs(w[1]) + w[2] ** 2 + sp.Max(0, w[3]), sp.Rational(5, 2)),
        (Symmetric(w, {2: v}), sp.Abs(w[1]), sp.Symbol("E[|w|^1]", positive=True)),
        (Signs(w), sp.Abs(w[1]) + w[1] ** 6 * w[2], 1),
        (Normal(w, v), w[1] ** 4 * w[2] ** 2, 3 * v**3),
        (Normal(w, v), w[1] ** 6 + w[1] ** 8, 15 * v**3 + 105 * v**4),
        (Independent(w, {1: 2, 2: v}), w[1] * w[2] + w[1] ** 2, v + 4),
        (Independent(w, {1: 2}), w[1] ** 2, sp.Symbol("E[w^2]", real=True)),
        (Dependent(w, {1: 2, 2: v}), w[1] * w[2], sp.Symbol("E[w[1]^1 w[2]^1]", real=True)),
        (Dependent(w, {1: 2, 2: v}), w[1] + w[2] ** 2 + y, v + 2 + y),
        (Independent(x, {1: 2, 2: v}), x**2 + 3, v + 3),
        (Independent(w, {1: 2, 2: v}), sp.S(7), 7),
    ],
)  # fmt: skip
def test_expectations_term_by_term(law: Law, expression: sp.Expr, value: sp.Expr) -> None:
    assert sp.expand(Mean(expression, law).doit() - value) == 0
    spread = Variance(expression, law).doit()
    square = Mean(expression**2, law).doit()
    assert sp.expand(spread - square + sp.expand(value**2)) == 0


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (x**2, v), (x**4, 3 * v**2), (x, 0), (sp.Max(0, x) ** 2, v / 2), (y * x**2, y * v),
        (sp.Abs(x), sp.sqrt(2 * v / sp.pi)), (sp.Heaviside(x), sp.S.Half), (sp.cos(x), sp.exp(-v / 2)),
    ],
)  # fmt: skip
def test_gaussian_means_in_closed_form(expression: sp.Expr, value: sp.Expr) -> None:
    mean = GaussianMean(expression, x, v)
    assert sp.simplify(mean.doit() - value) == 0
    assert mean.free_symbols == (expression.free_symbols - {x}) | {v}
    density = sp.exp(-1 / (2 * v)) / sp.sqrt(2 * sp.pi * v)
    assert sp.simplify(mean.integrand.subs(x, 1) - expression.subs(x, 1) * density) == 0


def test_a_mean_is_free_of_what_is_random() -> None:
    mean = Mean(w[1] * y + u[i], Independent(w, {1: p}), Symmetric(u, {2: v}))
    assert mean.free_symbols == {y, p, v, i}
    assert Mean(x * y, Independent(x, {1: p})).free_symbols == {y, p}


def test_a_root_is_kept_unless_there_is_one() -> None:
    two = Root(sp.Eq(x**2, 4), x)
    assert two.doit() == two
    assert Root(sp.Eq(p**2, 4), p).doit() == 2
    assert Root(p * v - 1, p).doit() == 1 / v
    assert two.free_symbols == set()
    assert Root(p * v - 1, p).free_symbols == {v}


def test_algebra_knows_from_which_size_on_a_step_is_claimed() -> None:
    """A sum over k from zero on may hold a step that is claimed from one on, with one symbol for both."""
    k = sp.Symbol("k", integer=True, nonnegative=True)
    step = Step("sign", sp.sign(k) * n, n + 0 * k, "k is not zero", least=((k, 1), (n, 2)))
    assert algebra.difference(step.lhs, step.rhs) is not None
    left, right = algebra.sides(step)
    assert (left, right) == (n, n)
    (size,) = algebra.sides(Step("size", k + p, p + k, "why", least=((k, 1),)))[0].atoms(
        sp.Symbol
    ) - {p}
    assert (size.name, size.is_integer, size.is_positive) == ("k", True, True)
    for claimed in ((), ((k, 0),), ((n, 2),)):
        kept = Step("kept", k + n, n + k, "why", least=claimed)
        assert algebra.sides(kept) == (k + n, n + k)
    two = bounded("size", 2, integer=True)  # positive already, and with a range of its own
    assert algebra.sides(Step("ranged", two, two + 0 * n, "why", least=((two, 3),)))[0] is two
    turned = Step("turned", n, k * n, "why", least=((k, 1),))
    assert algebra.sides(turned)[1] == sp.Symbol("k", integer=True, positive=True) * n


def test_two_families_are_independent_and_two_places_may_be_one() -> None:
    one, other = Independent(w, {1: 0, 2: v}), Independent(u, {1: 0, 2: p})
    assert Mean(w[1] ** 2 * u[1] ** 2, one, other).doit() == v * p
    pair = Mean(w[i] * w[j], one)
    assert pair.doit() == pair  # nothing says that i and j differ
    assert Mean(w[i] * w[i + 1], one).doit() == 0
    assert Mean(w[1, i] * w[2, i], one).doit() == 0
    assert Mean(w[1] * w[2], one).doit() == 0


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize(
    "expression",
    [
        sp.Integral(x * G, (x, G, 3 + G)),
        sp.Integral(p * G, (p, 0, G)),
        sp.Integral(x * y * G, (x, -1, y), (y, -G, 2)),
        sp.Sum(i * G, (i, 1, sp.ceiling(G))),
        sp.Product(i * G, (i, sp.floor(G) + 1, 5)),
        sp.Derivative(x**2 * G, x),
        sp.Subs(x**2 * G, x, G),
        sp.Limit(p * G, p, G),
        Root(p - G * y, p),
        GaussianMean(x**2 * G, x, G),
        Mean(x * G, Independent(x, {1: G})),
        Variance(x * G, Independent(x, {1: G, 2: 20 * G**2})),
    ],
    ids=lambda e: type(e).__name__,
)
def test_one_seed_holds_for_all_that_is_drawn(expression: sp.Expr, seed: int) -> None:
    """An undefined function has one value at one place, wherever an expression mentions it."""
    found = evaluate(expression, AT, seed)
    known = expression.xreplace({G: (value := sp.Symbol("value", positive=True))})
    close = 1e-9 if expression.has(sp.Limit) else 1e-29
    assert found == pytest.approx(evaluate(known, {**AT, value: evaluate(G, {}, seed)}), rel=close)


def test_what_a_law_leaves_open_differs_from_seed_to_seed() -> None:
    third = Mean(x**3, Independent(x, {1: 0, 2: 1}))
    assert len({mp.nstr(evaluate(third, {}, seed), 8) for seed in range(5)}) == 5


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
