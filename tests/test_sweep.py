"""Sweeps: the same bits whoever draws them, whatever is killed, and errors in one line."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from derivations.rows import ROOT
from experiments import cells, sweeping
from experiments.cells import Cell, Progress
from experiments.depth import _finite_width_sweep as finite_width
from experiments.jobs import Pool, WorkersDied, work
from experiments.settings import Unusable
from experiments.sweep import Options, main

ROW = "depth/finite_width"
GRID = finite_width.Grid(depth=(5, 20), width=(8, 30), nets=1500, law="both", budget=0.03)


def planned(grid: finite_width.Grid = GRID, seed: int = 0) -> list[Cell]:
    return sweeping.plan(ROW, grid, seed)[0]


def drawn(cell: Cell, jobs_of_it: int | None = None) -> Progress:
    progress = Progress(cell)
    for job in range(cell.jobs if jobs_of_it is None else jobs_of_it):
        progress = progress.then(work(cell, job, cells.code(ROW)))
    return progress


def complete(folder: Path, **options: Any) -> dict[str, bytes]:
    """The files of the cells of GRID, made in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    sweeping.complete(planned(), Options(**options), folder, Console(quiet=True))
    return content(folder)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def small_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "JOB", 0.005)


@pytest.fixture(scope="module")
def whole() -> dict[str, bytes]:
    """The cells of GRID, drawn one after the other."""
    import tempfile

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(sweeping, "JOB", 0.005)
        return complete(Path(folder), workers=1)


def test_a_cells_file_says_what_the_cell_is(tmp_path: Path) -> None:
    cell = planned()[-1]
    cells.save(tmp_path, drawn(cell, 1))
    said = json.loads(cells.path_of(tmp_path, cell).read_text(encoding="utf-8"))
    assert (said["row"], said["done"], said["jobs"]) == (ROW, 1, cell.jobs)
    assert said["axes"] == {"law": "weights", "width": 30, "depth": 20} == dict(cell.axes)
    assert set(said["expected"]) == {name for name, _ in cell.expected}
    assert said["code"] == cells.code(ROW)


def test_rows_that_can_be_swept_are_those_with_a_file_for_it() -> None:
    assert {ROW, "depth/jacobian"} <= set(cells.sweepable())
    assert "init/kaiming" not in cells.sweepable()


class Shuffled(Executor):
    """Runs what it was given in a random order, and late: when a result is asked for."""

    def __init__(self, seed: int) -> None:
        self.rng, self.waiting = random.Random(seed), list[tuple[Future[Any], Callable[[], Any]]]()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.result = lambda timeout=None: self.until(future)  # type: ignore[method-assign]
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def until(self, future: Future[Any]) -> Any:
        while not future.done():
            which, run = self.waiting.pop(self.rng.randrange(len(self.waiting)))
            which.set_result(run())
        return Future.result(future)


