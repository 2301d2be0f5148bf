"""Wrong steps that a sceptic tried on the engine, each with the word by which it is refused."""

from __future__ import annotations

import pytest
import sympy as sp

from derivations.domains import bounded
from derivations.expectation import GaussianMean, Independent, Mean, Normal
from derivations.proof import Derivation, DerivationError, Prediction, Step, check
from derivations.solve import Root

x, y = sp.symbols("x y", real=True)
p, v = sp.symbols("p v", positive=True)
n, i, j = sp.symbols("n i j", integer=True, positive=True)
c = sp.Symbol("c")  # nothing is declared: any complex number
k = sp.Symbol("k", integer=True, nonnegative=True)
rho = bounded("rho", -1, 1)
w = sp.IndexedBase("w")
f, g = sp.Function("f"), sp.Function("g", positive=True)
DIFFER, ONE_SIDE, EXCLUDED = "the sides differ", "only one side has a value", "exclude"
WEIGHTS = Independent(w, {1: 0, 2: v})


def quotient(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return sp.Mul(a, sp.Pow(b, -1), evaluate=False)


WRONG = {
    "the root of an undeclared square": (sp.sqrt(c**2, evaluate=False), c, DIFFER),
    "an undeclared number is not real": (sp.conjugate(c), c, DIFFER),
    "a branch of the logarithm": (sp.log(sp.exp(3 * c)), 3 * c, DIFFER),
    "zero over zero": (quotient(x, x), sp.S.One, ONE_SIDE),
    "zero over zero, at one": (quotient(x - 1, x - 1), sp.S.One, ONE_SIDE),
    "the square of a sign is zero at zero": (sp.sign(x) ** 2, sp.S.One, DIFFER),
    "no slope at a kink": (sp.Derivative(sp.Abs(x), x), sp.sign(x), "depends on the side"),
    "no slope at a step": (sp.Derivative(sp.Heaviside(x, 0), x), sp.S.Zero, ONE_SIDE),
    "half a slope": (sp.Derivative(sp.Max(0, x), x), sp.Heaviside(x, sp.S.Half), ONE_SIDE),
    "a rounded third": (sp.Integral(x**2, (x, 0, 1)), sp.Float(1) / 3, "is rounded"),
    "a rounded number that is exact": (sp.Derivative(x**2, x), 2.0 * x, "2.0[0]* is rounded"),
    "a term of 1e-40": (
        sp.Derivative(x**2, x), 2 * x + sp.Rational(1, 10**40), "algebra leaves",
    ),
    "a term of 1e-25": (sp.Derivative(x**2, x), 2 * x + sp.Rational(1, 10**25), DIFFER),
    "true below the largest number drawn": (
        sp.Derivative(p**2, p), 2 * p + sp.Heaviside(p - 6), "algebra leaves",
    ),
    "true below the largest size drawn": (
        sp.Sum(i, (i, 1, n)), n * (n + 1) / 2 + sp.KroneckerDelta(n, 12), "algebra leaves",
    ),
    "one entry for two": (Mean(w[i] * w[j], WEIGHTS), sp.S.Zero, DIFFER),
    "one entry for two, squared": (Mean(w[i] ** 2 * w[j] ** 2, WEIGHTS), v**2, DIFFER),
    "a function may be negative": (sp.Abs(f(1)), f(1), DIFFER),
    "a function is not linear": (f(2 * x), 2 * f(x), DIFFER),
    "an index that skips zero": (sp.Sum(sp.sign(i), (i, 0, n)), n + 1, EXCLUDED),
    "a variable that is not positive": (
        sp.Integral(sp.sqrt(p**2), (p, -1, 2)), sp.Rational(3, 2), EXCLUDED,
    ),
    "a positive normal variable": (GaussianMean(sp.Abs(p), p, v), sp.S.Zero, EXCLUDED),
    "a positive variable without a mean": (
        Mean(sp.Abs(p), Independent(p, {1: 0, 2: v})), sp.S.Zero, EXCLUDED,
    ),
    "a negative number for a positive one": (
        sp.Subs(sp.sqrt(p**2), p, -v), -v, EXCLUDED,
    ),
    "a correlation beyond one": (
        sp.Subs(sp.sqrt(1 - rho**2), rho, 2), sp.sqrt(3) * sp.I, EXCLUDED,
    ),
    "a moment that is not declared": (Mean(x**10, Normal(x, v)), 825 * v**5, "algebra leaves"),
    "a range that runs backwards": (
        sp.Sum(i, (i, 3, n)), n * (n + 1) / 2 - 3, "runs backwards",
    ),
    "an integral that has no value": (sp.Integral(1 / p, (p, 1, sp.oo)), sp.Integer(113), DIFFER),
    "a principal value": (sp.Integral(1 / x, (x, -1, 1)), sp.S.Zero, "algebra leaves"),
    "all numbers added up": (sp.Sum(i, (i, 1, sp.oo)), -sp.Rational(1, 12), DIFFER),
    "a sum that has no value": (sp.Sum(1 / i, (i, 1, sp.oo)), sp.EulerGamma, DIFFER),
    "a limit that is slow": (sp.Limit(1 / sp.log(p), p, sp.oo), sp.Rational(1, 20), DIFFER),
    "a limit that is none": (sp.Limit(sp.sin(1 / p), p, 0), sp.S.Zero, "algebra leaves|differ"),
    "two roots": (Root(sp.Eq((p - 1) ** 2 * (p - 3), 0), p), sp.Integer(3), "2 roots of"),
    "no root": (Root(sp.Eq(x**2 + 1, 0), x), sp.I, "roots|evaluated"),
    "another shape": (sp.ones(2, 2), sp.ones(1, 4), "shapes"),
    "an equation": (sp.Eq(x, y), sp.true, "must be numbers or matrices"),
    "a distribution": (sp.Integral(sp.DiracDelta(x), (x, -1, 1)), sp.S.One, "DiracDelta"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_step_is_refused(name: str) -> None:
    lhs, rhs, said = WRONG[name]
    with pytest.raises(DerivationError, match=said):
        check(Step(name, lhs, rhs, why="a sceptic's try"))


HIDDEN = (n - 1) * (n - 2) * (n - 3)
SQUARE = Mean(sp.Sum(w[i], (i, 1, n)) ** 2, WEIGHTS)


@pytest.mark.parametrize(
    ("rhs", "sizes", "said"),
    [
        (n * v + HIDDEN, (1, 2, 3), r"the sides differ at .*"),
        (n**2 * v, (1,), r"n needs two sizes or more that it can have, got \(1,\)$"),
        (n**2 * v, (1, 1, 1), "needs two sizes or more"),
        (n**2 * v, (), "needs two sizes or more"),
        (n**2 * v, (0, 1), "needs two sizes or more"),
    ],
)
def test_sizes_hide_nothing(rhs: sp.Expr, sizes: tuple[int, ...], said: str) -> None:
    with pytest.raises(DerivationError, match=said):
        check(Step("sizes", SQUARE, rhs, why="a sceptic's try", cases=((n, sizes),)))
    with pytest.raises(DerivationError, match=r"needs two sizes or more that it can have"):
        check(Step("real", SQUARE, n * v, why="a sceptic's try", cases=((p, (-1, 2)),)))


def test_one_size_beyond_is_tried_for_each_size_alone() -> None:
    m = sp.Symbol("m", integer=True, positive=True)
    total = sp.Sum(sp.Sum(w[i, j] ** 2, (i, 1, n)), (j, 1, m))
    step = Step("square", Mean(total, WEIGHTS), n * m * v, why="term by term",
                cases=((n, (1, 2)), (m, (1, 2))))  # fmt: skip
    assert check(step).status == "n ≤ 3"
    for size, other in ((n, m), (m, n)):
        hidden = step.rhs + (size - 1) * (size - 2) * other
        with pytest.raises(DerivationError, match=DIFFER):
            check(Step("square", step.lhs, hidden, why="a sceptic's try", cases=step.cases))


@pytest.mark.parametrize(
    ("lhs", "rhs"),
    [
        (Mean(w[i] * w[i + 1], WEIGHTS), sp.S.Zero),  # never one entry
        (Mean(w[i] ** 2, WEIGHTS), v),
        (sp.Derivative(x**3 * sp.Abs(x), x, x), 12 * x * sp.Abs(x)),  # smooth enough at the kink
        (sp.Sum(sp.binomial(n, k), (k, 0, n)), 2**n),
        (sp.Subs(sp.Derivative(sp.exp(3 * p), p), p, 0), sp.Integer(3)),  # the end of a range
        (sp.Subs(n / x, n, sp.log(v + 1)), sp.log(v + 1) / x),  # a size between two
        (sp.Subs(p**2, p, 1 - x), (1 - x) ** 2),  # claimed where 1 - x is positive
        (Mean(p**2 + p, Independent(p, {1: v, 2: 2 * v**2})), 2 * v**2 + v),
        (sp.Derivative(x * f(1), x), f(1)),
        (sp.Abs(g(1)) + sp.Derivative(x, x), g(1) + 1),
        (sp.Integral(p, (p, 0, v)), v**2 / 2),
    ],
)  # fmt: skip
def test_what_is_right_is_not_refused(lhs: sp.Expr, rhs: sp.Expr) -> None:
    assert check(Step("right", lhs, rhs, why="it is")).status == "proved"


def test_a_prediction_may_fix_a_symbol() -> None:
    step = Step("sum", sp.Sum(i, (i, 1, n)), n * (n + 1) / 2, why="Gauss")
    made = Derivation(
        "mine/sum", "Sum", (), "", "a sum", (step,), (Prediction("ten", "sum", "ten", ((n, 4),)),)
    )
    assert made.expression(made.predictions[0]) == 10
    assert made.arguments(made.predictions[0]) == []
