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

import numpy as np
import pytest
from rich.console import Console

from derivations.rows import ROOT
from experiments import cells, jobs, sweeping
from experiments.cells import Cell, Found, Progress
from experiments.depth import _finite_width_reading as reading
from experiments.depth import _finite_width_sweep as finite_width
from experiments.jobs import Drawn, Pool, WorkersDied, work
from experiments.settings import Unusable
from experiments.sketch import Moments, Sketch
from experiments.statistics import p_value
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


def values(seed: int, size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    found = rng.standard_t(2, size) * 10 ** rng.uniform(-6, 6) + rng.normal() * 1e3
    found[rng.random(size) < 0.01] = -np.inf
    return np.asarray(found)


@pytest.mark.parametrize("seed", range(20))
def test_sketches_merge_in_any_order_to_that_of_all_values(seed: int) -> None:
    every = values(seed, 3000)
    rng = np.random.default_rng(seed)
    merged = Sketch()
    for part in np.array_split(rng.permutation(every), 7):
        merged = merged.merged(Sketch.of(part)) if seed % 2 else Sketch.of(part).merged(merged)
    assert merged == Sketch.of(every) == Sketch.read(json.loads(json.dumps(merged.plain())))
    assert len(merged.counts) <= 1024 and merged.count == 3000
    for share in (0.02, 0.25, 0.5, 0.9, 1.0):
        exact = np.quantile(every, share, method="inverted_cdf")
        assert merged.quantile(share) == pytest.approx(exact, abs=merged.width, rel=0)
        rank = (every <= merged.quantile(share)).mean()
        assert abs(rank - share) <= merged.rank_error


def test_a_sketch_of_what_has_no_place() -> None:
    odd = Sketch.of(np.array([np.nan, np.inf, -np.inf, -np.inf, 2.5]))
    assert (odd.undefined, odd.lost, odd.count) == (2, 2, 3)
    assert odd.quantile(0.5) == -np.inf and odd.quantile(1) == pytest.approx(2.5, abs=odd.width)
    assert np.isnan(Sketch().quantile(0.5)) and Sketch().rank_error == 0


@pytest.mark.parametrize("seed", range(5))
def test_moments_merge_to_those_of_all_values(seed: int) -> None:
    every = np.random.default_rng(seed).normal(1e6, 1, 5000)
    merged = Moments()
    for part in np.array_split(every, 13):
        merged = merged.merged(Moments.of(part))
    assert merged.count == 5000
    assert merged.mean == pytest.approx(every.mean(), rel=1e-14)
    assert merged.variance == pytest.approx(every.var(ddof=1), rel=1e-9)
    assert Moments.read(json.loads(json.dumps(merged.plain()))) == merged
    broken = Moments.of(np.array([1.0, np.nan]))
    assert np.isnan(Moments.read(json.loads(json.dumps(broken.plain()))).mean)


def test_what_is_not_a_number_disagrees() -> None:
    cell = planned()[0]
    found = drawn(cell, 1).found
    moments = {**found.moments, "log": Moments(2000, float("nan"), float("nan"))}
    compared = list(reading.compare(Progress(cell, 1, Found(moments, found.sketches))))
    assert [c.statistic for c in compared if p_value(c) == 0] == ["log"]


def test_variances_are_rejected_no_more_often_than_they_may() -> None:
    """The level of their test, 1,000 Gaussian values, at 1 in 1,000; a t test takes 1.7."""
    cell, level, runs = planned()[0], 1e-3, 20_000
    means = dict(cell.expected)
    rng, rejected = np.random.default_rng(0), 0
    moments = dict.fromkeys(reading.FEWEST, Moments())
    for _ in range(runs // 4000):
        squares = means["log, variance"] * rng.standard_normal((4000, 1000), dtype=np.float32) ** 2
        mean, variance = squares.mean(1, dtype=np.float64), squares.var(1)
        for m, v in zip(mean, variance, strict=True):
            one = moments | {"log, variance": Moments(1000, float(m), float(v) * 999)}
            (compared,) = reading.compare(Progress(cell, 0, Found(one, {})))
            rejected += p_value(compared) <= level
    assert rejected / runs < 1.6 * level


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
