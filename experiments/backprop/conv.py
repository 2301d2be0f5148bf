"""Convolution as a matrix product: equal to torch's, and zeros at the border cost what is derived (he2015).

Compares impl/backprop/conv.py with loops, torch and autograd on random layers, and follows the mean squares of
signal and gradient, by position, through stacks of 3 x 3 convolutions with He's weights: layer by layer, each over
what is expected given its input, and the gradient's mean through several.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import FEWEST_UNITS, at_least

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    from collections.abc import Callable

    import numpy as np
    import pandas as pd
    import torch
    from matplotlib.figure import Figure

    from experiments.stack import Track
    from experiments.statistics import Comparison

EXACT = ("output", "loops", "windows", "band", "input", "weight", "bias")
DIRECTIONS = ("forward", "backward")
STEPS = (*(f"{way}, {at}" for way in DIRECTIONS for at in ("mean", "corner", "centre")), "ring")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Small images, so that the border counts."""

    layers: int = 40
    """Random layers that are compared exactly."""
    networks: int = 300
    """Independent stacks: the sample."""
    size: int = 8
    """Side of the image."""
    channels: int = 16
    """Channels of every layer."""
    depth: int = 6
    """Layers of a stack."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(1, layers=self.layers, depth=self.depth, size=self.size)
        at_least(FEWEST_UNITS, channels=self.channels)  # else all of a ReLU layer is often zero
        at_least(2, networks=self.networks)
        at_least(0, seed=self.seed)


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a random layer, or a layer and statistic of a network: statistic, layer, number, value, variance.

    Fields are "field, forward, corner" and so on; "forward, corner" is over what is expected given the layer's input.
    """
    import pandas as pd

    from experiments.backprop import _conv_fields
    from experiments.stack import one_thread_each, random_stream

    rows: list[tuple[str, int, int, float, float]] = []
    stream = random_stream(settings.seed, 0)
    for number in range(settings.layers):
        errors = _conv_fields.errors(stream).items()
        rows += [(name, 0, number, error, 0.0) for name, error in errors]
    sizes = settings.size, settings.channels, settings.depth
    half = _half()
    spread = {direction: _expected(settings, direction) for direction in DIRECTIONS}
    with one_thread_each():
        for number in track(range(settings.networks), description="networks"):
            stream = random_stream(settings.seed, 1, number)
            network = _conv_fields.network(*sizes, spread, stream)
            for direction, field in zip(DIRECTIONS, network[:2], strict=True):
                for layer, square in enumerate(field.numpy(), 1):
                    found = places(square).items()
                    rows += [
                        (f"field, {direction}, {at}", layer, number, v, 0.0) for at, v in found
                    ]
            ring = [{"ring": found} for found in _conv_fields.ring(*sizes, half, stream)]
            for layer, (steps, closed) in enumerate(zip(network.steps, ring, strict=True), 1):
                rows += [(name, layer, number, *found) for name, found in (steps | closed).items()]
    return pd.DataFrame(rows, columns=["statistic", "layer", "number", "value", "variance"])


def places(field: np.ndarray) -> dict[str, float]:
    """A field's mean, its corner and its centre."""
    middle = len(field) // 2
    return {"mean": field.mean(), "corner": field[0, 0], "centre": field[middle, middle]}


def theory(settings: Settings, direction: str) -> list[np.ndarray]:
    """The predicted fields, layer by layer: K applied from both sides, to ones (a half of them, backwards)."""
    import numpy as np

    near, share = _near(settings), _share(settings, direction)
    field, found = np.ones((settings.size, settings.size)), []
    for _ in range(settings.depth):
        field = share * near @ field @ near
        found.append(field)
    return found


def _near(settings: Settings) -> np.ndarray:
    """Which positions of a line a window of three reaches from which."""
    import numpy as np

    return np.abs(np.subtract.outer(range(settings.size), range(settings.size))) <= 1


def _share(settings: Settings, direction: str) -> float:
    from derivations.backprop.conv import DERIVATION

    known: dict[str, Any] = {"kernel_size": 3}
    if direction == "backward":
        known |= {"channels": settings.channels, "filters": settings.channels}
    name = "share" if direction == "forward" else "backward_share"
    return float(DERIVATION.predict(name)(**known))


def _half() -> float:
    """What a ReLU keeps of a symmetric number's mean square."""
    from derivations.init.relu import DERIVATION

    return float(DERIVATION.predict("second_moment")(preactivation_var=1.0, negative_slope=0.0))


