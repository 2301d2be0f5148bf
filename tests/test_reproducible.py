"""The same seed gives the same files, bit for bit: for any number of workers, twice, and after being killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from derivations import load as derivation
from derivations.record import record
from derivations.rows import ROOT, ROWS
from experiments.runner import load, run_row

SMALL = {"real": 4, "batches": 6, "size": 12, "runs": 4, "shapes": 20, "equations": 10}
SMALL |= {
    "networks": 12,
    "depth": 3,
    "width": 40,
    "rivals": 2,
    "draws": 20,
    "rows": 6,
    "columns": 7,
    "pairs": 10,
    "rounds": 0,  # of a clock, whose times are never the same
}


def small(row: str, **changed: Any) -> Any:
    """Settings of ``row`` for which it takes a moment."""
    kind = load(row).Settings
    known = {each.name for each in fields(kind)}
    return replace(kind(), **{n: v for n, v in {**SMALL, **changed}.items() if n in known})


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("row", ROWS)
def test_the_same_bits_for_one_worker_two_workers_and_again(row: str, tmp_path: Path) -> None:
    found = []
    for name, workers in (("one", 1), ("two", 2), ("again", 2)):
        run_row(row, small(row, workers=workers), tmp_path / name)
        found.append(content(tmp_path / name / row))
    assert found[0] == found[1] == found[2]
    assert {"settings.json", "verdict.json", "table.csv"} <= set(found[0])


@pytest.mark.parametrize("row", ROWS)
def test_another_seed_gives_other_measurements(row: str, tmp_path: Path) -> None:
    for seed in (0, 1):
        run_row(row, small(row, seed=seed), tmp_path / str(seed))
    tables = [(tmp_path / str(seed) / row / "table.csv").read_bytes() for seed in (0, 1)]
    assert tables[0] != tables[1]


def test_killed_at_any_instant_and_run_again_is_as_if_never_killed(tmp_path: Path) -> None:
    """A result is there whole or not at all, and running again gives the same bits."""
    row = "init/kaiming"
    options = [
        "--networks",
        "12",
        "--depth",
        "3",
        "--width",
        "40",
        "--rivals",
        "2",
        "--draws",
        "20",
    ]
    command = [sys.executable, f"experiments/{row}.py", *options, "--out"]

    def run(out: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*command, str(out)], cwd=ROOT, stdout=subprocess.DEVNULL)

    start = time.monotonic()
    assert run(tmp_path / "whole").wait() == 0
    length = time.monotonic() - start
    whole = content(tmp_path / "whole" / row)
    rng = random.Random(0)
    for _ in range(4):
        process = run(tmp_path / "killed")
        time.sleep(length * rng.uniform(0.3, 1.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (tmp_path / "killed" / row).exists():
            assert content(tmp_path / "killed" / row) == whole
    assert run(tmp_path / "killed").wait() == 0
    assert content(tmp_path / "killed" / row) == whole


@pytest.mark.parametrize("row", ROWS)
def test_a_record_is_the_same_but_for_its_times(row: str) -> None:
    def timeless(found: dict[str, Any]) -> dict[str, Any]:
        lines = [{k: v for k, v in line.items() if k != "seconds"} for line in found["lines"]]
        return {**found, "seconds": 0, "lines": lines}

    kept, fresh = record(derivation(row)), record(derivation(row), seed=0, points=5, fresh=True)
    assert timeless(kept) == timeless(fresh)
