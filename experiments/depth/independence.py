"""He's backward assumption is exact where nothing looks at the output, and breaks in five ways (he2015).

Builds small ReLU networks with real weights, many side by side, sends gradients back that do and do not
know of the network, and compares their mean squares with the derivation's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

NARROWEST = 20  # units: narrower layers are all zero too often for what is derived of ones
LARGEST_SPREAD = 1.0  # of log f²Δ₀ over the layers, above which its mean has no power


@dataclass(frozen=True, kw_only=True)
class Settings:
    """ReLU networks, half as many inputs as units, and linear readouts of their last layer."""

    networks: int = 10_000
    """Independent networks. 10,000 notice weights that are 1 % too large."""
    depth: int = 4
    """Layers."""
    width: int = 64
    """Units of each layer."""
    outputs: int = 10
    """Outputs, for the loss that adds up their squares."""
    bias: float = 0.5
    """The constant bias that breaks the symmetry, and the deviation of the normal one that does not."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(2, networks=self.networks)
        at_least(1, depth=self.depth, outputs=self.outputs)
        at_least(NARROWEST, width=self.width)
        at_least(0, seed=self.seed)
        if not math.isfinite(self.bias):
            raise Unusable(f"bias must be finite, got {self.bias}")
        spread = 5 * self.depth / self.width
        if spread > LARGEST_SPREAD:
            raise Unusable(
                f"depth / width is too large: 5 · {self.depth} / {self.width} = {spread:.2g} > "
                f"{LARGEST_SPREAD:g}, so that a "
                "few networks make up the mean; take wider layers (or test logarithms: depth/finite_width)"
            )

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.width // 2

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths n_0, …, n_L."""
        return (self.inputs, *[self.width] * self.depth)


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a network, one column a statistic: its value over what independence says."""
    import pandas as pd

    from experiments.depth._breaks import TOGETHER, one_block
    from experiments.stack import one_thread_each, random_stream

    blocks = range(0, settings.networks, TOGETHER)
    with one_thread_each():
        found = [
            pd.DataFrame(one_block(settings, random_stream(settings.seed, start)))
            for start in track(blocks, description="blocks of networks")
        ]
    return pd.concat(found, ignore_index=True)[: settings.networks]


def expected(settings: Settings) -> dict[str, float]:
    """What the derivation says of each statistic; where nothing breaks, 1."""
    from derivations.depth.independence import DERIVATION
    from experiments.depth._breaks import ANGLE, BATCH

    predict = {p.name: DERIVATION.predict(p.name) for p in DERIVATION.predictions}
    n, n_0, depth = settings.width, settings.inputs, settings.depth
    deep, wide = {"depth": depth, "units": n}, {"inputs": n_0}
    kept, square = float(predict["kept"]()), predict["gradient_square"](**deep)
    found = dict.fromkeys(("outside, input", "symmetric bias", "batch, apart"), kept)
    for layer in range(1, depth + 1):
        found |= {f"outside, layer {layer}": kept, f"outside, weights {layer}": kept}
        found[f"loss, weights {layer}"] = square
    return found | {
        "own masks, square": square,
        "coins, square": square,
        "loss": predict["loss"](**deep, **wide),
        "output, fourth power": predict["output_fourth"](**deep),
        "many outputs": predict["many_outputs"](**deep, **wide, outputs=settings.outputs),
        "ones": predict["ones"](**deep, **wide),
        "constant bias": predict["constant_bias"](**wide, threshold=settings.bias / math.sqrt(2)),
        "batch": predict["batch"](batch=BATCH, angle=ANGLE),
    }


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """The mean of each statistic over the networks."""
    from experiments.statistics import mean_value

    theory = expected(settings)
    return [
        mean_value(
            samples[name],
            float(prediction),
            statistic=name,
            order=2 * settings.depth if name == "outside, input" else 0,
        )
        for name, prediction in theory.items()
        if name in samples
    ]


SHOWN = {
    "outside, input": "from outside",
    "symmetric bias": "… and normal biases",
    "constant bias": "constant bias (1 layer)",
    "batch": "batch, summed (1 layer)",
    "loss": "loss ½f²",
    "many outputs": "loss ½|f|², all outputs",
    "ones": "all ones",
}


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """The breaks that the figure shows, in its order; and what ones do for each depth."""
    import pandas as pd

    theory = expected(settings)
    rows = [
        (name, label, samples[name].mean(), samples[name].sem(), float(theory[name]))
        for name, label in SHOWN.items()
    ]
    columns = ["statistic", "label", "measured", "standard_error", "predicted"]
    return {"breaks.csv": pd.DataFrame(rows, columns=columns)}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """A line for each kind of gradient: predicted as a bar, measured as a dot with its error."""
    axes = figure.subplots()
    places = range(len(data))[::-1]
    axes.axvline(1, color="C2", linewidth=1.2)
    axes.barh(places, data["predicted"] - 1, left=1, height=0.5, color="C0", alpha=0.35)
    errors = 3 * data["standard_error"]
    axes.errorbar(data["measured"], places, xerr=errors, fmt="o", color="C1", markersize=4)
    axes.set_yticks(list(places), data["label"])
    axes.set_xlabel("gradient's mean square, over He's")


PICTURES = (
    Picture(
        draw,
        data="breaks.csv",
        height=3.2,
        caption="The gradient's mean square in ReLU networks of four layers of 64 units, over what He's "
        "assumption says. "
        "Bars are derived, dots measured, with three standard errors. A gradient from outside keeps to it "
        "exactly; one that knows of the network does not.",
        wrong="If masks and gradients were independent, all dots would lie on the line at 1.",
        alt="Seven rows. Two dots lie at 1; those of a constant bias, a summed batch, a loss of one and "
        "of ten outputs, "
        "and of a gradient of ones lie at 1.3, 2, 1.4, 3 and 3.4, each at the end of its bar.",
    ),
)

CODE = "impl.depth.independence:"
MUTANTS = (
    *wrong_weights("impl.init.kaiming:kaiming_normal_"),
    Mutant("wrong mask", "flipped", f"{CODE}active", lambda right: lambda x: right(x) == 0),
    Mutant("wrong mask", "none", f"{CODE}active", lambda _: lambda x: x == x),
    Mutant("wrong mask", "coins", f"{CODE}active", lambda _: _coins),
    Mutant(
        "off by one layer",
        "the masks of the layers below",
        f"{CODE}gradients",
        lambda right: lambda w, masks, top: right(w, [masks[0], *masks[:-1]], top),
    ),
    Mutant(
        "wrong statistic",
        "the largest entry squared",
        f"{CODE}squared_length",
        lambda _: lambda x: (x * x).amax(-1),
    ),
    Mutant(
        "wrong statistic",
        "each input's own gradient of the weights",
        f"{CODE}weight_gradient_square",
        lambda _: lambda x, u: ((x * x).sum(-1) * (u * u).sum(-1)).sum(-1),
    ),
    Mutant(
        "wrong bias",
        "left out",
        f"{CODE}activations",
        lambda right: lambda x, weights, biases=None: right(x, weights),
    ),
)


def _coins(x: Tensor) -> Tensor:
    import torch

    return torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < 0.5


BLIND = (
    "Narrow and deep networks, in which a few make up the mean: settings with 5 L / n > 1 are refused.",
    "More than one layer under a constant bias, and the lower layers' gradients of a batch: there we "
    "know no exact formula.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
