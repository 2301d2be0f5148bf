"""Runs of init/repeated_product, and the lesson's numbers beside them.

``fresh`` runs draw a matrix at every step, and are compared with the derivation; ``one`` runs use one matrix for all
steps, as the lesson does, and are measured and not predicted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch

from derivations.init.repeated_product import DERIVATION
from derivations.tensors.matmul import DERIVATION as MATMUL
from experiments.init import _float_range as float_range
from impl.init import repeated_product as products

STEPS, SMALL_STD = 100, 0.01  # the lesson's
TINY = 8  # rows of a matrix of which the mean square after two and three steps is known
EARLY, MANY = 20, 10  # steps after which sizes are compared
Run = Iterator[tuple[str, float]]


def log_mean_square(x: torch.Tensor) -> float:
    """The natural logarithm of the mean square of a vector's entries."""
    return 2 * float(x.double().norm().log()) - math.log(len(x))


def overflows(width: int, stream: torch.Generator) -> Run:
    """One vector of ``width`` N(0, 1) numbers and fresh N(0, 1) matrices, until 32 bits overflow."""
    x = torch.randn(width, generator=stream)
    vectors = products.repeated_product(x, STEPS, generator=stream)
    seen: list[torch.Tensor] = []
    step = products.first_step(_remembering(vectors, seen), products.overflowed)
    yield "overflow at step", math.nan if step is None else step
    yield "mean square, 1 step", math.exp(log_mean_square(seen[0]))
    yield f"log mean square, {EARLY} steps", log_mean_square(seen[EARLY - 1])


def _remembering(
    vectors: Iterator[torch.Tensor], seen: list[torch.Tensor]
) -> Iterator[torch.Tensor]:
    for x in vectors:
        seen.append(x)
        yield x


def underflows(width: int, std: float, stream: torch.Generator) -> Run:
    """The same with small matrices, until no entry is a normal number, and until all are 0."""
    x = torch.randn(width, generator=stream)
    vectors = list(products.repeated_product(x, STEPS, std, generator=stream))
    small = products.first_step(vectors, lambda y: float(y.abs().max()) < float_range.SMALLEST)
    yield "below normal numbers at step", math.nan if small is None else small
    zero = products.first_step(vectors, products.vanished)
    yield "zero at step", math.nan if zero is None else zero


def kept(width: int, stream: torch.Generator) -> Run:
    """The same with 1/√n, for all of the lesson's steps."""
    x = torch.randn(width, generator=stream)
    vectors = list(products.repeated_product(x, STEPS, width**-0.5, generator=stream))
    yield f"mean square kept, {MANY} steps", math.exp(log_mean_square(vectors[MANY - 1]))
    yield f"log mean square kept, {STEPS} steps", log_mean_square(vectors[-1])


def repeated(stream: torch.Generator) -> Run:
    """The squared length after two and three steps with one small matrix, over the first one's."""
    x = torch.randn(TINY, dtype=torch.float64, generator=stream)
    _, second, third = products.repeated_product(x, 3, fresh=False, generator=stream)
    yield "one matrix twice", float((second @ second) / (x @ x))
    yield "one matrix thrice", float((third @ third) / (x @ x))


def lessons_run(width: int, seed: int, small: bool = True) -> dict[str, list[float]]:
    """One matrix and one vector, as in the lesson, at three scales: log mean square by step; then what is printed.

    Not ``small``: without the third scale, which ends in numbers without all their bits, a hundred times as slow.
    """
    found: dict[str, list[float]] = {}
    for name, std in scales(width).items():
        if name == "small" and not small:
            continue
        stream = torch.Generator().manual_seed(seed)  # the same matrix, but for its scale
        x = torch.randn(width, generator=stream)
        vectors = list(products.repeated_product(x, STEPS, std, fresh=False, generator=stream))
        found[name] = [log_mean_square(y) for y in vectors]
        if name == "one":
            broken = products.first_step(vectors, lambda y: bool(y.std().isnan()))
            found["broken"] = [math.nan if broken is None else broken]
            overflow = products.first_step(vectors, products.overflowed)
            found["overflow"] = [math.nan if overflow is None else overflow]
        elif name == "small":
            zero = products.first_step(vectors, products.vanished)
            found["zero"] = [math.nan if zero is None else zero]
        else:
            found["mean"] = [float(vectors[-1].mean())]
    return found


