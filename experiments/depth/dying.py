"""Narrow ReLU networks die: a layer of n units is silent once in 2ⁿ draws, and then all is zero (lu2019).

Builds thousands of networks with real weights, sends two inputs through each, and counts layer by layer how many
signals are left, by exact binomial tests; and for how many networks both inputs are lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Tensor

    from experiments.stack import Track
    from experiments.statistics import Comparison

INPUTS = ("first", "second")
DEPTHS = (10, 100, 10_000)  # of the second figure


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Stacks of equally narrow ReLU layers, and two inputs."""

    networks: int = 10_000
    """Networks of each width."""
    widths: tuple[int, ...] = (1, 2, 3, 4, 6)
    """Units of a layer."""
    depth: int = 20
    """Layers."""
    angle: float = 60.0
    """Degrees between the two inputs, up to a right angle."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(1000, networks=self.networks)
        at_least(1, depth=self.depth)
        at_least(0, seed=self.seed, angle=self.angle)
        if not self.widths or len(set(self.widths)) < len(self.widths):
            raise Unusable(f"widths must be different, and at least one, got {self.widths}")
        at_least(1, widths=min(self.widths))
        if self.angle > 90 or self.angle == 0:
            raise Unusable(f"angle must be above 0 and at most 90 degrees, got {self.angle:g}")
        if self.networks * max(self.widths) ** 2 > 2**28:
            raise Unusable("networks · width² must be at most 2²⁸, which is 2 GB of weights")


def inputs(settings: Settings) -> Tensor:
    """Two vectors of length 1 at the angle of the settings, shape (2, 4)."""
    import torch

    x = torch.zeros(2, 4, dtype=torch.float64)
    turn = math.radians(settings.angle)
    x[0, 0], x[1, 0], x[1, 1] = 1, math.cos(turn), math.sin(turn)
    return x


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a network: width, and how many layers each input's signal survives."""
    import pandas as pd

    from experiments.stack import random_stream
    from impl.depth import dying

    parts = []
    for width in track(settings.widths, description="widths"):
        stream = random_stream(settings.seed, width)
        stack = (width,) * settings.depth
        survived = dying.layers_survived(inputs(settings), stack, settings.networks, stream)
        parts.append(pd.DataFrame(survived.numpy(), columns=INPUTS).assign(width=width))
    return pd.concat(parts, ignore_index=True)


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """For each width: the deaths of the first input, layer by layer and in all, and what both inputs share."""
    from experiments.depth._deaths import one_input, two_inputs

    found: list[Comparison] = []
    for width in settings.widths:
        group = samples.loc[samples["width"] == width, list(INPUTS)].to_numpy()
        found += one_input(group[:, 0], width, settings.depth)
        found += two_inputs(group, width, settings.depth, settings.angle)
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """The share that is left over the layers; the dead of both inputs; the dead over width and depth."""
    import numpy as np
    import pandas as pd

    from derivations.depth.dying import DERIVATION

    death = DERIVATION.predict("death")
    left, batch = [], []
    for width, group in samples.groupby("width", sort=False):
        for layer in range(settings.depth + 1):
            predicted = 1 - death(units=width, depth=layer)
            left.append((width, layer, (group["first"] >= layer).mean(), predicted))
        dead = group[list(INPUTS)] < settings.depth
        size = {"units": width, "depth": settings.depth}
        bounds = (
            DERIVATION.predict(name)(**size) for name in ("batch_least", "death", "batch_any")
        )
        shares = (dead["first"].mean(), dead.all(axis=1).mean(), dead.any(axis=1).mean())
        batch.append((width, *shares, *map(float, bounds)))
    names = [
        "width",
        "one dead",
        "both dead",
        "either dead",
        "at least",
        "one, predicted",
        "at most",
    ]
    widths = np.arange(1, 31)
    needed = pd.DataFrame({"width": widths})
    for depth in DEPTHS:
        needed[f"{depth:,} layers"] = death(units=widths.astype(float), depth=depth)
    return {
        "left.csv": pd.DataFrame(left, columns=["width", "layer", "measured", "predicted"]),
        "batch.csv": pd.DataFrame(batch, columns=names),
        "needed.csv": needed,
    }


