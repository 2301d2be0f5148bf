"""A layer of a deep network can be drawn from a few random numbers, exactly: laws against real weights.

Five kinds of networks (ReLU, leaky, orthogonal, residual, dropout), each with real weights and drawn from its law;
both are compared with what the derivation predicts, and with each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.depth._exact_networks import KEPT, KINDS, SCALE, SLOPE, laws, networks
from experiments.depth._last_layer import densities, draw_last_layer
from experiments.depth._wrong_laws import WRONG_LAWS
from experiments.figures import Picture
from experiments.settings import Unusable, at_least

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.stack import Track
    from experiments.statistics import Comparison

NARROWEST = 8  # units: all of a narrower layer is zero too often
PANELS = ("ReLU", "orthogonal", "residual")  # of the figure
SHOWN, CROSSES = 400, 60  # networks of each kind in it: drawn, and with weights

ROUNDING = 1e-9  # of a logarithm to base 2 that is always the same


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Networks of equally wide layers, of each kind."""

    real: int = 240
    """Networks with real weights, of each kind."""
    drawn: int = 20
    """Networks drawn from the law, for each one with real weights."""
    depth: int = 6
    """Layers, or residual blocks."""
    width: int = 16
    """Units of each layer."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(30, real=self.real)
        at_least(1, drawn=self.drawn)
        at_least(2, depth=self.depth)
        at_least(NARROWEST, width=self.width)
        at_least(0, seed=self.seed)
        if self.real * self.depth * self.width**2 > 10**10:
            raise Unusable("real networks of this size take hours; ask for fewer, or smaller ones")


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a network: kind, source, its number, log2 squares x_0 … x_L and u_0 … u_L, and the kernel's."""
    return networks(settings, track)


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """For each kind: each source's ratios and kernel with the prediction, and the sources with each other."""
    found: list[Comparison] = []
    for kind in KINDS:
        both = samples[samples["kind"] == kind]
        sources = {source: both[both["source"] == source] for source in ("weights", "law")}
        for source, group in sources.items():
            found += against_theory(kind, source, group, settings)
        found += law_against_weights(kind, sources["law"], sources["weights"], settings)
    return found


def against_theory(
    kind: str, source: str, group: pd.DataFrame, settings: Settings
) -> list[Comparison]:
    """Mean and variance of the ratios of mean squares, over all layers; the kernel; the last layer's law."""
    import numpy as np

    from derivations import load
    from experiments.statistics import mean_of_squares, mean_value

    predict, n = load("depth/exact_law").predict, settings.width
    second: dict[str, Callable[[], Any]] = {
        "ReLU": lambda: predict("leaky_square")(units=n, negative_slope=0),
        "leaky": lambda: predict("leaky_square")(units=n, negative_slope=SLOPE),
        "orthogonal": lambda: predict("orthogonal_square")(width=n),
        "residual": lambda: predict("residual_square")(units=n, inner_units=n, branch_scale=SCALE),
        "dropout": lambda: predict("dropout_square")(units=n, kept=KEPT),
    }
    mean = float(predict("residual_mean")(branch_scale=SCALE)) if kind == "residual" else 1.0
    variance = float(second[kind]()) - mean**2
    logs = group[[f"x_{i}" for i in range(settings.depth + 1)]].to_numpy()
    alive = np.isfinite(logs[:, :-1])
    steps = np.diff(np.where(np.isfinite(logs), logs, -1e9), axis=1)[alive]
    ratios, where = np.exp2(steps), {"input": f"{kind}, {source}"}
    found = [
        mean_of_squares(ratios, mean, variance / mean**2, statistic="ratio", order=2, **where),
        mean_value((ratios - mean) ** 2, variance, statistic="ratio, variance", **where),
    ]
    if kind == "ReLU":
        kernel = float(predict("kernel")(depth=settings.depth, units=n, readout_var=1 / n))
        found.append(mean_value(np.exp2(group["kernel"]), kernel, statistic="kernel", **where))
    if kind in ("ReLU", "dropout"):
        found += last_layer(kind, logs[:, -1] - logs[:, 0], settings, where["input"])
    return found


def last_layer(kind: str, logs: Any, settings: Settings, fed: str) -> list[Comparison]:
    """Each network's place in the law of the last layer: uniform, if that is right."""
    import numpy as np

    from experiments.final_law import FinalLaw
    from experiments.statistics import Comparison

    places = FinalLaw(laws(settings.width, settings.depth)[kind]).cdf(logs[np.isfinite(logs)])  # type: ignore[arg-type]
    found = []
    for power in (1, 2):
        mean = 1 / (power + 1)
        error = math.sqrt((1 / (2 * power + 1) - mean**2) / len(places))
        what = "place" if power == 1 else "place, squared"
        measured = float((places**power).mean())
        found.append(
            Comparison(what, measured, mean, "normal", error, layer=settings.depth, input=fed)
        )
    return found


