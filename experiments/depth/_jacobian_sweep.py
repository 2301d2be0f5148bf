"""A grid of depths and widths of stacks with Gaussian weights: the powers of their Jacobians' singular values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from experiments.cells import Cell
from experiments.jobs import Drawn
from experiments.settings import FEWEST_UNITS, Unusable, at_least

WIDEST, DEEPEST = 4096, 10_000
STACKS = {"linear": "Gaussian, linear", "relu": "Gaussian, ReLU"}
# Seconds of a core, roughly, for a layer of a network: some for Python, and four products of matrices.
SECONDS = {"layer": 3e-4, "product": 4e-10}


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Square stacks of Gaussian layers, all depths with all widths."""

    depth: tuple[int, ...] = (2, 8)
    """Layers."""
    width: tuple[int, ...] = (16, 32, 64)
    """Inputs, and units of each layer."""
    stack: Literal["linear", "relu", "both"] = "both"
    """Linear layers, ReLU layers with Kaiming's weights, or both."""
    nets: int = 200
    """Networks a cell."""

    def __post_init__(self) -> None:
        """Raise Unusable, in one line, for a grid that cannot be swept."""
        for name, least, most in (("depth", 1, DEEPEST), ("width", FEWEST_UNITS, WIDEST)):
            values = getattr(self, name)
            if not values:
                raise Unusable(f"the grid is empty: --{name} names no value")
            at_least(least, **{name: min(values)})
            if max(values) > most:
                raise Unusable(f"{name} must be at most {most:,}, got {max(values):,}")
        at_least(2, nets=self.nets)

    def settings(self) -> list[tuple[dict[str, int | str], int]]:
        """Every setting, with its number of networks."""
        stacks = STACKS if self.stack == "both" else (self.stack,)
        return [
            ({"stack": stack, "width": width, "depth": depth}, self.nets)
            for stack in stacks
            for width in dict.fromkeys(self.width)
            for depth in dict.fromkeys(self.depth)
        ]


def seconds(axes: dict[str, Any]) -> float:
    """What a network costs, roughly, in seconds of one core."""
    return (SECONDS["layer"] + SECONDS["product"] * axes["width"] ** 3) * axes["depth"]


def block(axes: dict[str, Any]) -> int:
    """How many networks are drawn at a time, and share a stream."""
    return 1


def expected(axes: dict[str, Any]) -> dict[str, float]:
    """Each power over its mean, given the layer before: 1."""
    return {"fourth, given": 1.0, "sixth, given": 1.0}


def draw(cell: Cell, networks: int, key: tuple[int, ...]) -> Drawn:
    """The mean over the layers of both ratios, and the logarithm of the last layer's mean fourth power."""
    from types import SimpleNamespace

    import pandas as pd

    from experiments.depth import _jacobian_runs as runs
    from experiments.stack import one_thread_each, random_stream

    axes = dict(cell.axes)
    stack = STACKS[str(axes["stack"])]
    settings = SimpleNamespace(width=int(axes["width"]), depth=int(axes["depth"]))
    with one_thread_each():
        made = (
            runs.jacobians(settings, stack, random_stream(cell.seed, *key, network))
            for network in range(networks)
        )
        table = pd.concat(map(runs.moments, made), keys=range(networks), names=["network"])
    means = runs.given(table, stack, settings.width)
    values = {
        # a layer after one that is all zero is as expected: then the mean is 1 whatever came before
        f"{name}, given": (table[name] / means[name]).fillna(1).groupby("network").mean().to_numpy()
        for name in ("fourth", "sixth")
    }
    last = table.loc[table["layer"] == settings.depth, "fourth"] / settings.width
    with np.errstate(divide="ignore"):  # -inf: a network that is lost
        return Drawn(values, {settings.depth: np.log(last.to_numpy())})
