"""Expectations as unevaluated SymPy expressions, with the rules of independence as algebra.

``Mean(expression, *laws)`` is E[expression]. ``doit`` expands it into monomials and takes the
expectation of each, factor by independent factor: that is the symbolic road. The numeric road
(``derivations.numeric``) draws a concrete random law that satisfies exactly what was declared and sums over all
its outcomes; it uses none of the rules below.

``GaussianMean(expression, z, variance)`` is E[expression] for z ~ N(0, variance), an integral.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations
from typing import Any, ClassVar, TypeAlias

import sympy as sp

Base: TypeAlias = sp.Symbol | sp.IndexedBase


class Law(sp.Basic):
    """What is declared of one family of random variables: its base, and its known moments.

    ``base`` is an ``IndexedBase`` (entries ``w[i]``) or a ``Symbol`` (one variable). ``moments`` maps a
    power k to E[entry^k]. A moment that is not declared is unknown: a step whose truth depends on it fails.
    Families are independent of each other.
    """

    independent: ClassVar[bool] = True  # are the entries of the family independent of each other?

    def __new__(cls, base: Base, moments: dict[int, Any] | sp.Dict) -> Law:
        return super().__new__(cls, base, sp.Dict(moments))

    @property
    def base(self) -> Base:
        return self.args[0]

    @property
    def moments(self) -> sp.Dict:
        return self.args[1]

    def variables(self, expression: sp.Expr) -> list[sp.Expr]:
        """The entries of this family that occur in ``expression``, sorted."""
        if isinstance(self.base, sp.Symbol):
            return [self.base] if expression.has(self.base) else []
        entries = (e for e in expression.atoms(sp.Indexed) if e.base == self.base)
        return sorted(entries, key=sp.default_sort_key)

    def moment(self, power: int) -> sp.Expr:
        """E[entry^power]; an opaque symbol if it was not declared."""
        unknown = sp.Symbol(f"E[{self.base}^{power}]", real=True)
        return self.moments.get(sp.Integer(power), unknown)

    def mean_of(self, powers: dict[sp.Expr, int]) -> sp.Expr:
        """E of the product of this family's entries, each raised to its power."""
        if self.independent or len(powers) == 1:
            return sp.Mul(*(self.moment(power) for power in powers.values()))
        name = " ".join(f"{entry}^{power}" for entry, power in powers.items())
        return sp.Symbol(f"E[{name}]", real=True)


class Independent(Law):
    """Entries that are independent of each other, with one law."""


class Symmetric(Law):
    """Independent entries with one law that is symmetric around zero: odd moments vanish."""

    def moment(self, power: int) -> sp.Expr:
        return sp.S.Zero if power % 2 else super().moment(power)

    def size_moment(self, power: int) -> sp.Expr:
        """E[|entry|^power]; for an odd power, an opaque symbol."""
        if power % 2:
            return sp.Symbol(f"E[|{self.base}|^{power}]", positive=True)
        return self.moment(power) if power else sp.S.One


class Signs(Symmetric):
    """Independent fair random signs: +1 or -1 with probability 1/2 each."""

    def __new__(cls, base: Base, moments: sp.Dict | None = None) -> Signs:
        del moments  # there is nothing to declare; SymPy passes what `args` holds
        return super().__new__(cls, base, dict.fromkeys(range(2, 9, 2), 1))

    def size_moment(self, power: int) -> sp.Expr:
        return sp.S.One


class Normal(Symmetric):
    """Independent N(0, variance) entries: E[w^2k] = (2k - 1)!! variance^k."""

    def __new__(cls, base: Base, variance: Any) -> Normal:
        if isinstance(variance, sp.Dict):  # SymPy rebuilds an expression from its args
            return super().__new__(cls, base, variance)
        variance = sp.sympify(variance, strict=True)
        even = {2 * k: sp.factorial2(2 * k - 1) * variance**k for k in range(1, 5)}
        return super().__new__(cls, base, even)


class Dependent(Law):
    """Entries with the same declared moments, dependent on each other in any way."""

    independent = False


class Mean(sp.Expr):
    """E[expression] under the given laws, unevaluated."""

    def __new__(cls, expression: sp.Expr, *laws: Law) -> Mean:
        return super().__new__(cls, sp.sympify(expression, strict=True), *laws)

    @property
    def expression(self) -> sp.Expr:
        return self.args[0]

    @property
    def laws(self) -> tuple[Law, ...]:
        return self.args[1:]

    @property
    def free_symbols(self) -> set[sp.Basic]:
        return _free_symbols(self.expression, self.laws)

    def doit(self, **hints: Any) -> sp.Expr:
        expression = self.expression.doit(**hints)
        for law in self.laws:
            if isinstance(law, Symmetric):
                expression = _fold(expression, law)
        variables = {entry: law for law in self.laws for entry in law.variables(expression)}
        if not variables:
            return expression
        if not all(_distinct(law.variables(expression)) for law in self.laws):
            return Mean(expression, *self.laws)
        terms = sp.Poly(sp.expand(expression), *variables).terms()
        return sp.Add(*(factor * _mean_of(powers, variables) for powers, factor in terms))


