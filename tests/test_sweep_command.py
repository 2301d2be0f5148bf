"""The command of sweeps: what it writes, draws and refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derivations.rows import ROOT
from experiments import cells, jobs, sweeping
from experiments.cells import Cell, Progress
from experiments.depth import _finite_width_reading as reading
from experiments.depth import _finite_width_sweep as finite_width
from experiments.jobs import Drawn, work
from experiments.sweep import main

ROW = "depth/finite_width"
GRID = finite_width.Grid(depth=(5, 20), width=(8, 30), nets=1500, law="both", budget=0.03)


def planned(grid: finite_width.Grid = GRID, seed: int = 0) -> list[Cell]:
    return sweeping.plan(ROW, grid, seed)[0]


def drawn(cell: Cell, jobs_of_it: int | None = None) -> Progress:
    progress = Progress(cell)
    for job in range(cell.jobs if jobs_of_it is None else jobs_of_it):
        progress = progress.then(work(cell, job, cells.code(ROW)))
    return progress


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def small_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "JOB", 0.005)


def run(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main([str(each) for each in options])
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


SMALL = (ROW, "--depth", "5", "20", "--width", "8", "30", "--nets", "1500", "--workers", "1")


def test_a_sweep_agrees_and_its_folder_is_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "render", lambda picture, data: {f"{picture.name}.svg": b""})
    status, out, err = run(capsys, *SMALL, "--law", "both", "--budget", "0.03", "--out", tmp_path)
    assert (status, err) == (0, "")
    assert "agrees" in out and "left out" not in out
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        *("cells", ".lock", "summary.csv", "map.csv", "fan.csv", "table.csv", "verdict.json"),
        *("settings.json", "map.svg", "fan.svg"),
    }
    before = content(tmp_path / "cells")
    (tmp_path / "cells" / ".x.json.part").write_bytes(b"half")
    status, out, _ = run(capsys, *SMALL, "--law", "both", "--budget", "0.03", "--out", tmp_path)
    assert status == 0 and out.count("kept") == 8
    assert content(tmp_path / "cells") == before
    told = json.loads((tmp_path / "settings.json").read_text("utf-8"))["command"]
    assert told.startswith("python -m experiments sweep depth/finite_width --depth 5 20 --width 8")


def test_a_law_that_is_wrong_by_a_percent_is_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = finite_width._from_the_law

    def wrong(depth: int, *rest: Any) -> Any:
        before, after = right(depth, *rest)
        ends = np.array(finite_width.kept_layers(depth))
        return before + 0.01 * (ends - 1), after + 0.01 * ends  # each ratio 1 % too large

    monkeypatch.setattr(finite_width, "_from_the_law", wrong)
    monkeypatch.setattr(sweeping, "render", lambda picture, data: {})
    options = (ROW, "--depth", "20", "--width", "64", "--nets", "20000", "--workers", "1")
    status, out, _ = run(capsys, *options, "--out", tmp_path)
    assert status == 1 and "DISAGREES" in out


def test_the_figures_are_drawn(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    for grid in (GRID, finite_width.Grid(depth=(3,), width=(2,), nets=1500)):
        frames = reading.tables([drawn(cell) for cell in planned(grid)])
        for picture in reading.PICTURES:
            figure = Figure()
            picture.draw(figure, frames[picture.data])
            figure.draw_without_rendering()
            assert len(figure.axes) >= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "name a row that can be swept: depth/finite_width"),
        (["--depth", "3"], "name a row that can be swept"),
        (["depth/finite"], "unknown row 'depth/finite'; did you mean depth/finite_width"),
        (["init/fans"], "init/fans cannot be swept; these can: depth/finite_width"),
        ([ROW, "--depth"], "the grid is empty: --depth names no value"),
        ([ROW, "--width", "0"], "width must be at least 1, got 0"),
        ([ROW, "--width", "99999"], "width must be at most 16,384, got 99,999"),
        ([ROW, "--depth", "many"], "many"),
        ([ROW, "--nets", "0"], "nets must be at least 1"),
        ([ROW, "--budget", "nan"], "budget must be at least 0, got nan"),
        ([ROW, "--workers", "-1"], "workers must be at least 0"),
        ([ROW, "--workers", "9999"], "at most 1024 on one machine"),
        ([ROW, "--law", "weights", "--budget", "1e-9"], "nothing to sweep: weights, width 64"),
        ([ROW, "--nets", "1000000000", "--depth", "10000"], "core-hours"),
        ([ROW, "--width", *map(str, range(1, 10_002)), "--depth", "1"], "10,000 cells"),
        ([ROW, "--scheduler", "host:8786"], "such as tcp://host:8786, got 'host:8786'"),
        ([ROW, "--scheduler", "http://127.0.0.1:1"], "no scheduler answers at http://127.0.0.1:1"),
    ],
)
def test_what_cannot_be_swept_is_refused_in_one_line(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path)] if options[:1] == [ROW] else []
    status, _, err = run(capsys, *options, *out)
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


def test_a_scheduler_that_does_not_answer_is_told_soon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "REACH", 0.3)
    status, _, err = run(capsys, *SMALL, "--scheduler", "tcp://127.0.0.1:9", "--out", tmp_path)
    assert (status, err.count("\n")) == (2, 1)
    assert "no scheduler answers at tcp://127.0.0.1:9" in err


def test_a_folder_that_cannot_be_written_or_is_in_use_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    status, _, err = run(capsys, *SMALL, "--out", tmp_path / "file" / "x")
    assert (status, err.count("\n")) == (2, 1) and "Not a directory" in err
    with sweeping.owned(tmp_path):
        status, _, err = run(capsys, *SMALL, "--out", tmp_path)
    assert (status, err.count("\n")) == (2, 1) and "another sweep is at work" in err


@pytest.mark.parametrize("options", [["sweep", "--help"], ["sweep", ROW, "--help"]])
def test_help_answers_at_once(options: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "experiments", *options],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert ROW in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    slow = {"torch", "sympy", "scipy", "pandas", "matplotlib", "numba", "distributed"}
    assert not imported & slow


def test_a_row_draws_what_the_interface_says() -> None:
    cell = planned()[0]
    found = finite_width.draw(cell, 7, cell.key(0))
    assert isinstance(found, Drawn)
    assert set(found.values) <= set(dict(cell.expected))
    assert all(len(layer) == 7 for layer in found.layers.values())
