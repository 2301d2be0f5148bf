"""Verify derivations and print them as a person would read them: ``python -m derivations init/kaiming``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Annotated, Any, Literal, TextIO

import tyro

from derivations import load
from derivations.options import parse
from derivations.rows import ROWS, UnknownRow, find

MOST_POINTS = 1000
COLOURS = {
    "proved": "green",
    "n ≤ 3": "cyan",
    "numeric only": "yellow",
    "assumed": "magenta",
    "failed": "bold red",
}


@dataclass(frozen=True)
class Options:
    """Verify derivations, every step along two roads, and print them."""

    rows: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which rows, such as init/kaiming, or files, such as path/to/mine.py; all rows if none is named."""
    list: bool = False
    """Only list the rows."""
    latex: bool = False
    """Print each step's equation as LaTeX."""
    json: bool = False
    """Print everything as JSON."""
    cache: bool = True
    """Take unchanged derivations from the results of their last verification."""
    seed: int = 0
    """Which random points to check at."""
    points: int = 5
    """At how many points to check each step."""
    explain: str = ""
    """Take one step of one row apart, by its number or label: every side, point and digit."""
    check_with: Literal["", "symengine"] = ""
    """Ask a second engine, whose algebra is its own, about every step that it can read."""


def main() -> int:
    """The command line. Returns 0 if every step holds, 1 if one fails, 2 for unusable arguments."""
    options = parse(Options, None, "python -m derivations")
    if options.list:
        print("\n".join(ROWS))
        return 0
    try:
        rows = [find(name) for name in options.rows] or list(ROWS)
        if not 5 <= options.points <= MOST_POINTS:
            raise ValueError(f"--points must be from 5 to {MOST_POINTS}, got {options.points}")
        if options.explain and len(options.rows) != 1:
            raise ValueError(
                "--explain takes one row: python -m derivations init/kaiming --explain 4"
            )
        if options.explain:
            return _explain(rows[0], options)
        if options.check_with:
            return _second_opinion(rows, options)
    except (UnknownRow, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    records = []
    for found in _records(rows, options):
        records.append(found)
        if not options.json:
            show(found, latex=options.latex)
    if options.json:
        print(
            json.dumps(records[0] if len(records) == 1 else records, ensure_ascii=False, indent=1)
        )
    return 0 if all(found["verified"] for found in records) else 1


def _explain(row: str, options: Options) -> int:
    from derivations.explain import UnknownStep, explain, show
    from derivations.record import problem

    derivation = _loaded(row)
    try:
        found = explain(derivation, options.explain, seed=options.seed, points=options.points)
    except UnknownStep:
        raise
    except Exception as error:  # whatever a reader's own step does to the engine
        raise ValueError(f"{row} cannot be explained: {problem(error)}") from None
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        show(found)
    return 1 if found["error"] else 0


def _second_opinion(rows: Sequence[str], options: Options) -> int:
    """Print what the second engine says of every step; 1 if it disagrees with one."""
    try:
        import symengine  # noqa: F401
    except ModuleNotFoundError:
        raise ValueError(
            "--check-with symengine needs the package: pip install symengine"
        ) from None
    from rich.console import Console
    from rich.markup import escape

    from derivations.second_engine import opinion

    colours = {"agrees": "green", "cannot": "yellow", "disagrees": "bold red"}
    console = Console(highlight=False, soft_wrap=True)
    found = [(row, step, *opinion(step)) for row in rows for step in _loaded(row).steps]
    for row, step, says, why in found if not options.json else ():
        reason = f": {escape(why)}" if why else ""
        console.print(f"[{colours[says]}]{says:<9}[/] {row} {step.label}{reason}")
    count = {word: sum(says == word for _, _, says, _ in found) for word in colours}
    if options.json:
        keys = ("row", "step", "says", "why")
        steps = [
            dict(zip(keys, (row, s.label, says, why), strict=True)) for row, s, says, why in found
        ]
        print(json.dumps({"counts": count, "steps": steps}, ensure_ascii=False, indent=1))
    else:
        print(
            f"symengine, of {len(found)} steps: " + ", ".join(f"{n} {w}" for w, n in count.items())
        )
    return 1 if count["disagrees"] else 0


def _loaded(row: str) -> Any:
    """The derivation; ValueError, with the place, for one that cannot be loaded."""
    from derivations.record import problem

    try:
        return load(row)
    except Exception as error:
        raise ValueError(f"{row} cannot be loaded: {problem(error)}") from None


def _records(rows: Sequence[str], options: Options) -> Iterator[dict[str, Any]]:
    """One record for each row, in order; several rows are verified side by side."""
    from derivations.record import verify_row

    jobs = [(row, options.seed, options.points, not options.cache) for row in rows]
    if len(jobs) == 1:
        yield verify_row(jobs[0])
        return
    workers = min(len(jobs), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(verify_row, jobs)


def show(found: dict[str, Any], *, latex: bool = False, file: TextIO | None = None) -> None:
    """Print one derivation: title, source, claim, numbered lines with reason, reference, status, time."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(file=file, highlight=False, soft_wrap=True)
    console.print(
        f"\n[bold]{escape(found['title'])}[/] ({escape(found['row'])})  {found['paper']}"
        + (f" §{found['section']}" if found["section"] else "")
    )
    console.print(escape(found["claim"]))
    for line in found["lines"]:
        colour = COLOURS[line["status"]]
        if line["kind"] == "given":
            console.print(f"\n  [{colour}]assumed[/] [bold]{line['label']}[/] ({line['ref']})")
            console.print(f"      {escape(line['statement'])}")
            continue
        head = f"{line['number']:>3}. [bold]{line['label']}[/] ({line['ref']})"
        detail = f" {line['detail']}" if line["detail"] else ""
        console.print(
            f"\n{head}  [{colour}]{line['status']}[/]{escape(detail)}  {line['seconds']:.2f} s"
        )
        console.print(f"      {escape(line['latex' if latex else 'text'])}")
        console.print(f"      [dim]{escape(line['why'])}[/]")
        if line["error"]:
            console.print(f"      [bold red]{escape(line['error'])}[/]")
    counts = ", ".join(f"{count} {status}" for status, count in found["counts"].items() if count)
    verdict = "[green]verified[/]" if found["verified"] else "[bold red]NOT verified[/]"
    console.print(f"\n  {verdict}: {counts}; {found['seconds']:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
