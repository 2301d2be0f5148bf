"""Random laws: outcomes that have the declared moments and no more, and expectations along both roads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath as mp
import pytest
import sympy as sp

from derivations import numeric
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
from derivations.numeric import evaluate
from derivations.outcomes import draw_outcomes
from derivations.solve import Root

x, y = sp.symbols("x y", real=True)
p, v = sp.symbols("p v", positive=True)
n, i, j = sp.symbols("n i j", integer=True, positive=True)
w, u = sp.IndexedBase("w"), sp.IndexedBase("u")
f, g = sp.Function("f"), sp.Function("g", positive=True)
G = g(7)
AT = {x: mp.mpf(-2), y: mp.mpf(3), p: mp.mpf(2), v: mp.mpf(4), n: mp.mpf(3)}


def test_the_absolute_value_of_a_normal_variable() -> None:
    with mp.workdps(numeric.WORKING_DIGITS):
        found = evaluate(GaussianMean(sp.Abs(x), x, v), AT)
        assert abs(found - 2 * mp.sqrt(2 / mp.pi)) < mp.mpf(10) ** -numeric.DIGITS


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


def test_a_law_with_a_third_moment_is_not_known() -> None:
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
