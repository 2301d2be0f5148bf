"""A ReLU halves the second moment; the variance of a Gaussian falls to 0.341, not to a half (he2015).

Sends Gaussian numbers through impl/init/relu.py for several slopes, and measures six moments of what
comes out; and repeats the lesson's runs with a product of two numbers and with a 512 × 512 matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Tensor

    from experiments.stack import Track
    from experiments.statistics import Comparison

ORDERS = {  # with which power of the preactivation's deviation a moment grows
    "mean": 1,
    "absolute": 1,
    "second_moment": 2,
    "variance": 2,
    "covariance": 2,
    "fourth_moment": 4,
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Batches of Gaussian numbers, and the lesson's runs."""

    batches: int = 400
    """Independent batches: the sample."""
    size: int = 2500
    """Numbers in a batch."""
    slopes: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0, -1.0)
    """Slopes for negative numbers."""
    variance: float = 1.0
    """Variance of the numbers."""
    runs: int = 200
    """Repetitions of each of the lesson's runs; 0 leaves them out."""
    width: int = 512
    """Rows and columns of the lesson's matrix."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(2, batches=self.batches, size=self.size)
        at_least(2 if self.runs else 0, runs=self.runs)
        at_least(1, width=self.width)
        at_least(0, seed=self.seed, variance=self.variance)
        if not self.slopes or len(set(self.slopes)) < len(self.slopes):
            raise Unusable(f"slopes must be different, and at least one, got {self.slopes}")
        if not all(map(math.isfinite, self.slopes)) or self.variance == 0:
            raise Unusable("slopes must be finite, and the variance positive")


def moments(x: Tensor, y: Tensor) -> dict[str, float]:
    """Six estimates without bias for input ``x`` and output ``y``, both of shape (size,)."""
    centred = y - y.mean()
    free = len(y) - 1
    return {
        "mean": float(y.mean()),
        "absolute": float(y.abs().mean()),
        "second_moment": float(y.square().mean()),
        "variance": float(centred.square().sum() / free),
        "covariance": float((x * centred).sum() / free),
        "fourth_moment": float(y.pow(4).mean()),
    }


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """A row for each statistic, slope and batch, or run of the lesson."""
    import pandas as pd
    import torch

    from experiments.init import _rectified_products as rectified_products
    from experiments.stack import one_thread_each, random_stream
    from impl.init import relu

    rows: list[tuple[str, str, int, float]] = []
    with one_thread_each():
        for batch in track(range(settings.batches), description="batches"):
            stream = random_stream(settings.seed, 0, batch)
            x = torch.randn(settings.size, dtype=torch.float64, generator=stream)
            x *= math.sqrt(settings.variance)
            for slope in settings.slopes:
                y = relu.leaky_relu(x, slope) if slope else relu.relu(x)
                rows += [(n, f"a = {slope:g}", batch, m) for n, m in moments(x, y).items()]
        for run in track(range(settings.runs), description="the lesson"):
            stream = random_stream(settings.seed, 1, run)
            rows += [(n, "", run, m) for n, m in rectified_products.measure(settings.width, stream)]
    return pd.DataFrame(rows, columns=["statistic", "input", "draw", "measured"])


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Each moment for each slope, and each of the lesson's numbers, against the derivation's."""
    from derivations.init.relu import DERIVATION
    from experiments.init import _rectified_products as rectified_products
    from experiments.statistics import mean_value

    found = []
    for (name, fed), group in samples.groupby(["statistic", "input"], sort=False):
        values, order = group["measured"], ORDERS.get(str(name), 0)
        if order:
            slope = next(s for s in settings.slopes if f"a = {s:g}" == fed)
            predicted = DERIVATION.predict(str(name))(
                preactivation_var=settings.variance, negative_slope=slope
            )
            order = order if predicted else 0  # what is zero does not grow
            where = {"statistic": str(name), "input": str(fed), "order": order}
            found.append(mean_value(values, float(predicted), **where))
    return found + (rectified_products.compare(samples, settings.width) if settings.runs else [])


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """The moments over the slope, measured and as curves; the lesson's numbers beside ours."""
    import numpy as np
    import pandas as pd

    from derivations.init.relu import DERIVATION
    from experiments.init import _rectified_products as rectified_products

    rows = []
    for name in ORDERS:
        predict = DERIVATION.predict(name)
        for slope in np.linspace(min(settings.slopes), max(settings.slopes) + 0.25, 61):
            value = predict(preactivation_var=settings.variance, negative_slope=slope)
            rows.append((name, slope, value, math.nan))
        for slope in settings.slopes:
            chosen = (samples["statistic"] == name) & (samples["input"] == f"a = {slope:g}")
            rows.append((name, slope, math.nan, samples.loc[chosen, "measured"].mean()))
    columns = ["statistic", "slope", "predicted", "measured"]
    found = {"moments.csv": pd.DataFrame(rows, columns=columns)}
    if settings.runs:
        found["lesson.csv"] = rectified_products.table(samples, settings.width)
    return found


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """Moments over the slope: lines predicted, dots measured."""
    axes = figure.subplots()
    for number, name in enumerate(("second_moment", "variance", "mean", "covariance")):
        line = data[data["statistic"] == name]
        curve, dots = line[line["measured"].isna()], line[line["predicted"].isna()]
        axes.plot(curve["slope"], curve["predicted"], color=f"C{number}", linewidth=1)
        axes.plot(dots["slope"], dots["measured"], "o", color=f"C{number}", markersize=4)
        end = curve.iloc[-1]
        axes.annotate(
            name.replace("_", " "),
            (end["slope"], end["predicted"]),
            xytext=(4, {"variance": -3, "covariance": -1, "second_moment": 5}.get(name, 0)),
            textcoords="offset points",
            va="center",
            color=f"C{number}",
            fontweight="bold",
        )
    axes.axvline(0, color="0.5", linewidth=0.6, linestyle=":")
    axes.set_xlabel("slope for negative numbers (0 is ReLU, 1 linear)")
    axes.set_ylabel("after the rectifier")


