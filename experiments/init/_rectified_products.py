"""The lesson's rectified products: one weight times one number, and a matrix times a vector.

The lesson prints the mean and the second moment of ``a * x`` over 10,000 pairs of numbers, and of
``a @ x`` over 100 matrices (counts as we recall them), each cut off at zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch

from derivations.init.kaiming import DERIVATION as KAIMING
from derivations.init.relu import DERIVATION
from derivations.tensors.frobenius import DERIVATION as FROBENIUS
from experiments.statistics import Comparison, mean_value
from impl.init import kaiming, relu

PAIRS, MATRICES = 10_000, 100  # what the lesson averages over
PRINTED = {  # mean and second moment
    "a·x": (0.3133, 0.4903),
    "a @ x": (9.005, 257.4),
    "a @ x, Kaiming": (0.5643, 1.0055),
}
QUANTITIES = ("mean", "second moment")


def measure(width: int, stream: torch.Generator) -> Iterator[tuple[str, float]]:
    """One average over ``PAIRS`` products, one matrix with N(0, 1), one with Kaiming's weights."""
    a, b = torch.randn(2, PAIRS, dtype=torch.float64, generator=stream)
    outputs = [relu.relu(a * b)]
    weights = torch.empty(width, width)
    x = torch.randn(2, width, generator=stream)
    outputs.append(relu.relu(weights.normal_(generator=stream) @ x[0]).double())
    outputs.append(relu.relu(kaiming.kaiming_normal_(weights, generator=stream) @ x[1]).double())
    for name, y in zip(PRINTED, outputs, strict=True):
        yield f"{name}: mean", float(y.mean())
        yield f"{name}: second moment", float(y.square().mean())


def expected(width: int) -> dict[str, float]:
    """What to expect of each number, by its name.

    Given the vector, a preactivation has the variance Var[w] ‖x‖². The mean after a ReLU goes with
    its root, so with the mean of ‖x‖, which is that of a Frobenius norm.
    """
    unit = {"weight_var": 1, "second_moment": 1}
    found = {
        "a·x: mean": DERIVATION.predict("product_mean")(**unit),
        "a·x: second moment": DERIVATION.predict("product_second_moment")(**unit),
    }
    length = FROBENIUS.predict("expected_norm")(size=width, weight_std=1)
    mean, square = DERIVATION.predict("mean"), DERIVATION.predict("second_moment")
    kaimings = KAIMING.predict("kaiming_variance")(fan=width, negative_slope=0)
    for name, weight_var in (("a @ x", 1.0), ("a @ x, Kaiming", kaimings)):
        given = {"preactivation_var": weight_var * length**2, "negative_slope": 0}
        found[f"{name}: mean"] = mean(**given)
        given["preactivation_var"] = weight_var * width
        found[f"{name}: second moment"] = square(**given)
    return {name: float(value) for name, value in found.items()}


def compare(samples: pd.DataFrame, width: int) -> list[Comparison]:
    """Each number against what to expect."""
    return [
        mean_value(_values(samples, name), value, statistic=name)
        for name, value in expected(width).items()
    ]


def table(samples: pd.DataFrame, width: int) -> pd.DataFrame:
    """The lesson's numbers beside ours; ``one_run`` is the deviation of a number like the lesson's."""
    rows = []
    theory = expected(width)
    for label, printed in PRINTED.items():
        averaged = 1 if label == "a·x" else MATRICES
        for quantity, lesson in zip(QUANTITIES, printed, strict=True):
            name = f"{label}: {quantity}"
            sample, value = _values(samples, name), theory[f"{label}: {quantity}"]
            measured, error = float(sample.mean()), float(sample.std()) / math.sqrt(len(sample))
            one_run = float(sample.std()) / math.sqrt(averaged)
            z = (measured - value) / error
            rows.append((name, lesson, value, measured, error, z, one_run))
    columns = ["quantity", "lesson", "predicted", "measured", "standard_error", "z", "one_run"]
    return pd.DataFrame(rows, columns=columns)


def _values(samples: pd.DataFrame, name: str) -> pd.Series[float]:
    return samples.loc[samples["statistic"] == name, "measured"]
