"""Xavier weights keep the mean square of a linear stack, if its widths are equal (glorot2010).

Builds linear stacks with the weights of impl/init/xavier.py, of equal and of alternating widths,
and a ReLU stack, which they do not keep: there the mean square halves at every layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from experiments.drawings import draw_ratios, draw_stacks
from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import StackSettings, at_least, check_rectified, check_widths
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd

    from experiments.ratios import Expected
    from experiments.stack import Track
    from experiments.statistics import Comparison
    from experiments.weights import Weights


@dataclass(frozen=True, kw_only=True)
class Settings(StackSettings):
    """Stacks 784 → width → … → width, and 784 → width → narrow → width → …"""

    networks: int = 72
    """Independent networks of each stack. 72 notice weights that are 0.5 % too large."""
    depth: int = 30
    """Layers."""
    width: int = 512
    """Units of each layer."""
    narrow: int = 128
    """Units of every other layer of the uneven stack."""
    distribution: Literal["uniform", "normal"] = "uniform"
    """The law of the weights; the paper's is uniform."""
    rivals: int = 8
    """Networks with the initialisation that was usual before, U(-1/√n, 1/√n)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, depth=self.depth, width=self.width, narrow=self.narrow)
        at_least(0, rivals=self.rivals)
        if self.distribution == "uniform":
            at_least(2, networks=self.networks)  # the variance is estimated from them
        check_widths(self.equal)
        check_rectified(self.equal)

    @property
    def equal(self) -> tuple[int, ...]:
        """The widths of the stacks of equal layers."""
        return (784, *[self.width] * self.depth)

    @property
    def alternating(self) -> tuple[int, ...]:
        """The widths of the uneven stack."""
        return (784, *[self.narrow if layer % 2 else self.width for layer in range(self.depth)])


class Case(NamedTuple):
    """A stack that is measured."""

    widths: tuple[int, ...]
    weights: Weights
    slope: int  # 1: linear, 0: ReLU
    networks: int


def cases(settings: Settings) -> dict[str, Case]:
    """The stacks by name: those that are tested layer by layer, and the usual weights of before."""
    from experiments.weights import default_weights, xavier_weights

    weights, networks = xavier_weights(settings.distribution), settings.networks
    return {
        "linear": Case(settings.equal, weights, 1, networks),
        "uneven": Case(settings.alternating, weights, 1, networks),
        "ReLU": Case(settings.equal, weights, 0, networks),
        "standard": Case(settings.equal, default_weights(), 1, settings.rivals),
    }


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """The ratios of mean squares: one row a network, layer, statistic and input."""
    import pandas as pd

    from experiments.passes import Stack
    from experiments.ratios import measure_ratios

    return pd.concat(
        [
            measure_ratios(
                Stack(case.widths, case.weights.fill, case.slope),
                settings,
                case.networks,
                name,
                track,
            )
            for name, case in cases(settings).items()
        ],
        ignore_index=True,
    )


def expected(name: str, direction: str, settings: Settings) -> Expected:
    """Theory: a layer's ratio in the stack ``name``, and its relative variance if known."""
    from derivations.init.kaiming import DERIVATION as KAIMING
    from derivations.init.xavier import DERIVATION

    case = cases(settings)[name]
    kind = "linear" if case.slope else "relu"
    ratio = DERIVATION.predict(f"{kind}_{direction}_ratio")
    spread = DERIVATION.predict("linear_ratio_variance")
    relu_spread = KAIMING.predict("ratio_variance")

    def at(layer: int) -> tuple[float, float | None]:
        fan_in, fan_out = case.widths[layer - 1 : layer + 1]
        fan, units = ("fan_in", fan_out) if direction == "forward" else ("fan_out", fan_in)
        fans = {"fan_in": fan_in, "fan_out": fan_out}
        variance = spread(units=units) if case.slope else relu_spread(units=units, negative_slope=0)
        known = variance if case.weights.normal else None
        if case.slope:
            weight_var = case.weights.variance(fan_in, fan_out)
            return ratio(**{fan: fans[fan]}, weight_var=weight_var), known
        return ratio(**fans), known

    return at


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Every stack against its theory: layer by layer, and over all layers."""
    from experiments.ratios import compare_ratios, compare_spread, statistics

    found = []
    for name, direction, group in statistics(samples):
        theory = expected(name, direction, settings)
        found += compare_ratios(group, theory, by_layer=name != "standard")
        found += compare_spread(group, theory)
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """What the first figure draws."""
    from experiments.paths import paths

    return {
        "stacks.csv": paths(samples, lambda label, direction: expected(label, direction, settings))
    }


NAMES = {
    "linear": "linear",
    "uneven": "linear, uneven",
    "ReLU": "ReLU",
    "standard": "linear, U(±1/√n)",
}

PICTURES = (
    Picture(
        partial(draw_stacks, names=NAMES),
        data="stacks.csv",
        height=5.2,
        caption="Root mean square of the activations (above) and of the gradients (below) in "
        "stacks with Xavier's weights, as multiples of where they start. Dots are "
        "measured, lines predicted. In a linear stack of equal widths both stay; with "
        "uneven widths, wide and narrow in turn, both fade, as one variance cannot serve "
        "both passes; under ReLU both lose half of their mean square at every layer. The "
        "weights that were usual before, U(±1/√n), fade most.",
        wrong="If Xavier's weights suited rectifiers, the ReLU line would be level; if the "
        "derivation were wrong, dots would leave their lines.",
        alt="Four lines on a logarithmic scale against the layer: one level, one falling in "
        "zigzag, two falling steeply; forwards and backwards alike.",
    ),
    Picture(
        partial(draw_ratios, label="uneven"),
        name="layers",
        height=5.2,
        caption="Each layer's ratio of mean squares in the linear stack of uneven widths, forwards "
        "(above) and backwards (below), over its prediction, which is 1.6 and 0.4 in turn. "
        "In the band, a dot agrees.",
        wrong="With a wrong gain all dots would lie above or below the band; with fan_in in place "
        "of the mean of both fans, every other one would.",
        alt="Dots for every layer, scattered by two per cent about a level line, all within a "
        "band.",
    ),
)

BARE = {"rivals": 0}  # without what is only shown

MUTANTS = (
    *wrong_weights(
        "impl.init.xavier:xavier_uniform_",
        unseen={"fan_in for fan_out": "Xavier's variance depends on the sum of both fans alone"},
    ),
    Mutant(
        "wrong statistic",
        "variance for second moment",
        "experiments.passes:mean_square",
        lambda _: lambda vectors: vectors.double().var(dim=1, correction=0),
    ),
    Mutant(
        "wrong rectifier",
        "the negative half leaks by 0.3",
        "impl.backprop.chain_rule:relu",
        lambda relu: lambda x, slope=0.0: relu(x, slope or 0.3),
    ),
)

BLIND = (
    "Uniform and normal weights of the same variance give the same mean squares.",
    "fan_in and fan_out that are swapped: Xavier's variance depends on their sum alone.",
    "Activations that are not piecewise linear: the paper's own tanh is linear only near 0, and is "
    "not run here.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
