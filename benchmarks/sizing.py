"""``python -m benchmarks.sizing``: what a layer of a network costs in a sweep, and how large its results are.

CPU time of one core, the least of several rounds. Writes ``docs/counts/sizing.json``, from which the page on
sweeps tells what larger ones cost.
"""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.races import processor
from derivations.options import parse
from derivations.rows import ROOT
from experiments.cells import Cell, code
from experiments.depth import _finite_width_sweep as finite_width
from experiments.jobs import work

RECORD = ROOT / "docs" / "counts" / "sizing.json"
ROUNDS = 5

SIZES = {  # (law, width): depth and networks of what is timed
    ("law", 64): (100, 8192),
    ("law", 512): (100, 8192),
    ("law", 4096): (100, 8192),
    ("weights", 64): (100, 20),
    ("weights", 512): (20, 10),
    ("weights", 4096): (4, 1),
}


@dataclass(frozen=True)
class Options:
    """Time a layer of a network, by its law and with real weights, and put on record what a sweep costs."""


def main() -> None:
    """Measure, print, and put on record."""
    parse(Options, None, "python -m benchmarks.sizing")
    found = [measure(law, width, *size) for (law, width), size in SIZES.items()]
    for each in found:
        print(
            f"{each['law']:8} {each['width']:5} {each['seconds'] * 1e9:14,.0f} ns a network-layer"
        )
    record = {"processor": processor(), "python": platform.python_version(), "costs": found}
    RECORD.write_text(json.dumps(record | sizes(), indent=1) + "\n", encoding="utf-8")


def measure(law: str, width: int, depth: int, networks: int) -> dict[str, Any]:
    """Seconds of one core that a layer of a network takes."""
    cell = cell_of(law, width, depth, networks)
    least = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        work(cell, 0, code(cell.row))
        least = min(least, time.process_time() - start)
    return {"law": law, "width": width, "seconds": least / networks / depth}


def sizes() -> dict[str, int]:
    """Bytes, as JSON, of a job, and of what it finds, from a thousand networks and from 64 times as many."""
    cell = cell_of("law", 512, 1000, 2**16)
    job = len(json.dumps([asdict(cell), 0, code(cell.row)]))
    few, many = (cell_of("law", 512, 16, networks) for networks in (2**10, 2**16))
    found = [len(json.dumps(work(each, 0, code(each.row)).plain())) for each in (few, many)]
    return {"bytes_job": job, "bytes_result": found[0], "bytes_result_64_times": found[1]}


def cell_of(law: str, width: int, depth: int, networks: int) -> Cell:
    """A cell of one job."""
    axes: dict[str, int | str] = {"law": law, "width": width, "depth": depth}
    expected = tuple(finite_width.expected(axes).items())
    return Cell("depth/finite_width", tuple(axes.items()), networks, networks, 0, expected)


if __name__ == "__main__":
    main()