def _distinct(entries: list[sp.Expr]) -> bool:
    """Are these different entries? w_i and w_j may be one and the same, w_i and w_(i+1) not."""
    return all(
        any((a - b).is_nonzero for a, b in zip(one.indices, other.indices, strict=True))
        for one, other in combinations(entries, 2)
        if not all(index.is_Integer for index in (*one.indices, *other.indices))
    )


class Variance(sp.Expr):
    """Var[expression] under the given laws, unevaluated."""

    def __new__(cls, expression: sp.Expr, *laws: Law) -> Variance:
        return super().__new__(cls, sp.sympify(expression, strict=True), *laws)

    expression = Mean.expression
    laws = Mean.laws
    free_symbols = Mean.free_symbols

    def doit(self, **hints: Any) -> sp.Expr:
        square, mean = (Mean(self.expression**power, *self.laws) for power in (2, 1))
        return sp.expand(square.doit(**hints) - mean.doit(**hints) ** 2)


def _free_symbols(expression: sp.Expr, laws: Iterable[Law]) -> set[sp.Basic]:
    """The free symbols of a mean: those of its moments, without the random variables themselves."""
    symbols = set(expression.free_symbols)
    for law in laws:
        random = {s for s in symbols if s == law.base or getattr(s, "base", None) == law.base}
        symbols -= random | {law.base, *law.base.free_symbols}
        symbols |= law.moments.free_symbols
    return symbols


def _fold(expression: sp.Expr, law: Symmetric) -> sp.Expr:
    """Use symmetry: E f(x) = E[(f(|x|) + f(-|x|)) / 2], which resolves rectifiers, signs and masks."""
    for entry in law.variables(expression):
        if expression.is_polynomial(entry):
            continue
        size = sp.S.One if isinstance(law, Signs) else sp.Dummy("size", positive=True)
        both = sp.expand(sp.Add(*(expression.subs(entry, s * size).doit() for s in (1, -1))) / 2)
        if isinstance(law, Signs):
            expression = both
            continue
        terms = sp.Poly(both, size).terms()
        expression = sp.Add(*(factor * law.size_moment(power) for (power,), factor in terms))
    return expression


def _mean_of(powers: tuple[int, ...], variables: dict[sp.Expr, Law]) -> sp.Expr:
    product = sp.S.One
    for law in dict.fromkeys(variables.values()):
        mine = {
            entry: power
            for (entry, its), power in zip(variables.items(), powers, strict=True)
            if its == law and power
        }
        if mine:
            product *= law.mean_of(mine)
    return product


class GaussianMean(sp.Expr):
    """E[expression] for z ~ N(0, variance), with a kink allowed at z = 0; unevaluated."""

    def __new__(cls, expression: sp.Expr, z: sp.Symbol, variance: sp.Expr) -> GaussianMean:
        return super().__new__(
            cls, sp.sympify(expression, strict=True), z, sp.sympify(variance, strict=True)
        )

    @property
    def free_symbols(self) -> set[sp.Basic]:
        expression, z, variance = self.args
        return (expression.free_symbols - {z}) | variance.free_symbols

    @property
    def integrand(self) -> sp.Expr:
        """The expression times the density of N(0, variance)."""
        expression, z, variance = self.args
        return expression * sp.exp(-(z**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)

    def doit(self, **hints: Any) -> sp.Expr:
        expression, z, variance = self.args
        size = sp.Dummy("z", positive=True)
        halves = (expression.subs(z, side * size).doit(**hints) for side in (1, -1))
        folded = sp.expand(sp.Add(*halves))
        if not folded.is_polynomial(size):
            density = self.integrand / expression
            return sp.integrate(folded * density.subs(z, size), (size, 0, sp.oo))
        terms = sp.Poly(folded, size).terms()
        return sp.Add(*(factor * _half_moment(k, variance) for (k,), factor in terms))

    def _eval_subs(self, old: sp.Basic, new: sp.Basic) -> sp.Basic | None:
        return self if old == self.args[1] else None


@lru_cache
def _half_moment(power: int, variance: sp.Expr) -> sp.Expr:
    """The integral of z^power over the positive half of N(0, variance)."""
    z, v = sp.Dummy("z", positive=True), sp.Dummy("v", positive=True)
    density = sp.exp(-(z**2) / (2 * v)) / sp.sqrt(2 * sp.pi * v)
    return sp.integrate(z**power * density, (z, 0, sp.oo)).subs(v, variance)
