"""A grid of depths and widths of ReLU stacks with Kaiming's weights: what a sweep draws, and its theory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from experiments.cells import Cell
from experiments.jobs import Drawn
from experiments.settings import Unusable, at_least
from experiments.sketch import FloatArray

LAYERS = 16  # of each network that quantiles are kept of
MOST_UNITS = 16384  # the exact predictions are sums with a term for each unit
DEEPEST = 10**7
BLOCK = 2048  # as experiments.law has it, whose import takes a second
# Seconds of a core, roughly, to share out the work; docs/counts/sizing.json has what was measured.
SECONDS = {"law": 1.5e-7, "weight": 6e-9, "layer": 3e-5}


@dataclass(frozen=True, kw_only=True)
class Grid:
    """ReLU stacks of equally wide layers, all depths with all widths."""

    depth: tuple[int, ...] = (10, 100, 1000)
    """Layers."""
    width: tuple[int, ...] = (64, 256, 1024)
    """Units of each layer, and of the input."""
    law: Literal["law", "weights", "both"] = "law"
    """Networks from their exact law, networks with real weights, or both."""
    nets: int = 2000
    """Networks a cell."""
    budget: float = 20.0
    """Core-seconds a cell for real weights; dearer cells get fewer networks, or none. 0: no limit."""

    def __post_init__(self) -> None:
        """Raise Unusable, in one line, for a grid that cannot be swept."""
        for name, largest in (("depth", DEEPEST), ("width", MOST_UNITS)):
            values = getattr(self, name)
            if not values:
                raise Unusable(f"the grid is empty: --{name} names no value")
            at_least(1, **{name: min(values)})
            if max(values) > largest:
                raise Unusable(f"{name} must be at most {largest:,}, got {max(values):,}")
        at_least(1, nets=self.nets)
        at_least(0, budget=self.budget)

    def settings(self) -> list[tuple[dict[str, int | str], int]]:
        """Every setting, with its number of networks: 0 if the budget does not pay for one."""
        found: list[tuple[dict[str, int | str], int]] = []
        for law in ("law", "weights") if self.law == "both" else (self.law,):
            for width in dict.fromkeys(self.width):
                for depth in dict.fromkeys(self.depth):
                    axes: dict[str, int | str] = {"law": law, "width": width, "depth": depth}
                    paid = self.nets
                    if law == "weights" and self.budget:
                        paid = min(self.nets, int(self.budget / seconds(axes)))
                    found.append((axes, paid))
        return found


def seconds(axes: dict[str, Any]) -> float:
    """What a network costs, roughly, in seconds of one core."""
    if axes["law"] == "law":
        return SECONDS["law"] * axes["depth"]
    return (SECONDS["layer"] + SECONDS["weight"] * axes["width"] ** 2) * axes["depth"]


def block(axes: dict[str, Any]) -> int:
    """How many networks are drawn at a time, and share a stream."""
    return BLOCK if axes["law"] == "law" else 1


def expected(axes: dict[str, Any]) -> dict[str, float]:
    """The predicted means, and the ratio's variance."""
    found = _of_a_layer(axes["width"])
    depth = axes["depth"]
    return found | {
        "log": depth * found["log ratio"],
        "log, variance": depth * found["log ratio, variance"],
    }


@lru_cache
def _of_a_layer(width: int) -> dict[str, float]:
    from derivations.depth.finite_width import DERIVATION

    mean = float(DERIVATION.predict("ratio_mean")())
    return {
        "ratio": mean,
        "ratio, variance": float(DERIVATION.predict("ratio_square")(units=width)) - mean**2,
        "log ratio": float(DERIVATION.predict("drift")(units=width)),
        "log ratio, variance": float(DERIVATION.predict("log_ratio_variance")(units=width)),
    }


def kept_layers(depth: int) -> list[int]:
    """The layers whose quantiles are kept: evenly spaced, and the last one."""
    return sorted({-(-depth * i // LAYERS) for i in range(1, LAYERS + 1)})


def draw(cell: Cell, networks: int, key: tuple[int, ...]) -> Drawn:
    """The statistics of some networks, each about its prediction; natural logarithms.

    Steps are ratios of one layer to that before: of the kept layers where the law is drawn from, else of
    all. Networks that are lost are in the quantiles, and end the steps; their logarithms have no mean.
    """
    axes, means = dict(cell.axes), dict(cell.expected)
    depth, width = int(axes["depth"]), int(axes["width"])
    kept = kept_layers(depth)
    if axes["law"] == "law":
        before, after = _from_the_law(depth, width, networks, cell.seed, key)
    else:
        logs = _with_weights(depth, width, networks, cell.seed, key)
        before, after = logs[:, :-1], logs[:, 1:]
    alive = np.isfinite(before)
    with np.errstate(invalid="ignore"):
        steps = (after - before)[alive]  # -inf where a layer is the first of zeros
    living = steps[~np.isneginf(steps)]
    last = after[:, -1]
    whole = last[~np.isneginf(last)]
    values = {
        "ratio": np.exp(steps),
        "log ratio": living,
        "log ratio, variance": (living - means["log ratio"]) ** 2,
        "log": whole,
        "log, variance": (whole - means["log"]) ** 2,
    }
    columns = range(len(kept)) if axes["law"] == "law" else [layer - 1 for layer in kept]
    layers = {layer: after[:, i] for layer, i in zip(kept, columns, strict=True)}
    return Drawn(values, layers)


def _from_the_law(
    depth: int, width: int, networks: int, seed: int, key: tuple[int, ...]
) -> tuple[FloatArray, FloatArray]:
    """Logs before and after each kept layer, shape (networks, kept layers)."""
    from derivations.init.kaiming import DERIVATION as KAIMING
    from experiments.law import Law, constant, sample

    law = Law(constant(width, depth), float(KAIMING.predict("gain")(negative_slope=0)))
    kept = kept_layers(depth)
    layers = [layer for end in kept for layer in (end - 1, end)]
    trace = sample(law, networks=networks, seed=seed, key=key, layers=layers, workers=1)
    logs = trace.forward[:, :, 0] * math.log(2)
    return logs[:, 0::2], logs[:, 1::2]


def _with_weights(
    depth: int, width: int, networks: int, seed: int, key: tuple[int, ...]
) -> FloatArray:
    """Logs of all layers of networks with real weights, shape (networks, depth + 1)."""
    import torch

    from experiments.stack import one_thread_each, random_stream
    from impl.depth import finite_width

    logs = np.full((networks, depth + 1), -np.inf)
    logs[:, 0] = 0.0
    with one_thread_each(), np.errstate(divide="ignore"):
        for network in range(networks):
            stream = random_stream(seed, *key, network)
            x = torch.randn(width, generator=stream)
            ratios = finite_width.layer_ratios(x, [width] * depth, stream)
            logs[network, 1 : len(ratios) + 1] = np.log(ratios).cumsum()
    return logs
