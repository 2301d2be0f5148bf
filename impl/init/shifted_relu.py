"""A rectifier minus a constant, as in the lesson, and the constants that centre it.

Arpit et al. 2016 subtract the mean of a rectified N(0, 1) and divide by its deviation; here the
division is left to the gain of the weights.
"""

from __future__ import annotations

import math

from torch import Tensor

from impl.init.relu import relu

USES = ("torch.Tensor.sub",)


def shifted_relu(input: Tensor, shift: float = 0.5) -> Tensor:  # noqa: A002 - as torch names it
    """max(x, 0) - shift, of the shape of ``input``; the default is the lesson's constant."""
    return relu(input) - shift


def centring_shift(gain: float = math.sqrt(2), second_moment: float = 1.0) -> float:
    """The mean after a ReLU, which is the shift that takes it away: gain √m / √(2π).

    For weights N(0, gain² / fan_in) and inputs of mean square m: 1/√π for Kaiming's gain and m = 1.
    Raises ValueError unless both are positive.
    """
    if not gain > 0 or not second_moment > 0:
        raise ValueError(f"gain and second_moment must be positive, got {gain} and {second_moment}")
    return gain * math.sqrt(second_moment / (2 * math.pi))


def unit_gain() -> float:
    """The gain 1.713 with which a centred ReLU keeps a mean square of 1: √2 / √(1 - 1/π).

    Its shift is ``centring_shift(unit_gain())``.
    """
    return math.sqrt(2 / (1 - 1 / math.pi))
