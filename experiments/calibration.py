"""Does the verdict err as rarely as it says? ``python -m experiments.calibration`` finds out by simulation.

Whole runs of ``depth/finite_width`` on networks that are right, and on some whose weights are 1 % too
large; a common mistake, which takes the units of a layer for a sample; and means of heavy-tailed
values. What is found goes to docs/counts, and is shown on the page "What you may trust".
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np

from derivations.options import parse
from derivations.rows import ROOT
from experiments.settings import at_least
from experiments.statistics import FALSE_ALARM, POWER, p_value

COUNTS = ROOT / "docs" / "counts" / "calibration.json"
LOOSE = 0.05  # the error rate at which a false alarm is no longer rare, and can be counted well
CONFIDENCE = 0.999  # of the intervals around what was counted (Clopper and Pearson)
PLAN: dict[str, Any] = {"networks": 640, "real": 10, "depth": 20, "width": 32}
GAIN = 1.01  # of the weights that are too large
CHUNK = 25  # runs that a process does in one go
TAILS = [(v, error) for v in (0.2, 0.5, 1.0, 5.0) for error in (0.05, 0.1, 0.2)]
MEANS = 200_000  # of heavy-tailed values, for each of ``TAILS``
LEVELS = (1e-3, 1e-4)
CROWD: dict[str, int] = {"width": 256, "batch": 32, "depth": 30}


@dataclass(frozen=True)
class Options:
    """Count the verdict's false alarms, and the errors that it misses."""

    runs: int = 2500
    """Runs of an experiment on networks that are right."""
    wrong: int = 500
    """Runs on networks whose weights are 1 % too large."""
    crowds: int = 1000
    """Networks whose units are taken for a sample."""


def finite_width_runs(seeds: range, gain: float = 1.0) -> list[tuple[bool, bool]]:
    """For each seed, one run of depth/finite_width: rejected at the verdict's error rate, and at 5 %?"""
    from experiments import law
    from experiments.depth import finite_width
    from experiments.mutants import Mutant, planted
    from experiments.statistics import judge

    def scaled(right: Callable[..., Any]) -> Callable[..., Any]:
        return lambda widths, first, *a, **k: right(widths, gain * first, *a, **k)

    found = []
    with planted(Mutant("wrong gain", "", f"{law.__name__}:log_mean_squares", scaled)):
        for seed in seeds:
            settings = finite_width.Settings(**PLAN, seed=seed)
            comparisons = finite_width.compare(finite_width.measure(settings, quiet), settings)
            agrees = (judge(comparisons, rate)["agrees"].all() for rate in (FALSE_ALARM, LOOSE))
            found.append((not next(agrees), not next(agrees)))
    return found


def quiet(items: Any, **_: Any) -> Any:
    """A progress bar that nobody sees."""
    return items


def crowd_runs(seeds: range) -> list[bool]:
    """For each seed, one correct network and a batch; rejected if all units of its last layer were independent?"""
    import torch

    from derivations.depth.finite_width import DERIVATION
    from experiments.stack import one_thread_each, random_stream
    from experiments.statistics import mean_of_squares
    from impl.init.kaiming import kaiming_normal_

    width, batch = CROWD["width"], CROWD["batch"]
    variance = float(DERIVATION.predict("ratio_square")(units=1)) - 1  # of a single unit's square
    found = []
    with one_thread_each():
        for seed in seeds:
            stream, weights = random_stream(seed, 9), torch.empty(width, width)
            x = torch.randn(batch, width, generator=stream)
            x /= x.square().mean(1, keepdim=True).sqrt()
            for _ in range(CROWD["depth"]):
                x = torch.relu(x @ kaiming_normal_(weights, generator=stream).T)
            units = x.square().flatten().double()
            naive = mean_of_squares(units, 1.0, variance, statistic="units")
            found.append(p_value(naive) <= FALSE_ALARM)
    return found


