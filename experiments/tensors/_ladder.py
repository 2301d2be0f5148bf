"""The speed ladder: every way to multiply two matrices, timed in turns, beside what the machine can do.

Times are shown, never judged. ``RUNGS`` is a table: a rung is a name, its group, and a function of two matrices; one
that is added here is timed, drawn and compared with the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from experiments.stack import random_stream
from experiments.tensors import _roofline as roofline
from impl.tensors import kernels, matmul, schedules, simd

Product = Callable[[Tensor, Tensor], Tensor]
SHORTEST = 2e-3  # seconds that are timed at once: as many calls as that takes
LONGEST = 0.05  # seconds a call, beyond which a rung is left out at a shape
TRIES = 20  # of each in a round; the best counts
PRINTED = {  # milliseconds at 5 × 784 by 784 × 10, on the lesson's machine
    "loops": 835.0,
    "elementwise": 1.39,
    "broadcast": 0.254,
    "torch.einsum": 0.0572,
    "matmul": 0.0182,
}
LESSON = (5, 784, 10)


@dataclass(frozen=True)
class Rung:
    """One way to multiply, and what one call does."""

    name: str
    product: Product
    call: str


HALIDE = [Rung("halide", lambda a, b: schedules.matmul_halide(a, b), "by a schedule")]
HALIDE = HALIDE if schedules.has_halide() else []  # an extra
RUNGS = (
    Rung("loops", lambda a, b: matmul.matmul_loops(a, b), "reads one number"),
    Rung("lists", lambda a, b: matmul.matmul_lists(a, b), "no tensors within the loops"),
    Rung("elementwise", lambda a, b: matmul.matmul_elementwise(a, b), "a row by a column"),
    Rung("broadcast", lambda a, b: matmul.matmul_broadcast(a, b), "a row by all columns"),
    Rung("einsum", lambda a, b: matmul.matmul_einsum(a, b), "everything, at once"),
    Rung("torch.einsum", lambda a, b: torch.einsum("ik,kj->ij", a, b), "everything, compiled"),
    Rung("matmul", lambda a, b: matmul.matmul(a, b), "everything, compiled"),
    Rung("naive", lambda a, b: kernels.matmul_naive(a, b), "our loops, compiled"),
    Rung("reordered", lambda a, b: kernels.matmul_reordered(a, b), "along the rows"),
    Rung("registers", lambda a, b: kernels.matmul_registers(a, b), "rows and terms held"),
    Rung("tiles", lambda a, b: kernels.matmul_tiles(a, b), "blocks in the cache"),
    Rung("simd", lambda a, b: simd.matmul_simd(a, b), "vectors in registers"),
    *HALIDE,
)
COLUMNS = ["shape", "rung", "round", "seconds"]


def shapes(squares: tuple[int, ...]) -> dict[str, tuple[int, int, int]]:
    """Rows, terms and columns by what they are called: the lesson's, and squares."""
    return {"5×784 @ 784×10": LESSON} | {f"{n}² @ {n}²": (n, n, n) for n in squares}


def measure(squares: tuple[int, ...], rounds: int, seed: int) -> pd.DataFrame:
    """Seconds a call: a row for each shape, rung and round. Within a round, every rung takes its turn."""
    rows: list[tuple[str, str, int, float]] = []
    pace: dict[
        str, float
    ] = {}  # seconds a multiplication, at the last shape where a rung was timed
    for number, (shape, (height, terms, width)) in enumerate(shapes(squares).items()):
        stream = random_stream(seed, 2, number)
        a = torch.randn(height, terms, generator=stream)
        b = torch.randn(terms, width, generator=stream)
        calls: dict[str, int] = {}
        work = height * terms * width
        for each in range(rounds):
            for rung in RUNGS:
                if work * pace.get(rung.name, 0.0) > LONGEST:
                    continue
                if rung.name not in calls:
                    once = _seconds(rung.product, a, b, 1)  # and warms it up
                    calls[rung.name] = max(1, round(SHORTEST / once))
                seconds = _seconds(rung.product, a, b, calls[rung.name])
                rows.append((shape, rung.name, each, seconds))
        here = [(name, seconds / work) for at, name, _, seconds in rows if at == shape]
        pace |= {name: min(each for other, each in here if other == name) for name, _ in here}
    return pd.DataFrame(rows, columns=COLUMNS)


def _seconds(product: Product, a: Tensor, b: Tensor, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        product(a, b)
    return (time.perf_counter() - start) / calls


def limits(rounds: int) -> dict[str, float]:
    """Roughly what one thread can do: multiplications a second, bytes a second, seconds for the smallest call.

    From a tile that stays in the registers, a large copy, and one number plus one; the best of ``rounds`` times
    ``TRIES``.
    """
    one = torch.ones(1)
    tries = rounds * TRIES
    return {
        "multiplications": roofline.multiplications(tries),
        "bytes": roofline.bandwidth(tries),
        "call": min(_seconds(torch.add, one, one, 100) for _ in range(tries)),
    }


def table(samples: pd.DataFrame, limit: dict[str, float], squares: tuple[int, ...]) -> pd.DataFrame:
    """Median and range of every rung at every shape, beside the least time that the machine's limits allow."""
    from derivations.tensors.matmul import DERIVATION

    count, moved = (DERIVATION.predict(name) for name in ("multiplications", "entries"))
    rows = []
    for (shape, rung), group in samples.groupby(["shape", "rung"], sort=False):
        height, terms, width = shapes(squares)[str(shape)]
        size = {"rows": height, "terms": terms, "product_columns": width}
        work = float(count(**size))
        least = max(
            work / limit["multiplications"],
            4 * float(moved(**size)) / limit["bytes"],
            limit["call"],
        )
        seconds = group["seconds"]
        middle, low, high = seconds.median(), seconds.min(), seconds.max()
        first = samples.loc[(samples["shape"] == shape) & (samples["rung"] == "loops"), "seconds"]
        at_lesson = (height, terms, width) == LESSON
        printed = PRINTED.get(str(rung), np.nan) if at_lesson else np.nan
        times = 1e3 * middle, 1e3 * low, 1e3 * high
        ours = first.median() / middle if len(first) else np.nan
        rates = work / (4 * float(moved(**size))), work / middle, work / least
        lessons = printed, PRINTED["loops"] / printed
        rows.append((shape, rung, *times, *rates, ours, *lessons))
    columns = ["shape", "rung", "median_ms", "min_ms", "max_ms", "per_byte", "rate", "limit"]
    columns += ["times_loops", "lesson_ms", "lesson_times"]
    return pd.DataFrame(rows, columns=columns)