def scales(width: int) -> dict[str, float]:
    """The lesson's three standard deviations, by what is said of them."""
    return {"one": 1.0, "kept": width**-0.5, "small": SMALL_STD}


def bands(width: int) -> pd.DataFrame:
    """For every step and scale: mean and standard deviation of log₁₀ of the root mean square, with fresh matrices."""
    steps = np.arange(1, STEPS + 1)
    centre, spread = (DERIVATION.predict(name) for name in ("log_mean_square", "log_spread"))
    deviation = np.sqrt(spread(step=steps, units=width)) / 2 / math.log(10)
    columns: dict[str, object] = {"step": steps}
    for name, std in scales(width).items():
        logs = centre(step=steps, units=width, weight_var=std**2) / 2 / math.log(10)
        columns |= {f"{name}: fresh": logs, f"{name}: spread": deviation}
    return pd.DataFrame(columns)


def overflow_table(samples: pd.DataFrame, width: int) -> pd.DataFrame:
    """How likely each step is to be the one that overflows, with fresh matrices; how often it was, with either.

    ``std is NaN`` is the lesson's own test, which needs no entry to overflow: a sum of entries is enough.
    """
    chances = float_range.crossing(float_range.LARGEST, width, 1.0, STEPS)
    shown = [step for step, chance in enumerate(chances, 1) if chance > 1e-4]
    real = samples[
        (samples["statistic"] == "overflow at step") & (samples["input"] == f"n = {width}")
    ]
    one = samples[samples["statistic"] == "overflow"]
    broken = samples[samples["statistic"] == "broken"]
    steps = sorted({*shown, *(int(s) for each in (real, one, broken) for s in each["value"])})
    rows = [
        (step, chances[step - 1], *((each["value"] == step).mean() for each in (real, one, broken)))
        for step in steps
    ]
    columns = ["product", "fresh, predicted", "fresh", "one matrix", "one matrix: std is NaN"]
    return pd.DataFrame(rows, columns=columns)


def lesson_table(samples: pd.DataFrame, width: int) -> pd.DataFrame:
    """The lesson's numbers: predicted for fresh matrices, with the deviation of one such run, and measured with one.

    ``below`` is the share of our runs with one matrix that are below the lesson's number.
    """
    one = samples[samples["input"] == "lesson"]

    def last(name: str) -> pd.Series[float]:
        found = one[one["statistic"] == name]
        return found.loc[found["step"] == found["step"].max(), "value"]

    size = {"rows": width, "terms": width, "product_columns": 1}
    spread = float(MATMUL.predict("mean_square_variance")(**size))
    growth, given = DERIVATION.predict("mean_growth"), {"step": STEPS, "units": width}
    mean = float(growth(units=width, weight_var=1.0))
    kept = float(growth(units=width, weight_var=1 / width)) ** STEPS  # the mean square to expect
    real = samples[samples["input"] == f"n = {width}"]
    first = real.loc[real["statistic"] == "mean square, 1 step", "value"].mean()
    chances = float_range.crossing(float_range.LARGEST, width, 1.0, STEPS)
    step, variance = float_range.moments(chances)
    logs = float(DERIVATION.predict("log_mean_square")(weight_var=1 / width, **given)) / 2
    wide = math.sqrt(float(DERIVATION.predict("log_spread")(**given))) / 2
    nan, sizes = math.nan, last("kept") / 2
    known: list[
        tuple[str, float, float, float, Any]
    ] = [  # what, the lesson's, predicted, deviation of one run, ours
        ("a @ x: mean square of 100", 516.8, mean, mean * math.sqrt(spread / 100), first),
        ("32 bits overflow at product", 29, step, math.sqrt(variance), last("overflow")),
        ("1/√n: log of the size after 100", math.log(0.9270), logs, wide, sizes),
        ("1/√n: mean after 100", -0.0171, 0.0, math.sqrt(kept / width), last("mean")),
        ("· 0.01: all are 0 at product", nan, nan, nan, last("zero")),
    ]
    rows = [
        (name, printed, *theory, np.mean(ours), np.mean(ours < printed) if np.ndim(ours) else nan)
        for name, printed, *theory, ours in known
    ]
    table = pd.DataFrame(
        rows, columns=["quantity", "lesson", "predicted", "standard_error", "measured", "below"]
    )
    table["z"] = (table["lesson"] - table["predicted"]) / table["standard_error"]
    return table
