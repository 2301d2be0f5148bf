"""Which initialiser a weight came from: its variance over all draws, against those that the rows derive."""

from __future__ import annotations

import math
from dataclasses import dataclass

from derivations import load
from experiments.audit.measure import Measured
from experiments.audit.trace import Layer

NEAR = 4.0  # standard errors


@dataclass(frozen=True)
class Law:
    """An initialiser's name, the variance it gives, and the row that is about it."""

    name: str
    variance: float
    row: str


def candidates(layer: Layer) -> list[Law]:
    """The initialisers that are usual, for this layer's fans as torch reads them."""
    fan_in, fan_out = layer.fan_in, layer.fan_out
    kaiming = load("init/kaiming").predict("kaiming_variance")
    xavier = load("init/xavier").predict("xavier_variance")
    default = load("init/conv_default").predict("variance")
    found = [
        Law(
            "kaiming_uniform_(a=√5), torch's default",
            float(default(units=fan_in)),
            "init/conv_default",
        ),
        Law("kaiming, fan_in", float(kaiming(fan=fan_in, negative_slope=0.0)), "init/kaiming"),
        Law("xavier", float(xavier(fan_in=fan_in, fan_out=fan_out)), "init/xavier"),
        Law("kaiming, fan_out", float(kaiming(fan=fan_out, negative_slope=0.0)), "init/fans"),
        Law("variance 1/fan_in", float(kaiming(fan=fan_in, negative_slope=1.0)), "init/kaiming"),
        Law("variance 1/fan_out", float(kaiming(fan=fan_out, negative_slope=1.0)), "init/fans"),
    ]
    return found + [
        Law(f"deviation {s:g}", s * s, "init/kaiming") for s in (0.01, 0.02, 0.05, 0.1, 1.0)
    ]


def recognise(layer: Layer, measured: Measured) -> Law | None:
    """The first initialiser whose variance is within four standard errors of the weights'; None if there is none."""
    square, _ = measured.parameters[layer.weight]
    if not square:
        return Law("zeros", 0.0, "depth/fixup")
    spread = max(
        measured.fourths[layer.weight] / square**2 - 1, 0.0
    )  # 2 for normal weights, 4/5 for uniform
    count = math.prod(measured.model.get_parameter(layer.weight).shape) * measured.draws
    for law in candidates(layer):
        if abs(square / law.variance - 1) <= NEAR * math.sqrt(spread / count) + 1e-6:
            return law
    return None
