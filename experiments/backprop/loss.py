"""Losses: their gradients, and what they are before any training (goodfellow2016, parr2018).

Compares impl/backprop/loss.py and cross_entropy.py with torch on random problems, and measures the loss, the gradient
and its alignment for random logits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Tensor

    from experiments.stack import Track
    from experiments.statistics import Comparison

BATCHES = (1, 2, 5)  # of the problems; in a batch of one, squeeze() takes one dimension too many
SMALL = 0.5  # logits up to which the loss is compared with its expansion


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Random problems for exact gradients, and random logits for what is expected."""

    problems: int = 60
    """Random problems."""
    draws: int = 20_000
    """Examples with random logits, for each size of these."""
    classes: int = 10
    """Classes, C."""
    stds: tuple[float, ...] = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
    """Standard deviations of the logits, s."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(1, problems=self.problems)
        at_least(2, draws=self.draws, classes=self.classes)
        at_least(0, seed=self.seed)
        if not self.stds or len(set(self.stds)) < len(self.stds):
            raise Unusable(f"stds must be different, and at least one, got {self.stds}")
        at_least(1e-6, stds=min(self.stds))
        at_least(-30, stds=-max(self.stds))


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a problem or draw: statistic, std, number, value, and what is predicted for this one."""
    import pandas as pd

    from experiments.backprop import _loss_problems, _random_logits
    from experiments.stack import random_stream

    rows: list[tuple[str, float, int, float, float]] = []
    stream = random_stream(settings.seed, 0)
    for number in track(range(settings.problems), description="problems"):
        errors = _loss_problems.errors(BATCHES[number % len(BATCHES)], stream)
        rows += [(name, 0, number, error, 0) for name, error in errors.items()]
    rows += [(name, 0, 0, *pair) for name, pair in _loss_problems.overflow().items()]
    columns = ["statistic", "std", "number", "value", "expected"]
    found = [pd.DataFrame(rows, columns=columns)]
    for place, std in enumerate(track(settings.stds, description="random logits")):
        frames = _random_logits.untrained(settings, std, random_stream(settings.seed, 1, place))
        found += [frame.assign(statistic=name, std=std) for name, frame in frames.items()]
    return pd.concat(found, ignore_index=True)


