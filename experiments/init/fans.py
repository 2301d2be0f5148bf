"""A fan counts terms; a weight's shape miscounts them for groups, strides and transposition (he2015).

Counts the terms of fourteen layers on a ring by sending ones through weights of one, and measures what weights
with 1/fan do to signal and gradient: the true fan of impl/init/fans.py, and the one that torch reads off the
shape. Then a rectangular ReLU stack, and the lesson's weight of shape (784, 50).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import (
    StackSettings,
    Unusable,
    at_least,
    check_rectified,
    check_widths,
)

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.lesson import Layer
    from experiments.stack import Track
    from experiments.statistics import Comparison

OTHERS = {"fan_out": "forward", "fan_in": "backward"}  # the direction that a fan does not keep


@dataclass(frozen=True, kw_only=True)
class Settings(StackSettings):
    """Fourteen layers on small rings, an uneven ReLU stack, and the lesson's first layer."""

    networks: int = 120
    """Draws of each layer's weights, and independent stacks."""
    size: int = 6
    """Inputs in each dimension of a convolution: a multiple of 6, which all strides divide."""
    widths: tuple[int, ...] = (784, 300, 150, 400)
    """The stack: the input's size, then every layer's."""
    draws: int = 100
    """Draws of the weights for the lesson's numbers; 0 leaves them out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(2, networks=self.networks)
        at_least(2 if self.draws else 0, draws=self.draws)
        at_least(6, size=self.size)
        if self.size % 6:
            raise Unusable(f"size must be a multiple of 6, got {self.size}")
        check_widths(self.widths)
        check_rectified(self.widths)


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """A row for each count, each draw of a layer's weights, each layer of a stack, each lesson."""
    import pandas as pd

    from experiments import lesson
    from experiments.init._fan_layers import layers, measure_layer
    from experiments.passes import Stack
    from experiments.ratios import measure_ratios
    from experiments.stack import one_thread_each
    from experiments.weights import kaiming_weights

    rows = []
    with one_thread_each():
        for number, (name, layer) in enumerate(track(layers().items(), description="layers")):
            sizes = settings.networks, settings.size, settings.seed
            rows += [(name, *row) for row in measure_layer(layer, number, *sizes)]
    columns = ["layer", "statistic", "network", "measured"]
    samples = [pd.DataFrame(rows, columns=columns).assign(input="")]
    for mode, direction in OTHERS.items():
        stack = Stack(settings.widths, kaiming_weights("normal", mode).fill)
        found = measure_ratios(stack, settings, settings.networks, mode, track)
        samples.append(found[found["statistic"] == f"{mode} {direction}"])
    if settings.draws:
        samples.append(lesson.measure(lesson_layers(), settings.draws, settings))
    return pd.concat(samples, ignore_index=True)


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Counts and true_fans exactly; ratios of mean squares layer by layer; the stack; the lesson."""
    from derivations.init.fans import DERIVATION
    from experiments import lesson
    from experiments.init._fan_layers import DIRECTIONS, layers, theory
    from experiments.statistics import exact_value, mean_value

    ratio, found = DERIVATION.predict("ratio"), []
    values = dict(iter(samples.groupby(["layer", "statistic"], sort=False)["measured"]))
    for name, layer in layers().items():
        expected = theory(layer)
        for direction in DIRECTIONS:
            fan = expected["fan_in" if direction == "forward" else "fan_out"]
            for exact in ("counted", "true_fans"):
                statistic = f"{direction}, {exact}"
                measured = float(values[name, statistic].iloc[0])
                found.append(exact_value(measured, fan, 1e-9, statistic=statistic, layer=name))
            ratios = {
                "true": float(ratio(fan=fan, weight_var=1 / fan)),
                "torch": expected[direction],
            }
            for kind, value in ratios.items():
                statistic = f"{direction}, {kind} fan"
                where: Any = {"statistic": statistic, "layer": name, "order": 2}
                found.append(mean_value(values[name, statistic], value, **where))
    found += _compare_stacks(samples, settings)
    return found + (lesson.compare(lesson_layers(), samples, settings) if settings.draws else [])


def _compare_stacks(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """The factors of a stack with the other fan, layer by layer, and their product."""
    from derivations.init.fans import DERIVATION
    from derivations.init.kaiming import DERIVATION as KAIMING
    from experiments.ratios import compare_ratios, statistics
    from experiments.statistics import mean_value

    other, spread = DERIVATION.predict("other_fan"), KAIMING.predict("ratio_variance")
    found = []
    chosen = samples[samples["statistic"].isin([f"{m} {d}" for m, d in OTHERS.items()])]
    for mode, direction, group in statistics(chosen):
        forward = direction == "forward"

        def at(layer: int, forward: bool = forward) -> tuple[float, float]:
            fans = settings.widths[layer - 1 : layer + 1]
            own, units = fans if forward else fans[::-1]
            factor = float(other(fan_in=own, fan_out=units))
            return factor, float(spread(units=units, negative_slope=0))

        found += [c for c in compare_ratios(group, at) if c.layer != "all"]
        product = math.prod(at(int(layer))[0] for layer in group["layer"].unique())
        stacks = group.groupby("network")["measured"].prod()
        where = {"statistic": f"{mode} {direction}, whole stack", "input": group["input"].iloc[0]}
        found.append(mean_value(stacks, product, order=2 * len(group["layer"].unique()), **where))
    return found


def lesson_layers() -> list[Layer]:
    """The lesson's weight of shape (784, 50), filled as it is, with either fan."""
    from derivations.init.kaiming import DERIVATION as KAIMING
    from experiments.lesson import Layer
    from experiments.weights import Weights
    from impl.init import kaiming

    variance = KAIMING.predict("kaiming_variance")

    def weights(mode: str) -> Weights:
        def fill(w: Any, stream: Any) -> object:  # w.T has the lesson's shape
            return kaiming.kaiming_normal_(w.T, mode=mode, nonlinearity="relu", generator=stream)

        def of(fan_in: int, fan_out: int) -> float:
            read = fan_out if mode == "fan_in" else fan_in
            return float(variance(fan=read, negative_slope=0))

        return Weights(fill, of, normal=True)

    return [
        Layer("w (784, 50), fan_out", weights("fan_out"), True, printed=(0.5542, 0.8006)),
        Layer("w (784, 50), fan_in", weights("fan_in"), True, printed=(math.nan, math.nan)),
    ]


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """Each layer with torch's fan and with the true one; the lesson's numbers beside ours."""
    import pandas as pd

    from experiments import lesson
    from experiments.init._fan_layers import DIRECTIONS, KINDS, layers, theory

    rows = []
    for name, layer in layers().items():
        expected = theory(layer)
        for direction in DIRECTIONS:
            ours = samples[samples["layer"] == name].groupby("statistic")["measured"]
            for kind in KINDS:
                sample = ours.get_group(f"{direction}, {kind} fan")
                predicted = expected[direction] if kind == "torch" else 1.0
                measured, error = sample.mean(), sample.std() / math.sqrt(len(sample))
                row = (name, f"{direction}, {kind} fan", predicted, measured, error)
                rows.append((*row, (measured - predicted) / error))
    columns = ["layer", "statistic", "predicted", "measured", "standard_error", "z"]
    found = {"layers.csv": pd.DataFrame(rows, columns=columns)}
    if settings.draws:
        found["lesson.csv"] = lesson.table(lesson_layers(), samples, settings)
    return found


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """A line for each layer: the mean square with the true fan, and with torch's."""
    from experiments.init._fan_layers import DIRECTIONS, KINDS

    axes = figure.subplots()
    names = list(data["layer"].unique())
    for number, direction in enumerate(DIRECTIONS):
        for kind in KINDS:
            line = data[data["statistic"] == f"{direction}, {kind} fan"]
            place = [names.index(n) + (0.14 if number else -0.14) for n in line["layer"]]
            label = f"{direction}, {'its true' if kind == 'true' else 'torch’s'} fan"
            style: Any = {"color": f"C{number}", "markersize": 5, "linestyle": ""}
            filled: Any = {} if kind == "torch" else {"markerfacecolor": "none"}
            axes.plot(line["measured"], place, "o", **style, **filled, label=label)
            if kind == "torch":
                axes.plot(line["predicted"], place, "|", **style | {"markersize": 11})
    axes.axvline(1, color="0.5", linewidth=0.6)
    axes.set_xscale("log", base=2)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("mean square, after / before")
    figure.legend(loc="outside lower center", ncols=2, handletextpad=0)


