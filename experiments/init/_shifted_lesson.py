"""The lesson's first layer with a shifted ReLU: digits through 784 x 50 Kaiming weights, less 0.5.

Given the digits, an output before the rectifier is normal over draws of the weights, with a variance
that goes with that digit's mean square; so mean and mean square are known exactly. The standard
deviation follows from them only nearly. With and without the constant it is the same, to rounding.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import torch

from derivations.init.shifted_relu import DERIVATION
from experiments.data import digits
from experiments.stack import random_stream
from experiments.statistics import Comparison, exact_value, mean_value
from impl.init import kaiming, relu, shifted_relu

UNITS, SHIFT, GAIN = 50, 0.5, math.sqrt(2)
STREAM = 1000  # keeps these random numbers apart from those of stacks
PRINTED = {"mean": 0.1071, "mean square": math.nan, "standard deviation": 0.8995}
DIFFERENCE = "lesson: deviation, shifted / plain"


def measure(draws: int, source: str, seed: int) -> pd.DataFrame:
    """What the lesson prints, for the validation digits: a row for each quantity and draw."""
    images = torch.from_numpy(digits(source).validation)
    weights = torch.empty(UNITS, images.shape[1])
    rows = []
    for draw in range(draws):
        kaiming.kaiming_normal_(weights, generator=random_stream(seed, STREAM, draw))
        before = (images @ weights.T).double()
        y = shifted_relu.shifted_relu(before, SHIFT)
        values = float(y.mean()), float(y.square().mean()), float(y.std())
        rows += [
            (f"lesson: {name}", draw, value) for name, value in zip(PRINTED, values, strict=True)
        ]
        rows.append((DIFFERENCE, draw, values[2] / float(relu.relu(before).std())))
    samples = pd.DataFrame(rows, columns=["statistic", "network", "measured"])
    return samples.assign(layer=1, input="digit")


def expected(source: str) -> dict[str, float]:
    """Mean, mean square and, nearly, the deviation to expect for these digits."""
    images = digits(source).validation.astype(np.float64)
    given = {"gain": GAIN, "shift": SHIFT, "second_moment": np.square(images).mean(axis=1)}
    mean, square = (
        float(np.mean(DERIVATION.predict(name)(**given))) for name in ("mean", "second_moment")
    )
    return dict(zip(PRINTED, (mean, square, math.sqrt(square - mean**2)), strict=True))


def compare(samples: pd.DataFrame, source: str) -> list[Comparison]:
    """Mean and mean square over draws; and the deviation, of which the constant takes no note."""
    theory = expected(source)
    found = [
        mean_value(_values(samples, f"lesson: {name}"), theory[name], statistic=f"lesson: {name}")
        for name in ("mean", "mean square")
    ]
    ratio = _values(samples, DIFFERENCE)
    farthest = float(ratio.iloc[int((ratio - 1).abs().to_numpy().argmax())])
    return [*found, exact_value(farthest, 1.0, 1e-12, statistic=DIFFERENCE)]


def table(samples: pd.DataFrame, source: str) -> pd.DataFrame:
    """The lesson's numbers beside ours; ``one_draw`` is the deviation of a number like the lesson's."""
    rows = []
    for name, value in expected(source).items():
        sample = _values(samples, f"lesson: {name}")
        measured, spread = float(sample.mean()), float(sample.std())
        error = spread / math.sqrt(len(sample))
        z = math.nan if name == "standard deviation" else (measured - value) / error
        rows.append((f"shifted: {name}", PRINTED[name], value, measured, error, z, spread))
    columns = ["quantity", "lesson", "predicted", "measured", "standard_error", "z", "one_draw"]
    return pd.DataFrame(rows, columns=columns)


def _values(samples: pd.DataFrame, name: str) -> pd.Series[float]:
    return samples.loc[samples["statistic"] == name, "measured"]
