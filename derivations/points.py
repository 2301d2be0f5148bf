"""Random points at which the two sides of a step are compared, to 30 digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import mpmath as mp
import sympy as sp

from derivations import numeric
from derivations.domains import Bounded


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
        return ", ".join(f"{s} = {mp.nstr(value, 8)}" for s, value in self.at.items())


def compare(
    lhs: sp.Basic, rhs: sp.Basic, name: str, *, seed: int = 0, points: int = 5
) -> Iterator[Compared]:
    """Both sides at ``points`` random points within the domain of every symbol.

    ``name`` and ``seed`` fix the points. Raises numeric.Undefined if the sides have a value at too few of
    4 * points places, and what evaluation raises for an expression that it has no rule for.
    """
    symbols = sorted(free_symbols(lhs) | free_symbols(rhs), key=sp.default_sort_key)
    rough = lhs.has(sp.Limit) or rhs.has(sp.Limit)
    digits = numeric.LIMIT_DIGITS if rough else numeric.DIGITS
    compared, problem = 0, "none was tried"
    for attempt in range(4 * points):
        rng = Random(f"{seed} {name} {attempt}")
        at = {s: draw(s, rng, attempt) for s in symbols}
        drawn = attempt + 1_000_003 * seed  # other laws for another seed
        try:
            left, right = (numeric.evaluate(side, at, drawn) for side in (lhs, rhs))
        except numeric.Undefined as error:
            problem = str(error)
            continue
        yield Compared(at, left, right, digits, drawn)
        compared += 1
        if compared == points:
            return
    raise numeric.Undefined(f"defined at {compared} of {4 * points} points; last: {problem}")


def free_symbols(expression: sp.Basic) -> set[sp.Symbol]:
    """The symbols that need a value: not the bases of indexed variables."""
    bases = {base.label for base in expression.atoms(sp.IndexedBase)}
    kinds = (sp.Symbol, sp.Dummy, Bounded)
    return {s for s in expression.free_symbols if type(s) in kinds} - bases


def draw(symbol: sp.Symbol, rng: Random, attempt: int) -> Any:
    """A value within the symbol's domain. Real numbers take both signs, and zero once."""
    if isinstance(symbol, Bounded):
        return symbol.draw(rng, attempt)
    if symbol.is_integer:
        size = rng.randint(1, 9)
        if symbol.is_nonnegative and not symbol.is_positive:
            return mp.mpf(0 if attempt == 2 else size)
        return mp.mpf(size if symbol.is_positive else rng.choice((-1, 1)) * size)
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
