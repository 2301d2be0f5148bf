"""Exact tests of depth/dying: deaths of one input layer by layer, and of two inputs within bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from derivations.depth.dying import DERIVATION
from experiments.distributions import share
from experiments.statistics import Comparison, mean_value
from experiments.traces import FloatArray


def one_input(survived: FloatArray, width: int, depth: int) -> Iterator[Comparison]:
    """Of the networks that reach a layer with a signal, how many lose it there; and how many by the end.

    ``survived`` has the number of layers after which there is a signal, for each network.
    """
    where: dict[str, Any] = {"input": f"width {width}"}
    silent = _predicted("silent", units=width)
    for layer in range(1, depth + 1):
        reached = int((survived >= layer - 1).sum())
        if reached:
            hits = int((survived == layer - 1).sum())
            yield share(hits, reached, silent, statistic="deaths", layer=layer, **where)
    size = {"units": width, "depth": depth}
    dead = int((survived < depth).sum())
    yield share(dead, len(survived), _predicted("death", **size), statistic="dead", **where)
    yield mean_value(survived, _predicted("passed", **size), statistic="layers survived", **where)


def two_inputs(
    survived: FloatArray, width: int, depth: int, degrees: float
) -> Iterator[Comparison]:
    """Exact in the first layer; for the last, what lies significantly outside the bounds disagrees.

    ``survived`` has shape (networks, 2).
    """
    size, count = {"units": width, "depth": depth}, len(survived)
    where: dict[str, Any] = {"input": f"width {width}"}
    exact = _predicted("both_silent", units=width, angle=math.radians(degrees))
    silent = int((survived == 0).all(axis=1).sum())
    yield share(silent, count, exact, statistic="both silent", layer=1, **where)
    dead = survived < depth
    both, either = int(dead.all(axis=1).sum()), int(dead.any(axis=1).sum())
    for statistic, hits, bound, alternative in (
        ("both dead, at least", both, "batch_least", "less"),
        ("both dead, at most", both, "death", "greater"),
        ("either dead, at most", either, "batch_any", "greater"),
    ):
        told: dict[str, Any] = {"alternative": alternative, "statistic": statistic, **where}
        yield share(hits, count, _predicted(bound, **size), **told)


def _predicted(name: str, **given: float) -> float:
    return float(DERIVATION.predict(name)(**given))
