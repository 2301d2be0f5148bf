"""What a sweep keeps of its networks: sketches and moments that merge in any order."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from experiments import cells, sweeping
from experiments.cells import Cell, Found, Progress
from experiments.depth import _finite_width_reading as reading
from experiments.depth import _finite_width_sweep as finite_width
from experiments.jobs import work
from experiments.sketch import Moments, Sketch
from experiments.statistics import p_value

ROW = "depth/finite_width"
GRID = finite_width.Grid(depth=(5, 20), width=(8, 30), nets=1500, law="both", budget=0.03)


def planned(grid: finite_width.Grid = GRID, seed: int = 0) -> list[Cell]:
    return sweeping.plan(ROW, grid, seed)[0]


def drawn(cell: Cell, jobs_of_it: int | None = None) -> Progress:
    progress = Progress(cell)
    for job in range(cell.jobs if jobs_of_it is None else jobs_of_it):
        progress = progress.then(work(cell, job, cells.code(ROW)))
    return progress


@pytest.fixture(autouse=True)
def small_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "JOB", 0.005)


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


def test_where_nothing_is_finite_there_are_counts_alone() -> None:
    odd = Sketch.of(np.array([np.nan, -np.inf, -np.inf]))
    assert odd == Sketch(lost=2, undefined=1)
    assert odd.merged(Sketch.of(np.array([np.inf]))) == Sketch(lost=2, undefined=2)
    assert odd.merged(Sketch.of(np.array([0.5]))).plain()["lost"] == 2


def test_no_more_bins_than_allowed_and_no_fewer_than_possible() -> None:
    finest = Sketch.of(np.array([0.0, 1023.5]) * 2.0**-16)  # 1024 of the narrowest bins
    assert (finest.level, len(finest.counts), finest.first) == (-16, 1024, 0)
    coarser = Sketch.of(np.array([0.0, 1024.5]) * 2.0**-16)
    assert (coarser.level, len(coarser.counts)) == (-15, 513)
    assert finest.merged(coarser).level == -15


def test_moments_of_one_value_of_none_and_as_json() -> None:
    one = Moments.of(np.array([2.5]))
    assert one == Moments(1, 2.5, 0.0)
    assert np.isnan(one.variance)
    assert Moments.of(np.array([])) == Moments()
    assert one.merged(Moments()) == Moments().merged(one) == one
    assert one.plain() == [1, 2.5, 0.0]
    assert Moments(2, np.inf, np.nan).plain() == [2, "inf", "nan"]


@pytest.mark.parametrize("count", [-1, 2.0, True, "3", None])
def test_a_count_is_a_whole_number(count: Any) -> None:
    with pytest.raises(ValueError, match="a count is a whole number"):
        Moments.read([count, 0.0, 0.0])
    with pytest.raises(ValueError, match="a count is a whole number"):
        Sketch.read({**Sketch().plain(), "lost": count})
    with pytest.raises(TypeError, match="level and first bin"):
        Sketch.read({**Sketch().plain(), "level": 1.0})


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