def _expected(settings: Settings, direction: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """Mean squares after a weight, from those before it: the shares are of a ReLU, too, which passes a half."""
    import torch

    near = torch.tensor(_near(settings), dtype=torch.float64)
    share = _share(settings, direction) / _half()
    return lambda field: share * near @ field @ near


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Layers exactly; steps layer by layer, at their mean, corner and centre; the gradient's mean, some layers back."""
    import numpy as np

    from derivations.backprop.conv import DERIVATION
    from experiments.statistics import exact_value, mean_of_squares, mean_value

    groups = dict(list(samples.groupby(["statistic", "layer"])))
    found = [
        exact_value(groups[name, 0]["value"].max(), 0, 1e-12, statistic=name) for name in EXACT
    ]
    half = _half()
    for layer in range(1, settings.depth + 1):
        for name in STEPS:
            step = groups[name, layer]
            variance = float(step["variance"].mean())
            found.append(
                mean_of_squares(step["value"], 1, variance, statistic=name, layer=layer, order=2)
            )
        for direction in DIRECTIONS:
            where: dict[str, Any] = {"statistic": f"{direction}, passed", "layer": layer}
            found.append(mean_value(groups[where["statistic"], layer]["value"], half, **where))
    found += _layers_back(groups, settings)
    predict, first = DERIVATION.predict, theory(settings, "forward")[0]
    largest = float(np.linalg.eigvalsh(_near(settings) / 3).max()) ** 2
    closed = {"first_mean": first.mean(), "decay": largest}
    for name, value in closed.items():
        expected = float(predict(name)(image_size=settings.size))
        found.append(exact_value(value, expected, 1e-12, statistic=f"{name}, closed form"))
    return found


def _layers_back(groups: dict[Any, pd.DataFrame], settings: Settings) -> list[Comparison]:
    """The mean over positions of a gradient that came through several layers, while its test can be trusted."""
    from experiments.heavy_tails import values_needed
    from experiments.statistics import mean_value

    found = []
    for layer, field in enumerate(theory(settings, "backward"), 1):
        values = groups["field, backward, mean", layer]["value"]
        if settings.networks < values_needed(float(values.var() / values.mean() ** 2), "t"):
            break  # it only grows from here on
        where: dict[str, Any] = {"statistic": "backward, layers back", "layer": layer}
        found.append(mean_value(values, field.mean(), order=2 * layer, **where))
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """The fields against the layer; the entries of both pictures for a small example."""
    import pandas as pd
    import torch

    from impl.backprop.conv import unfold, weight_matrix

    rows = []
    for direction in DIRECTIONS:
        for layer, field in enumerate(theory(settings, direction), 1):
            for at, value in places(field).items():
                name = f"{direction}, {at}"
                chosen = (samples["statistic"] == f"field, {name}") & (samples["layer"] == layer)
                sample = samples[chosen]["value"]
                rows.append((name, layer, sample.mean(), sample.sem(), value))
    columns = ["statistic", "layer", "measured", "standard_error", "predicted"]
    image = torch.arange(1.0, 17).reshape(1, 1, 4, 4)
    kernel = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
    entries = []
    for name, matrix in (
        ("windows", unfold(image, (3, 3))[0].T),
        ("band", weight_matrix(kernel, (4, 4))),
    ):
        for row, line in enumerate(matrix.tolist()):
            entries += [(name, row, column, int(value)) for column, value in enumerate(line)]
    return {
        "fields.csv": pd.DataFrame(rows, columns=columns),
        "matrices.csv": pd.DataFrame(entries, columns=["matrix", "row", "column", "number"]),
    }


def draw_matrices(figure: Figure, data: pd.DataFrame) -> None:
    """Windows as rows, and the band: each entry says which pixel or weight it is; colour is the row's."""
    above, below = figure.subplots(2, 1)
    titles = {"windows": "four windows: which pixel?", "band": "the band: which weight?"}
    for axes, (name, title) in zip((above, below), titles.items(), strict=True):
        chosen = data[data["matrix"] == name]
        for _, row, column, number in chosen.itertuples(index=False):
            text, color = (str(number), f"C{row}") if number else ("·", "0.5")
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=9)
        axes.set_xlim(-0.6, chosen["column"].max() + 0.6)
        axes.set_ylim(3.6, -0.6)
        axes.set_yticks(range(4), [f"output {n}" for n in range(1, 5)])
        axes.set_xticks([])
        axes.set_title(title)


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """Mean squares at the centre, on average and in the corner, against the layer."""
    axes = figure.subplots()
    for number, at in enumerate(("centre", "mean", "corner")):
        for direction, marker in zip(DIRECTIONS, "os", strict=True):
            line = data[data["statistic"] == f"{direction}, {at}"]
            shift = 0.08 if direction == "backward" else -0.08
            if direction == "forward":
                axes.plot(line["layer"], line["predicted"], color=f"C{number}", label=at)
            axes.errorbar(
                line["layer"] + shift, line["measured"], 3 * line["standard_error"],
                fmt=marker, markersize=4, color=f"C{number}",
            )  # fmt: skip
    axes.axhline(1, color="0.5", linewidth=0.6)
    axes.set_yscale("log")
    axes.set_xlabel("layers (dots: forward; squares: backward)")
    axes.set_ylabel("mean square")
    axes.legend()


