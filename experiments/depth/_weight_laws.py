"""The laws of depth/weight_law: how their weights are filled, and what the derivation says of each."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

from derivations.depth.weight_law import DERIVATION
from derivations.init.kaiming import DERIVATION as KAIMING
from experiments.data import input_vectors
from experiments.passes import Stack
from experiments.ratios import ratios
from experiments.stack import Track, random_stream, run
from experiments.traces import FloatArray
from impl.depth import weight_law
from impl.init import kaiming, relu

Fill = Callable[[Tensor, Generator], object]
CUT = 2  # deviations


@cache
def he(fan_in: int) -> float:
    """The standard deviation that Kaiming asks for."""
    return math.sqrt(KAIMING.predict("kaiming_variance")(fan=fan_in, negative_slope=0))


def left(cut: float) -> float:
    """The share of its variance that a normal law has left when it is cut off."""
    return float(DERIVATION.predict("truncated_square")(cut=cut))


def _cut_off(w: Tensor, stream: Generator) -> object:
    std = he(w.shape[1])
    return weight_law.trunc_normal_(w, 0.0, std, -CUT * std, CUT * std, generator=stream)


FILL: dict[str, Fill] = {  # looked up when they are called, so that a mutant takes their place
    "Laplace": lambda w, g: weight_law.laplace_(w, he(w.shape[1]), generator=g),
    "normal": lambda w, g: kaiming.kaiming_normal_(w, generator=g),
    "truncated": lambda w, g: weight_law.he_normal_(w, generator=g),
    "uniform": lambda w, g: kaiming.kaiming_uniform_(w, generator=g),
    "signs": lambda w, g: weight_law.rademacher_(w, he(w.shape[1]), generator=g),
    "cut at two deviations": _cut_off,
    "cut as Keras does": lambda w, g: weight_law.he_normal_(w, generator=g),
    "cut at ±2, as torch does": lambda w, g: weight_law.trunc_normal_(
        w, std=he(w.shape[1]), generator=g
    ),
}
EXCESS: dict[str, Callable[[], float]] = {
    "Laplace": lambda: float(DERIVATION.predict("laplace_excess")()),
    "normal": lambda: 0.0,
    "truncated": lambda: float(DERIVATION.predict("truncated_excess")(cut=CUT, left=left(CUT))),
    "uniform": lambda: float(DERIVATION.predict("uniform_excess")()),
    "signs": lambda: float(DERIVATION.predict("sign_excess")()),
}
TRUNCATED = ("cut at two deviations", "cut as Keras does", "cut at ±2, as torch does")
LARGE = {"equal": None, "three": 3, "one": 1}  # how many inputs are not zero; None: all


def vector(name: str, inputs: int) -> Tensor:
    """An input of mean square 1, of equal numbers and zeros."""
    large = LARGE[name] or inputs
    x = torch.zeros(inputs, dtype=torch.float64)
    x[:large] = math.sqrt(inputs / large)
    return x


def concentration(name: str, inputs: int) -> float:
    """S_4 of that input, from its numbers."""
    squares = vector(name, inputs).square()
    return float(squares.square().sum() / squares.sum() ** 2)


def single_layers(name: str, settings: Any, number: int) -> dict[str, FloatArray]:
    """For each input the ratios of ``settings.draws`` layers; all inputs meet the same weights."""
    stream = random_stream(settings.seed, 0, number)
    weights = torch.empty(settings.draws * settings.units, settings.inputs)
    FILL[name](weights, stream)
    x = torch.stack([vector(fed, settings.inputs) for fed in LARGE]).float()
    units = relu.relu(weights @ x.T).reshape(settings.draws, settings.units, len(LARGE))
    found = ratios_of(units, x)
    return {fed: found[:, place] for place, fed in enumerate(LARGE)}


def ratios_of(units: Tensor, x: Tensor) -> FloatArray:
    """Mean squares of units, shape (draws, units, vectors), over those of the inputs ``x``."""
    squares = units.double().square().mean(1) / x.double().square().mean(1)
    return np.asarray(squares.numpy())


def ratio_variance(name: str, fed: str, settings: Any) -> float:
    """What the derivation says of a ratio's variance."""
    return float(
        DERIVATION.predict("ratio_variance")(
            units=settings.units,
            excess=EXCESS[name](),
            concentration=concentration(fed, settings.inputs),
        )
    )


def stacks(name: str, settings: Any, number: int, track: Track) -> pd.DataFrame:
    """The ratios of all layers of ``settings.real`` stacks."""
    inputs = ("gaussian",)
    trace = run(
        Stack(settings.widths, FILL[name]),
        input_vectors(inputs),
        None,
        networks=settings.real,
        seed=settings.seed,
        key=(1, number),
        track=track,
        description=name,
    )
    return ratios(trace, inputs)[["network", "layer", "measured"]]


def kept(name: str, settings: Any) -> float:
    """The mean ratio of a layer, from the cut in deviations of the law before it."""
    if name == "cut as Keras does":
        return 1.0
    cut = CUT if name == "cut at two deviations" else CUT / he(settings.width)
    return left(cut)
