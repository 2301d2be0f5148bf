"""The mutation campaign: every step made wrong in every way that applies; all of them must be rejected.

``python -m derivations.mutants`` tries them all, once along each road alone, and prints the count by kind. It exits
with 1 if a wrong step is accepted. What it finds of a row is kept in docs/counts/wrong_steps, and tried again only when
the row, the engine or SymPy changes, or with ``--no-cache``. A mutant that says the same as its step (a sign in an even
function) is declared by the step, in ``same``, with the reason; a declaration that is not needed fails too.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Annotated, Any

import tyro

from derivations import load, numeric
from derivations.algebra import difference, sides
from derivations.options import parse
from derivations.points import OneSided, compare
from derivations.proof import Step, cases
from derivations.record import content_key, read_record, write_record
from derivations.rows import ROOT, ROWS, UnknownRow, find
from derivations.wrong_steps import KINDS, mutants

RESULTS = ROOT / "docs" / "counts" / "wrong_steps"
ROADS = ("numbers", "algebra")
COLUMNS = {
    "made": "made",
    "rejected by numbers alone": "numbers rejected",
    "no value": "numbers undefined",
    "rejected by algebra alone": "algebra rejected",
    "say the same": "same",
}


def numbers(step: Step) -> str:
    """What the numeric road alone says of a step: ``rejected``, ``undefined`` or ``accepted``."""
    try:
        for _, case in cases(step):
            if not all(found.agrees for found in compare(case)):
                return "rejected"
    except OneSided:
        return "rejected"
    except (numeric.Undefined, TypeError, KeyError, NotImplementedError, ValueError):
        return "undefined"
    return "accepted"


def algebra(step: Step) -> str:
    """What the symbolic road alone says of a step: ``rejected`` or ``accepted``."""
    equal = all(difference(*sides(case)) is None for _, case in cases(step))
    return "accepted" if equal else "rejected"


def campaign(row: str) -> dict[str, Any]:
    """Every mutant of every step of ``row``: counts by kind, those that say the same, and survivors."""
    count: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    same: list[dict[str, Any]] = []
    survivors: list[str] = []
    for step in load(row).steps:
        accepted: Counter[str] = Counter()
        for mutant in mutants(step):
            found = numbers(mutant.step), algebra(mutant.step)
            count[mutant.kind].update(made=1)
            count[mutant.kind].update(
                f"{road} {how}" for road, how in zip(ROADS, found, strict=True)
            )
            if "accepted" in found:
                accepted[mutant.kind] += 1
                survivors.append(
                    f"{step.label}, {mutant.kind}: {mutant.step.lhs} = {mutant.step.rhs}"
                )
        declared = {kind: (number, why) for kind, number, why in step.same}
        for kind in sorted({*accepted, *declared}):
            number, why = declared.get(kind, (0, ""))
            if accepted[kind] == number:
                survivors = [s for s in survivors if not s.startswith(f"{step.label}, {kind}: ")]
                same.append({"step": step.label, "kind": kind, "number": number, "why": why})
                count[kind]["same"] += number
            elif number:
                survivors.append(
                    f"{step.label}, {kind}: {number} declared the same, {accepted[kind]} are"
                )
    return {
        "row": row,
        "kinds": {kind: dict(found) for kind, found in count.items()},
        "same": same,
        "survivors": survivors,
        "key": _key(row),
    }


def _key(row: str) -> str:
    """What the campaign of ``row`` depends on; no version of Python makes a wrong step right."""
    return content_key(load(row), python="")


def recorded(row: str, *, fresh: bool = False) -> dict[str, Any]:
    """The campaign of ``row``, from the results of the last one if nothing has changed (unless ``fresh``)."""
    if row not in ROWS:  # a reader's own file: nothing of it is kept
        return campaign(row)
    path = RESULTS / f"{row}.json"
    known = read_record(path)
    if not fresh and known.get("key") == _key(row):
        return known
    made = campaign(row)
    write_record(path, made)
    return made


@dataclass(frozen=True)
class Options:
    """Make every step of every derivation wrong, in every way that applies, and see each one rejected."""

    rows: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which rows, or files, such as path/to/mine.py; all rows if none is named."""
    cache: bool = True
    """Take what has not changed from the results of the last campaign."""
    quiet: bool = False
    """Print one line, and what survives."""


def main() -> int:
    """Returns 0 if every mutant is rejected or declared the same, 1 if one survives, 2 for an unknown row."""
    options = parse(Options, None, "python -m derivations.mutants")
    try:
        rows = [find(name) for name in options.rows] or list(ROWS)
    except UnknownRow as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    workers = min(len(rows), os.cpu_count() or 1)
    from rich.console import Console
    from rich.progress import track

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        work = pool.map(recorded if options.cache else _afresh, rows)
        console = Console(stderr=True)
        quiet = not console.is_terminal
        found = list(
            track(work, "wrong steps", len(rows), console=console, transient=True, disable=quiet)
        )
    show(found, quiet=options.quiet)
    return 1 if any(each["survivors"] for each in found) else 0


def _afresh(row: str) -> dict[str, Any]:
    return recorded(row, fresh=True)


def totals(found: Sequence[dict[str, Any]]) -> dict[str, Counter[str]]:
    """The counts of several rows together, by kind, and under ``all``."""
    total: dict[str, Counter[str]] = {kind: Counter() for kind in (*KINDS, "all")}
    for each in found:
        for kind, count in each["kinds"].items():
            total[kind].update(count)
            total["all"].update(count)
    return total


def show(found: Sequence[dict[str, Any]], *, quiet: bool = False) -> None:
    """Print the counts by kind, the mutants that say the same, and survivors; ``quiet``: the sum and survivors."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    total = totals(found)
    if quiet:
        survivors = sum(len(each["survivors"]) for each in found)
        console.print(
            f"Wrong steps: {total['all']['made']} tried, {total['all']['same']} say the same, "
            f"{survivors} of the others were accepted"
        )
    else:
        table = Table("kind", *COLUMNS)
        for kind, count in total.items():
            table.add_row(kind, *(str(count[column]) for column in COLUMNS.values()))
        console.print(table)
    for each in found:
        for one in () if quiet else each["same"]:
            where = f"{each['row']} {one['step']}, {one['kind']}"
            console.print(escape(f"the same: {where} ({one['number']}): {one['why']}"))
        for survivor in each["survivors"]:
            console.print(f"[bold red]accepted[/] {each['row']} {escape(survivor)}")


if __name__ == "__main__":
    sys.exit(main())
