"""The lesson's first layer: 784 pixels into 50 units, over many draws of the weights.

The lesson prints the mean and the standard deviation of all outputs, for one draw. Given the
digits, the outputs for digit i are normal with variance fan_in Var[w] q_i, where q_i is that
digit's mean square; so the mean and the mean square that are expected over draws are known exactly.
The standard deviation follows from them only nearly, and is shown untested.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from derivations.init.kaiming import DERIVATION
from derivations.init.relu import DERIVATION as RELU
from experiments.data import digits
from experiments.settings import StackSettings
from experiments.stack import one_thread_each, random_stream
from experiments.statistics import Comparison, mean_value
from experiments.traces import FloatArray
from experiments.weights import Weights

UNITS = 50
STREAM = 1000  # keeps these random numbers apart from those of stacks
QUANTITIES = ("mean", "mean square", "standard deviation")


@dataclass(frozen=True)
class Layer:
    """A layer of the lesson: its weights, and the mean and deviation that the lesson printed."""

    name: str
    weights: Weights
    rectified: bool
    printed: tuple[float, float]


def measure(layers: Sequence[Layer], draws: int, settings: StackSettings) -> pd.DataFrame:
    """What the lesson prints, for the validation digits: a row for each quantity and draw."""
    images = torch.from_numpy(digits(settings.data).validation)
    weights = torch.empty(UNITS, images.shape[1])
    rows = []
    with one_thread_each():
        for number, layer in enumerate(layers):
            for draw in range(draws):
                layer.weights.fill(weights, random_stream(settings.seed, STREAM, number, draw))
                outputs = (images @ weights.T).double()
                outputs = outputs.clamp_min(0) if layer.rectified else outputs
                values = outputs.mean(), outputs.square().mean(), outputs.std()
                for quantity, value in zip(QUANTITIES, values, strict=True):
                    rows.append((draw, f"{layer.name}: {quantity}", float(value)))
    samples = pd.DataFrame(rows, columns=["network", "statistic", "measured"])
    return samples.assign(layer=1, input="digit")


def expected(layer: Layer, mean_squares: FloatArray, fan_in: int) -> tuple[float, float, float]:
    """Mean, mean square, and nearly the deviation, to expect for inputs of these mean squares."""
    variance = DERIVATION.predict("linear_second_moment")(
        fan_in=fan_in,
        weight_var=layer.weights.variance(fan_in, UNITS),
        second_moment=mean_squares,
    )
    mean, square = 0.0, float(np.mean(variance))
    if layer.rectified:
        given = {"preactivation_var": variance, "negative_slope": 0}
        mean = float(np.mean(RELU.predict("mean")(**given)))
        halves = RELU.predict("second_moment")(**given)
        square = float(np.mean(halves))
    return mean, square, math.sqrt(square - mean**2)


def compare(
    layers: Sequence[Layer], samples: pd.DataFrame, settings: StackSettings
) -> list[Comparison]:
    """Each layer's mean and mean square, over draws, against those expected for the digits."""
    images = digits(settings.data).validation.astype(np.float64)
    found = []
    for layer in layers:
        values = expected(layer, np.square(images).mean(axis=1), images.shape[1])
        for quantity, value in zip(QUANTITIES[:2], values[:2], strict=True):
            name = f"{layer.name}: {quantity}"
            sample = samples.loc[samples["statistic"] == name, "measured"]
            order = 2 if quantity == "mean square" else int(layer.rectified)
            found.append(
                mean_value(sample, value, statistic=name, input="digit", layer=1, order=order)
            )
    return found


def table(layers: Sequence[Layer], samples: pd.DataFrame, settings: StackSettings) -> pd.DataFrame:
    """The lesson's numbers beside ours: ``lesson.csv``.

    ``one_draw`` is the standard deviation of a single draw, such as the lesson's;
    ``standard_error`` that of ``measured``, the mean over all draws; ``unit_inputs`` is what to
    expect for inputs of mean square 1 each.
    """
    images = digits(settings.data).validation.astype(np.float64)
    mean_squares, fan_in = np.square(images).mean(axis=1), images.shape[1]
    rows = []
    for layer in layers:
        here = expected(layer, mean_squares, fan_in)
        unit = expected(layer, np.ones(1), fan_in)
        for quantity, value, ideal in zip(QUANTITIES, here, unit, strict=True):
            printed = dict(zip(QUANTITIES[::2], layer.printed, strict=True)).get(quantity, math.nan)
            name = f"{layer.name}: {quantity}"
            sample = samples.loc[samples["statistic"] == name, "measured"]
            measured, spread = float(sample.mean()), float(sample.std())
            error = spread / math.sqrt(len(sample))
            z = (measured - value) / error if quantity != QUANTITIES[2] else math.nan
            rows.append((name, printed, value, measured, error, z, spread, ideal))
    columns = ["quantity", "lesson", "predicted", "measured", "standard_error", "z"]
    return pd.DataFrame(rows, columns=[*columns, "one_draw", "unit_inputs"])