def tail(place: int) -> dict[str, Any]:
    """How much too often either test rejects a right mean of log-normal values: at each of ``LEVELS``."""
    from scipy import special

    from experiments.heavy_tails import unexplained_skewness

    variance, error = TAILS[place]
    count = round(variance / error**2)
    stream, spread = np.random.default_rng(place), np.log1p(variance)
    shape, p = count / variance, {"gamma": np.empty(MEANS), "t": np.empty(MEANS)}
    step = max(1, 4_000_000 // count)
    for start in range(0, MEANS, step):
        rows = min(step, MEANS - start)
        drawn = np.exp(stream.normal(-spread / 2, np.sqrt(spread), (rows, count)))
        mean, deviation = drawn.mean(1), drawn.std(1, ddof=1) / np.sqrt(count)
        tails = [f(shape, shape * mean) for f in (special.gammainc, special.gammaincc)]
        p["gamma"][start : start + rows] = 2 * np.minimum(*tails)
        p["t"][start : start + rows] = 2 * special.stdtr(count - 1, -abs(mean - 1) / deviation)
    found: dict[str, Any] = {"relative_variance": variance, "values": count, "error": error}
    for test in ("gamma", "t"):
        found[test] = {
            "skewness": unexplained_skewness(variance, count, test),
            "too_often": [float((p[test] <= level).mean() / level) for level in LEVELS],
        }
    return found


def interval(hits: int, runs: int) -> tuple[float, float]:
    """Clopper and Pearson's interval for a probability, of which ``hits`` of ``runs`` were seen."""
    from scipy.stats import binomtest

    found = binomtest(hits, runs).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)


def counted(hits: int, runs: int, promise: float, *, at_least: bool = False) -> dict[str, Any]:
    """A count, its interval, and whether it is compatible with what was promised."""
    low, high = interval(hits, runs)
    kept = high >= promise if at_least else low <= promise
    return {"hits": hits, "runs": runs, "low": low, "high": high, "promise": promise, "kept": kept}


def calibrate(options: Options, each: Callable[..., Any] = map) -> dict[str, Any]:
    """All counts, as they go on record; ``each`` maps a function over jobs, in order."""
    at_least(1, runs=options.runs, wrong=options.wrong, crowds=options.crowds)

    def run(job: Callable[[range], list[Any]], total: int) -> np.ndarray[Any, Any]:
        starts = range(0, total, CHUNK)
        chunks = [range(start, min(start + CHUNK, total)) for start in starts]
        return np.array([one for chunk in each(job, chunks) for one in chunk])

    right = run(finite_width_runs, options.runs).sum(axis=0)
    wrong = run(functools.partial(finite_width_runs, gain=GAIN), options.wrong).sum(axis=0)
    crowd = int(run(crowd_runs, options.crowds).sum())
    return {
        "plan": PLAN,
        "false_alarms": counted(int(right[0]), options.runs, FALSE_ALARM),
        "loose_alarms": counted(int(right[1]), options.runs, LOOSE),
        "noticed": counted(int(wrong[0]), options.wrong, POWER, at_least=True),
        "crowd": {**CROWD, **counted(crowd, options.crowds, FALSE_ALARM)},
        "tails": list(each(tail, range(len(TAILS)))),
        "levels": list(LEVELS),
    }


def main() -> int:
    """Returns 0 if all promises are kept, and the common mistake is one; 1 if not."""
    from derivations.record import write_record

    options = parse(Options, None, "python -m experiments.calibration")
    os.environ["OMP_NUM_THREADS"] = "1"  # the processes share the cores
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        found = calibrate(options, pool.map)
    write_record(COUNTS, found)
    promises = {name: found[name] for name in ("false_alarms", "loose_alarms", "noticed", "crowd")}
    for name, one in promises.items():
        share = f"{one['hits']:,} of {one['runs']:,}, {one['low']:.4f} to {one['high']:.4f}"
        print(f"{name:<14} {share:<40} promised {one['promise']}, {_mark(one['kept'])}")
    for one in found["tails"]:
        tests = "; ".join(
            f"{test}: skewness {one[test]['skewness']:.2f}, too often by "
            + ", ".join(f"{ratio:.2f}" for ratio in one[test]["too_often"])
            for test in ("gamma", "t")
        )
        print(f"v = {one['relative_variance']}, {one['values']} values: {tests}")
    kept = all(found[name]["kept"] for name in ("false_alarms", "loose_alarms", "noticed"))
    return 0 if kept and not found["crowd"]["kept"] else 1


def _mark(kept: bool) -> str:
    return "kept" if kept else "broken"


if __name__ == "__main__":
    sys.exit(main())
