"""The symbolic road: what algebra leaves of a difference, and which symbols it may take for positive."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from derivations import algebra
from derivations.domains import bounded
from derivations.numeric import unroll
from derivations.proof import Step
from derivations.solve import Root

x, y = sp.symbols("x y", real=True)
p, v = sp.symbols("p v", positive=True)
n, i, j = sp.symbols("n i j", integer=True, positive=True)
w, u = sp.IndexedBase("w"), sp.IndexedBase("u")
f, g = sp.Function("f"), sp.Function("g", positive=True)


def test_sums_are_written_out() -> None:
    assert unroll(sp.Sum(w[i], (i, 1, 3)) ** 2) == (w[1] + w[2] + w[3]) ** 2
    assert unroll(sp.Product(w[i] + 1, (i, 2, 3))) == (w[2] + 1) * (w[3] + 1)
    double = sp.Sum(w[i, j], (i, 1, j), (j, 1, 2))
    assert unroll(double) == w[1, 1] + w[1, 2] + w[2, 2]
    assert unroll(x + y) == x + y
    assert unroll(sp.Sum(w[i], (i, 2, 1))) == 0


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
