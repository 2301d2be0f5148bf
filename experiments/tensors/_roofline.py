"""The two ceilings of this machine, by probes of our own: arithmetic within registers, and memory there and back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch

from impl.tensors.compiled import compiled, run
from impl.tensors.tile import ROWS, VECTOR, VECTORS, multiply_tile

TERMS = 128  # of a tile whose operands the first cache holds
TILES = 2000  # in one call
COPIED = 2**22  # numbers, 16 MB
LANES = VECTOR // 4
TOUCHED = 12  # bytes that move for each number copied: it is read, its place is read, and written
COLUMNS = ["shape", "rung", "per_byte", "rate", "peak", "bandwidth"]


@compiled
def _tiles(a: Any, b: Any, c: Any, times: int) -> None:
    for _ in range(times):
        multiply_tile(a, 0, TERMS, 1, b, 0, TERMS, c, 0, LANES * VECTORS, False, a, 0, 0)


@compiled
def _copy(source: Any, target: Any) -> None:
    for i in range(len(source)):
        target[i] = 2 * source[i]


def multiplications(tries: int) -> float:
    """Fused multiplications and additions a second, of one thread, with all at hand: the best of ``tries``."""
    a, b, c = (torch.ones(shape) for shape in _shapes())
    best = min(_seconds(lambda: _tiles(a.numpy(), b.numpy(), c.numpy(), TILES), tries))
    return TILES * TERMS * ROWS * VECTORS * LANES / best


def bandwidth(tries: int) -> float:
    """Bytes a second of one thread that doubles numbers into another place: the best of ``tries``."""
    source, target = torch.ones(2, COPIED)
    return TOUCHED * COPIED / min(_seconds(lambda: run(_copy, source, target), tries))


def _shapes() -> tuple[tuple[int, ...], ...]:
    width = LANES * VECTORS
    return (ROWS + 1, TERMS), (TERMS + ROWS, width), (ROWS, width)


def _seconds(call: Callable[[], object], tries: int) -> list[float]:
    """Each of ``tries`` calls, after one that may have to be compiled."""
    call()
    found = []
    for _ in range(tries):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return found


def table(ladder: pd.DataFrame, limit: dict[str, float]) -> pd.DataFrame:
    """Where each rung lies under the roof, from the ladder's table."""
    return ladder.assign(peak=limit["multiplications"], bandwidth=limit["bytes"])[COLUMNS]


def draw(figure: Any, data: pd.DataFrame) -> None:
    """Both ceilings, and a dot for every rung and shape."""
    axes = figure.subplots()
    peak, bandwidth = data["peak"].iloc[0], data["bandwidth"].iloc[0]
    ridge, right = peak / bandwidth, 2 * max(data["per_byte"].max(), peak / bandwidth)
    left = data["per_byte"].min() / 2
    axes.plot([left, ridge, right], [left * bandwidth, peak, peak], color="0.5", linewidth=1.5)
    names = list(dict.fromkeys(data["rung"]))
    for number, name in enumerate(names):
        one = data[data["rung"] == name]
        style = {"marker": "osD^v"[number // 5], "color": f"C{number % 5}"}
        axes.plot(one["per_byte"], one["rate"], linestyle="", markersize=4.5, label=name, **style)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("multiplications for each byte of the matrices")
    axes.set_ylabel("multiplications a second")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