def draw_left(figure: Figure, data: pd.DataFrame) -> None:
    """The share of networks with a signal over the layers: lines predicted, dots measured."""
    axes = figure.add_subplot()
    below = -math.inf  # where the label below ends
    for place, (width, group) in enumerate(data.groupby("width")):
        colour, last = f"C{place % 5}", group.iloc[-1]
        axes.plot(group["layer"], group["predicted"], color=colour, linewidth=1)
        axes.plot(group["layer"], group["measured"], "o", color=colour, markersize=4)
        label = max(last["predicted"], below)
        axes.annotate(
            f" n = {width}", (last["layer"] * 1.02, label), va="center", color=colour, fontsize=9
        )
        below = label + 0.06
    axes.set(xlabel="layer", ylim=(-0.03, 1.03), xlim=(0, 1.16 * data["layer"].max()))
    axes.locator_params(axis="x", integer=True)
    axes.set_title("share of networks with a signal")


def draw_needed(figure: Figure, data: pd.DataFrame) -> None:
    """The probability of death over the width, for three depths."""
    axes = figure.add_subplot()
    for place, name in enumerate(data.columns[1:]):
        axes.plot(data["width"], data[name], color=f"C{place}", label=name)
    axes.set(xlabel="units of a layer", yscale="log", ylim=(1e-6, 2))
    axes.axhline(1e-3, color="C4", linewidth=0.8, linestyle=":")
    axes.set_title("probability that the network is dead")
    axes.legend(loc="upper right")


PICTURES = (
    Picture(
        draw_left,
        data="left.csv",
        caption="How many networks still have a signal after so many layers, with Kaiming's weights and one "
        "input. Dots are measured, lines predicted. A layer of one unit kills every second signal, one of six "
        "every sixty-fourth.",
        wrong="If Kaiming's weights kept every signal, all dots would lie on the line at 1.",
        alt="Five falling curves from one: for one unit at zero after five layers, for six units still at 0.73 after "
        "twenty.",
    ),
    Picture(
        draw_needed,
        name="needed",
        data="needed.csv",
        caption="The probability to be dead, over the width of the layers. Ten times the depth asks for three or four "
        "more units: 24 are enough for 10,000 layers and one death in a thousand (dotted).",
        wrong="If depth had to be paid for in proportion, the curves would be further and further apart.",
        alt="Three curves, level at one and then falling in parallel straight lines on a logarithmic scale; the deeper "
        "further to the right.",
    ),
)

SCALE = (
    "the scale of the weights does not decide what is zero: a ReLU network dies alike at any gain"
)
UNSEEN = {
    "1 % too large": SCALE,
    "torch's default for Linear": f"{SCALE}, and for any symmetric continuous law",
    "fan_in for fan_out": SCALE,
}
SEEN = ("a mean of 2 % of the deviation", "one draw for all layers of a shape")
SURVIVED = "impl.depth.dying:layers_survived"


def _twins(right: Callable[..., Any]) -> Callable[..., Any]:
    """Every second unit has the weights of the one before."""

    def fill(w: Tensor, *a: Any, **k: Any) -> Tensor:
        filled: Tensor = right(w, *a, **k)
        filled[1::2] = filled[: 2 * (len(w) // 2) : 2]
        return filled

    return fill


def _one_network(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, widths, networks, stream: right(x, widths, 1, stream).repeat(networks, 1)


MUTANTS = (
    *(
        mutant
        for mutant in wrong_weights("impl.init.kaiming:kaiming_normal_", UNSEEN)
        if mutant.name in (*UNSEEN, *SEEN)
    ),
    Mutant("shared weights", "units in pairs", "impl.init.kaiming:kaiming_normal_", _twins),
    Mutant("shared weights", "one network for all", SURVIVED, _one_network),
    Mutant(
        "wrong rectifier",
        "leaks by 0.01",
        "impl.depth.dying:relu",
        lambda right: lambda z: right(z) - 0.01 * right(-z),
    ),
    Mutant(
        "wrong rectifier",
        "shifted by 0.005",
        "impl.depth.dying:relu",
        lambda right: lambda z: right(z + 0.005),
    ),
    Mutant(
        "off by one layer",
        "the layer of death counts as survived",
        SURVIVED,
        lambda right: lambda x, widths, *a: (right(x, widths, *a) + 1).clamp_max(len(widths)),
    ),
    Mutant(
        "wrong statistic",
        "the network's death for the input's",
        SURVIVED,
        lambda right: lambda *a: right(*a).amax(1, keepdim=True).expand(-1, 2),
    ),
    Mutant(
        "wrong statistic",
        "the second input forgotten",
        SURVIVED,
        lambda right: lambda *a: right(*a)[:, :1].expand(-1, 2),
    ),
)

BLIND = (
    "Anything that keeps every unit's chances even and units independent: gain, fans, the law of the weights.",
    "How large a signal is that has survived; the page on finite width is about that.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
