"""The same seed gives the same files, bit for bit: for any number of workers, twice, and after being killed."""

from __future__ import annotations

import random
import time
from dataclasses import fields, replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from derivations import load as derivation
from derivations.record import record
from derivations.rows import ROWS
from experiments import runner
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
# Rows that refuse so few, as their p-values could not be trusted; and one whose networks are trained.
LEAST: dict[str, dict[str, int]] = {
    "depth/correlation": {"networks": 30, "draws": 30},
    "depth/dying": {"networks": 1000},
    "depth/exact_law": {"real": 30},
    "depth/fixup": {"blocks": 100, "exploding": 4},
    "depth/jacobian": {"draws": 1, "frames": 4},
    "depth/training": {"networks": 1, "begun": 20, "steps": 2, "path_steps": 2},
    "depth/weight_law": {"draws": 10_000, "real": 30},
}


def small(row: str, **changed: Any) -> Any:
    """Settings of ``row`` for which it takes a moment."""
    kind = load(row).Settings
    known = {each.name for each in fields(kind)}
    return replace(
        kind(),
        **{n: v for n, v in {**SMALL, **LEAST.get(row, {}), **changed}.items() if n in known},
    )


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("row", ROWS)
def test_one_worker_and_two_give_the_same_bits_and_another_seed_others(
    row: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers; that a picture of the same numbers has the same bits is the next test's."""
    monkeypatch.setattr(runner, "render", lambda *_: {})
    found = []
    for name, changed in (("one", {"workers": 1}), ("two", {"workers": 2}), ("other", {"seed": 1})):
        run_row(row, small(row, **changed), tmp_path / name)
        found.append(content(tmp_path / name / row))
    assert found[0] == found[1]
    assert {"settings.json", "verdict.json", "table.csv"} <= set(found[0])
    assert found[0]["table.csv"] != found[2]["table.csv"]


def test_killed_at_any_instant_and_run_again_is_as_if_never_killed(tmp_path: Path) -> None:
    """A result, its pictures too, is there whole or not at all, and running again gives the same bits."""
    row = "tensors/frobenius"
    processes = get_context("forkserver")  # it imports once; each run forks, and begins to work
    modules = ["matplotlib.pyplot", "experiments.stack", "experiments.tensors.frobenius"]
    processes.set_forkserver_preload(modules)

    def run(name: str) -> BaseProcess:
        process = processes.Process(target=run_row, args=(row, small(row), tmp_path / name))
        process.start()
        return process

    for name in ("first", "whole"):  # the first waits for the imports
        start = time.monotonic()
        process = run(name)
        process.join()
        assert process.exitcode == 0
    length = time.monotonic() - start
    whole = content(tmp_path / "whole" / row)
    assert content(tmp_path / "first" / row) == whole
    rng = random.Random(0)
    for _ in range(5):
        process = run("killed")
        time.sleep(length * rng.uniform(0.1, 1.0))
        process.kill()
        process.join()
        if (tmp_path / "killed" / row).exists():
            assert content(tmp_path / "killed" / row) == whole
    process = run("killed")
    process.join()
    assert content(tmp_path / "killed" / row) == whole


@pytest.mark.parametrize("chapter", sorted({row.split("/")[0] for row in ROWS}))
def test_a_record_is_the_same_but_for_its_times(
    chapter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the row that is verified soonest."""

    def timeless(found: dict[str, Any]) -> dict[str, Any]:
        lines = [{k: v for k, v in line.items() if k != "seconds"} for line in found["lines"]]
        return {**found, "seconds": 0, "lines": lines}

    rows = [record(derivation(row)) for row in ROWS if row.startswith(chapter)]
    kept = min(rows, key=lambda found: found["seconds"])
    monkeypatch.setattr("derivations.record.RESULTS", tmp_path)  # what is kept stays
    fresh = record(derivation(kept["row"]), seed=0, points=5, fresh=True)
    assert timeless(kept) == timeless(fresh)
