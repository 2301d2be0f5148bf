"""Random points at which the two sides of a step are compared, to 30 digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import mpmath as mp
import sympy as sp

from derivations import numeric
from derivations.domains import Bounded, within

if TYPE_CHECKING:
    from derivations.proof import Step


class OneSided(ArithmeticError):
    """One side of a step has a value where the other has none: it holds on a part of the domain."""


@dataclass(frozen=True)
class Compared:
    """Both sides at one point; ``seed`` fixed what else was drawn there (laws, undefined functions)."""

    at: Mapping[sp.Symbol, Any]
    left: Any
    right: Any
    digits: int
    seed: int

    @property
    def agrees(self) -> bool:
        """Do the sides agree to ``digits`` digits, relative to the larger (or to 1e-9)?"""
        left, right = list(numeric.entries(self.left)), list(numeric.entries(self.right))
        if len(left) != len(right):
            return False
        with mp.workdps(numeric.WORKING_DIGITS):
            tolerance = mp.mpf(10) ** -self.digits
            size = max([mp.mpf("1e-9"), *(abs(v) for v in (*left, *right))])
            return all(abs(a - b) <= tolerance * size for a, b in zip(left, right, strict=True))

    @property
    def place(self) -> str:
        """The point, in words."""
        return numeric.place(self.at)


def compare(step: Step, *, seed: int = 0, points: int = 5) -> Iterator[Compared]:
    """Both sides of a step at ``points`` random points within the domain of every symbol.

    Its label and ``seed`` fix the points. Raises OneSided where only one side has a value, numeric.Undefined if the
    sides have one at too few of 4 * points places, and what evaluation raises for an expression without a rule.
    """
    lhs, rhs = step.lhs, step.rhs
    symbols = sorted(free_symbols(lhs) | free_symbols(rhs), key=sp.default_sort_key)
    rough = lhs.has(sp.Limit) or rhs.has(sp.Limit)
    digits = numeric.LIMIT_DIGITS if rough else numeric.DIGITS
    compared, problem = 0, "none was tried"
    for attempt in range(4 * points):
        rng = Random(f"{seed} {step.label} {attempt}")
        at = {s: draw(s, rng, attempt) for s in symbols}
        if attempt == 3:  # sizes and places may be equal
            alike = [s for s in symbols if s.is_integer and not isinstance(s, Bounded)]
            at |= {s: at[alike[0]] for s in alike if within(s, at[alike[0]])}
            real = [s for s in symbols if not s.is_integer and s.is_real and within(s, 1)]
            inner = [s for s in real if not (isinstance(s, Bounded) and 1 in (s.low, s.high))]
            at |= {s: mp.mpf(1) for s in inner[:1]}  # where a denominator such as 1 - s is zero
        at |= {s: max(at[s], mp.mpf(least)) for s, least in step.least if s in at}
        drawn = attempt + 1_000_003 * seed  # other laws for another seed
        left, right = (_value(side, at, drawn) for side in (lhs, rhs))
        lacks = [side for side in (left, right) if isinstance(side, numeric.Undefined)]
        if len(lacks) == 1 and not isinstance(lacks[0], numeric.Excluded):
            raise OneSided(f"only one side has a value; {lacks[0]}")
        if lacks:
            problem = str(lacks[0])
            continue
        yield Compared(at, left, right, digits, drawn)
        compared += 1
        if compared == points:
            return
    raise numeric.Undefined(f"defined at {compared} of {4 * points} points; last: {problem}")


def _value(side: sp.Basic, at: Mapping[sp.Symbol, Any], seed: int) -> Any:
    try:
        return numeric.evaluate(side, at, seed)
    except numeric.Undefined as error:
        return error


def free_symbols(expression: sp.Basic) -> set[sp.Symbol]:
    """The symbols that need a value: not the bases of indexed variables."""
    bases = {base.label for base in expression.atoms(sp.IndexedBase)}
    kinds = (sp.Symbol, sp.Dummy, Bounded)
    return {s for s in expression.free_symbols if type(s) in kinds} - bases


def draw(symbol: sp.Symbol, rng: Random, attempt: int) -> Any:
    """A value within the symbol's domain, once its end (zero, or one for a size); complex if nothing is declared."""
    if isinstance(symbol, Bounded):
        return symbol.draw(rng, attempt)
    if symbol.is_real is None:
        return mp.mpc(rng.uniform(-3.0, 3.0), rng.uniform(-3.0, 3.0))
    if symbol.is_integer:
        size = rng.randint(1, 9)
        if symbol.is_nonnegative:
            return mp.mpf(int(symbol.is_positive or 0) if attempt == 2 else size)
        return mp.mpf(rng.choice((-1, 1)) * size)
    size = mp.mpf(10) ** mp.mpf(rng.uniform(-1.0, 0.7))
    if symbol.is_positive:
        return size
    if symbol.is_nonzero is not True and attempt == 2:
        return mp.mpf(0)
    if symbol.is_nonnegative:
        return size
    if symbol.is_nonpositive:
        return -size
    sign = (1, -1)[attempt] if attempt < 2 else rng.choice((-1, 1))
    return sign * size


def gap(left: Any, right: Any) -> Any:
    """left - right, for numbers or matrices of one shape; "shapes differ" otherwise."""
    try:
        with mp.workdps(numeric.WORKING_DIGITS):
            return left - right
    except (TypeError, ValueError):
        return "shapes differ"


def shown(value: Any) -> str:
    """A number, or a matrix's entries, with 30 digits."""
    if isinstance(value, str):
        return value
    return ", ".join(mp.nstr(entry, numeric.DIGITS) for entry in numeric.entries(value))
