"""Would an experiment notice? Each is run on implementations that are wrong, one at a time, at its default size.

``python -m experiments.mutants`` runs every mutant that a row's ``MUTANTS`` lists, with the default settings (``BARE``
names those that only serve a figure, and leaves them out). Each must make the experiment
disagree; one that cannot be seen says why, in ``unseen``, and must then agree. The counts go to docs/counts.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Annotated, Any

import tyro

from derivations.options import parse
from derivations.rows import ROOT, ROWS, UnknownRow, find_row

COUNTS = ROOT / "docs" / "counts" / "experiments.json"


@dataclass(frozen=True)
class Mutant:
    """A wrong implementation: ``make`` turns what ``target`` (module:name) is into what is wrong.

    ``unseen`` is the reason why the experiment cannot tell; empty if it must.
    """

    kind: str
    name: str
    target: str
    make: Callable[[Any], Any]
    unseen: str = ""


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The mutant in the place of what it is made from."""
    module, _, name = mutant.target.partition(":")
    place = importlib.import_module(module)
    right = getattr(place, name)
    setattr(place, name, mutant.make(right))
    try:
        yield
    finally:
        setattr(place, name, right)


def trial(row: str, number: int | None, **changed: Any) -> dict[str, Any]:
    """Run ``row`` with its mutant ``number`` (None: with none), at its default size unless ``changed``."""
    from experiments.runner import load
    from experiments.stack import one_thread_each
    from experiments.statistics import judge

    module = load(row)
    settings = module.Settings(**{**getattr(module, "BARE", {}), **changed})
    mutant: Mutant | None = None if number is None else module.MUTANTS[number]
    planting = planted(mutant) if mutant else _nothing()
    with planting, one_thread_each():
        try:
            table = judge(module.compare(module.measure(settings, _quiet), settings))
        except (RuntimeError, ValueError) as error:  # shapes that do not fit, say
            return _found(mutant, row, "stops", f"{type(error).__name__}: {error}".splitlines()[0])
    wrong = int((~table["agrees"]).sum())
    return _found(
        mutant, row, "disagrees" if wrong else "agrees", f"{wrong} of {len(table)} comparisons"
    )


def _found(mutant: Mutant | None, row: str, verdict: str, detail: str) -> dict[str, Any]:
    told = {name: getattr(mutant, name, "") for name in ("kind", "name", "target", "unseen")}
    expected = verdict == "agrees" if mutant is None or mutant.unseen else verdict != "agrees"
    return {"row": row, **told, "verdict": verdict, "detail": detail, "expected": expected}


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _quiet(items: Any, **_: Any) -> Any:
    return items


@dataclass(frozen=True)
class Options:
    """Run experiments on implementations that are wrong, and see each one noticed."""

    rows: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which rows; all of them if none is named. What is found replaces their part of the record."""
    changed: bool = False
    """Of these, only the rows whose code changed since their part of the record."""


def main() -> int:
    """Returns 0 if every mutant is noticed or declared unseen, 1 if not, 2 for an unknown row."""
    options = parse(Options, None, "python -m experiments.mutants")
    try:
        rows = [find_row(name) for name in options.rows] or list(ROWS)
    except UnknownRow as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from rich.console import Console
    from rich.progress import track

    from experiments.runner import load

    if options.changed:
        known = recorded().get("fingerprints", {})
        rows = [row for row in rows if known.get(row) != current(row)]
    if not rows:
        print("nothing changed since what is on record")
        return 0
    jobs = [(row, number) for row in rows for number in (None, *range(len(load(row).MUTANTS)))]
    workers = os.cpu_count() or 1
    os.environ["OMP_NUM_THREADS"] = "1"  # the processes share the cores
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = []
        work = pool.map(trial, *zip(*jobs, strict=True))
        console = Console(highlight=False, soft_wrap=True)
        quiet = not console.is_terminal
        for each in track(
            work, "wrong code", len(jobs), console=console, transient=True, disable=quiet
        ):
            console.print(_line(each), markup=False)
            found.append(each)
    _put_on_record(rows, found)
    return 0 if all(each["expected"] for each in found) else 1


def recorded() -> dict[str, Any]:
    """What earlier campaigns found; empty if there is no record."""
    from derivations.record import read_record

    return read_record(COUNTS)


def _put_on_record(rows: Sequence[str], found: list[dict[str, Any]]) -> None:
    """Replace what is known of ``rows``; rows that are there no more are left out."""
    from derivations.record import write_record

    before = recorded()
    kept = [each for each in before.get("found", []) if each["row"] in set(ROWS) - set(rows)]
    known = {row: f for row, f in before.get("fingerprints", {}).items() if row in ROWS}
    found = sorted(kept + found, key=lambda each: ROWS.index(each["row"]))  # stable within a row
    write_record(
        COUNTS, {"found": found, "fingerprints": known | {row: current(row) for row in rows}}
    )


def current(row: str) -> str:
    """What the campaign of ``row`` depends on."""
    from experiments.fingerprint import code_fingerprint, deciding
    from experiments.runner import load

    return code_fingerprint(row, deciding(load(row).Settings()))


def _line(found: dict[str, Any]) -> str:
    mark = "  " if found["expected"] else "✗ "
    what = f"{found['kind']}: {found['name']}" if found["kind"] else "as it is"
    why = f" (unseen: {found['unseen']})" if found["unseen"] else ""
    return f"{mark}{found['row']:<20} {what:<60} {found['verdict']}, {found['detail']}{why}"


if __name__ == "__main__":
    sys.exit(main())