def test_any_order_of_jobs_gives_the_same_bits(
    whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import nullcontext

    pool = Pool(Shuffled(1), lambda: 3)
    monkeypatch.setattr(sweeping, "pool", lambda *_: nullcontext(pool))
    assert complete(tmp_path) == whole
    assert len(whole) == 8 and sum(cell.jobs for cell in planned()) > 20


def test_processes_give_the_same_bits_and_may_die(whole: dict[str, bytes], tmp_path: Path) -> None:
    """Two workers of this machine; the first to be seen is killed."""
    import multiprocessing
    import threading

    def kill_one() -> None:
        while not (there := multiprocessing.active_children()):
            time.sleep(0.01)
        os.kill(there[0].pid or 0, signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    assert complete(tmp_path, workers=2) == whole
    killer.join()


def test_dask_gives_the_same_bits_though_a_worker_is_killed(
    whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduler and two workers, as processes on loopback; one worker is killed in mid-sweep."""
    folder = tmp_path / "cells"
    killed: list[int] = []
    running: list[subprocess.Popen[bytes]] = []

    def dask(*words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]]
        running.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))
        return running[-1]

    file = tmp_path / "scheduler.json"
    save = cells.save

    def kill_after_the_first(place: Path, progress: Progress) -> None:
        save(place, progress)
        if not killed:
            killed.append(running[-1].pid)
            running[-1].kill()

    monkeypatch.setattr(cells, "save", kill_after_the_first)
    try:
        dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *_file(file))
        for _ in range(2):
            dask("worker", "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", *_file(file))
        while not file.exists():
            time.sleep(0.05)
        address = json.loads(file.read_text("utf-8"))["address"]
        _wait_for_workers(address, 2)
        assert complete(folder, scheduler=address) == whole
        assert killed
    finally:
        for process in running:
            process.kill()
            process.wait()


def _file(path: Path) -> tuple[str, str]:
    return "--scheduler-file", str(path)


def _wait_for_workers(address: str, count: int) -> None:
    from distributed import Client

    with Client(address, timeout=10) as client:
        client.wait_for_workers(count, timeout=60)


def test_workers_that_keep_dying_end_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        raise WorkersDied("of hunger")

    monkeypatch.setattr(sweeping, "draw", dies)
    with pytest.raises(Unusable, match="died 4 times: of hunger; the same command goes on"):
        complete(tmp_path)


def test_a_worker_with_other_code_is_refused() -> None:
    with pytest.raises(Unusable, match="other code or libraries"):
        work(planned()[0], 0, "another hash")


def test_killed_at_random_instants_it_ends_as_if_it_never_had_been(tmp_path: Path) -> None:
    """The short form of `make kill`."""
    sys.path.insert(0, str(ROOT / "tests"))
    try:
        import kill_campaign  # type: ignore[import-not-found]

        counts = kill_campaign.campaign(4, tmp_path, workers=(1,), short=True)
    finally:
        sys.path.pop(0)
    assert counts["kills"] == 4 and counts["completed"] >= 1
    assert counts["jobs_lost"] == 0


def test_a_cell_does_not_depend_on_its_grid_nor_a_network_on_how_many_there_are() -> None:
    alone = finite_width.Grid(depth=(20,), width=(8,), nets=1500, law="both", budget=0.03)
    cell, of_the_grid = planned(alone)[0], planned()[1]
    assert cell == of_the_grid and cell.axes == (("law", "law"), ("width", 8), ("depth", 20))
    few = finite_width.draw(cell, 5, cell.key(0)).layers[20]
    many = finite_width.draw(cell, 1024, cell.key(0)).layers[20]
    assert (few == many[:5]).all()


def test_streams_are_all_different() -> None:
    keys = [(c.seed, *c.key(job)) for seed in (0, 1) for c in planned(seed=seed) for job in (0, 1)]
    assert len(set(keys)) == len(keys) == 2 * 8 * 2
    draws = [finite_width.draw(c, 3, c.key(0)).layers[5] for c in planned() if c.jobs]
    assert len({tuple(each) for each in draws}) == len(draws)


def test_the_laws_blocks_are_drawn_whole() -> None:
    from experiments import law

    assert finite_width.BLOCK % law.BLOCK == 0


def test_half_a_cell_is_resumed_to_the_same_bits(whole: dict[str, bytes], tmp_path: Path) -> None:
    cell = max(planned(), key=lambda each: each.jobs)
    cells.save(tmp_path, drawn(cell, cell.jobs // 2))
    (tmp_path / "unrelated.txt").write_text("stays", "utf-8")
    state, reason = cells.load(tmp_path, cell)
    assert (state.done, reason) == (cell.jobs // 2, "")
    assert complete(tmp_path, workers=1) == whole | {"unrelated.txt": b"stays"}


def test_a_damaged_file_is_never_taken_for_a_cell(tmp_path: Path) -> None:
    cell = planned()[0]
    cells.save(tmp_path, drawn(cell, 1))
    path = cells.path_of(tmp_path, cell)
    right = path.read_bytes()
    rng = random.Random(0)
    for _ in range(150):
        at = rng.randrange(len(right))
        changed = bytes([right[at] ^ 1 << rng.randrange(8)])
        path.write_bytes(rng.choice((right[:at], right[:at] + changed + right[at + 1 :])))
        state, reason = cells.load(tmp_path, cell)
        assert state == Progress(cell) and path.name in reason and "\n" not in reason
    path.write_bytes(right)
    assert cells.load(tmp_path, cell)[0].done == 1


@pytest.mark.parametrize(
    "other",
    [
        {"nets": 1499},
        {"seed": 1},
        {"code": "x"},
        {"expected": 2.0},
    ],
)
def test_a_cell_of_other_settings_or_code_is_drawn_again(
    tmp_path: Path, other: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells.save(tmp_path, Progress(planned()[0]))
    if "code" in other:
        monkeypatch.setattr(cells, "code", lambda row: "x")
    if "expected" in other:
        monkeypatch.setattr(finite_width, "expected", lambda axes: {"log": 2.0})
    grid = finite_width.Grid(depth=(5,), width=(8,), nets=other.get("nets", 1500))
    cell = planned(grid, other.get("seed", 0))[0]
    assert cells.load(tmp_path, cell) == (
        Progress(cell),
        "law-width-8-depth-5.json is of other settings or other code",
    )


def run(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main([str(each) for each in options])
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err
