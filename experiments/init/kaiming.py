"""Kaiming weights keep the mean square of a deep ReLU stack's activations and gradients (he2015).

Builds stacks with the weights of impl/init/kaiming.py, sends real digits and Gaussian vectors
forwards and Gaussian gradients backwards, and compares every layer's ratio of mean squares with the
derivation's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from experiments.drawings import draw_ratios, draw_stacks
from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import StackSettings, Unusable, at_least, check_rectified, check_widths
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd

    from experiments.lesson import Layer
    from experiments.ratios import Expected
    from experiments.stack import Track
    from experiments.statistics import Comparison
    from experiments.weights import Weights


@dataclass(frozen=True, kw_only=True)
class Settings(StackSettings):
    """Stacks of ReLU layers, 784 → width → … → width."""

    networks: int = 70
    """Independent networks: the sample. 70 notice weights that are 0.5 % too large."""
    depth: int = 50
    """Layers."""
    width: int = 512
    """Units of each layer."""
    widths: tuple[int, ...] = ()
    """Instead of depth and width: the input's size, then every layer's."""
    initialiser: Literal["kaiming", "xavier", "default", "normal"] = "kaiming"
    """The weights that are held to He's claim; all but kaiming should fail."""
    distribution: Literal["normal", "uniform"] = "normal"
    """The law of Kaiming's weights."""
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    """What Kaiming's weights keep: activations or gradients."""
    negative_slope: float = 0.0
    """Leaky ReLU's slope for negative numbers."""
    rivals: int = 8
    """Networks with each of the other initialisers, to show what goes wrong."""
    draws: int = 100
    """Draws of the weights for the lesson's numbers; 0 leaves them out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, depth=self.depth, width=self.width)
        at_least(0, rivals=self.rivals)
        at_least(2 if self.draws else 0, draws=self.draws)
        if self.distribution == "uniform":
            at_least(2, networks=self.networks)  # the variance is estimated from them
        check_widths(self.layers)
        if self.negative_slope == 0:
            check_rectified(self.layers)
        if not math.isfinite(self.negative_slope):
            raise Unusable(f"negative-slope must be finite, got {self.negative_slope}")

    @property
    def layers(self) -> tuple[int, ...]:
        """The widths n_0, n_1, …, n_L."""
        return self.widths or (784, *[self.width] * self.depth)


def initialisers(settings: Settings) -> dict[str, Weights]:
    """All weights that are compared, by name."""
    from experiments import weights

    slope = settings.negative_slope
    return {
        "kaiming": weights.kaiming_weights(settings.distribution, settings.mode, slope),
        "xavier": weights.xavier_weights("normal"),
        "default": weights.default_weights(),
        "normal": weights.normal_weights(),
    }


def lesson_layers() -> list[Layer]:
    """The first layers of the lesson, and the mean and standard deviation that it prints."""
    from experiments.lesson import Layer
    from experiments.weights import kaiming_weights, normal_weights

    nan, scaled = math.nan, normal_weights(1 / math.sqrt(784))
    return [
        Layer("randn", normal_weights(), rectified=False, printed=(nan, 27.0)),
        Layer("randn/√784", scaled, rectified=False, printed=(0.2035, 1.0095)),
        Layer("randn/√784 and ReLU", scaled, rectified=True, printed=(0.5063, 0.6765)),
        Layer("Kaiming and ReLU", kaiming_weights("normal"), True, printed=(0.5678, 0.8491)),
    ]


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """The ratios of mean squares, a row for each network, layer, statistic and input."""
    import pandas as pd

    from experiments import lesson
    from experiments.passes import Stack
    from experiments.ratios import measure_ratios

    samples = []
    for name, weights in initialisers(settings).items():
        tested = name == settings.initialiser
        stack = Stack(settings.layers, weights.fill, settings.negative_slope)
        networks, label = (settings.networks, "") if tested else (settings.rivals, name)
        samples.append(measure_ratios(stack, settings, networks, label, track))
    if settings.draws:
        samples.append(lesson.measure(lesson_layers(), settings.draws, settings))
    return pd.concat(samples, ignore_index=True)


def expected(name: str, direction: str, settings: Settings) -> Expected:
    """Theory: a layer's ratio for the weights ``name``, and its relative variance if known."""
    from derivations.init.kaiming import DERIVATION

    forward, backward = DERIVATION.predict("forward_ratio"), DERIVATION.predict("backward_ratio")
    spread = DERIVATION.predict("ratio_variance")
    weights, slope = initialisers(settings)[name or "kaiming"], settings.negative_slope
    known = weights.normal and (direction == "forward" or settings.cotangent != "ones")

    def at(layer: int) -> tuple[float, float | None]:
        fan_in, fan_out = settings.layers[layer - 1 : layer + 1]
        given = {"weight_var": weights.variance(fan_in, fan_out), "negative_slope": slope}
        if direction == "forward":
            ratio, units = forward(fan_in=fan_in, **given), fan_out
        else:
            ratio, units = backward(fan_out=fan_out, **given), fan_in
        return ratio, spread(units=units, negative_slope=slope) if known else None

    return at


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """The weights under test against He's claim; the others against their own theory."""
    from experiments import lesson
    from experiments.ratios import compare_ratios, compare_spread, statistics

    found = []
    for name, direction, group in statistics(samples):
        theory = expected(name, direction, settings)
        found += compare_ratios(group, theory, by_layer=not name)
        found += [] if name else compare_spread(group, theory)
    if settings.draws:
        found += lesson.compare(lesson_layers(), samples, settings)
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """What the first figure draws, and the lesson's numbers beside ours."""
    from experiments import lesson
    from experiments.paths import paths

    stacks = paths(samples, lambda name, direction: expected(name, direction, settings))
    found = {"stacks.csv": stacks.replace({"label": {"": settings.initialiser}})}
    if settings.draws:
        found["lesson.csv"] = lesson.table(lesson_layers(), samples, settings)
    return found


