"""One step, taken apart for who doubts it: both sides as written and evaluated, the points, every digit."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

from derivations import numeric
from derivations.algebra import difference, sides, simplified
from derivations.points import OneSided, compare, gap, shown
from derivations.proof import Derivation, DerivationError, Step, cases, check
from derivations.rows import Refusal

LONGEST = 2000  # characters of one expression


class UnknownStep(Refusal):
    """No step has this number or label; the message is one line, and says which there are."""


def find_step(derivation: Derivation, wanted: str) -> tuple[int, Step]:
    """The step with the number (from 1) or the label ``wanted``. Raises UnknownStep."""
    for number, step in enumerate(derivation.steps, 1):
        if wanted in (str(number), step.label):
            return number, step
    labels = ", ".join(step.label for step in derivation.steps)
    raise UnknownStep(
        f"{derivation.row} has no step {wanted[:60]!r}; it has 1 to {len(derivation.steps)}: {labels}"
    )


def explain(
    derivation: Derivation, wanted: str, *, seed: int = 0, points: int = 5
) -> dict[str, Any]:
    """All that is known of one step, as plain data; nothing comes from a cache."""
    number, step = find_step(derivation, wanted)
    try:
        found = check(step, row=derivation.row, seed=seed, points=points)
        status, error = str(found.status), None
    except DerivationError as failure:
        status, error = "failed", str(failure)
    return {
        "row": derivation.row,
        "number": number,
        "label": step.label,
        "ref": step.ref,
        "why": step.why,
        "status": status,
        "error": error,
        "cases": [_case(sizes, case, seed, points) for sizes, case in cases(step)],
    }


def _case(sizes: dict[sp.Symbol, int], case: Step, seed: int, points: int) -> dict[str, Any]:
    return {
        "sizes": {str(symbol): value for symbol, value in sizes.items()},
        "left": _text(case.lhs),
        "right": _text(case.rhs),
        "left_evaluated": _text(case.lhs.doit()),
        "right_evaluated": _text(case.rhs.doit()),
        "differences": _differences(case),
        "points": _points(case, seed, points),
    }


def _differences(case: Step) -> list[dict[str, str]]:
    """What each way of simplifying leaves of left - right; of a matrix, its first entry that is not zero."""
    left, right = sides(case)
    if isinstance(left, sp.MatrixBase) and isinstance(right, sp.MatrixBase):
        if left.shape != right.shape:
            return [{"way": "shapes", "left": f"{left.shape} and {right.shape}"}]
        pairs = list(zip(sp.flatten(left), sp.flatten(right), strict=True))
        left, right = next((p for p in pairs if difference(*p) is not None), pairs[0])
    return [{"way": way, "left": _text(left_over)} for way, left_over in simplified(left, right)]


def _points(case: Step, seed: int, points: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    try:
        for found in compare(case, seed=seed, points=points):
            rows.append(
                {
                    "at": {str(s): mp.nstr(value, numeric.DIGITS) for s, value in found.at.items()},
                    "left": shown(found.left),
                    "right": shown(found.right),
                    "difference": shown(gap(found.left, found.right)),
                    "agrees": found.agrees,
                }
            )
    except (
        numeric.Undefined,
        OneSided,
        TypeError,
        KeyError,
        NotImplementedError,
        ValueError,
    ) as error:
        rows.append({"error": f"{type(error).__name__}: {error}"})
    return rows


def _text(expression: sp.Basic) -> str:
    text = str(expression)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"


def show(found: dict[str, Any]) -> None:
    """Print what ``explain`` found."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)

    def line(name: str, text: str) -> None:
        console.print(f"  {name:<18} {escape(text)}")

    console.print(
        f"\n[bold]{found['row']} step {found['number']}, {found['label']}[/] ({found['ref']})"
    )
    line("status", found["status"])
    line("why", found["why"])
    for case in found["cases"]:
        if case["sizes"]:
            sizes = ", ".join(f"{name} = {value}" for name, value in case["sizes"].items())
            console.print(f"\n[bold]at {sizes}[/]")
        line("left, as written", case["left"])
        line("left, evaluated", case["left_evaluated"])
        line("right, as written", case["right"])
        line("right, evaluated", case["right_evaluated"])
        for each in case["differences"]:
            line("left - right", f"{each['left']}   (after {each['way']})")
        for number, point in enumerate(case["points"], 1):
            if "error" in point:
                console.print(f"  [bold red]{escape(point['error'])}[/]")
                continue
            place = ", ".join(f"{name} = {value}" for name, value in point["at"].items())
            line(f"point {number}", place or "no symbol to draw")
            line("  left", point["left"])
            line("  right", point["right"])
            colour = "" if point["agrees"] else "[bold red]differs[/] "
            console.print(f"  {'  left - right':<18} {colour}{escape(point['difference'])}")
    if found["error"]:
        console.print(f"\n[bold red]{escape(found['error'])}[/]")
