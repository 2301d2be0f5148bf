"""Steps made wrong, in every way that applies: by factor, sign, exponent, size, fan, root, moment, term and bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import sympy as sp

from derivations.expectation import Mean, Variance
from derivations.proof import Step

PAIRS = (("fan_in", "fan_out"), ("rows", "columns"))
SIZES = (2, 3)  # of steps that are checked for n <= 3: enough to reject, and quick

Sides = tuple[sp.Basic, sp.Basic]


@dataclass(frozen=True)
class Mutant:
    """A step made wrong, and in which way."""

    kind: str
    step: Step


def mutants(step: Step) -> Iterator[Mutant]:
    """Every way to make ``step`` wrong that changes its text; some may say the same (``Step.same``)."""
    small = replace(step, cases=tuple((symbol, SIZES) for symbol, _ in step.cases))
    for kind, make in KINDS.items():
        seen = {(step.lhs, step.rhs)}
        for lhs, rhs in make(step.lhs, step.rhs):
            if (lhs, rhs) not in seen and lhs != rhs:
                seen.add((lhs, rhs))
                yield Mutant(kind, replace(small, lhs=lhs, rhs=rhs))


def _factor(factor: sp.Expr) -> Callable[[sp.Basic, sp.Basic], Iterator[Sides]]:
    def make(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
        yield lhs, factor * rhs

    return make


def _offset(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    small = sp.Rational(1, 100)
    yield lhs, rhs + (sp.ones(*rhs.shape) * small if isinstance(rhs, sp.MatrixBase) else small)


def _exponent(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for node in _nodes(rhs, sp.Pow):
        for shift in (1, -1):
            yield lhs, rhs.xreplace({node: node.base ** (node.exp + shift)})
    for symbol in _symbols(rhs):
        for power in (2, 0):
            yield lhs, rhs.subs(symbol, symbol**power)


def _size(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for symbol in _symbols(rhs):
        if symbol.is_integer:
            yield from ((lhs, rhs.subs(symbol, symbol + shift)) for shift in (1, -1))


def _swap(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for one, other in PAIRS:
        pair = {str(s): s for s in _symbols(rhs) + _symbols(lhs) if str(s) in (one, other)}
        if not pair:
            continue
        like = next(iter(pair.values())).assumptions0
        first, second = (pair.get(name, sp.Symbol(name, **like)) for name in (one, other))
        yield lhs, rhs.subs({first: second, second: first}, simultaneous=True)


def _root(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for node in _nodes(rhs, sp.Pow):
        if abs(node.exp) == sp.Rational(1, 2):
            yield lhs, rhs.xreplace({node: node.base ** (2 * node.exp)})


def _moment(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for node in _nodes(lhs, Variance):
        yield lhs.xreplace({node: Mean(node.expression**2, *node.laws)}), rhs
    for node in _nodes(lhs, Mean):
        if isinstance(node.expression, sp.Pow) and node.expression.exp == 2:
            yield lhs.xreplace({node: Variance(node.expression.base, *node.laws)}), rhs


def _negated(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for symbol in _symbols(rhs):
        if not symbol.is_nonnegative and not symbol.is_nonpositive:
            yield lhs, rhs.subs(symbol, -symbol)


def _lost_term(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for node in _nodes(rhs, sp.Add):
        yield from ((lhs, rhs.xreplace({node: node - term})) for term in node.args)
    for node in _nodes(lhs, sp.Add):
        yield from ((lhs.xreplace({node: node - term}), rhs) for term in node.args)


def _bound(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for side in (0, 1):
        for node in _nodes((lhs, rhs)[side], sp.Sum, sp.Product):
            index, lower, upper = node.limits[0]
            for bounds in ((lower + 1, upper), (lower, upper + 1), (lower, upper - 1)):
                shifted = node.func(node.function, (index, *bounds), *node.limits[1:])
                moved = (lhs, rhs)[side].xreplace({node: shifted})
                yield (moved, rhs) if side == 0 else (lhs, moved)


def _nodes(expression: sp.Basic, *kinds: type) -> list[sp.Basic]:
    found = {node for node in sp.preorder_traversal(expression) if isinstance(node, kinds)}
    return sorted(found, key=sp.default_sort_key)


def _symbols(expression: sp.Basic) -> list[sp.Symbol]:
    free = (s for s in expression.free_symbols if isinstance(s, sp.Symbol))
    bases = {base.label for base in expression.atoms(sp.IndexedBase)}
    return sorted(set(free) - bases, key=sp.default_sort_key)


KINDS: dict[str, Callable[[sp.Basic, sp.Basic], Iterator[Sides]]] = {
    "factor 2": _factor(sp.Integer(2)),
    "factor ½": _factor(sp.Rational(1, 2)),
    "sign": _factor(sp.Integer(-1)),
    "offset 1/100": _offset,
    "exponent ± 1": _exponent,
    "n → n ± 1": _size,
    "fan_in ↔ fan_out": _swap,
    "dropped square root": _root,
    "variance ↔ second moment": _moment,
    "ρ → −ρ": _negated,
    "lost term": _lost_term,
    "shifted bound": _bound,
}