def functionals(group: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """Numbers of a network that neither pass alone has, from logs; those of dead networks are 0."""
    import numpy as np

    first, last = (group[name].to_numpy() for name in ("u_0", f"x_{settings.depth}"))
    middle = group[f"u_{settings.depth // 2}"].to_numpy()
    alive, kernel = np.isfinite(last), group["kernel"].to_numpy()
    forward, back, between, all_weights = (
        np.where(alive, part - mean, 0.0)
        for part, mean in (
            (last, math.log2(settings.width)),
            (first, 0.0),
            (middle, 0.0),
            (kernel, 6.0),
        )
    )
    return {
        "log x": forward,
        "log u": back,
        "log kernel": all_weights,
        "log x, squared": forward**2,
        "log u, squared": back**2,
        "log x log u": forward * back,
        "log u within, squared": (back - between) ** 2,
    }


def law_against_weights(
    kind: str, law: pd.DataFrame, weights: pd.DataFrame, settings: Settings
) -> list[Comparison]:
    """Each network with weights less the mean of its share of drawn ones: zero, on average."""
    import numpy as np

    from experiments.statistics import exact_value, mean_value

    drawn, real = functionals(law, settings), functionals(weights, settings)
    found = []
    for name, values in real.items():
        where = {"statistic": f"{name}, weights less law", "input": kind}
        gaps = values - drawn[name].reshape(settings.real, -1).mean(axis=1)
        if np.ptp(drawn[name]) < ROUNDING:  # it does not vary, such as a rotation's gain
            found.append(exact_value(float(np.abs(gaps).max()), 0.0, ROUNDING, **where))
        else:
            found.append(mean_value(gaps, 0.0, **where))
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """Where networks end up: mean squares of last layer and gradient at the input, as powers of 10; and densities."""
    import numpy as np

    shown = samples[samples["network"] < SHOWN]
    log10 = math.log10(2)
    frame = shown[["kind", "source"]].assign(
        forward=(shown[f"x_{settings.depth}"] - shown["x_0"]) * log10, backward=shown["u_0"] * log10
    )
    ends = frame[np.isfinite(frame["forward"])].reset_index(drop=True)
    return {"ends.csv": ends, "last_layer.csv": densities(samples, settings)}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """Signal against gradient, in three kinds: drawn networks as a cloud, real ones as crosses on it."""
    panels = figure.subplots(1, len(PANELS), sharex=True, sharey=True)
    for axes, kind in zip(panels, PANELS, strict=True):
        for source, shown, style in (
            ("law", SHOWN, {"color": "C0", "s": 12, "alpha": 0.4, "linewidths": 0}),
            ("weights", CROSSES, {"color": "C3", "s": 16, "marker": "x", "linewidths": 1}),
        ):
            part = data[(data["kind"] == kind) & (data["source"] == source)][:shown]
            axes.scatter(part["forward"], part["backward"], label=source, **style)
        axes.set_title(kind, fontsize="medium")
        axes.set(xlim=(-3.2, 2), ylim=(-3.2, 2.6), xticks=(-2, 0, 2))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda power, _: f"$10^{{{power:g}}}$")
    panels[1].set_xlabel("signal's mean square at the end")
    panels[0].set_ylabel("gradient's, at the input")
    panels[2].legend(frameon=False, loc="lower left", fontsize="small", handletextpad=0)


PICTURES = (
    Picture(
        draw,
        data="ends.csv",
        height=3.2,
        caption="What six layers of 16 units leave of the signal's square, and of the gradient's at the input. "
        "Dots are drawn from the law, without a weight; crosses are networks with real weights. Orthogonal weights "
        "vary less, and residual blocks grow.",
        wrong="If a law forgot something, the crosses would lie elsewhere, or tilt another way.",
        alt="Three clouds of dots with crosses spread evenly over them.",
    ),
    Picture(
        draw_last_layer,
        name="last_layer",
        data="last_layer.csv",
        caption="The last layer of the ReLU networks. The curve is its density, from the characteristic function of "
        "one layer to the power of the depth: no network is sampled for it. Bars are networks drawn layer by layer, "
        "crosses networks with real weights, with their standard errors.",
        wrong="If the density were another, the bars would stand beside the curve, or be wider than it.",
        alt="A lopsided bell curve, and bars and crosses that follow it.",
    ),
)

MUTANTS = WRONG_LAWS
BLIND = (
    "Networks are narrow and not deep here, so that real weights are quick. The laws hold at every width; the tests "
    "of the sampler compare widths down to one.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
