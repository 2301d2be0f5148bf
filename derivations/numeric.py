"""The numeric road: evaluate an expression to 30 digits without any of SymPy's closed forms.

Integrals by quadrature (split at the kink), sums and products term by term, derivatives by differences,
limits by extrapolation, roots by bracketing, expectations by summing over every outcome of a random
law that was drawn to satisfy what is declared. Nothing here calls ``doit`` or ``simplify``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from random import Random
from typing import Any

import mpmath as mp
import sympy as sp
from sympy.core.function import AppliedUndef

from derivations.domains import within
from derivations.expectation import GaussianMean, Mean, Symmetric, Variance
from derivations.outcomes import draw_outcomes
from derivations.solve import Root

DIGITS = 30  # what two sides must agree to
WORKING_DIGITS = 45  # what they are computed with
MOST_OF_THREE = 6  # random entries that take three values each; more take two
LIMIT_DIGITS = 10  # what extrapolation to a limit can promise

Point = Mapping[sp.Basic, Any]
Number = Any  # mpmath's mpf, mpc or matrix


class Undefined(ArithmeticError):
    """The expression has no finite value at this point (a pole, or the logarithm of zero)."""


class Excluded(Undefined):
    """What is put in for a symbol is outside its domain: nothing is claimed there."""


def _inside(symbol: sp.Basic, *values: Number) -> None:
    """Raises Undefined if ``symbol`` cannot take one of these values: SymPy used its assumptions already."""
    for value in values:
        if not within(symbol, value):
            raise Undefined(f"{symbol} is {mp.nstr(value, 8)} there, which its assumptions exclude")


def evaluate(expression: sp.Basic, at: Point, seed: int = 0) -> Number:
    """The value of ``expression`` at the point ``at``; raises Undefined where there is none.

    ``seed`` fixes what is drawn: the laws of random variables, the values of undefined functions.
    """
    with mp.workdps(WORKING_DIGITS):
        try:
            value = _value(sp.sympify(expression, strict=True), dict(at), seed)
        except (ZeroDivisionError, OverflowError, ValueError) as error:
            if isinstance(error, ValueError) and "pole" not in str(error):
                raise  # of a function that mpmath knows: gamma at zero
            raise Undefined(
                f"{expression} has no value at {place(at)} ({str(error) or 'division by zero'})"
            ) from None
        finite = all(mp.isfinite(entry) for entry in entries(value))
        if not finite:
            raise Undefined(f"{expression} is not finite at {place(at)}")
        return value


def place(at: Point) -> str:
    """A point, in words."""
    return ", ".join(f"{s} = {mp.nstr(value, 8)}" for s, value in at.items()) or "any point"


def entries(value: Number) -> Iterator[Number]:
    """The entries of a number or a matrix."""
    return iter(value) if isinstance(value, mp.matrix) else iter((value,))


def _value(expression: sp.Basic, at: dict[sp.Basic, Any], seed: int) -> Number:
    operators, arguments, function = _compiled(expression)
    values = {node: rule(node, at, seed) for node, rule in operators}
    return function(*(values[a] if a in values else at[a] for a in arguments))


@lru_cache(maxsize=4096)
def _compiled(
    expression: sp.Basic,
) -> tuple[list[tuple[sp.Basic, Callable[..., Any]]], list[sp.Basic], Callable[..., Any]]:
    """Split off the outermost operators; the plain rest becomes a function of them and the symbols."""
    operators = list(_outermost(expression))
    names = {node: sp.Dummy(f"operator{i}") for i, (node, _) in enumerate(operators)}
    plain = expression.xreplace(names)
    free = sorted(plain.free_symbols - set(names.values()), key=sp.default_sort_key)
    free = [s for s in free if isinstance(s, sp.Symbol)]
    arguments = [*names, *free]
    function = sp.lambdify([*names.values(), *free], plain, modules=["mpmath"], cse=False)
    return operators, arguments, function


def _outermost(node: sp.Basic) -> Iterator[tuple[sp.Basic, Callable[..., Any]]]:
    found: dict[sp.Basic, Callable[..., Any]] = {}
    stack = [node]
    while stack:
        current = stack.pop()
        rule = next((r for kind, r in RULES.items() if isinstance(current, kind)), None)
        if rule is not None:
            found[current] = rule
        else:
            stack.extend(current.args)
    return iter(found.items())


def _integral(node: sp.Integral, at: dict[sp.Basic, Any], seed: int) -> Number:
    *inner, (variable, lower, upper) = node.limits  # the last limit is the outermost
    body = sp.Integral(node.function, *inner) if inner else node.function
    ends = [_value(end, at, seed) for end in (lower, upper)]
    low, high = sorted(ends)
    _inside(variable, low + mp.mpf(10) ** -DIGITS, high - mp.mpf(10) ** -DIGITS)
    if ends[0] == 0 < ends[1]:  # z = t²: what grows as 1/√z at zero, grows no more
        edge = mp.sqrt(ends[1])
        return mp.quad(lambda t: 2 * t * _value(body, {**at, variable: t * t}, seed), [0, edge])
    return _quadrature(lambda z: _value(body, {**at, variable: z}, seed), *ends)


def _quadrature(function: Callable[[Number], Number], lower: Number, upper: Number) -> Number:
    """Integrate, split at zero, where our integrands may have a kink."""
    inside = [mp.mpf(0)] if lower < 0 < upper else []
    return mp.quad(function, [lower, *inside, upper])


def _gaussian_mean(node: GaussianMean, at: dict[sp.Basic, Any], seed: int) -> Number:
    expression, z, variance = node.args
    scale = mp.sqrt(_value(variance, at, seed))

    _inside(z, scale, -scale)

    def integrand(t: Number) -> Number:  # mpmath's own density, npdf, takes most of the time
        return _value(expression, {**at, z: scale * t}, seed) * mp.exp(-t * t / 2)

    return _quadrature(integrand, -mp.inf, mp.inf) / mp.sqrt(2 * mp.pi)


def _series(node: sp.Sum | sp.Product, at: dict[sp.Basic, Any], seed: int) -> Number:
    *inner, (index, lower, upper) = node.limits  # the last limit is the outermost
    body = node.func(node.function, *inner) if inner else node.function
    start, stop = (_value(end, at, seed) for end in (lower, upper))
    is_sum = isinstance(node, sp.Sum)
    if start <= stop:
        _inside(index, start)

    def term(i: Number) -> Number:
        return _value(body, {**at, index: mp.mpf(int(i))}, seed)

    if mp.isinf(stop):
        return (mp.nsum if is_sum else mp.nprod)(term, [start, stop])
    if int(stop) < int(start) - 1:  # SymPy reads such a range backwards; nobody means it
        raise Undefined(f"the range {start} to {stop} of {node} runs backwards")
    terms = (term(i) for i in range(int(start), int(stop) + 1))
    return mp.fsum(terms) if is_sum else mp.fprod(terms)


def _derivative(node: sp.Derivative, at: dict[sp.Basic, Any], seed: int) -> Number:
    (variable, order), *more = node.variable_count
    inner = sp.Derivative(node.expr, *more) if more else node.expr

    def function(t: Number) -> Number:
        return _value(inner, {**at, variable: t}, seed)

    here, order = at[variable], int(order)
    slope, *sides = (mp.diff(function, here, order, direction=side) for side in (0, 1, -1))
    if any(abs(side - slope) > mp.mpf(10) ** -LIMIT_DIGITS * max(1, abs(slope)) for side in sides):
        raise Undefined(
            f"{node} at {variable} = {mp.nstr(here, 8)} depends on the side it is taken from"
        )
    return slope


def _subs(node: sp.Subs, at: dict[sp.Basic, Any], seed: int) -> Number:
    values = {v: _value(p, at, seed) for v, p in zip(node.variables, node.point, strict=True)}
    for variable, value in values.items():
        value = value or mp.mpf(10) ** -DIGITS  # the end of a range may be put in
        if not within(variable, value, between=True):
            raise Excluded(
                f"{variable} would be {mp.nstr(value, 8)}, which its assumptions exclude"
            )
    return _value(node.expr, {**at, **values}, seed)


def _limit(node: sp.Limit, at: dict[sp.Basic, Any], seed: int) -> Number:
    expression, variable, target, side = node.args
    point = _value(target, at, seed)
    direction = -1 if str(side) == "-" else 1
    return mp.limit(
        lambda t: _value(expression, {**at, variable: t}, seed), point, direction=direction
    )


def _root(node: Root, at: dict[sp.Basic, Any], seed: int) -> Number:
    """Every sign change on a wide grid, refined by bisection; exactly one is accepted."""
    sizes = [mp.mpf(10) ** (mp.mpf(k) / 8) for k in range(-64, 65)]
    grid = sizes if node.unknown.is_positive else [-s for s in reversed(sizes)] + [0, *sizes]

    def function(t: Number) -> Number:
        return _value(node.equation, {**at, node.unknown: t}, seed)

    values = [function(t) for t in grid]
    brackets = [
        (grid[i], grid[i + 1])
        for i in range(len(grid) - 1)
        if values[i] == 0 or values[i] * values[i + 1] < 0
    ]
    if len(brackets) != 1:
        raise Undefined(f"{len(brackets)} roots of {node.equation} found by sign changes, not 1")
    return mp.findroot(function, brackets[0], solver="anderson", tol=mp.mpf(10) ** (-2 * DIGITS))


def _undefined_function(node: AppliedUndef, at: dict[sp.Basic, Any], seed: int) -> Number:
    """A value that depends only on the function's name, its arguments and the seed; of either sign, if it may."""
    arguments = [mp.mpf(_value(a, at, seed)) for a in node.args]  # 0 and 0.0 are one layer
    drawn = Random(f"{seed} {node.func} {[mp.nstr(a, DIGITS) for a in arguments]}")
    sign = 1 if node.is_nonnegative else drawn.choice((-1, 1))
    return mp.mpf(sign * drawn.uniform(0.3, 3.0))