PICTURES = (
    Picture(
        draw,
        data="layers.csv",
        height=5.6,
        caption="What one layer does to a signal (blue) and to a gradient (orange) with weights of "
        "variance 1/fan. Open dots: the true fan, always 1. Filled dots: the fan that torch reads "
        "off the shape, with the predicted factor as a bar. For a Linear and a plain convolution both agree.",
        wrong="If the shape told the fan, all filled dots would lie at 1.",
        alt="Fourteen layers, one a line. Open dots at 1 throughout. Filled ones lie between 1/16 and 4: "
        "orange to the left for groups and strides, both colours off for transposed convolutions.",
    ),
)

BARE = {"draws": 0}

FANS, TRUE = "impl.init.fans:fan_in_and_fan_out", "impl.init.fans:true_fans"


def _without(*names: str) -> Any:
    """true_fans that takes the attributes ``names`` of a layer for 1."""

    def make(right: Any) -> Any:
        def wrong(layer: Any) -> Any:
            kept = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
            for name, value in kept.items():
                setattr(layer, name, (1,) * len(value) if isinstance(value, tuple) else 1)
            try:
                return right(layer)
            finally:
                for name, value in kept.items():
                    setattr(layer, name, value)

        return wrong

    return make


def _as_a_shape(right: Any) -> Any:
    def wrong(layer: Any) -> Any:
        from fractions import Fraction

        from impl.init.fans import fan_in_and_fan_out

        return tuple(map(Fraction, fan_in_and_fan_out(layer.weight)))

    return wrong


MUTANTS = (
    Mutant("wrong fan", "groups forgotten", TRUE, _without("groups")),
    Mutant("wrong fan", "stride forgotten", TRUE, _without("stride")),
    Mutant("wrong fan", "kernel forgotten", TRUE, _without("kernel_size")),
    Mutant("wrong fan", "read off the shape", TRUE, _as_a_shape),
    Mutant("fans swapped", "of a layer", TRUE, lambda r: lambda layer: r(layer)[::-1]),
    Mutant("fans swapped", "of a shape", FANS, lambda r: lambda tensor: r(tensor)[::-1]),
    Mutant(
        "wrong fan",
        "kernel forgotten, of a shape",
        FANS,
        lambda r: lambda tensor: (tensor.shape[1], tensor.shape[0]),
    ),
    Mutant(
        "wrong fan",
        "one too many",
        FANS,
        lambda r: lambda tensor: tuple(fan + 1 for fan in r(tensor)),
    ),
    Mutant(
        "wrong gain",
        "2 % too large",
        "impl.init.kaiming:kaiming_normal_",
        lambda r: lambda w, *a, **k: r(w, *a, **k).mul_(1.02),
    ),
)

BLIND = (
    "Borders: with zeros around an image, those near them add up fewer terms.",
    "Single positions: where the stride does not divide the kernel, fans are means over positions.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
