"""What SymEngine says, rule by rule: it agrees with what is right, and disagrees with what is wrong."""

from __future__ import annotations

import pytest
import sympy as sp

from derivations.expectation import Dependent, Independent, Mean, Symmetric, Variance
from derivations.proof import Step
from derivations.second_engine import opinion
from derivations.solve import Root

x, y = sp.symbols("x y", real=True)
p, v = sp.symbols("p v", positive=True)
n, m = sp.symbols("n m", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True, positive=True)
a = sp.Symbol("a")
w, u = sp.IndexedBase("w"), sp.IndexedBase("u")
f = sp.Function("f")
WEIGHTS, INPUTS = Independent(w, {1: 0, 2: v}), Dependent(u, {2: p})
EVEN = Symmetric(w, {2: v, 4: 3 * v**2})

# A left side, what it is, and something near that it is not.
SIDES: dict[str, tuple[sp.Basic, sp.Basic, sp.Basic]] = {
    "a product": ((x + y) * (x - y), x**2 - y**2, x**2 + y**2),
    "a rational": (x / 3 + x / 6, x / 2, x / 3),
    "a root of positive factors": (sp.sqrt(p * v), sp.sqrt(p) * sp.sqrt(v), sp.sqrt(p) * v),
    "a root of a power": (sp.sqrt(p**2 * v), p * sp.sqrt(v), p**2 * sp.sqrt(v)),
    "a function": (sp.exp(x) * sp.exp(-x) + sp.cos(0), sp.Integer(2), sp.Integer(1)),
    "a substitution": (sp.Subs(x**2 + y, x, p + 1), (p + 1) ** 2 + y, p**2 + y),
    "two substitutions": (sp.Subs(x * y + x, (x, y), (p, v)), p * v + p, p * v + v),
    "a derivative": (sp.Derivative(x**3 * y, x, x), 6 * x * y, 3 * x**2 * y),
    "a sum": (sp.Sum(i * x, (i, 2, 4)), 9 * x, 10 * x),
    "a sum of equals": (sp.Sum(x, (i, 2, n)), (n - 1) * x, n * x),
    "a product of equals": (sp.Product(p, (i, 1, n)), p**n, p ** (n - 1)),
    "a product of terms": (sp.Product(x + i, (i, 1, 2)), (x + 1) * (x + 2), (x + 1) * (x + 3)),
    "a double sum": (sp.Sum(x**j, (j, 1, 2), (i, 1, 3)), 3 * x + 3 * x**2, 2 * x + 3 * x**2),
    "one term more": (
        sp.Sum(f(i), (i, 1, n + 1)) - sp.Sum(f(i), (i, 1, n)),
        f(n + 1),
        f(n),
    ),
    "one term fewer": (
        sp.Sum(f(i), (i, 1, n)) - sp.Sum(f(i), (i, 1, n - 1)),
        f(n),
        f(n - 1),
    ),
    "one factor fewer": (
        sp.Product(f(i), (i, 1, n)) / sp.Product(f(i), (i, 1, n - 1)),
        f(n),
        f(n + 1),
    ),
    "an integral": (sp.Integral(x**2 * p + 1, (x, 1, v)), p * (v**3 - 1) / 3 + v - 1, p * v**3 / 3),
    "a root": (Root(sp.Eq(x * p, v), x), v / p, v * p),
    "a matrix": (
        sp.Matrix([[x + x, y]]),
        sp.Matrix([[2 * x, y]]),
        sp.Matrix([[2 * x, 2 * y]]),
    ),
    "a mean": (Mean(w[1] * w[2] + w[1] ** 2 * x, WEIGHTS), v * x, v),
    "a mean of a sum": (Mean(sp.Sum(w[i], (i, 1, 3)) ** 2, WEIGHTS), 3 * v, 9 * v),
    "a mean of two laws": (Mean((w[1] * u[1]) ** 2, WEIGHTS, INPUTS), v * p, v + p),
    "an odd power of a symmetric law": (Mean(w[1] ** 3 + w[1] ** 4, EVEN), 3 * v**2, v**2),
    "a variance": (Variance(2 * w[1] + 3, WEIGHTS), 4 * v, 2 * v),
    "a variance of a product": (Variance(w[1] * u[1], WEIGHTS, INPUTS), v * p, v),
}


