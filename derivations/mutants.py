"""The mutation campaign: every step made wrong in every way that applies; all of them must be rejected.

``python -m derivations.mutants`` tries them all, once along each road alone, and prints the count by kind. It exits
with 1 if a wrong step is accepted. A mutant that says the same as its step (a sign in an even function) is
declared by the step, in ``same``, with the reason; a declaration that is not needed fails too.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Annotated, Any

import sympy as sp
import tyro

from derivations import load, numeric
from derivations.algebra import difference
from derivations.expectation import Mean, Variance
from derivations.points import compare
from derivations.proof import Step, cases
from derivations.record import content_key, read_record, write_record
from derivations.rows import ROOT, ROWS, UnknownRow, find

RESULTS = ROOT / "results" / "mutants"
PAIRS = (("fan_in", "fan_out"), ("rows", "columns"))
SIZES = (2, 3)  # of steps that are checked for n <= 3: enough to reject, and quick

Sides = tuple[sp.Basic, sp.Basic]


@dataclass(frozen=True)
class Mutant:
    """A step made wrong, and in which way."""

    kind: str
    step: Step


def mutants(step: Step) -> Iterator[Mutant]:
    """Every way to make ``step`` wrong that changes its text; some may say the same (``Step.same``)."""
    small = replace(step, cases=tuple((symbol, SIZES) for symbol, _ in step.cases))
    for kind, make in KINDS.items():
        seen = {(step.lhs, step.rhs)}
        for lhs, rhs in make(step.lhs, step.rhs):
            if (lhs, rhs) not in seen and lhs != rhs:
                seen.add((lhs, rhs))
                yield Mutant(kind, replace(small, lhs=lhs, rhs=rhs))


def _factor(factor: sp.Expr) -> Callable[[sp.Basic, sp.Basic], Iterator[Sides]]:
    def make(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
        yield lhs, factor * rhs

    return make


def _offset(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    small = sp.Rational(1, 100)
    yield lhs, rhs + (sp.ones(*rhs.shape) * small if isinstance(rhs, sp.MatrixBase) else small)


def _exponent(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for node in _nodes(rhs, sp.Pow):
        for shift in (1, -1):
            yield lhs, rhs.xreplace({node: node.base ** (node.exp + shift)})
    for symbol in _symbols(rhs):
        for power in (2, 0):
            yield lhs, rhs.subs(symbol, symbol**power)


def _size(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for symbol in _symbols(rhs):
        if symbol.is_integer:
            yield from ((lhs, rhs.subs(symbol, symbol + shift)) for shift in (1, -1))


def _swap(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for one, other in PAIRS:
        pair = {str(s): s for s in _symbols(rhs) + _symbols(lhs) if str(s) in (one, other)}
        if not pair:
            continue
        like = next(iter(pair.values())).assumptions0
        first, second = (pair.get(name, sp.Symbol(name, **like)) for name in (one, other))
        yield lhs, rhs.subs({first: second, second: first}, simultaneous=True)


def _root(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for node in _nodes(rhs, sp.Pow):
        if abs(node.exp) == sp.Rational(1, 2):
            yield lhs, rhs.xreplace({node: node.base ** (2 * node.exp)})


def _moment(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for node in _nodes(lhs, Variance):
        yield lhs.xreplace({node: Mean(node.expression**2, *node.laws)}), rhs
    for node in _nodes(lhs, Mean):
        if isinstance(node.expression, sp.Pow) and node.expression.exp == 2:
            yield lhs.xreplace({node: Variance(node.expression.base, *node.laws)}), rhs


def _negated(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for symbol in _symbols(rhs):
        if not symbol.is_nonnegative and not symbol.is_nonpositive:
            yield lhs, rhs.subs(symbol, -symbol)


def _lost_term(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for node in _nodes(rhs, sp.Add):
        yield from ((lhs, rhs.xreplace({node: node - term})) for term in node.args)
    for node in _nodes(lhs, sp.Add):
        yield from ((lhs.xreplace({node: node - term}), rhs) for term in node.args)


def _bound(lhs: sp.Basic, rhs: sp.Basic) -> Iterator[Sides]:
    for side in (0, 1):
        for node in _nodes((lhs, rhs)[side], sp.Sum, sp.Product):
            index, lower, upper = node.limits[0]
            for bounds in ((lower + 1, upper), (lower, upper + 1), (lower, upper - 1)):
                shifted = node.func(node.function, (index, *bounds), *node.limits[1:])
                moved = (lhs, rhs)[side].xreplace({node: shifted})
                yield (moved, rhs) if side == 0 else (lhs, moved)


def _nodes(expression: sp.Basic, *kinds: type) -> list[sp.Basic]:
    found = {node for node in sp.preorder_traversal(expression) if isinstance(node, kinds)}
    return sorted(found, key=sp.default_sort_key)


def _symbols(expression: sp.Basic) -> list[sp.Symbol]:
    free = (s for s in expression.free_symbols if isinstance(s, sp.Symbol))
    bases = {base.label for base in expression.atoms(sp.IndexedBase)}
    return sorted(set(free) - bases, key=sp.default_sort_key)


KINDS: dict[str, Callable[[sp.Basic, sp.Basic], Iterator[Sides]]] = {
    "factor 2": _factor(sp.Integer(2)),
    "factor ½": _factor(sp.Rational(1, 2)),
    "sign": _factor(sp.Integer(-1)),
    "offset 1/100": _offset,
    "exponent ± 1": _exponent,
    "n → n ± 1": _size,
    "fan_in ↔ fan_out": _swap,
    "dropped square root": _root,
    "variance ↔ second moment": _moment,
    "ρ → −ρ": _negated,
    "lost term": _lost_term,
    "shifted bound": _bound,
}


def numbers(step: Step) -> str:
    """What the numeric road alone says of a step: ``rejected``, ``undefined`` or ``accepted``."""
    try:
        for _, case in cases(step):
            if not all(found.agrees for found in compare(case.lhs, case.rhs, step.label)):
                return "rejected"
    except (numeric.Undefined, TypeError, KeyError, NotImplementedError, ValueError):
        return "undefined"
    return "accepted"


def algebra(step: Step) -> str:
    """What the symbolic road alone says of a step: ``rejected`` or ``accepted``."""
    equal = all(difference(case.lhs, case.rhs) is None for _, case in cases(step))
    return "accepted" if equal else "rejected"


def campaign(row: str) -> dict[str, Any]:
    """Every mutant of every step of ``row``: counts by kind, those that say the same, and survivors."""
    start = time.perf_counter()
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
        "seconds": round(time.perf_counter() - start, 1),
        "key": content_key(load(row)),
    }


ROADS = ("numbers", "algebra")


def recorded(row: str, *, fresh: bool = False) -> dict[str, Any]:
    """The campaign of ``row``, from the results of the last one if nothing has changed (unless ``fresh``)."""
    if row not in ROWS:  # a reader's own file: nothing of it is kept
        return campaign(row)
    path = RESULTS / f"{row}.json"
    known = read_record(path)
    if not fresh and known.get("key") == content_key(load(row)):
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
    options = tyro.cli(Options, prog="python -m derivations.mutants")
    try:
        rows = [find(name) for name in options.rows] or list(ROWS)
    except UnknownRow as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    workers = min(len(rows), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(recorded, rows) if options.cache else pool.map(_afresh, rows))
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


COLUMNS = {
    "made": "made",
    "rejected by numbers alone": "numbers rejected",
    "no value": "numbers undefined",
    "rejected by algebra alone": "algebra rejected",
    "say the same": "same",
}

if __name__ == "__main__":
    sys.exit(main())
