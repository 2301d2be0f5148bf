"""The initialisers of impl/ that experiments run, each with its variance as derived.

The functions are looked up when they are called, so that a test that breaks one breaks the
experiment.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Generator, Tensor

from derivations.init.kaiming import DERIVATION as KAIMING
from derivations.init.xavier import DERIVATION as XAVIER
from experiments.passes import Bias, Initialiser
from impl.init import kaiming, xavier


@dataclass(frozen=True)
class Weights:
    """How weights are filled, their variance by (fan_in, fan_out), and if they are normal."""

    fill: Initialiser
    variance: Callable[[int, int], float]
    normal: bool


def kaiming_weights(law: str, mode: str = "fan_in", negative_slope: float = 0.0) -> Weights:
    """Kaiming's, ``normal`` or ``uniform``, for a leaky slope; ``mode`` names the fan."""
    variance = KAIMING.predict("kaiming_variance")
    normal = law == "normal"

    def fill(weights: Tensor, stream: Generator) -> object:
        function = kaiming.kaiming_normal_ if normal else kaiming.kaiming_uniform_
        return function(weights, a=negative_slope, mode=mode, generator=stream)

    def of(fan_in: int, fan_out: int) -> float:
        fan = fan_in if mode == "fan_in" else fan_out
        return float(variance(fan=fan, negative_slope=negative_slope))

    return Weights(fill, of, normal)


def xavier_weights(law: str) -> Weights:
    """Xavier's, ``normal`` or ``uniform``."""
    variance = XAVIER.predict("xavier_variance")
    normal = law == "normal"

    def fill(weights: Tensor, stream: Generator) -> object:
        function = xavier.xavier_normal_ if normal else xavier.xavier_uniform_
        return function(weights, generator=stream)

    return Weights(fill, lambda n, m: float(variance(fan_in=n, fan_out=m)), normal)


def default_weights() -> Weights:
    """Those of torch.nn.Linear: uniform, Kaiming's for the slope √5."""
    return kaiming_weights("uniform", negative_slope=math.sqrt(5))


def normal_weights(deviation: float = 1.0) -> Weights:
    """Normal with one deviation for every layer: what ``randn`` gives."""

    def fill(weights: Tensor, stream: Generator) -> object:
        return weights.normal_(0.0, deviation, generator=stream)

    return Weights(fill, lambda fan_in, fan_out: deviation**2, normal=True)


def normal_biases(deviation: float) -> Bias:
    """Normal, and so symmetric: they do not break what the symmetry of weights gives."""
    return lambda bias, fan_in, stream: bias.normal_(0.0, deviation, generator=stream)


def constant_biases(value: float) -> Bias:
    """All equal."""
    return lambda bias, fan_in, stream: bias.fill_(value)


def default_biases() -> Bias:
    """Those of torch.nn.Linear: uniform up to 1/√fan_in."""
    return lambda bias, fan_in, stream: bias.uniform_(
        -(fan_in**-0.5), fan_in**-0.5, generator=stream
    )
