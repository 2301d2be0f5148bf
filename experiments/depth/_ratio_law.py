"""The ratios of depth/finite_width against their law: mean, distribution function, logarithms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
from scipy.stats import kurtosis

from derivations.depth.finite_width import DERIVATION
from experiments.distributions import probability_integrals, uniform
from experiments.law import random_numbers
from experiments.ratios import FEWEST
from experiments.statistics import Comparison, mean_of_squares, mean_value
from experiments.traces import FloatArray


def log_steps(logs: FloatArray) -> FloatArray:
    """The log ratio of each layer of living networks; -inf where one dies, NaN after that."""
    alive = np.isfinite(logs)
    steps = np.diff(np.where(alive, logs, 0.0), axis=1)
    return np.where(alive[:, 1:], steps, np.where(alive[:, :-1], -np.inf, np.nan))


def ratios(steps: FloatArray, width: int, seed: int, where: dict[str, Any]) -> Iterator[Comparison]:
    """The mean of the ratios, over all layers and in each, and their whole law."""
    mean = _predicted("ratio_mean")
    variance = _predicted("ratio_square", units=width) - mean**2
    layers = [(layer, np.exp(steps[:, layer - 1])) for layer in range(1, steps.shape[1] + 1)]
    for layer, values in (("all", np.exp(steps).ravel()), *layers):
        sample = values[~np.isnan(values)]
        if len(sample) >= FEWEST * variance:
            yield mean_of_squares(
                sample, mean, variance, statistic="ratio", layer=layer, order=2, **where
            )
    every = np.exp(steps[~np.isnan(steps)])
    integrals = probability_integrals(every, _distribution(width), random_numbers(seed, 2))
    yield uniform(integrals, statistic="ratio, law", **where)


def excess(sources: Iterable[FloatArray]) -> float:
    """The excess kurtosis of a log ratio, estimated from all of them; it says how a square of one varies."""
    living = np.concatenate([steps[np.isfinite(steps)] for steps in sources])
    return float(kurtosis(living))


def logarithms(
    steps: FloatArray, logs: FloatArray, width: int, shape: float, where: dict[str, Any]
) -> Iterator[Comparison]:
    """Mean and variance of the ratios' logarithms, and of the last layer's; ``shape`` is their excess."""
    depth = steps.shape[1]
    drift = _predicted("drift", units=width)
    variance = _predicted("log_ratio_variance", units=width)
    last = {"layer": depth, **where}
    for name, values, layers, place in (
        ("log ratio", steps[np.isfinite(steps)], 1, where),
        ("log", logs[np.isfinite(logs[:, -1]), -1], depth, last),
    ):
        yield mean_value(values, layers * drift, statistic=name, **place)
        squares = (values - layers * drift) ** 2
        relative = 2 + shape / layers  # the excess of a sum falls as its variance grows
        if len(squares) >= FEWEST * relative:
            yield mean_of_squares(
                squares, layers * variance, relative, statistic=f"{name}, variance", **place
            )


@cache
def _predicted(name: str, **given: int) -> float:
    return float(DERIVATION.predict(name)(**given))


@cache
def _distribution(width: int) -> Callable[[FloatArray], FloatArray]:
    """The distribution function of a ratio."""
    function = DERIVATION.predict("ratio_cdf")
    return lambda ratio: np.asarray(function(ratio=ratio, units=width))
