"""Runs a sweep: plans its cells, draws what is not there yet, judges all of them at once, and writes."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bar

from experiments import cells, results
from experiments.cells import Cell, Progress
from experiments.figures import render
from experiments.fingerprint import versions
from experiments.jobs import WorkersDied, part, pool
from experiments.runner import MARK
from experiments.settings import Unusable
from experiments.statistics import Comparison, judge
from experiments.sweep import PROGRAM, Options
from experiments.verdict import verdict

JOB = 1.0  # core-seconds of a job, roughly; a scheduler's share of that is some milliseconds
MOST_TOGETHER = 2**16  # networks of one job
MOST_CELLS = 10_000
SAVE = 5.0  # seconds between two savings of a cell that is not complete
ATTEMPTS = 4  # as long as workers die


def sweep(row: str, grid: Any, options: Options, folder: Path) -> int:
    """Make or complete the sweep in ``folder``; 0 if theory and measurement agree, else 1."""
    console = Console(highlight=False)
    planned, dear = plan(row, grid, options.seed)
    refuse_dear(row, planned, options.core_hours)
    start = time.perf_counter()
    with owned(folder):
        try:
            finished = complete(planned, options, folder / "cells", console)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on from here", file=sys.stderr)
            return 130
        for axes in dear:
            console.print(f"[dim]{_label(axes)}: left out, dearer than the budget of a cell[/]")
        found = write(row, grid, options, finished, folder)
    console.print(f"{MARK[found['agrees']]}  {found['sentence']}", soft_wrap=True)
    console.print(found["sensitivity"]["sentence"], soft_wrap=True)
    console.print(f"[dim]{folder}, {time.perf_counter() - start:.1f} s[/]", soft_wrap=True)
    return 0 if found["agrees"] else 1


def plan(row: str, grid: Any, seed: int) -> tuple[list[Cell], list[dict[str, Any]]]:
    """The cells of a grid, and the settings that its budget does not pay for."""
    module = part(row, "sweep")
    planned, dear = [], []
    settings = grid.settings()
    if len(settings) > MOST_CELLS:
        raise Unusable(f"a grid may have {MOST_CELLS:,} cells, got {len(settings):,}")
    for axes, networks in settings:
        if not networks:
            dear.append(axes)
            continue
        block = module.block(axes)
        blocks = int(JOB / module.seconds(axes) / block)
        per_job = block * min(max(1, blocks), max(1, MOST_TOGETHER // block))
        expected = tuple(module.expected(axes).items())
        planned.append(Cell(row, tuple(axes.items()), networks, per_job, seed, expected))
    if not planned:
        raise Unusable(f"nothing to sweep: {_label(dear[0])} is dearer than the budget of a cell")
    return planned, dear


def _label(axes: dict[str, Any]) -> str:
    return Cell("", tuple(axes.items()), 1, 1, 0).label


def refuse_dear(row: str, planned: Sequence[Cell], most: float) -> None:
    """Raise Unusable, with what it would cost, for a sweep of more than ``most`` core-hours."""
    seconds = part(row, "sweep").seconds
    hours = {cell.label: cell.networks * seconds(dict(cell.axes)) / 3600 for cell in planned}
    total, dearest = sum(hours.values()), max(hours, key=lambda label: hours[label])
    if total > most:
        raise Unusable(
            f"this sweep costs about {total:,.0f} core-hours, of which {hours[dearest]:,.0f} go into "
            f"{dearest}; make it smaller, or allow it: --core-hours {total * 1.1:.0f}"
        )


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """The folder, there and for this process alone, without what a killed one left half-written.

    Raises Unusable if it cannot be written to, or if another sweep is at work there.
    """
    import fcntl

    try:
        (folder / "cells").mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("a", encoding="utf-8") as lock:  # as old as it was
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a kill releases it
            for left in [
                *folder.glob(f".*{results.SCRATCH}"),
                *folder.glob(f"cells/.*{results.SCRATCH}"),
            ]:
                left.unlink()
            yield
    except BlockingIOError:
        raise Unusable(f"another sweep is at work in {folder}") from None
    except OSError as error:
        raise Unusable(f"{error.filename or folder}: {error.strerror}") from None


def complete(
    planned: Sequence[Cell], options: Options, folder: Path, console: Console
) -> list[Progress]:
    """All cells, whole: those of the folder that are of use, and the others drawn."""
    states: dict[str, Progress] = {}
    for cell in planned:
        states[cell.name], reason = cells.load(folder, cell)
        if reason:
            console.print(f"[dim]{reason}; drawn again[/]", soft_wrap=True)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            draw(states, options, folder, console)
            break
        except WorkersDied as error:
            if attempt == ATTEMPTS:
                raise Unusable(
                    f"workers died {ATTEMPTS} times: {error}; the same command goes on"
                ) from None
            console.print(f"[dim]workers died; attempt {attempt + 1} of {ATTEMPTS}[/]")
    return [states[cell.name] for cell in planned]


def draw(states: dict[str, Progress], options: Options, folder: Path, console: Console) -> None:
    """Draw the jobs that ``states`` lack, and save every cell that is complete, and others at times."""
    for state in states.values():
        if state.complete:
            show(console, state, "kept")
    missing = [(s.cell, job) for s in states.values() for job in range(s.done, s.cell.jobs)]
    if not missing:
        return
    saved = time.monotonic()
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("jobs", total=len(missing))
        with pool(options.workers, options.scheduler) as workers:
            for cell, found in workers.in_order(missing):
                state = states[cell.name] = states[cell.name].then(found)
                bar.advance(task)
                if state.complete or time.monotonic() - saved > SAVE:
                    cells.save(folder, state)
                    saved = time.monotonic()
                if state.complete:
                    show(console, state, "")


def show(console: Console, state: Progress, note: str) -> None:
    """A line about a cell that is complete: how far its worst statistic is off."""
    compared = list(part(state.cell.row, "reading").compare(state))
    worst = max(compared, key=_deviation, default=None)
    off = f"{_deviation(worst):.1f} SE in {worst.statistic}" if worst else "nothing to compare"
    console.print(
        f"{state.cell.label:34} {state.cell.networks:>13,} networks  {off} [dim]{note}[/]",
        soft_wrap=True,
    )


def _deviation(c: Comparison) -> float:
    return abs(c.measured - c.predicted) / c.standard_error if c.standard_error else 0.0


def write(
    row: str, grid: Any, options: Options, finished: Sequence[Progress], folder: Path
) -> dict[str, Any]:
    """Judge all cells at once, write the verdict, tables and figures, and return the verdict."""
    reading = part(row, "reading")
    comparisons = [each for progress in finished for each in reading.compare(progress)]
    table = judge(comparisons)
    found = {"row": row, **verdict(table, comparisons, reading.BLIND)}
    frames = {"table.csv": table, **reading.tables(finished)}
    files = {name: frame.to_csv(index=False).encode() for name, frame in frames.items()}
    found["figures"] = []
    for picture in reading.PICTURES:
        files |= render(picture, frames[picture.data])
        told = ("name", "caption", "wrong", "alt", "data")
        found["figures"].append({name: getattr(picture, name) for name in told})
    files["verdict.json"] = results.to_json(found)
    settings = {"grid": asdict(grid), "seed": options.seed, "code": cells.code(row)}
    about = {"row": row, "command": command(row, grid, options.seed), "versions": versions()}
    files["settings.json"] = results.to_json(about | settings)
    for name, content in files.items():
        path = folder / name
        if not (path.is_file() and path.read_bytes() == content):  # or the site would be rebuilt
            results.replace_file(path, content)
    return found


def command(row: str, grid: Any, seed: int) -> str:
    """The command that makes this sweep again."""
    words = [*PROGRAM.split(), row]
    for name, value in [*asdict(grid).items(), ("seed", seed)]:
        values = value if isinstance(value, (list, tuple)) else [value]
        words += [f"--{name.replace('_', '-')}", *map(str, values)]
    return shlex.join(words)