PICTURES = (
    Picture(
        draw,
        data="moments.csv",
        height=3.6,
        caption="What a rectifier makes of N(0, 1), for slopes from −1 (the absolute value) past 0 "
        "(ReLU) to 1 (a line). Lines are derived, dots measured over a million numbers. At slope 0 "
        "the second moment is one half, the variance 0.341 and the mean 0.399.",
        wrong="If the variance halved, as is often said, its dot at slope 0 would lie on that of "
        "the second moment.",
        alt="Four curves over the slope: second moment and variance touch at slope 1 and part to "
        "the left of it; the mean falls in a straight line, the covariance rises in one.",
    ),
)

BARE = {"runs": 0}  # without the lesson

RELU, LEAKY = "impl.init.relu:relu", "impl.init.relu:leaky_relu"
MUTANTS = (
    Mutant("wrong rectifier", "the negative half kept", RELU, lambda r: lambda x: -r(-x)),
    Mutant("wrong rectifier", "the absolute value", RELU, lambda _: lambda x: x.abs()),
    Mutant("wrong rectifier", "leaks by 0.01", RELU, lambda r: lambda x: r(x) - 0.01 * r(-x)),
    Mutant("wrong rectifier", "shifted by 0.005", RELU, lambda r: lambda x: r(x) - 0.005),
    Mutant("wrong rectifier", "cut off at 3", RELU, lambda r: lambda x: r(x).clamp_max(3)),
    Mutant(
        "wrong rectifier",
        "cut off at 6, as ReLU6 is",
        RELU,
        lambda r: lambda x: r(x).clamp_max(6),
        unseen="of a million standard normal numbers none is expected beyond 6 "
        "(--variance 4 sees it)",
    ),
    Mutant("wrong rectifier", "a smooth one, SiLU", RELU, lambda _: lambda x: x * x.sigmoid()),
    Mutant("wrong slope", "ignored", LEAKY, lambda r: lambda x, a: r(x, 0.01)),
    Mutant("wrong slope", "for positive numbers", LEAKY, lambda r: lambda x, a: -r(-x, a)),
    Mutant("wrong slope", "its square", LEAKY, lambda r: lambda x, a: r(x, a * a)),
    Mutant("wrong slope", "its size", LEAKY, lambda r: lambda x, a: r(x, abs(a))),
    Mutant("wrong slope", "1 % too large", LEAKY, lambda r: lambda x, a: r(x, 1.01 * a)),
    Mutant(
        "wrong statistic",
        "variance divided by n",
        "experiments.init.relu:moments",
        lambda r: lambda x, y: r(x, y) | {"variance": float(y.var(correction=0))},
        unseen="the bias is 1 part in 2,500, a third of a standard error (--size 20 sees it)",
    ),
    Mutant(
        "wrong statistic",
        "variance for second moment",
        "experiments.init.relu:moments",
        lambda r: lambda x, y: (m := r(x, y)) | {"second_moment": m["variance"]},
    ),
    Mutant(
        "wrong statistic",
        "standard deviation for variance",
        "experiments.init.relu:moments",
        lambda r: lambda x, y: (m := r(x, y)) | {"variance": m["variance"] ** 0.5},
    ),
)

BLIND = (
    "Where the numbers come from: any law with these six moments would pass.",
    "A rectifier that is wrong only for numbers that are rare, such as those beyond 6, or NaN; the "
    "tests of impl/init/relu.py compare those with torch's.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
