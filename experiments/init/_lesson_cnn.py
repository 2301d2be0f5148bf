"""The lesson's small network of four convolutions: its preactivations, and what theory expects of them.

Given the images, the mean over weights and biases of a preactivation's square is known at every position, border and
stride included: the weights' variance times the sum of the squares that it reads, and the bias's variance. A rectifier
then halves it. So the prediction of a layer follows from that of the layer before, without a limit or an average.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# in, out, kernel, stride, padding
LAYERS = ((1, 8, 5, 2, 2), (8, 16, 3, 2, 1), (16, 32, 3, 2, 1), (32, 1, 3, 2, 1))
Parameters = list[tuple[Tensor, Tensor]]


def parameters(fill: Callable[[Tensor, Tensor], Any], dtype: torch.dtype) -> Parameters:
    """Weights and biases of the four layers; ``fill`` fills them in place."""
    made = []
    for channels, filters, kernel, _, _ in LAYERS:
        weight = torch.empty(filters, channels, kernel, kernel, dtype=dtype)
        bias = torch.empty(filters, dtype=dtype)
        fill(weight, bias)
        made.append((weight, bias))
    return made


def preactivations(images: Tensor, made: Parameters) -> list[Tensor]:
    """What each convolution gives, for ``images`` of shape (count, 1, 28, 28)."""
    found, x = [], images
    for (weight, bias), (_, _, _, stride, padding) in zip(made, LAYERS, strict=True):
        found.append(functional.conv2d(x, weight, bias, stride, padding))
        x = found[-1].clamp_min(0)
    return found


def output(images: Tensor, made: Parameters) -> Tensor:
    """The network's output: the last convolution, averaged over its positions; shape (count,)."""
    return preactivations(images, made)[-1].mean(dim=(1, 2, 3))


def expected(images: Tensor) -> list[float]:
    """The mean square of each convolution's output over images and positions, as derived."""
    from derivations.init.conv_default import DERIVATION

    layer, variance = DERIVATION.predict("layer"), DERIVATION.predict("variance")
    squares, found = images.double().square(), []
    for channels, _, kernel, stride, padding in LAYERS:
        fan_in = kernel**2 * channels
        read = functional.avg_pool2d(squares, kernel, stride, padding)  # zeros of the border count
        one = float(variance(units=fan_in))
        field = layer(
            fan_in=fan_in,
            weight_var=one,
            bias_var=one,
            second_moment=read.mean(dim=1, keepdim=True),
        )
        found.append(float(field.mean()))
        squares = field / 2
    return found
