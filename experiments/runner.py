"""Runs an experiment: measure, compare, judge, draw, write the results, and show them."""

from __future__ import annotations

import importlib
import io
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from experiments import results
from experiments.figures import render
from experiments.fingerprint import deciding, fingerprint, versions
from experiments.statistics import judge
from experiments.verdict import verdict

MOST_SHOWN = 10  # layers that disagree
MARK = {True: "[green]✓ agrees[/]", False: "[bold red]✗ DISAGREES[/]"}


def run_rows(rows: Sequence[str], out: Path, *, changed: bool = False) -> int:
    """Run rows at their default size, or those that ``changed``; 0 if all agree, else 1.

    Several are run side by side, a process for each core; what they say comes out row by row.
    """
    console = Console(highlight=False)
    closing = Table("experiment", "comparisons", "verdict", "seconds", box=None)
    agree = True
    terminal = (console.is_terminal, console.width)
    jobs = [(row, out, changed, terminal) for row in rows]
    for row, found, said, seconds in _side_by_side(jobs, console):
        sys.stdout.write(said)
        if isinstance(found, str):
            print(f"error: {row} could not be run: {found}", file=sys.stderr)
            closing.add_row(row, "", "[bold red]✗ NOT MEASURED[/]", "")
        else:
            closing.add_row(row, str(found["comparisons"]), MARK[found["agrees"]], seconds)
        agree = agree and not isinstance(found, str) and found["agrees"]
    if len(rows) > 1 or changed:
        console.print(closing)
    return 0 if agree else 1


Terminal = tuple[bool, int]  # is there one, and how wide?
Job = tuple[str, Path, bool, Terminal | None]  # None: what is said goes to this process's own
Done = tuple[str, dict[str, Any] | str, str, str]


def _side_by_side(jobs: Sequence[Job], console: Console) -> Iterator[Done]:
    """What became of each job, in order, with a bar over all of them in a terminal."""
    workers = min(len(jobs), os.cpu_count() or 1)
    if workers < 2:
        for row, out, changed, _ in jobs:
            yield _run((row, out, changed, None))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [(job[0], pool.submit(_run, job)) for job in jobs]
        for row, future in _progress(console)(waiting, "experiments"):
            try:
                yield future.result()
            except (
                BrokenProcessPool
            ):  # killed, for want of memory perhaps: the others are named, too
                yield row, "a process ended before its time; run it alone", "", ""


def _run(job: Job) -> Done:
    """The row, its verdict or why there is none, what it printed, and how long it took."""
    row, out, changed, terminal = job
    start = time.perf_counter()
    said = io.StringIO()
    console = Console(highlight=False)
    if terminal:
        console = Console(file=said, force_terminal=terminal[0], width=terminal[1], highlight=False)
    try:
        settings = load(row).Settings()
        if changed and (found := _known(row, settings, out)):
            return row, found, "", "unchanged"
        found = run_row(row, settings, out, console)
    except Exception as error:  # whatever is wrong with one row, the others are still run
        reason = str(error).split("\n", 1)[0]
        return row, f"{type(error).__name__}: {reason}", said.getvalue(), ""
    return row, found, said.getvalue(), f"{time.perf_counter() - start:.1f}"


def run_row(row: str, settings: Any, out: Path, console: Console | None = None) -> dict[str, Any]:
    """Run one experiment, write ``out/row``, show it, and return its verdict."""
    from experiments.stack import (
        one_thread_each,
    )  # torch, which rows that have not changed do without

    console = console or Console(highlight=False)
    start = time.perf_counter()
    module = load(row)
    title = (module.__doc__ or "").split("\n", 1)[0]
    console.print(f"\n[bold]{row}[/]  {title}", soft_wrap=not console.is_terminal)
    with one_thread_each():  # sums in one order, and no threads that wait for each other
        samples = module.measure(settings, _progress(console))
        comparisons = module.compare(samples, settings)
    table = judge(comparisons)
    found = {"row": row, **verdict(table, comparisons, module.BLIND)}
    tables = {"table.csv": table}
    if hasattr(module, "tables"):
        tables |= module.tables(samples, settings)
    files = _files(module, settings, found, tables)
    files["settings.json"] = results.to_json(_provenance(row, settings))
    results.write(out / row, files)
    _show(console, table, found, out / row, time.perf_counter() - start)
    return found


