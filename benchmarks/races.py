"""Two functions that do the same work, timed in turn: A B A B, in one process, on as many threads as are told."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from timeit import Timer
from typing import Any

LEAST = 0.02  # seconds that one timing takes at least


@dataclass(frozen=True)
class Race:
    """Our function, and a peer's that does the same work.

    The name of a peer begins with its package (``torch.mm``). Our own code at another size is no peer, but
    ``growth``: there the ratio tells how a cost grows.
    """

    name: str
    peer: str
    ours: Callable[[], object]
    theirs: Callable[[], object]
    our_share: int = 1  # how many units of work one call does; seconds are those of one unit
    their_share: int = 1
    threads: int = 1


@dataclass(frozen=True)
class Result:
    """Seconds a call (or a unit of its work), and ours / theirs: median and quartiles, and in each round."""

    name: str
    peer: str
    threads: int
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    rounds: list[float]


def run(race: Race, rounds: int) -> Result:
    """Time both in turn, so that whatever slows the machine down slows down both."""
    import torch

    torch.set_num_threads(race.threads)
    ours, theirs = Timer(race.ours), Timer(race.theirs)
    slower = max(timer.timeit(2) / 2 for timer in (ours, theirs))  # and warms them up
    calls = max(1, int(LEAST / slower))
    mine, peers = calls * race.our_share, calls * race.their_share
    pairs = [(ours.timeit(calls) / mine, theirs.timeit(calls) / peers) for _ in range(rounds)]
    ratios = [a / b for a, b in pairs]
    low, ratio, high = quantiles(ratios)
    our, their = (median(column) for column in zip(*pairs, strict=True))
    return Result(race.name, race.peer, race.threads, our, their, ratio, low, high, ratios)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    import numba
    import numpy
    import torch

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "numba": numba.__version__,
    }


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