PICTURES = (
    Picture(
        draw_matrices,
        data="matrices.csv",
        height=3.4,
        caption="A 3 × 3 kernel on a 4 × 4 image has four outputs. Above, each row is a window, times nine weights. "
        "Below, each row holds the nine weights, at their window's pixels, and zeros (dots), times sixteen pixels.",
        wrong="If weights were not shared, the rows of the band would hold 36 different numbers.",
        alt="Two tables of four rows: numbers of pixels, and numbers of weights shifted from row to row among dots.",
    ),
    Picture(
        draw,
        name="fields",
        data="fields.csv",
        caption="Mean square of responses and gradients with zeros around the image and He's weights. Lines: K applied "
        "layer by layer. The border starves first, then the rest.",
        wrong="If the fan were right at every pixel, all would stay on the line at 1.",
        alt="Three falling curves with dots and squares on them: centre highest, then mean, then corner.",
    ),
)

CODE, FIELDS = "impl.backprop.conv:", "experiments.backprop._conv_fields:"


def _gradient(change: Any) -> Any:
    return lambda right: lambda x, w, g, *a, **k: change(*right(x, w, g, *a, **k))


def _scaled(factor: float) -> Any:
    return lambda right: lambda *given: factor * right(*given)


MUTANTS = (
    Mutant("wrong gradient", "weights halved", f"{FIELDS}conv2d_gradients",
           _gradient(lambda dx, dw, db: (dx, dw / 2, db))),
    Mutant("wrong gradient", "kernel turned round", f"{FIELDS}conv2d_gradients",
           _gradient(lambda dx, dw, db: (dx, dw.flip(2, 3), db))),
    Mutant("wrong gradient", "input's sign", f"{FIELDS}conv2d_gradients",
           _gradient(lambda dx, dw, db: (-dx, dw, db))),
    Mutant("wrong gradient", "bias takes a mean", f"{FIELDS}conv2d_gradients",
           _gradient(lambda dx, dw, db: (dx, dw, db / 2))),
    Mutant("wrong product", "a convolution proper", f"{FIELDS}conv2d",
           lambda right: lambda x, w, *a, **k: right(x, w.flip(2, 3), *a, **k)),
    Mutant("wrong product", "the band is transposed in its kernel", f"{CODE}weight_matrix",
           lambda right: lambda w, *a, **k: right(w.flip(2, 3), *a, **k)),
    Mutant("wrong product", "windows doubled", f"{CODE}unfold",
           lambda right: lambda *a, **k: 2 * right(*a, **k)),
    Mutant("wrong gain", "weights 3 % too large", f"{FIELDS}_weights", _scaled(1.03)),
    Mutant("wrong gain", "Xavier's weights", f"{FIELDS}_weights", _scaled(0.5**0.5)),
    Mutant("shared weights", "one filter for all", f"{FIELDS}_weights",
           lambda right: lambda *given: right(*given)[:1, :1].expand(given[0], given[0], 3, 3)),
    Mutant("wrong statistic", "a smaller power than the square", f"{FIELDS}_mean_squares",
           lambda right: lambda tensors: right([t.abs() ** 0.9 for t in tensors])),
)  # fmt: skip

BLIND = (
    "Speed: windows take k² times the image's memory, which torch's own kernels do not write down.",
    "A loss that looks at the output: then the cotangent is not white.",
    "Gradients many layers back, in narrow networks: a few large ones make up their mean, which is left untested where "
    "there are too few networks for it. That of every single layer is tested.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