@pytest.mark.parametrize("name", SIDES)
def test_it_agrees_with_what_is_right(name: str) -> None:
    lhs, rhs, _ = SIDES[name]
    assert opinion(Step(name, lhs, rhs, why="it is")) == ("agrees", "")


@pytest.mark.parametrize("name", SIDES)
def test_it_disagrees_with_what_is_wrong_or_names_what_is_left(name: str) -> None:
    lhs, _, wrong = SIDES[name]
    says, why = opinion(Step(name, lhs, wrong, why="it is not"))
    # a range of unknown size stands for itself there, and takes no value
    assert says == ("cannot" if name == "one term fewer" else "disagrees")
    assert why.startswith(("left - right = ", "it leaves "))


@pytest.mark.parametrize(
    ("lhs", "said"),
    [
        (sp.Limit(1 / n, n, sp.oo), "Limit is beyond it"),
        (sp.Max(0, x), "Max is beyond it"),
        (sp.Integral(x, (x, 0, sp.oo)), "finite ends"),
        (sp.Integral(sp.exp(x), (x, 0, 1)), "not of a polynomial"),
        (sp.Integral(x * y, (x, 0, 1), (y, 0, 1)), "over several variables"),
        (sp.Subs(f(x), x, 1), "a substitution into an index"),
        (sp.Sum(f(i), (i, n, m)), "a range without integer ends"),
        (Mean(sp.exp(w[1]), WEIGHTS), "not a polynomial"),
    ],
)
def test_it_says_what_it_cannot_read(lhs: sp.Basic, said: str) -> None:
    says, why = opinion(Step("beyond", lhs, sp.S.One, why="it is"))
    assert says == "cannot"
    assert said in why


def test_what_is_not_declared_stays_unknown() -> None:
    """A third moment nobody gave, and the mean of a product of entries that may depend on each other."""
    third = Mean(w[1] ** 3, WEIGHTS)
    assert opinion(Step("same", third + 0, 2 * third / 2 + v - v, why="it is"))[0] == "agrees"
    assert opinion(Step("zero", third, sp.S.Zero, why="it is not"))[0] == "disagrees"
    joint = Mean(u[1] * u[2], INPUTS)
    assert opinion(Step("joint", joint, p, why="it is not"))[0] == "disagrees"
    assert (
        opinion(Step("powers", joint, Mean(u[1] ** 2 * u[2], INPUTS), why="no"))[0] == "disagrees"
    )


def test_a_sum_of_unknown_size_has_no_value_anywhere() -> None:
    says, why = opinion(
        Step("free", sp.Sum(f(i), (i, 1, n)) * 2, sp.Sum(f(i), (i, 1, n)), why="no")
    )
    assert says == "cannot"
    assert why.startswith("it leaves Sum(f(i)")


def test_matrices_of_other_shapes_are_not_compared() -> None:
    step = Step("shapes", sp.Matrix([[x]]), sp.Matrix([[x, x]]), why="no")
    assert opinion(step) == ("cannot", "a matrix beside another shape")


def test_every_case_is_asked() -> None:
    """Right for one and two, wrong for three."""
    wrong = n + (n - 1) * (n - 2) * a
    step = Step("cases", sp.Sum(1, (i, 1, n)), wrong, why="no", cases=((n, (1, 2, 3)),))
    assert opinion(step)[0] == "disagrees"
    two = Step("cases", sp.Sum(1, (i, 1, n)), wrong, why="no", cases=((n, (1, 2)),))
    assert opinion(two)[0] == "agrees"


def test_a_root_does_not_undo_a_square_of_what_may_be_negative() -> None:
    assert opinion(Step("root", sp.sqrt(a**2), a, why="no"))[0] != "agrees"
    assert (
        opinion(Step("root", sp.sqrt(a**2 * p), sp.sqrt(p) * sp.sqrt(a**2), why="p > 0"))[0]
        == "agrees"
    )