def _indexed(node: sp.Indexed, at: dict[sp.Basic, Any], seed: int) -> Number:
    """An entry of a fixed vector or matrix: any real number, fixed by its name, place and seed."""
    place = tuple(int(_value(i, at, seed)) for i in node.indices)
    drawn = Random(f"{seed} {node.base} {place}")
    return mp.mpf(drawn.uniform(-3.0, 3.0))


def _mean(node: Mean, at: dict[sp.Basic, Any], seed: int) -> Number:
    """Sum over every outcome of the laws that ``derivations.outcomes`` draws."""
    expression = _placed(unroll(node.expression), at, seed)
    value = partial(_value, at=at, seed=seed)
    entries = {law: law.variables(expression) for law in node.laws}
    atoms = 3 if sum(map(len, entries.values())) <= MOST_OF_THREE else 2
    outcomes = [draw_outcomes(law, mine, value, seed, atoms) for law, mine in entries.items()]
    for law, mine in entries.items():
        mean = sp.S.Zero if isinstance(law, Symmetric) else law.moments.get(sp.Integer(1))
        for variable in mine if mean is not None else ():
            _inside(variable, value(mean))  # a positive variable has no mean of zero
    names = {v: sp.Dummy(str(v)) for mine in entries.values() for v in mine}
    plain = expression.xreplace(names)
    total = mp.mpf(0)
    for combination in itertools.product(*outcomes):
        probability = mp.fprod(p for p, _ in combination)
        drawn = {names[v]: value for _, values in combination for v, value in values.items()}
        total += probability * _value(plain, {**at, **drawn}, seed)
    return total