TOLERANCES = {
    "shapes changed": 0.0,
    "mse / torch": 1e-14,
    "mse gradient / derived": 1e-14,
    "cross-entropy / torch": 1e-14,
    "cross-entropy gradient / autograd": 1e-15,
    "Hessian / differences": 1e-9,
}


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Gradients and overflow exactly; for every size of the logits, means over the draws."""
    from experiments.statistics import exact_value, mean_value

    groups = dict(iter(samples.groupby("statistic", sort=False)))
    found = [
        exact_value(float(groups[name]["value"].max()), 0, tolerance, statistic=name)
        for name, tolerance in TOLERANCES.items()
    ]
    for name in ("overflow", "loss beyond"):
        (value,), (expected,) = groups[name]["value"], groups[name]["expected"]
        found.append(exact_value(value, expected, 1e-6 * expected, statistic=name))
    for name in ("loss", "squared gradient", "alignment"):
        for std, group in groups[name].groupby("std"):
            size = float(str(std))
            if name == "loss" and size > SMALL:
                continue  # what the expansion leaves out would be noticed
            predicted = float(group["expected"].mean())
            # a draw is compared with what its own p makes of it: only the difference is random
            each = group["value"] - group["expected"] + predicted
            order = 2 if name == "alignment" else 0
            label = f"{name}, s = {size:g}"
            found.append(mean_value(each, predicted, statistic=label, order=order))
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """The mean loss for every size of the logits; the same between a dense curve of its expansion."""
    import numpy as np
    import pandas as pd

    from experiments.backprop._random_logits import initial_loss

    grouped = samples[samples["statistic"] == "loss"].groupby("std")
    start = grouped["value"].agg(measured="mean", standard_error="sem").reset_index()
    start["predicted"] = grouped["expected"].first().to_numpy()
    start.insert(0, "quantity", [f"loss, s = {std:g}" for std in start["std"]])
    dense = np.geomspace(min(settings.stds), max(settings.stds), 100)
    curve = pd.DataFrame(
        {"std": dense, "predicted": [initial_loss(settings.classes, std) for std in dense]}
    )
    curve = pd.concat([start.drop(columns="quantity"), curve]).sort_values("std")
    return {"start.csv": start, "curve.csv": curve.assign(uniform=math.log(settings.classes))}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """The loss of an untrained classifier against the size of its logits."""
    axes = figure.subplots()
    dots, uniform = data.dropna(), data["uniform"].iloc[0]
    known = data[data["predicted"].cummax() == data["predicted"]]  # then s⁴ turns it down
    axes.axhline(uniform, color="C3", linestyle="--", linewidth=1.2)
    axes.annotate("log C", (data["std"].max(), uniform), xytext=(0, 4), textcoords="offset points",
                  ha="right", color="C3", fontweight="bold")  # fmt: skip
    axes.plot(known["std"], known["predicted"], color="C2", label="predicted, to s⁴")
    axes.errorbar(dots["std"], dots["measured"], 3 * dots["standard_error"],
                  fmt="o", markersize=4, color="C0", label="measured")  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(dots["std"], [f"{std:g}" for std in dots["std"]])
    axes.minorticks_off()
    axes.set_xlabel("standard deviation of the logits, s")
    axes.set_ylabel("loss before training")
    axes.legend(loc="upper left")


PICTURES = (
    Picture(
        draw,
        data="curve.csv",
        height=3.2,
        caption="The cross-entropy of an untrained classifier, with three standard errors. It starts at log C only "
        "while its logits are small; the expansion holds to about s = 1.",
        wrong="If the loss always started at log C, all dots would lie on the dashed line.",
        alt="Dots that leave a level dashed line and rise ever more steeply, with a curve through the first of them.",
    ),
)

MSE = "impl.backprop.loss:"
CODE = "impl.backprop.cross_entropy:"
LOGITS = "experiments.backprop._random_logits:draw_logits"


def _scaled(factor: float) -> Any:
    return lambda right: lambda *given: factor * right(*given)


def _no_label(right: Any) -> Any:
    """p for p - y."""

    def gradient(logits: Tensor, label: Tensor) -> Tensor:
        found: Tensor = right(logits, label).clone()
        found[range(len(label)), label] += 1 / len(label)
        return found

    return gradient


def _shared(right: Any) -> Any:
    """Half of every logit is common to all classes."""

    def logits(*given: Any) -> Any:
        own, label = right(*given)
        return (own + own[:, :1]) / math.sqrt(2), label

    return logits


def _seen(right: Any) -> Any:
    """Labels that are the largest logit: the network has been trained."""
    return lambda *given: ((logits := right(*given)[0]), logits.argmax(1))


def _overflowing(_: Any) -> Any:
    return lambda z: z - z.exp().sum(-1, keepdim=True).log()


MUTANTS = (
    Mutant("wrong gradient", "MSE lacks its factor 2", f"{MSE}mse_loss_gradient", _scaled(0.5)),
    Mutant(
        "wrong gradient",
        "a batch of one loses a dimension",
        f"{MSE}mse_loss_gradient",
        lambda right: lambda output, target: right(output, target).squeeze(),
    ),
    Mutant("wrong gradient", "y - p for p - y", f"{CODE}cross_entropy_gradient", _scaled(-1)),
    Mutant("wrong gradient", "p for p - y", f"{CODE}cross_entropy_gradient", _no_label),
    Mutant("wrong loss", "in bits", f"{CODE}log_softmax", _scaled(1 / math.log(2))),
    Mutant("wrong loss", "exponentials overflow", f"{CODE}log_softmax", _overflowing),
    Mutant(
        "wrong gain",
        "the softmax is 5 % colder",
        f"{CODE}softmax",
        lambda right: lambda z: right(1.05 * z),
    ),
    Mutant(
        "wrong gain",
        "logits 5 % too large",
        LOGITS,
        lambda right: lambda *given: ((found := right(*given))[0] * 1.05, found[1]),
    ),
    Mutant("biased noise", "logits share a part", LOGITS, _shared),
    Mutant("biased noise", "the label is the largest logit", LOGITS, _seen),
    Mutant(
        "wrong statistic",
        "the loss of every class for that of the right one",
        f"{CODE}cross_entropy",
        lambda _: lambda z, label: -z.log_softmax(-1).mean(),
    ),
)

BLIND = (
    "The loss where the logits are larger than s = 0.5: the expansion leaves terms out, and is shown but not tested.",
    "A column minus a row of targets: `mse_loss` refuses it, and tensors/broadcasting says what it would compute.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
