"""What depth/training measured: beside the derivation, and as tables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from derivations.depth.finite_width import DERIVATION as WIDTH
from derivations.depth.training import DERIVATION
from derivations.init.kaiming import DERIVATION as KAIMING
from derivations.init.xavier import DERIVATION as XAVIER
from experiments.depth import _training_runs as runs
from experiments.distributions import share
from experiments.statistics import FALSE_ALARM, Comparison, exact_value, mean_of_squares

if TYPE_CHECKING:  # it imports this module
    from experiments.depth.training import Settings

SURE = (
    0.8  # the least probability that a network learns with; where they stall, the most is 1 - SURE
)
EXACT = 1e-9  # rounding, over all layers or steps
SMOOTH = 20  # steps over which the loss in the figure is averaged
CHANGE = 0.1  # of its weights: what first_steps asks for


def expected(rule: str, depth: int, settings: Settings) -> list[float]:
    """The mean log of every layer's squared gradient, over the squared lengths at both ends, as derived."""
    sizes = runs.widths(depth, settings.width)
    size = {"units": settings.width, "inputs": sizes[0]}
    first = float(DERIVATION.predict("first_square")())
    hidden, last = (float(DERIVATION.predict(f"{k}_square")(**size)) for k in ("hidden", "last"))
    drift = (depth - 1) * float(WIDTH.predict("drift")(units=settings.width))
    logs = [math.log(mean) + drift for mean in (first, *[hidden] * (depth - 2), last)]
    if rule == "Kaiming":
        return logs
    factors = runs.scales(sizes).weights
    return [log + 2 * math.log(factor) for log, factor in zip(logs, factors, strict=True)]


def gradients(
    here: pd.DataFrame, rule: str, depth: int, settings: Settings
) -> Iterator[Comparison]:
    """The mean log of each layer's squared gradient, and the mean ratio of one hidden signal to the one before."""
    n, where = settings.width, {"input": f"{rule}, {depth} layers"}
    spread = (depth - 1) * float(WIDTH.predict("log_ratio_variance")(units=n))
    logs = here[here["statistic"] == "gradient"].groupby("place")["value"].mean()
    for layer, predicted in enumerate(expected(rule, depth, settings), start=1):
        yield Comparison(
            measured=float(logs.get(layer, math.nan)),
            predicted=predicted,
            standard_error=math.sqrt(spread / settings.begun),
            test="normal",
            statistic="log gradient",
            layer=layer,
            input=where["input"],
        )
    ratios = here[here["statistic"] == "ratio"]["value"]
    if len(ratios):  # two hidden layers at the least
        half = float(XAVIER.predict("relu_forward_ratio")(fan_in=n, fan_out=n))
        kept = {"Kaiming": 1.0, "Xavier": half}[rule]
        variance = float(KAIMING.predict("ratio_variance")(units=n, negative_slope=0))
        yield mean_of_squares(ratios, kept, variance, statistic="signal ratio", order=2, **where)


def learnt(here: pd.DataFrame, rule: str, depth: int, settings: Settings) -> Comparison:
    """How many networks have learnt, where nearly all should, or nearly none: an exact binomial test."""
    right = here[here["statistic"] == "accuracy"]["value"]
    stalls = rule == "Xavier" and depth >= settings.stalls
    return share(
        int((right >= settings.learnt).sum()),
        len(right),
        1 - SURE if stalls else SURE,
        "greater" if stalls else "less",
        statistic="share that learns",
        input=f"{rule}, {depth} layers",
    )


def counts(samples: pd.DataFrame, depth: int, settings: Settings) -> list[list[int]]:
    """How many networks of ``depth`` have learnt, and how many have not: Kaiming's, Xavier's."""
    right = samples[(samples["statistic"] == "accuracy") & (samples["depth"] == depth)]
    found = []
    for rule in runs.RULES:
        learns = right[right["rule"] == rule]["value"] >= settings.learnt
        found.append([int(learns.sum()), int((~learns).sum())])
    return found


def chance(table: list[list[int]]) -> float:
    """How likely Kaiming's start is as far ahead, or farther, if both are as good: Fisher's exact test."""
    return float(stats.fisher_exact(table, "greater").pvalue)


