"""The symbolic road: does the difference of two sides simplify to zero?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy as sp


def difference(lhs: sp.Basic, rhs: sp.Basic) -> sp.Basic | None:
    """None if algebra shows that the sides are equal, else what it leaves of their difference."""
    if isinstance(lhs, sp.MatrixBase) and isinstance(rhs, sp.MatrixBase) and lhs.shape == rhs.shape:
        pairs = zip(sp.flatten(lhs), sp.flatten(rhs), strict=True)
        return next((gap for pair in pairs if (gap := difference(*pair)) is not None), None)
    if isinstance(lhs, sp.MatrixBase) or isinstance(rhs, sp.MatrixBase):
        shapes = (getattr(side, "shape", "a number") for side in (lhs, rhs))
        return sp.Symbol("shapes: {} and {}".format(*shapes))
    gap = sp.S.One  # nothing is known yet
    for _, gap in simplified(lhs, rhs):
        if gap == 0:
            return None
    return gap


def simplified(lhs: sp.Expr, rhs: sp.Expr) -> Iterator[tuple[str, sp.Expr]]:
    """What is left of ``lhs - rhs`` after each way of simplifying it, with the way's name; ends at zero."""
    gap = lhs - rhs
    for name, road in ROADS.items():
        gap = road(gap)
        yield name, gap
        if gap == 0:
            return


def _factor(expression: sp.Expr) -> sp.Expr:
    return sp.factor_terms(sp.powsimp(sp.powdenest(expression)))


def peel(expression: sp.Expr) -> sp.Expr:
    """Write products and sums that differ only in their upper bound with the smallest of these bounds."""
    groups: dict[tuple[Any, ...], list[sp.Expr]] = {}
    for node in expression.atoms(sp.Product, sp.Sum):
        if len(node.limits) == 1 and node.limits[0][2] != sp.oo:
            index, lower, upper = node.limits[0]
            term = upper.as_coeff_Add()[1]
            groups.setdefault((node.func, node.function, index, lower, term), []).append(node)
    swaps: dict[sp.Expr, sp.Expr] = {}
    for (kind, body, index, lower, term), nodes in groups.items():
        lowest = min(node.limits[0][2].as_coeff_Add()[0] for node in nodes)
        for node in nodes:
            constant = node.limits[0][2].as_coeff_Add()[0]
            rest = [body.subs(index, term + k) for k in range(lowest + 1, constant + 1)]
            start = kind(body, (index, lower, term + lowest))
            swaps[node] = (sp.Mul if kind is sp.Product else sp.Add)(start, *rest)
    return expression.xreplace(swaps) if swaps else expression


ROADS: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "doit": lambda gap: peel(gap).doit(),
    "expand": sp.expand,
    "factor": _factor,
    "simplify": sp.simplify,
    "simplify as Piecewise": lambda gap: sp.simplify(gap.rewrite(sp.Piecewise)),
}
