"""Stacks of shifted ReLUs: one network both ways, and what it is compared with. A part of init/shifted_relu."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from derivations.init.kaiming import DERIVATION as KAIMING
from derivations.init.shifted_relu import DERIVATION
from experiments import passes
from experiments.passes import Stack
from experiments.ratios import compare_ratios
from experiments.statistics import Comparison, mean_of_squares, mean_value
from impl.init import kaiming, shifted_relu

DEEP = 20  # layers after which 0.363 to this power, 1e-9, is left of how a stack began


class Case(NamedTuple):
    """A stack: the gain of its weights, and the constant after its rectifiers."""

    gain: float
    shift: float


def cases() -> dict[str, Case]:
    """The stacks by name; ``plain`` is only shown."""
    kaimings = float(KAIMING.predict("gain")(negative_slope=0))
    unit = shifted_relu.unit_gain()
    return {
        "lesson": Case(kaimings, 0.5),
        "centred": Case(kaimings, shifted_relu.centring_shift(kaimings)),
        "unit": Case(unit, shifted_relu.centring_shift(unit)),
        "plain": Case(kaimings, 0.0),
    }


def fill(gain: float) -> Callable[..., Any]:
    """Kaiming's weights for a linear layer, times ``gain``."""

    def scaled(weights: Any, stream: Any) -> object:
        filled = kaiming.kaiming_normal_(weights, nonlinearity="linear", generator=stream)
        return filled.mul_(gain)

    return scaled


def one_network(
    stack: Stack, weights: passes.Weights, start: float, stream: Any
) -> list[tuple[str, int, float]]:
    """Statistic, layer and value: forwards and, for a Gaussian cotangent, backwards."""
    x = torch.randn(1, stack.widths[0], generator=stream)
    x *= math.sqrt(start) / x.square().mean().sqrt()
    found = [("mean square", 0, float(passes.mean_square(x)[0]))]

    def watch(layer: int, z: torch.Tensor, x: torch.Tensor) -> None:
        found.append(("mean square", layer, float(passes.mean_square(x)[0])))
        found.append(("mean", layer, float(x.double().mean())))

    _, memory = passes.forwards(stack, weights, x, stream, remember=True, watch=watch)
    cotangent = torch.randn(1, stack.widths[-1], generator=stream)
    logs = passes.backwards(stack, weights, cotangent, memory, stream)[:, 0]
    with np.errstate(invalid="ignore"):  # a gradient that has died; compare() deals with it
        ratios = np.exp2(logs[1:-1] - logs[2:])
    return found + [("gradient", layer, float(r)) for layer, r in enumerate(ratios, 2)]


def compare(
    samples: pd.DataFrame, name: str, case: Case, widths: Sequence[int]
) -> list[Comparison]:
    """One stack. What a layer does is exact at any width if it is told the layer before."""
    depth = len(widths) - 1
    squares, means = (
        samples[samples["statistic"] == s].pivot(
            index="network", columns="layer", values="measured"
        )
        for s in ("mean square", "mean")
    )
    before, after = squares.to_numpy()[:, :-1], squares.to_numpy()[:, 1:]
    given = {"gain": case.gain, "shift": case.shift, "second_moment": before}
    expected = DERIVATION.predict("second_moment")(**given)
    variance = DERIVATION.predict("spread")(**given, units=np.array(widths[1:]))
    offsets = means.to_numpy() - DERIVATION.predict("mean")(**given)
    with np.errstate(divide="ignore", invalid="ignore"):  # judge() deals with what is not finite
        ratios, strays = after / expected, (after - expected) / np.sqrt(variance)
        drifts = depth * strays.mean(axis=1) ** 2
    told, where = "mean square given the last", {"input": name, "order": 2}
    found = [mean_value(ratios.mean(axis=1), 1.0, statistic=told, **where)]
    for layer in range(depth):
        where["layer"] = layer + 1
        found.append(mean_value(ratios[:, layer], 1.0, statistic=told, **where))
    found += [
        mean_value((strays**2).mean(axis=1), 1.0, statistic="its spread", input=name),
        mean_of_squares(drifts, 1.0, 2 + 2 / depth, statistic="its drift", input=name),
        mean_value(offsets.mean(axis=1), 0.0, statistic="mean given the last", input=name),
    ]
    deep = [layer for layer in range(1, depth + 1) if layer > DEEP]
    if name != "unit" and deep:
        fixed = {"deep mean": means, "deep root mean square": squares**0.5}
        for (statistic, values), prediction in zip(
            fixed.items(), ("fixed_mean", "fixed_point"), strict=True
        ):
            value = float(DERIVATION.predict(prediction)(shift=case.shift))
            sample = values[deep].mean(axis=1)
            found.append(mean_value(sample, value, statistic=statistic, input=name, order=1))
    return found + _compare_gradients(samples[samples["statistic"] == "gradient"], case, widths)


def _compare_gradients(
    samples: pd.DataFrame, case: Case, widths: Sequence[int]
) -> list[Comparison]:
    ratio, spread = DERIVATION.predict("gradient"), KAIMING.predict("ratio_variance")

    def at(layer: int) -> tuple[float, float]:
        fan_in, fan_out = widths[layer - 1 : layer + 1]
        expected = ratio(gain=case.gain, fan_in=fan_in, fan_out=fan_out)
        return float(expected), float(spread(units=fan_in, negative_slope=0))

    return compare_ratios(samples, at, by_layer=False) if len(samples) else []