def difference(samples: pd.DataFrame, settings: Settings) -> Iterator[Comparison]:
    """Where Xavier's networks stall, chance must not explain it: p is below the error rate, or this disagrees.

    Left out if there are too few networks for any p below it.
    """
    size = settings.networks
    if chance([[size, 0], [0, size]]) < FALSE_ALARM:
        for depth in settings.depths:
            if depth >= settings.stalls:
                p = chance(counts(samples, depth, settings))
                where = {"statistic": "p, if both were as good", "input": f"{depth} layers"}
                yield exact_value(p, 0.0, FALSE_ALARM, **where)


def sameness(samples: pd.DataFrame, settings: Settings) -> Iterator[Comparison]:
    """Xavier's network less Kaiming's times what is derived: nothing, at the start and along a path."""
    off = samples[samples["statistic"].str.endswith("over Kaiming's")]
    for (depth, name), group in off.groupby(["depth", "statistic"]):
        worst = float(group["value"].max(skipna=False))
        yield exact_value(worst, 0.0, EXACT, statistic=str(name), input=f"{depth} layers")
    path = samples[samples["statistic"] == "path"]
    losses = path.pivot(index="place", columns="rule", values="value")
    worst = float((losses["Xavier"] - losses["Kaiming"]).abs().max(skipna=False))
    where = {"statistic": "losses on one path", "input": f"{settings.path_depth} layers"}
    yield exact_value(worst, 0.0, EXACT, **where)


def curves(samples: pd.DataFrame) -> pd.DataFrame:
    """The loss of every network, averaged over some steps at a time."""
    losses = samples[samples["statistic"] == "loss"].assign(
        step=lambda each: (each["place"] // SMOOTH) * SMOOTH + SMOOTH // 2
    )
    keys = ["depth", "rule", "network", "step"]
    return losses.groupby(keys, sort=False)["value"].mean().reset_index(name="loss")


def layers(samples: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Each layer's gradient: a geometric mean of its length, its standard error as a factor, and what is derived."""
    kinds = {"gradient": "derived", "loss's gradient": "real loss"}
    found = samples[samples["statistic"].isin(kinds)].assign(
        kind=lambda each: each["statistic"].map(kinds), length=lambda each: each["value"] / 2
    )
    keys = ["kind", "rule", "depth", "place"]
    table = found.groupby(keys, sort=False)["length"].agg(["mean", "sem"]).reset_index()
    predicted = {
        (rule, depth, layer): math.exp(log / 2)
        for rule in runs.RULES
        for depth in settings.depths
        for layer, log in enumerate(expected(rule, depth, settings), start=1)
    }
    table["predicted"] = [
        predicted[key] for key in zip(table["rule"], table["depth"], table["place"], strict=True)
    ]
    table["measured"], table["factor"] = np.exp(table["mean"]), np.exp(table["sem"])
    return table.drop(columns=["mean", "sem"]).rename(columns={"place": "layer"})


def shares(samples: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Who has learnt, by depth; and how likely so large a difference is by chance."""
    right = samples[samples["statistic"] == "accuracy"].groupby(["depth", "rule"])["value"].median()
    rows = []
    for depth in settings.depths:
        table = counts(samples, depth, settings)
        row: dict[str, object] = {"layers": depth}
        for rule, (hits, misses) in zip(runs.RULES, table, strict=True):
            row[f"{rule}: learnt"] = f"{hits} of {hits + misses}"
            row[f"{rule}: median accuracy"] = right[depth, rule]
        rows.append(row | {"p, if both were as good": chance(table)})
    return pd.DataFrame(rows)


def first_steps(settings: Settings) -> pd.DataFrame:
    """What one step changes in a hidden layer, and how long a tenth takes, after either start at its own rate.

    For a digit of mean square 1, all classes held equally likely; steps that keep their direction, without biases.
    """
    change = float(DERIVATION.predict("first_change")(classes=runs.CLASSES, second_moment=1))
    waiting = DERIVATION.predict("waiting")
    rows = []
    rates = zip(settings.rates("Kaiming"), settings.rates("Xavier"), strict=True)
    for (depth, kaiming), (_, xavier) in rates:
        scales = runs.scales(runs.widths(depth, settings.width))
        steps, others = (CHANGE * (1 - settings.momentum) / (change * r) for r in (kaiming, xavier))
        wait = waiting(steps=others, multiplier=scales.multiplier, layer_scale=scales.layers[1])
        rows.append((depth, scales.multiplier, math.ceil(steps), math.ceil(wait)))
    columns = ["layers", "Xavier's output over Kaiming's", "steps, Kaiming", "steps, Xavier"]
    return pd.DataFrame(rows, columns=columns)