def _placed(expression: sp.Expr, at: dict[sp.Basic, Any], seed: int) -> sp.Expr:
    """Entries with numbers for their places: w_i and w_j are one entry where i = j."""
    places = {
        entry: entry.base[tuple(int(_value(i, at, seed)) for i in entry.indices)]
        for entry in expression.atoms(sp.Indexed)
        if not all(i.is_Integer for i in entry.indices)
    }
    return expression.xreplace(places)


def _variance(node: Variance, at: dict[sp.Basic, Any], seed: int) -> Number:
    mean = _mean(Mean(node.expression, *node.laws), at, seed)
    centre = sp.Dummy("mean")
    square = Mean((node.expression - centre) ** 2, *node.laws)
    return _mean(square, {**at, centre: mean}, seed)


def unroll(expression: sp.Expr) -> sp.Expr:
    """Write finite sums and products out, term by term."""
    if not expression.has(sp.Sum, sp.Product):
        return expression
    if not isinstance(expression, sp.Sum | sp.Product):
        return expression.func(*(unroll(a) for a in expression.args))
    *inner, (index, lower, upper) = expression.limits
    if not (lower.is_Integer and upper.is_Integer):
        raise Undefined(f"{expression} has no numeric range; give the step cases for its size")
    body = expression.func(expression.function, *inner) if inner else expression.function
    terms = [unroll(body.xreplace({index: sp.Integer(i)})) for i in range(lower, upper + 1)]
    return sp.Add(*terms) if isinstance(expression, sp.Sum) else sp.Mul(*terms)


RULES: dict[type[sp.Basic], Callable[..., Number]] = {
    sp.Integral: _integral,
    sp.Sum: _series,
    sp.Product: _series,
    sp.Derivative: _derivative,
    sp.Subs: _subs,
    sp.Limit: _limit,
    Root: _root,
    GaussianMean: _gaussian_mean,
    Mean: _mean,
    Variance: _variance,
    AppliedUndef: _undefined_function,
    sp.Indexed: _indexed,
}
