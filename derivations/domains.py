"""Symbols with a range that SymPy's assumptions cannot say: |ρ| < 1, n ≥ 2, a probability."""

from __future__ import annotations

from random import Random
from typing import Any

import mpmath as mp
import sympy as sp


class Bounded(sp.Symbol):
    """A symbol with bounds, from which the numeric road draws: made by ``bounded``.

    A real symbol lies strictly between its bounds; an integer may reach them.
    """

    __slots__ = ("high", "low")

    def __new__(cls, name: str, low: Any, high: Any, **assumptions: bool) -> Bounded:
        made = sp.Symbol.__xnew__(cls, name, **assumptions)
        made.low, made.high = sp.sympify(low, strict=True), sp.sympify(high, strict=True)
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, bool]]:
        return (self.name, self.low, self.high), self._assumptions_orig

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.low, self.high)

    def draw(self, rng: Random, attempt: int) -> Any:
        """A value within the bounds: integers near the lower one, which comes first; reals anywhere."""
        if self.is_integer:
            low = int(self.low)
            span = 9 if self.high == sp.oo else int(self.high) - low
            return mp.mpf(low + (0 if attempt == 0 else rng.randint(0, min(9, span))))
        if self.low == -self.high and attempt == 2:
            return mp.mpf(0)
        if self.high == sp.oo:
            return mp.mpf(self.low) + mp.mpf(10) ** mp.mpf(rng.uniform(-1.0, 0.7))
        width = mp.mpf((self.high - self.low).evalf(mp.mp.dps))  # mpmath does not read SymPy's π
        return mp.mpf(self.low) + width * mp.mpf(rng.uniform(0.01, 0.99))


def within(symbol: sp.Basic, value: Any, *, between: bool = False) -> bool:
    """May ``symbol`` take this value, as its assumptions and bounds say? With ``between``, also between integers."""
    if isinstance(symbol, Bounded) and not symbol.low <= value <= symbol.high:
        return False
    sides = (
        (symbol.is_nonnegative, value >= 0),
        (symbol.is_nonpositive, value <= 0),
        (symbol.is_nonzero, value != 0),  # what is positive is so, too
        (symbol.is_integer, between or mp.isint(value)),
    )
    return all(holds for declared, holds in sides if declared)


def bounded(name: str, low: Any, high: Any = sp.oo, *, integer: bool = False) -> Bounded:
    """A symbol with low < value < high (for an integer, low <= value <= high).

    Raises ValueError for a range without values, or without a finite lower bound.
    """
    low, high = sp.sympify(low, strict=True), sp.sympify(high, strict=True)
    if not (low.is_finite and (low <= high if integer else low < high)):
        raise ValueError(
            f"{name} needs a finite lower bound below the upper one, got {low}, {high}"
        )
    assumptions = {"integer": True} if integer else {"real": True}
    if low > 0 or (low >= 0 and not integer):
        assumptions["positive"] = True
    elif low >= 0:
        assumptions["nonnegative"] = True
    return Bounded(name, low, high, **assumptions)
