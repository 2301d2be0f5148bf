"""Which initialiser a weight came from: its variance over all draws, against those that the rows derive."""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiments.audit.measure import Measured
from experiments.audit.predictions import prediction
from impl.init._graph import LAYERS
from impl.init.fans import fan_in_and_fan_out

NEAR = 4.0  # standard errors


@dataclass(frozen=True)
class Law:
    """An initialiser's name, the variance it gives, and the row that is about it."""

    name: str
    variance: float
    row: str


def candidates(fan_in: float, fan_out: float) -> list[Law]:
    """The initialisers that are usual, for fans as torch reads them."""
    kaiming = prediction("init/kaiming", "kaiming_variance")
    xavier = prediction("init/xavier", "xavier_variance")
    default = float(prediction("init/conv_default", "variance")(units=fan_in))
    rectified_in, rectified_out = (
        float(kaiming(fan=fan, negative_slope=0.0)) for fan in (fan_in, fan_out)
    )
    linear_in, linear_out = (
        float(kaiming(fan=fan, negative_slope=1.0)) for fan in (fan_in, fan_out)
    )
    both = float(xavier(fan_in=fan_in, fan_out=fan_out))
    found = [
        Law("kaiming_uniform_(a=√5), torch's default,", default, "init/conv_default"),
        Law("kaiming, fan_in,", rectified_in, "init/kaiming"),
        Law("xavier", both, "init/xavier"),
        Law("kaiming, fan_out,", rectified_out, "init/fans"),
        Law("variance 1/fan_in", linear_in, "init/kaiming"),
        Law("variance 1/fan_out", linear_out, "init/fans"),
    ]
    fixed = (0.01, 0.02, 0.05, 0.1, 1.0)
    return found + [Law(f"deviation {s:g}", s * s, "init/kaiming") for s in fixed]


def recognise(weight: str, kind: str, measured: Measured) -> Law | None:
    """The first initialiser whose variance is within four standard errors of a weight's; None if there is none."""
    square, _ = measured.parameters[weight]
    if not square:
        return Law("zeros", 0.0, "depth/fixup")
    matrix = measured.model.get_parameter(weight)
    fan_in, fan_out = fan_in_and_fan_out(matrix.T if kind == "addmm" else matrix)
    for law in candidates(fan_in, fan_out):
        if _near(weight, law.variance, measured):
            return law
    return None


def _near(name: str, variance: float, measured: Measured) -> bool:
    square, _ = measured.parameters[name]
    spread = measured.fourths[name] / square**2 - 1  # 2 for normal weights, 4/5 for uniform
    count = measured.model.get_parameter(name).numel() * measured.draws
    return abs(square / variance - 1) <= NEAR * math.sqrt(max(spread, 0.0) / count) + 1e-6


def moments(measured: Measured) -> dict[str, tuple[float, float]]:
    """Mean square and mean of each parameter: those of its initialiser where it is recognised, else as measured.

    The law's own variance makes a prediction that does not depend on the weights that were drawn.
    """
    found = dict(measured.parameters)
    for node in measured.nodes:
        if node.kind not in LAYERS or node.weight is None:
            continue
        law = recognise(node.weight, node.kind, measured)
        if law is None or not law.variance:
            continue
        found[node.weight] = law.variance, 0.0
        bias = f"{node.weight.removesuffix('weight')}bias"
        if (
            law.row == "init/conv_default"
            and measured.parameters.get(bias, (0.0, 0.0))[0]
            and _near(bias, law.variance, measured)
        ):  # the default's biases have the law of its weights
            found[bias] = law.variance, 0.0
    return found
