"""Whatever the law of the weights, the signal's mean is the same, and its variance nearly (hanin2018).

Draws layers with weights of six laws, sends three inputs through them, and compares mean and variance of each
layer's ratio with the derivation's; then stacks of layers, with normal weights that are cut off in three ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least, check_widths

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.stack import Track
    from experiments.statistics import Comparison

FEWEST = 10_000  # draws: the squares of fewer are too skewed for a t-test


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Single layers, and stacks of them."""

    draws: int = 40_000
    """Layers drawn for each law."""
    inputs: int = 8
    """Inputs of a layer."""
    units: int = 16
    """Its units."""
    real: int = 60
    """Stacks of layers for each kind of truncation; 0 leaves them out."""
    depth: int = 20
    """Layers of a stack."""
    width: int = 32
    """Units of each of its layers."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(FEWEST, draws=self.draws)
        at_least(3, inputs=self.inputs)
        at_least(1, units=self.units, depth=self.depth)
        at_least(30 if self.real else 0, real=self.real)
        at_least(20, width=self.width)
        at_least(0, seed=self.seed)
        check_widths(self.widths)
        if self.draws * self.units * self.inputs > 2**28:
            raise Unusable("draws · units · inputs must be at most 2²⁸, which is 2 GB of weights")

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of a stack."""
        return (2 * self.width, *[self.width] * self.depth)


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """A row for each ratio: stage (layer, stack), law, input, network, layer, measured."""
    import pandas as pd

    from experiments.depth import _weight_laws as laws

    parts = []
    for number, name in enumerate(track(laws.EXCESS, description="single layers")):
        for fed, ratios in laws.single_layers(name, settings, number).items():
            columns = {"network": range(len(ratios)), "layer": 1, "measured": ratios}
            parts.append(pd.DataFrame(columns).assign(stage="layer", law=name, input=fed))
    for number, name in enumerate(laws.TRUNCATED if settings.real else ()):
        found = laws.stacks(name, settings, number, track)
        parts.append(found.assign(stage="stack", law=name, input=""))
    return pd.concat(parts, ignore_index=True)


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """For each law and input a layer's mean ratio and its variance; for each stack the mean of its layers."""
    from experiments.depth import _weight_laws as laws
    from experiments.statistics import mean_of_squares, mean_value

    found = []
    single = samples[samples["stage"] == "layer"]
    for (name, fed), group in single.groupby(["law", "input"], sort=False):
        ratios = group["measured"].to_numpy()
        variance = laws.ratio_variance(str(name), str(fed), settings)
        where = {"input": str(fed), "layer": 1}
        found.append(
            mean_of_squares(ratios, 1.0, variance, statistic=f"{name}, ratio", order=2, **where)
        )
        squares = settings.units * (ratios - 1) ** 2
        predicted = settings.units * variance
        found.append(mean_value(squares, predicted, statistic=f"{name}, variance", **where))
    stacked = samples[samples["stage"] == "stack"]
    for law, group in stacked.groupby("law", sort=False):
        name = str(law)
        means = group.groupby("network")["measured"].mean()
        predicted = laws.kept(name, settings)
        found.append(mean_value(means, predicted, statistic=f"{name}, ratio", order=2))
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """The variance over the input's concentration, with theory's lines; the signal over depth."""
    import numpy as np
    import pandas as pd

    from experiments.depth import _weight_laws as laws

    rows = []
    single = samples[samples["stage"] == "layer"]
    for (name, fed), group in single.groupby(["law", "input"], sort=False):
        squares = settings.units * (group["measured"] - 1) ** 2
        told = (laws.EXCESS[str(name)](), laws.concentration(str(fed), settings.inputs))
        predicted = settings.units * laws.ratio_variance(str(name), str(fed), settings)
        rows.append((name, fed, *told, squares.mean(), squares.sem(), predicted))
    names = ["law", "input", "excess", "concentration", "measured", "standard_error", "predicted"]
    files = {"variances.csv": pd.DataFrame(rows, columns=names)}
    stacked = samples[samples["stage"] == "stack"]
    means = stacked.groupby(["law", "layer"], sort=False)["measured"].mean()
    depth = []
    for name, layers in means.groupby(level=0, sort=False):
        ratio = laws.kept(str(name), settings)
        kept = np.cumprod(layers.to_numpy())
        depth += [(name, i + 1, q, ratio ** (i + 1)) for i, q in enumerate(kept)]
    files["depth.csv"] = pd.DataFrame(depth, columns=["law", "layer", "measured", "predicted"])
    return files


def draw_variances(figure: Figure, data: pd.DataFrame) -> None:
    """n Var(r) over S_4: a line for each law, dots measured."""
    axes = figure.add_subplot()
    for place, (name, group) in enumerate(data.groupby("law", sort=False)):
        end, colour = 5 + 2 * group["excess"].iloc[0], f"C{place}"
        axes.plot([0, 1], [5, end], color=colour, linewidth=1)
        axes.plot(group["concentration"], group["measured"], "o", color=colour, clip_on=False)
        axes.annotate(
            str(name), (1.04, end), va="center", color=colour, annotation_clip=False, fontsize=9
        )
    axes.set(xlabel="how much of the input is one number, $S_4$", xlim=(0, 1))
    axes.set_title("variance of a layer's ratio, times its units")
    axes.set_ylim(bottom=0)


