"""The ratios of depth/finite_width against their law: mean, distribution function, logarithms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from scipy.stats import kurtosis

from derivations.depth.finite_width import DERIVATION
from experiments.distributions import probability_integrals, uniform
from experiments.heavy_tails import mean_of_products, of_last_layer
from experiments.law import random_numbers
from experiments.passes import FloatArray
from experiments.statistics import Comparison, mean_of_squares, mean_value


def log_steps(logs: FloatArray) -> FloatArray:
    """The log ratio of each layer of living networks; -inf where one dies, NaN after that."""
    alive = np.isfinite(logs)
    steps = np.diff(np.where(alive, logs, 0.0), axis=1)
    return np.where(alive[:, 1:], steps, np.where(alive[:, :-1], -np.inf, np.nan))


def ratios(steps: FloatArray, width: int, seed: int, where: dict[str, Any]) -> Iterator[Comparison]:
    """The mean of the ratios, over all layers and in each, and their whole law."""
    size = {"units": width}
    mean = float(DERIVATION.predict("ratio_mean")())
    variance = float(DERIVATION.predict("ratio_square")(**size)) - mean**2
    layers = [(layer, np.exp(steps[:, layer - 1])) for layer in range(1, steps.shape[1] + 1)]
    for layer, values in (("all", np.exp(steps).ravel()), *layers):
        sample = values[~np.isnan(values)]
        if len(sample):
            yield mean_of_squares(
                sample, mean, variance, statistic="ratio", layer=layer, order=2, **where
            )
    every = np.exp(steps[~np.isnan(steps)])
    cdf = partial(DERIVATION.predict("ratio_cdf"), **size)
    integrals = probability_integrals(every, lambda r: cdf(ratio=r), random_numbers(seed, 2))
    yield uniform(integrals, statistic="ratio, law", **where)


def logarithms(
    steps: FloatArray,
    logs: FloatArray,
    width: int,
    powers: Sequence[Literal[1, 2]],
    where: dict[str, Any],
) -> Iterator[Comparison]:
    """Mean and variance of the ratios' logarithms, and of the last layer's; its powers, if asked for."""
    size, depth = {"units": width}, steps.shape[1]
    drift = float(DERIVATION.predict("drift")(**size))
    variance = float(DERIVATION.predict("log_ratio_variance")(**size))
    living = steps[np.isfinite(steps)]
    yield mean_value(living, drift, statistic="log ratio", **where)
    squares = (living - drift) ** 2
    yield mean_value(squares, variance, statistic="log ratio, variance", **where)
    last = logs[np.isfinite(logs[:, -1]), -1]
    where = {"layer": depth, **where}
    yield mean_value(last, depth * drift, statistic="log", **where)
    spread = (last - depth * drift) ** 2
    relative = 2 + kurtosis(living) / depth  # of a sum's square: cumulants add up
    yield mean_of_squares(spread, depth * variance, relative, statistic="log, variance", **where)
    for power in powers:
        yield mean_of_products(
            np.exp(power * logs[:, -1]),
            *of_last_layer(depth, width, power),
            statistic=f"mean square to the power {power}",
            order=2 * power,
            **where,
        )
