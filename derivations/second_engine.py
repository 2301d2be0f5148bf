"""A second engine: SymEngine's own algebra decides what steps it can read, with none of SymPy's.

Expressions are rebuilt node by node; expectations are expanded and taken term by term by rules of their own.
Gaussian means, limits and rectifiers are beyond it: ``opinion`` then says what it could not read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.tensor.indexed import IndexException

from derivations.expectation import Dependent, Law, Mean, Symmetric, Variance
from derivations.numeric import Undefined, unroll
from derivations.proof import Step, cases
from derivations.solve import Root

Expression = Any  # SymEngine has no types


class Unreadable(ValueError):
    """What this engine cannot read, in a few words."""


def opinion(step: Step) -> tuple[str, str]:
    """``agrees``, ``disagrees`` or ``cannot``, and why. Raises ModuleNotFoundError without SymEngine."""
    try:
        left = [gap for _, case in cases(step) for gap in _gaps(case.lhs, case.rhs)]
    except (Unreadable, Undefined, IndexException) as error:
        return "cannot", " ".join(str(error).split())
    for gap in left:
        if (numerator := gap.as_numer_denom()[0].expand()) == 0:
            continue
        value = _somewhere(gap)
        if value is not None and abs(value) > 1e-12:
            return "disagrees", f"left - right = {gap}, which is {value:.6g} at a point"
        return "cannot", f"it leaves {numerator}"
    return "agrees", ""


def _gaps(lhs: sp.Basic, rhs: sp.Basic) -> list[Expression]:
    """What must be zero: a root put into its equation, or the difference of the sides, entry by entry."""
    if isinstance(lhs, Root):
        return [read(lhs.equation).subs({_symbol(lhs.unknown): read(rhs)})]
    if isinstance(lhs, sp.MatrixBase):
        if not isinstance(rhs, sp.MatrixBase) or lhs.shape != rhs.shape:
            raise Unreadable("a matrix beside another shape")
        pairs = zip(sp.flatten(lhs), sp.flatten(rhs), strict=True)
        return [read(a) - read(b) for a, b in pairs]
    return [read(lhs) - read(rhs)]


def _somewhere(gap: Expression) -> float | None:
    """The value where the symbols, in order of their names, are 1/2, 5/6, 7/6, ...; None if it has none.

    A range that stands for itself is not free to take any value, so that no value can be given.
    """
    from symengine import Rational

    names = sorted(gap.free_symbols, key=str)
    if any(str(name).startswith(("Sum(", "Product(")) for name in names):
        return None
    try:
        value = complex(gap.subs({s: Rational(3 + 2 * i, 6) for i, s in enumerate(names)}).n(100))
    except (RuntimeError, ValueError, TypeError):
        return None
    return abs(value) if value == value and abs(value) < 1e300 else None


def read(expression: sp.Basic) -> Expression:
    """The expression in SymEngine, evaluated. Raises Unreadable for what it has no rule for."""
    for kind, rule in RULES.items():
        if isinstance(expression, kind):
            return rule(expression)
    raise Unreadable(f"{type(expression).__name__} is beyond it")


def _symbol(expression: sp.Basic) -> Expression:
    from symengine import Symbol

    return Symbol(str(expression))


def _rational(expression: sp.Rational) -> Expression:
    from symengine import Integer

    return Integer(int(expression.p)) / Integer(int(expression.q))


def _power(expression: sp.Pow) -> Expression:
    """Powers distribute over factors that are declared positive, which SymEngine cannot know."""
    base, exponent = expression.as_base_exp()
    if exponent.is_integer:
        return read(base) ** read(exponent)
    made = read(sp.S.One)
    for factor in sp.Mul.make_args(base):
        inner, power = factor.as_base_exp() if factor.is_positive else (factor, sp.S.One)
        made *= read(inner) ** read(power * exponent)
    return made


def _function(expression: sp.Function) -> Expression:
    import symengine

    name = type(expression).__name__
    if name not in FUNCTIONS:
        raise Unreadable(f"{name} is beyond it")
    return getattr(symengine, FUNCTIONS[name])(*map(read, expression.args))


def _subs(expression: sp.Subs) -> Expression:
    for atom in expression.expr.atoms(AppliedUndef, sp.Indexed):
        if atom.has(*expression.variables):
            raise Unreadable("a substitution into an index")
    inner = read(expression.expr)
    pairs = zip(expression.variables, expression.point, strict=True)
    return inner.subs({_symbol(variable): read(value) for variable, value in pairs})


def _derivative(expression: sp.Derivative) -> Expression:
    made = read(expression.expr)
    for variable, order in expression.variable_count:
        for _ in range(int(order)):
            made = made.diff(_symbol(variable))
    return made


def _series(expression: sp.Sum | sp.Product) -> Expression:
    """Finite ranges term by term; what is up to ``m + k`` as what is up to ``m``, and k terms more or fewer."""
    *inner, (index, lower, upper) = expression.limits
    body = expression.func(expression.function, *inner) if inner else expression.function
    is_sum = isinstance(expression, sp.Sum)
    if not body.has(index):
        count = upper - lower + 1
        return read(body) * read(count) if is_sum else read(body) ** read(count)
    end, rest = upper.as_coeff_Add()
    if not (lower.is_Integer and end.is_Integer):
        raise Unreadable("a range without integer ends")
    if rest == 0:
        made, before = read(sp.S.Zero if is_sum else sp.S.One), int(lower) - 1
    else:
        made, before = _symbol(expression.func(body, (index, lower, rest))), 0
    for i in range(before + 1, int(end) + 1):
        term = read(body.subs(index, rest + i))
        made = made + term if is_sum else made * term
    for i in range(int(end) + 1, before + 1):
        term = read(body.subs(index, rest + i))
        made = made - term if is_sum else made / term
    return made


def _integral(expression: sp.Integral) -> Expression:
    """Of polynomials, between finite ends."""
    if len(expression.limits) != 1 or len(expression.limits[0]) != 3:
        raise Unreadable("an integral over several variables")
    variable, *ends = expression.limits[0]
    if not expression.function.is_polynomial(variable) or any(end.is_infinite for end in ends):
        raise Unreadable("an integral that is not of a polynomial between finite ends")
    low, high = map(read, ends)
    x, made = _symbol(variable), read(sp.S.Zero)
    for term in _terms(read(expression.function)):
        k, factor = _split(term, {x})
        power = k.get(x, 0) + 1
        made += factor * (high**power - low**power) / power
    return made


def _terms(expression: Expression) -> tuple[Expression, ...]:
    expanded = expression.expand()
    return expanded.args if type(expanded).__name__ == "Add" else (expanded,)


def _split(
    term: Expression, variables: set[Expression]
) -> tuple[dict[Expression, int], Expression]:
    """The powers of ``variables`` in a monomial, and the factor before them."""
    powers: dict[Expression, int] = {}
    rest = read(sp.S.One)
    for factor in term.args if type(term).__name__ == "Mul" else (term,):
        base, power = factor.args if type(factor).__name__ == "Pow" else (factor, 1)
        if base in variables:
            powers[base] = powers.get(base, 0) + int(power)
        elif variables & factor.free_symbols:
            raise Unreadable("an expectation of something that is not a polynomial")
        else:
            rest *= factor
    return powers, rest


def _mean(expression: Mean) -> Expression:
    inside = unroll(expression.expression)
    laws = {_symbol(entry): law for law in expression.laws for entry in law.variables(inside)}
    made = read(sp.S.Zero)
    for term in _terms(read(expression.expression)):
        powers, factor = _split(term, set(laws))
        for law in expression.laws:
            mine = [power for entry, power in powers.items() if laws[entry] == law]
            factor *= _moment(law, mine)
        made += factor
    return made.expand()


def _moment(law: Law, powers: list[int]) -> Expression:
    """E of a product of powers of different entries; a symbol of its own where nothing is declared."""
    if isinstance(law, Dependent) and len(powers) > 1:
        return _symbol(sp.Symbol(f"joint moment {sorted(powers)} of {law.base}"))
    made = read(sp.S.One)
    for power in powers:
        if isinstance(law, Symmetric) and power % 2:
            return read(sp.S.Zero)
        declared = law.moments.get(sp.Integer(power))
        unknown = sp.Symbol(f"moment {power} of {law.base}")
        made *= _symbol(unknown) if declared is None else read(declared)
    return made


def _variance(expression: Variance) -> Expression:
    square, mean = (Mean(expression.expression**k, *expression.laws) for k in (2, 1))
    return (_mean(square) - _mean(mean) ** 2).expand()


FUNCTIONS = {"exp": "exp", "log": "log", "gamma": "gamma", "erf": "erf", "asin": "asin"}
FUNCTIONS |= {"acos": "acos", "sin": "sin", "cos": "cos", "tanh": "tanh", "Abs": "Abs"}

RULES: dict[type[sp.Basic], Callable[..., Expression]] = {
    sp.Rational: _rational,
    sp.Symbol: _symbol,
    sp.Indexed: _symbol,
    AppliedUndef: _symbol,
    sp.Add: lambda e: sum(map(read, e.args), read(sp.S.Zero)),
    sp.Mul: lambda e: sp.prod(map(read, e.args)),
    sp.Pow: _power,
    sp.Subs: _subs,
    sp.Derivative: _derivative,
    sp.Sum: _series,
    sp.Product: _series,
    sp.Integral: _integral,
    Mean: _mean,
    Variance: _variance,
    sp.Function: _function,
}