NAMES = {
    "kaiming": "Kaiming",
    "xavier": "Xavier",
    "default": "PyTorch's default",
    "normal": "N(0, 1)",
}

PICTURES = (
    Picture(
        partial(draw_stacks, names=NAMES),
        data="stacks.csv",
        height=5.2,
        caption="A deep stack under four initialisations: root mean square of the activations "
        "(above) and of the gradients (below), digits in, as multiples of where they "
        "start. Dots are measured, lines predicted. Kaiming's stay where they are; "
        "Xavier's and PyTorch's default fade by a constant factor a layer, and N(0, 1) "
        "leaves float32 behind.",
        wrong="If the factor ½ of the rectifier were not there, Xavier's line would be the level "
        "one; if the derivation were wrong, dots would leave their lines.",
        alt="Four lines on a logarithmic scale against the layer: Kaiming level, Xavier and "
        "PyTorch's default falling, N(0, 1) rising steeply; forwards and backwards alike.",
    ),
    Picture(
        draw_ratios,
        name="layers",
        height=5.2,
        caption="Each layer's ratio of mean squares, forwards (above) and backwards (below), over "
        "its prediction. In the band, a dot agrees, as all dots do at once in 999 of 1,000 "
        "runs. Deep in the stack digit and Gaussian vector agree with each other too: ReLU "
        "layers turn all inputs the same way.",
        wrong="With Xavier's gain all dots would lie at 0.5, far below the band; with a gain that "
        "is wrong in one layer, one of them would lie outside.",
        alt="Dots for every layer, scattered by two per cent about a level line, all within a "
        "band.",
    ),
)

BARE = {"rivals": 0, "draws": 0}  # without what is only shown

MUTANTS = (
    *wrong_weights("impl.init.kaiming:kaiming_normal_"),
    Mutant(
        "wrong statistic",
        "variance for second moment",
        "experiments.passes:mean_square",
        lambda _: lambda vectors: vectors.double().var(dim=1, correction=0),
    ),
    Mutant(
        "wrong statistic",
        "mean size for root mean square",
        "experiments.passes:mean_square",
        lambda _: lambda vectors: vectors.double().abs().mean(dim=1).square(),
    ),
    Mutant(
        "wrong rectifier",
        "the negative half leaks by 0.1",
        "impl.backprop.chain_rule:relu",
        lambda relu: lambda x, slope=0.0: relu(x, slope or 0.1),
    ),
    Mutant(
        "wrong rectifier",
        "the gradient's mask is flipped",
        "impl.backprop.chain_rule:relu_gradient",
        lambda right: lambda z, g, slope=0.0: right(-z, g, slope),
        unseen="the sign of a preactivation is a fair coin, and either half keeps as much; "
        "backprop/chain_rule compares gradients one by one",
    ),
)

BLIND = (
    "The shape of the weights' law: uniform and normal weights of the same variance give the same "
    "mean squares, and their spread differs by less than can be seen here.",
    "A fan_in and a fan_out that are swapped in square layers, where they are equal. Only the "
    "first layer is not square (try --widths).",
    "The order or the place of the weights within a layer, which no mean square depends on.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
