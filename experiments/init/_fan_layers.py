"""Fourteen kinds of layer: their terms counted, and what weights with 1/fan do to signal and gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import float64, nn

from derivations.init.fans import DERIVATION
from experiments.init._ring import apply
from experiments.stack import random_stream
from impl.init import fans, kaiming

KINDS = ("true", "torch")  # whose fan
DIRECTIONS = ("forward", "backward")


def layers() -> dict[str, nn.Module]:
    """The layers by name, in float64, without biases."""
    bare: Any = {"bias": False, "dtype": float64}
    return {
        "Linear": nn.Linear(96, 24, **bare),
        "Conv2d": nn.Conv2d(8, 16, 3, **bare),
        "Conv2d, dilation 2": nn.Conv2d(8, 16, 3, dilation=2, **bare),
        "Conv2d, groups 4": nn.Conv2d(8, 16, 3, groups=4, **bare),
        "Conv2d, depthwise": nn.Conv2d(8, 8, 3, groups=8, **bare),
        "Conv2d, stride 2": nn.Conv2d(8, 16, 3, stride=2, **bare),
        "Conv2d, stride 2, groups 4": nn.Conv2d(8, 16, 3, stride=2, groups=4, **bare),
        "Conv1d, stride 3": nn.Conv1d(8, 16, 5, stride=3, **bare),
        "Conv3d": nn.Conv3d(2, 4, 3, **bare),
        "Transpose2d": nn.ConvTranspose2d(8, 32, 3, **bare),
        "Transpose2d, stride 2": nn.ConvTranspose2d(8, 8, 4, stride=2, **bare),
        "Transpose2d, groups 4": nn.ConvTranspose2d(8, 16, 3, groups=4, **bare),
        "Transpose1d, stride 3": nn.ConvTranspose1d(8, 4, 2, stride=3, **bare),
        "Transpose3d, stride 2": nn.ConvTranspose3d(4, 2, 3, stride=2, **bare),
    }


def measure_layer(
    layer: Any, number: int, draws: int, size: int, seed: int
) -> Iterator[tuple[str, int, float]]:
    """The terms counted, and ratios of mean squares for weights with 1/fan, both ways.

    Yields statistic, draw and value, for images of ``size`` in each dimension.
    """
    dimensions = layer.weight.dim() - 2
    shape = (1, layer.weight.shape[1], *[size] * dimensions)
    if dimensions:
        shape = (1, layer.in_channels, *[size] * dimensions)
    weights, known = layer.weight.detach(), fans.true_fans(layer)
    x = torch.ones(shape, dtype=weights.dtype, requires_grad=True)
    weights.fill_(1)
    y = apply(layer, x)
    (back,) = torch.autograd.grad(y.sum(), x)
    for direction, terms, fan in zip(DIRECTIONS, (y, back), known, strict=True):
        yield f"{direction}, counted", 0, float(terms.detach().mean())
        yield f"{direction}, true_fans", 0, float(fan)
    for draw in range(draws):
        stream = random_stream(seed, 1, number, draw)
        for kind in KINDS:
            for direction, fan in zip(DIRECTIONS, known, strict=True):
                if kind == "true":
                    weights.normal_(0, 1 / math.sqrt(fan), generator=stream)
                else:
                    mode = "fan_in" if direction == "forward" else "fan_out"
                    kaiming.kaiming_normal_(
                        weights, mode=mode, nonlinearity="linear", generator=stream
                    )
                before, after = _passed(layer, shape, direction, stream)
                ratio = float(after.detach().square().mean() / before.detach().square().mean())
                yield f"{direction}, {kind} fan", draw, ratio


def _passed(layer: Any, shape: Any, direction: str, stream: Any) -> tuple[Any, Any]:
    """Random numbers, and what the layer makes of them: forwards, or as a gradient."""
    dtype = layer.weight.dtype
    x = torch.randn(shape, generator=stream, dtype=dtype, requires_grad=direction == "backward")
    y = apply(layer, x)
    if direction == "forward":
        return x, y
    cotangent = torch.randn(y.shape, generator=stream, dtype=dtype)
    return cotangent, torch.autograd.grad(y, x, cotangent)[0]


def theory(layer: Any) -> dict[str, float]:
    """The fans of a layer, and what weights with 1/fan of torch's do to signal and gradient."""

    def size(*names: str) -> int:
        return next(math.prod(_tuple(getattr(layer, n))) for n in names if hasattr(layer, n))

    groups = getattr(layer, "groups", 1)
    given = {
        "kernel_volume": size("kernel_size") if hasattr(layer, "kernel_size") else 1,
        "stride_volume": size("stride") if hasattr(layer, "stride") else 1,
        "groups": groups,
        "group_channels": size("in_channels", "in_features") // groups,
        "group_filters": size("out_channels", "out_features") // groups,
    }
    kind = "transposed" if isinstance(layer, fans.TRANSPOSED) else "conv"
    found = {}
    for prediction in DERIVATION.predictions:
        if prediction.name.startswith(kind):
            names = map(str, DERIVATION.arguments(prediction))
            value = DERIVATION.predict(prediction.name)(**{n: given[n] for n in names})
            found[prediction.name.removeprefix(f"{kind}_")] = float(value)
    return found


def _tuple(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)
