"""Derivations as data, and their verification along two roads that share nothing.

A derivation is a tuple of lines: ``Given`` (an assumption, named) and ``Step`` (an equality). Each step is checked

1. numerically: both sides at random points that respect every declared assumption (``derivations.numeric``);
2. symbolically: SymPy evaluates the left side (``doit``) and the difference of the sides simplifies to zero.

A step that fails either road raises DerivationError; one that only the first can decide must say so itself.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import sympy as sp

from derivations import numeric
from derivations.algebra import difference, sides
from derivations.domains import within
from derivations.points import OneSided, compare, gap, shown
from derivations.vectorised import vectorised

Status = Literal["proved", "numeric only", "n ≤ 3", "assumed", "failed"]


class DerivationError(AssertionError):
    """A step that the machine does not accept: which, both sides, their difference, a counter-example."""


@dataclass(frozen=True)
class Given:
    """An assumption: not checked, and shown and counted as such. ``ref`` is ``paper:equation``."""

    label: str
    statement: str
    ref: str = "ours"


@dataclass(frozen=True)
class Step:
    """An equality: ``lhs`` left unevaluated, ``rhs`` typed by hand, and the reason ``why``.

    ``cases`` maps size symbols to the sizes for which the step is checked, where it cannot be for all.
    ``least`` is the smallest size from which the step is claimed: an inductive step begins after its base case.
    ``numeric_only`` is the reason why algebra cannot decide this step; empty for every other step.
    ``same`` declares mutants that say the same as the step: (kind, how many, why); see ``derivations.mutants``.
    """

    label: str
    lhs: sp.Basic
    rhs: sp.Basic
    why: str
    ref: str = "ours"
    cases: tuple[tuple[sp.Symbol, tuple[int, ...]], ...] = ()
    least: tuple[tuple[sp.Symbol, int], ...] = ()
    numeric_only: str = ""
    same: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True)
class Prediction:
    """A quantity that experiments compare with: the right side of a step, under a public name.

    ``at`` fixes symbols (``{negative_slope: 0}``). ``variance`` names the prediction that is the relative
    sampling variance of one observation, where theory gives one.
    """

    name: str
    step: str
    doc: str
    at: tuple[tuple[sp.Basic, Any], ...] = ()
    variance: str | None = None


@dataclass(frozen=True)
class Checked:
    """The outcome for one step; ``seconds`` are those that the processor spent, however busy the machine was."""

    step: Step
    status: Status
    detail: str
    seconds: float
    points: int
    digits: int
    error: str | None = None


@dataclass(frozen=True)
class Derivation:
    """Everything that is derived for one row. ``papers`` are in order: the first one's notation wins."""

    row: str
    title: str
    papers: tuple[str, ...]
    section: str
    claim: str
    lines: tuple[Given | Step, ...]
    predictions: tuple[Prediction, ...] = ()

    def __post_init__(self) -> None:
        labels = [line.label for line in self.lines]
        repeated = sorted({label for label in labels if labels.count(label) > 1})
        if repeated:
            raise DerivationError(f"{self.row}: repeated labels {', '.join(repeated)}")
        unknown = [p.step for p in self.predictions if p.step not in {s.label for s in self.steps}]
        if unknown:
            raise DerivationError(f"{self.row}: predictions of no step: {', '.join(unknown)}")

    @property
    def steps(self) -> tuple[Step, ...]:
        """The lines that are checked."""
        return tuple(line for line in self.lines if isinstance(line, Step))

    def step(self, label: str) -> Step:
        """The step called ``label``. Raises KeyError if there is none."""
        return next(s for s in self.steps if s.label == label)

    def expression(self, prediction: Prediction) -> sp.Basic:
        """What a prediction says: its step's right side, with what it fixes put in."""
        return self.step(prediction.step).rhs.subs(dict(prediction.at))

    def arguments(self, prediction: Prediction) -> list[sp.Symbol]:
        """The symbols that a prediction's function takes, sorted by name."""
        free = self.expression(prediction).free_symbols
        return sorted((s for s in free if isinstance(s, sp.Symbol)), key=str)

    def predict(self, name: str) -> Callable[..., Any]:
        """The prediction ``name`` as a function of keyword arguments, vectorised over numpy arrays.

        It is made from the right side of a verified step. Raises KeyError for an unknown name, and
        DerivationError if any step of the derivation does not hold.
        """
        from derivations.record import (
            record,
        )  # the cache of what was verified; it imports this module

        known = {p.name: p for p in self.predictions}
        if name not in known:
            raise KeyError(f"{self.row} predicts {', '.join(known)}; not {name!r}")
        found = record(self)
        if not found["verified"]:
            errors = [line["error"] for line in found["lines"] if line.get("error")]
            raise DerivationError(f"{self.row} is not verified: {errors[0]}")
        arguments = self.arguments(known[name])
        expression = self.expression(known[name])
        if isinstance(expression, sp.MatrixBase):
            expression = sp.ImmutableMatrix(expression)
        function = vectorised(tuple(arguments), expression)
        names = [str(s) for s in arguments]

        def predict(**values: Any) -> Any:
            if set(values) != set(names):
                raise TypeError(f"{name} takes {', '.join(names)}; got {', '.join(values)}")
            return function(*(values[n] for n in names))

        predict.__name__, predict.__doc__ = name, known[name].doc
        return predict


