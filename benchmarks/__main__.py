"""``make bench``: our code against its peers, A B A B in one run.

What counts is the ratio: seconds differ between machines, and on a busy one from minute to minute.
Writes JSON and a figure beside it; from the JSON ``python -m benchmarks.compare OLD NEW`` tells what became slower.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import kernels, memory, networks, picture, stacks
from benchmarks.races import Race, Result, machine, run
from derivations import load
from derivations.options import parse
from derivations.proof import verify
from derivations.rows import ROOT, ROWS

QUICK = (5, 5_000)  # rounds, examples


@dataclass(frozen=True, kw_only=True)
class Options:
    """Time our code against its peers, and each derivation's verification."""

    quick: bool = False
    """Fewer rounds and examples, and neither memory nor verification: under two minutes."""
    rounds: int | None = None
    """Timings of each; medians and quartiles are shown (15; 5 if quick)."""
    examples: int | None = None
    """Digits in the batch for the network; the lesson's 50,000 take 160 MB (50,000; 5,000 if quick)."""
    out: Path = ROOT / "results" / "benchmarks.json"
    """The file for the numbers; the figure is written beside it."""


Groups = dict[str, list[Result]]

# What a page would show beside ours, and why it does not.
LEFT_OUT = {
    "mup": "its coordinate check needs torchvision, and no torchvision from the package index imports beside "
    "this build of torch",
}


def groups(examples: int) -> dict[str, Callable[[], Iterable[Race]]]:
    """The races, by what they are about. Each group is made when its turn comes, and dropped after it."""
    return {
        "Matrix products": lambda: kernels.products(examples),
        "The lesson's network": lambda: kernels.backwards(examples),
        "Networks": lambda: networks.races(examples),
        "Deep stacks": stacks.races,
        "Deep stacks, our own at another size": stacks.growth,
    }


def timed(examples: int, rounds: int) -> tuple[Groups, dict[str, str]]:
    """All results, and what could not be measured, with its reason."""
    found: Groups = {}
    left_out = dict(LEFT_OUT)
    for name, make in groups(examples).items():
        found[name] = []
        for race in track(make(), description=name, transient=True, console=Console(stderr=True)):
            try:
                found[name].append(run(race, rounds))
            except Exception as error:  # a peer may need what the machine lacks, such as a compiler
                if not race.peer.startswith("torch.compile"):
                    raise
                left_out[race.peer] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    return found, left_out


def verification() -> dict[str, float]:
    """Seconds to verify each derivation, from its import on, without what earlier runs have kept."""
    seconds = {}
    for row in ROWS:
        start = time.perf_counter()
        list(verify(load(row)))
        seconds[row] = time.perf_counter() - start
    return seconds


def show(found: Groups, seconds: dict[str, float], megabytes: dict[str, dict[int, float]]) -> None:
    """Print what was measured."""
    console = Console(highlight=False)
    for name, results in found.items():
        table = Table(name, "ours", "peer", "ratio", "quartiles", box=None)
        for result in results:
            times = [f"{value * 1e3:.3g} ms" for value in (result.ours, result.theirs)]
            spread = f"{result.low:.3g} – {result.high:.3g}"
            line = f"{result.name}\n[dim]{result.peer}[/]"
            table.add_row(line, *times, f"{result.ratio:.3g}", spread)
        console.print(table)
    table = Table("memory of a stack of width 1024, batch 64", "50 layers", "200", box=None)
    for kind, sizes in megabytes.items():
        table.add_row(kind, *(f"{value:.0f} MB" for value in sizes.values()))
    console.print(table if megabytes else "")
    table = Table("verification", "seconds", box=None)
    for row, value in seconds.items():
        table.add_row(row, f"{value:.1f}")
    console.print(table if seconds else "")


def measure(options: Options) -> dict[str, Any]:
    """All that is measured, as JSON, printed as well."""
    quick = QUICK if options.quick else (15, 50_000)
    rounds, examples = (
        given or usual
        for given, usual in zip((options.rounds, options.examples), quick, strict=True)
    )
    torch.manual_seed(0)
    found, left_out = timed(examples, rounds)
    megabytes: dict[str, dict[int, float]] = {}
    seconds: dict[str, float] = {}
    if not options.quick:
        for kind in memory.KINDS:
            megabytes[kind] = {depth: memory.measured(kind, 1024, depth, 64) for depth in (50, 200)}
        seconds = verification()
    show(found, seconds, megabytes)
    return {
        "machine": machine(),
        "settings": {"quick": options.quick, "rounds": rounds, "examples": examples},
        "races": {name: [asdict(result) for result in results] for name, results in found.items()},
        "left out": left_out,
        "memory": megabytes,
        "verification": seconds,
    }


def main() -> None:
    """Time, print, and write the numbers."""
    options = parse(Options, None, "python -m benchmarks")
    rounds, examples = options.rounds, options.examples
    if (rounds is not None and rounds < 2) or (examples is not None and examples < 1):
        print("error: rounds must be at least 2, and examples at least 1", file=sys.stderr)
        sys.exit(2)
    numbers = measure(options)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    for name, content in picture.files(numbers["races"]).items():
        (options.out.parent / name).write_bytes(content)


if __name__ == "__main__":
    main()