def draw_depth(figure: Figure, data: pd.DataFrame) -> None:
    """The mean square over depth for three kinds of truncation."""
    axes = figure.add_subplot()
    for place, (name, group) in enumerate(data.groupby("law", sort=False)):
        axes.plot(group["layer"], group["predicted"], color=f"C{place}", linewidth=1)
        axes.plot(
            group["layer"], group["measured"], "o", color=f"C{place}", markersize=4, label=name
        )
    axes.set(xlabel="layer", yscale="log")
    axes.locator_params(axis="x", integer=True)
    axes.set_title("mean square of the signal, over the input's")
    axes.legend(loc="lower left")


PICTURES = (
    Picture(
        draw_variances,
        data="variances.csv",
        height=3.8,
        caption="Variance of one ReLU layer's ratio of mean squares, for five laws of its weights. Dots are "
        "measured, lines predicted. To the left the input is spread over many numbers, and the law hardly "
        "matters; to the right it is a single one.",
        wrong="Were all laws alike, all dots would lie on the Gaussian's level line at 5.",
        alt="Five lines fan out from 5 on the left: Laplace rises to 11, the Gaussian stays level, truncated, "
        "uniform and signs fall, the last to 1. Dots lie on them.",
    ),
    Picture(
        draw_depth,
        name="depth",
        data="depth.csv",
        caption="Normal weights that are cut off, with the deviation √(2/n) before the cut. Cut at two "
        "deviations, every layer loses 23 %. Divided by 0.8796, or cut off at ±2 as torch's trunc_normal_ does by "
        "default, none is lost.",
        wrong="Did torch's defaults cut at two deviations, its dots would fall with the lowest.",
        alt="Two level rows of dots at one, and one that falls in a straight line on a logarithmic scale.",
    ),
)

BARE: dict[str, Any] = {}
IMPL = "impl.depth.weight_law:"


def _wrong(kind: str, name: str, function: str, make: Any, unseen: str = "") -> Mutant:
    return Mutant(kind, name, f"{IMPL}{function}", make, unseen)


def _scaled(factor: float) -> Any:
    return lambda right: lambda w, *a, **k: right(w, *a, **k).mul_(factor)


def _normal(right: Any) -> Any:
    """The same standard deviation, another law."""
    return lambda w, std, generator: w.normal_(0, std, generator=generator)


def _two_products(right: Any) -> Any:
    return lambda w, std, generator: w.normal_(generator=generator).mul_(
        std * w.new_empty(w.shape).normal_(generator=generator)
    )


def _biased(right: Any) -> Any:
    return lambda w, std, generator: right(w, std, generator).add_(0.02 * std)


def _one_unit(right: Any) -> Any:
    """All units of a layer share the weights of every second one."""

    def fill(w: Any, *a: Any, **k: Any) -> Any:
        filled = right(w, *a, **k)
        filled[1::2] = filled[: 2 * (len(w) // 2) : 2]
        return filled

    return fill


def _in_deviations(right: Any) -> Any:
    return lambda w, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None: right(
        w, mean, std, a if abs(a) < 2 else a * std, b if abs(b) < 2 else b * std, generator
    )


def _outgoing(right: Any) -> Any:
    return lambda w, generator: w.copy_(right(w.new_empty(w.shape[::-1]), generator).T)


MUTANTS = (
    _wrong("wrong gain", "signs 1 % too large", "rademacher_", _scaled(1.01)),
    _wrong("wrong gain", "Laplace 1 % too small", "laplace_", _scaled(0.99)),
    _wrong("wrong gain", "the cut is not made up for", "KERAS", lambda _: 1.0),
    _wrong("wrong gain", "variance made up for, not deviation", "KERAS", lambda right: right**2),
    _wrong("wrong law", "normal numbers for signs", "rademacher_", _normal),
    _wrong("wrong law", "normal numbers for Laplace", "laplace_", _normal),
    _wrong("wrong law", "one product of normal numbers for Laplace", "laplace_", _two_products),
    _wrong("biased noise", "signs with a mean of 2 % of their size", "rademacher_", _biased),
    _wrong("shared weights", "units in pairs, signs", "rademacher_", _one_unit),
    _wrong("shared weights", "units in pairs, truncated", "he_normal_", _one_unit),
    _wrong(
        "wrong cut", "in deviations, where torch means numbers", "trunc_normal_", _in_deviations
    ),
    _wrong("fans swapped", "fan_in for fan_out, truncated", "he_normal_", _outgoing),
    Mutant(
        "wrong statistic",
        "lengths for their squares",
        "experiments.depth._weight_laws:ratios_of",
        lambda right: lambda *given: right(*given) ** 0.5,
    ),
)

BLIND = (
    "Moments of the weights beyond the fourth: two laws that share those pass for each other.",
    "What a law does to the typical network: the mean of a stack's ratios is compared, not of their logarithms.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