def check(step: Step, *, row: str = "", seed: int = 0, points: int = 5) -> Checked:
    """Check one step along both roads. Raises DerivationError if it does not hold."""
    start = time.process_time()
    where = f"{row} step {step.label!r}".strip()
    refuse(step, where)
    digits, used, undecided = numeric.DIGITS, 0, ""
    for _, case in cases(step):
        agreed, count = _check_numerically(case, where, seed, points)
        digits, used = min(digits, agreed), used + count
        left_over = difference(*sides(case))
        if left_over is not None:
            undecided = undecided or f"algebra leaves lhs - rhs = {left_over}"
    for case in _beyond(step):
        _check_numerically(case, where, seed, 1)
    if undecided and not step.numeric_only:
        raise DerivationError(
            f"{where}: {undecided}, expected 0 (numbers agree at {used} points). "
            "Split the step, or say in numeric_only= why algebra cannot decide it.\n"
            f"  left  {step.lhs}\n  right {step.rhs}"
        )
    if step.numeric_only and not undecided:
        raise DerivationError(
            f"{where}: marked numeric_only, but algebra decides it; drop the mark"
        )
    sizes = "; ".join(
        [f"{s} = {', '.join(map(str, values))}" for s, values in step.cases]
        + [f"{s} ≥ {value}" for s, value in step.least]
    )
    status: Status = "numeric only" if undecided else "n ≤ 3" if step.cases else "proved"
    seconds = time.process_time() - start
    return Checked(step, status, step.numeric_only or sizes, seconds, used, digits)


def verify(derivation: Derivation, *, seed: int = 0, points: int = 5) -> Iterator[Checked]:
    """Check every step, in order; a step that fails is yielded with its error, not raised."""
    for step in derivation.steps:
        start = time.process_time()
        try:
            yield check(step, row=derivation.row, seed=seed, points=points)
        except DerivationError as error:
            yield Checked(step, "failed", "", time.process_time() - start, 0, 0, str(error))


def cases(step: Step) -> Iterator[tuple[dict[sp.Symbol, int], Step]]:
    """The sizes for which the step is to be checked, and the step at each combination of them."""
    names = [symbol for symbol, _ in step.cases]
    for values in itertools.product(*(values for _, values in step.cases)):
        sizes = dict(zip(names, values, strict=True))
        lhs, rhs = (side.subs(sizes) for side in (step.lhs, step.rhs))
        yield sizes, replace(step, lhs=lhs, rhs=rhs, cases=())


def refuse(step: Step, where: str) -> None:
    """Raises DerivationError for a step that says nothing, or that says it in a way that cannot be checked."""
    pair = (step.lhs, step.rhs)
    if not step.why.strip():
        raise DerivationError(f"{where}: a step needs a reason (why=...)")
    if not all(isinstance(side, sp.Expr | sp.MatrixBase) for side in pair):
        raise DerivationError(f"{where}: both sides must be numbers or matrices, got {pair}")
    if step.lhs == step.rhs:
        raise DerivationError(
            f"{where}: vacuous, both sides are {step.rhs}; keep the left side unevaluated"
        )
    for rounded in sorted(step.lhs.atoms(sp.Float) | step.rhs.atoms(sp.Float)):
        raise DerivationError(
            f"{where}: {rounded} is rounded; write a Rational, or what it stands for"
        )
    for symbol, values in step.cases:
        if len(set(values)) < 2 or not all(within(symbol, value) for value in values):
            raise DerivationError(
                f"{where}: {symbol} needs two sizes or more that it can have, got {values}"
            )


def _beyond(step: Step) -> Iterator[Step]:
    """The step one size beyond its cases, in each of them alone: what holds for n ≤ 3 only fails here."""
    usual = {symbol: sorted(values)[len(values) // 2] for symbol, values in step.cases}
    for symbol, values in step.cases:
        larger = {**usual, symbol: max(values) + 1}
        lhs, rhs = (side.subs(larger) for side in (step.lhs, step.rhs))
        yield replace(step, lhs=lhs, rhs=rhs)


def _check_numerically(step: Step, where: str, seed: int, points: int) -> tuple[int, int]:
    """Compare both sides at ``points`` points; returns the digits agreed to, and the points used."""
    digits, used = numeric.DIGITS, 0
    try:
        for found in compare(step, seed=seed, points=points):
            digits, used = found.digits, used + 1
            if not found.agrees:
                raise DerivationError(
                    f"{where}: the sides differ at {found.place}\n"
                    f"  left  {step.lhs}\n        = {shown(found.left)}\n"
                    f"  right {step.rhs}\n        = {shown(found.right)}\n"
                    f"  left - right = {shown(gap(found.left, found.right))}"
                )
    except (numeric.Undefined, OneSided) as error:
        raise DerivationError(f"{where}: {error}") from None
    except (TypeError, KeyError, NameError, NotImplementedError, ValueError) as error:
        raise DerivationError(f"{where}: cannot be evaluated numerically: {error!r}") from None
    return digits, used


def induction(
    label: str,
    *,
    recurrence: sp.Eq,
    closed: sp.Expr,
    index: sp.Symbol,
    start: int,
    why: str,
    ref: str = "ours",
    same_base: tuple[tuple[str, int, str], ...] = (),
) -> tuple[Step, Step]:
    """The base case and the inductive step of ``f(index) = closed``, for ``recurrence``: f(i) = g(f(i-1)).

    The first step is closed(start) = f(start); the second puts closed(index - 1) into the recurrence and
    finds closed(index). The second step's right side is the closed form. ``same_base`` is the base case's ``same``.
    """
    function = recurrence.lhs
    (variable,) = function.args
    before = function.subs(variable, variable - 1)
    continued = recurrence.rhs.subs(before, closed.subs(index, variable - 1)).subs(variable, index)
    return (
        Step(
            f"{label}/base",
            closed.subs(index, start),
            function.subs(variable, start),
            f"base case: at {str(index).replace('_', ' ')} = {start} no layer has acted yet",
            ref,
            same=same_base,
        ),
        Step(label, continued, closed, why, ref, least=((index, start + 1),)),
    )
