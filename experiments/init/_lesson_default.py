"""The numbers of the lesson's notebook on √5, beside ours: weights, gains, one convolution, a network of four."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from derivations import load
from experiments.stack import random_stream
from impl.init import conv_default, kaiming

if TYPE_CHECKING:
    from experiments.init.conv_default import Settings

KERNEL, FILTERS, DRAWS = 5, 32, 60
GAINS = ((1.0, 1.0), (0.0, 1.41421), (0.01, 1.41414), (0.1, 1.40720), (math.sqrt(5), 0.57735))
# What fills the weights (None: the default), whether a ReLU follows, and the mean and deviation that the lesson prints.
CASES = (
    ("default", None, False, (0.0107, 0.5978)),
    ("Kaiming, a = 1", 1.0, False, (0.0267, 1.1067)),
    ("Kaiming and ReLU", 0.0, True, (0.5547, 1.0199)),
    ("default and ReLU", None, True, (0.2219, 0.3653)),
)


def table(samples: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """``lesson.csv``: what the lesson printed, what is predicted, what we measured, and the range of one draw."""
    rows = [*_parameters(settings), *_gains(), *_convolution(settings), *_network(samples)]
    columns = ["quantity", "lesson", "predicted", "measured", "standard_error", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _row(name: str, printed: float, predicted: float, values: list[float]) -> tuple[object, ...]:
    """``low`` and ``high`` hold 90 % of single draws, such as the lesson's."""
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    low, high = np.quantile(values, [0.05, 0.95])
    return name, printed, predicted, float(np.mean(values)), error, float(low), float(high)


def _parameters(settings: Settings) -> list[tuple[object, ...]]:
    deviations: dict[str, list[float]] = {"weights": [], "biases": []}
    for draw in range(DRAWS):
        stream = random_stream(settings.seed, 3, draw)
        weight, bias = torch.empty(FILTERS, 1, KERNEL, KERNEL), torch.empty(FILTERS)
        conv_default.reset_parameters_(weight, bias, stream)
        deviations["weights"].append(float(weight.std()))
        deviations["biases"].append(float(bias.std()))
    predicted = math.sqrt(load("init/conv_default").predict("variance")(units=KERNEL**2))
    printed = {"weights": 0.1156, "biases": 0.1176}
    return [
        _row(f"{name} of Conv2d(1, 32, 5): deviation", printed[name], predicted, values)
        for name, values in deviations.items()
    ]


def _gains() -> list[tuple[object, ...]]:
    gain, nan = load("init/kaiming").predict("gain"), math.nan
    return [
        (
            f"gain for a = {slope:.4g}",
            printed,
            float(gain(negative_slope=slope)),
            kaiming.calculate_gain("leaky_relu", slope),
            nan,
            nan,
            nan,
        )
        for slope, printed in GAINS
    ]


def _convolution(settings: Settings) -> list[tuple[object, ...]]:
    """One convolution of digits: root mean square as derived, mean and deviation measured."""
    from experiments.init._default_runs import digits

    images = digits(settings)
    read = functional.avg_pool2d(images.double().square(), KERNEL, 1)
    layer, default = (load("init/conv_default").predict(n) for n in ("layer", "variance"))
    variance = load("init/kaiming").predict("kaiming_variance")
    one, rows = float(default(units=KERNEL**2)), []
    for number, (name, slope, rectified, (mean, deviation)) in enumerate(CASES):
        own = one if slope is None else float(variance(fan=KERNEL**2, negative_slope=slope))
        square = layer(fan_in=KERNEL**2, weight_var=own, bias_var=one, second_moment=read)
        root = math.sqrt(float(square.mean()) / (2 if rectified else 1))
        found: dict[str, list[float]] = {"mean": [], "deviation": [], "root mean square": []}
        for draw in range(DRAWS):
            stream = random_stream(settings.seed, 4 + number, draw)
            weight, bias = torch.empty(FILTERS, 1, KERNEL, KERNEL), torch.empty(FILTERS)
            conv_default.reset_parameters_(weight, bias, stream)
            if slope is not None:
                kaiming.kaiming_normal_(weight, a=slope, generator=stream)
            z = functional.conv2d(images, weight, bias)
            z = z.clamp_min(0) if rectified else z
            found["mean"].append(float(z.mean()))
            found["deviation"].append(float(z.std()))
            found["root mean square"].append(math.sqrt(float(z.double().square().mean())))
        printed = {
            "mean": mean,
            "deviation": deviation,
            "root mean square": math.hypot(mean, deviation),
        }
        theory = {
            "mean": math.nan if rectified else 0.0,
            "deviation": math.nan,
            "root mean square": root,
        }
        rows += [
            _row(f"{name}: {what}", printed[what], theory[what], values)
            for what, values in found.items()
        ]
    return rows


def _network(samples: pd.DataFrame) -> list[tuple[object, ...]]:
    """The four convolutions' output over the images, and the ratio of two networks drawn apart."""
    deviations = {
        name: samples.loc[samples["statistic"] == f"{name} output", "measured"].tolist()
        for name in ("default", "Kaiming")
    }
    tower = float(load("init/conv_default").predict("tower")(depth=4))
    ratios = [k / d for k, d in zip(deviations["Kaiming"], deviations["default"], strict=True)]
    return [
        _row(
            "four convolutions, default: deviation of the output",
            0.0065,
            math.nan,
            deviations["default"],
        ),
        _row(
            "four convolutions, Kaiming: deviation of the output",
            0.4043,
            math.nan,
            deviations["Kaiming"],
        ),
        _row("Kaiming over default, each drawn anew", 0.4043 / 0.0065, tower, ratios),
    ]