def load(row: str) -> ModuleType:
    """The module of an experiment."""
    return importlib.import_module(f"experiments.{row.replace('/', '.')}")


def _known(row: str, settings: Any, out: Path) -> dict[str, Any] | None:
    """The verdict of an earlier run, if nothing has changed since."""
    try:
        result = results.read(out / row)
    except results.ResultError:
        return None
    same = result.settings["fingerprint"] == fingerprint(row, deciding(settings))
    return result.verdict if same else None


def _files(
    module: ModuleType, settings: Any, found: dict[str, Any], tables: dict[str, pd.DataFrame]
) -> dict[str, bytes]:
    """The content of the result folder; adds the pictures' captions to the verdict."""
    files = {name: frame.to_csv(index=False).encode() for name, frame in tables.items()}
    found["figures"] = []
    for picture in module.PICTURES:
        files |= render(picture, tables[picture.data])
        told = {
            name: getattr(picture, name) for name in ("name", "caption", "wrong", "alt", "data")
        }
        found["figures"].append(told)
    files["verdict.json"] = results.to_json(found)
    return files


def _provenance(row: str, settings: Any) -> dict[str, Any]:
    """The command that gives this result again, and all that it depends on."""
    values, defaults = deciding(settings), deciding(type(settings)())
    changed = [(n, v) for n, v in values.items() if v != defaults[n]]
    options = [word for n, v in changed for word in _option(n, v)]
    return {
        "row": row,
        "command": shlex.join(["python", f"experiments/{row}.py", *options]),
        "settings": values,
        "versions": versions(),
        "fingerprint": fingerprint(row, values),
    }


def _option(name: str, value: Any) -> list[str]:
    """A setting as it is given on the command line."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{'' if value else 'no-'}{flag}"]
    return [f"--{flag}", *map(str, value if isinstance(value, (list, tuple)) else [value])]


def _progress(console: Console) -> Any:
    """rich's progress bar, in a terminal; nothing elsewhere."""
    quiet = not console.is_terminal or isinstance(console.file, io.StringIO)
    return partial(track, console=console, transient=True, disable=quiet)


def _show(
    console: Console, table: pd.DataFrame, found: dict[str, Any], folder: Path, seconds: float
) -> None:
    """The means over all layers, what disagrees, and the verdict."""
    layers = table["layer"] != "all"
    wrong = table[layers & ~table["agrees"]].sort_values("p", kind="stable")
    shown = pd.concat([table[~layers], wrong.head(MOST_SHOWN)])
    names = ["layer", "statistic", "input", "measured", "± SE", "predicted", "z", ""]
    lines = Table(
        *(Column(name, no_wrap=True) for name in names),
        box=None,
        header_style="dim",
        padding=(0, 1, 0, 0),
    )
    for line in shown.to_dict("records"):
        numbers = [f"{line[name]:.4g}" for name in ("measured", "standard_error", "predicted")]
        z = "" if pd.isna(line["z"]) else f"{line['z']:+.2f}"
        mark = "[green]✓[/]" if line["agrees"] else "[bold red]✗[/]"
        lines.add_row(line["layer"], line["statistic"], line["input"], *numbers, z, mark)
    say = partial(console.print, soft_wrap=not console.is_terminal)
    say(lines)
    if len(shown) < len(table):
        say(f"[dim]… and {len(table) - len(shown)} more in table.csv[/]")
    say(f"{MARK[found['agrees']]}  {found['sentence']}")
    say(found["sensitivity"]["sentence"])
    say(f"[dim]{folder}, {seconds:.1f} s[/]")
