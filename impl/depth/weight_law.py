"""Weights of other laws than the Gaussian: random signs, Laplace, and normal weights that are cut off.

Each function fills a tensor in place from independent numbers of the standard deviation ``std``, as
those of ``torch.nn.init`` do, whether or not it requires a gradient. ``trunc_normal_`` has torch's
signature, and within ``[a, b]`` that hold 30 % of the normal law or more, torch's bits.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from impl.init.fans import fan

USES = (
    *("torch.Tensor.normal_", "torch.Tensor.uniform_", "torch.Tensor.__setitem__"),
    *("torch.Tensor.clamp_min", "torch.Tensor.clamp_max", "torch.Tensor.eq", "torch.Tensor.le"),
    *("torch.Tensor.mul", "torch.Tensor.add", "torch.Tensor.sum", "torch.Tensor.item"),
    *("torch.empty_like", "torch.where"),
)

LEAST = 0.01  # of the normal law that must lie within [a, b]: else most draws are thrown away
KERAS = 0.87962566103423978  # deviation of a standard normal number that is cut off at -2 and 2


def rademacher_(tensor: Tensor, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill ``tensor`` with +std and -std, each with probability 1/2, and return it."""
    with torch.no_grad():
        negative = tensor.uniform_(-1, 1, generator=generator) <= 0
        tensor[...] = std
        tensor[negative] = -std
    return tensor


def laplace_(tensor: Tensor, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill ``tensor`` from Laplace's law with mean 0 and the scale std / √2, and return it.

    For independent standard normal g, g₁ g₂ + g₃ g₄ has Laplace's law with the scale 1.
    """
    with torch.no_grad():
        g = [torch.empty_like(tensor).normal_(generator=generator) for _ in range(4)]
        tensor[...] = (g[0] * g[1] + g[2] * g[3]) * (std / math.sqrt(2))
    return tensor


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill ``tensor`` from N(mean, std²), where what falls outside [a, b] is drawn again; return it.

    ``a`` and ``b`` are numbers and not multiples of ``std``, as in torch: with the defaults and a
    std of 0.06 nothing is ever cut off. Raises ValueError if less than 1 % of the law lies within.
    """
    within = (_normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)) if std > 0 else 0.0
    if not within >= LEAST:
        raise ValueError(
            f"at least {LEAST:.0%} of N({mean:g}, {std:g}²) must lie within [{a:g}, {b:g}], "
            f"got {within:.2g}"
        )
    with torch.no_grad():
        drawn = tensor.normal_(mean, std, generator=generator)
        while True:
            inside = drawn.clamp_min(a).clamp_max(b) == drawn
            if inside.sum().item() == tensor.numel():
                break
            again = torch.empty_like(tensor).normal_(mean, std, generator=generator)
            drawn = torch.where(inside, drawn, again)
        if drawn is not tensor:
            tensor[...] = drawn
    return tensor


def he_normal_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill ``tensor`` (out, in, *kernel) as Keras and JAX do by that name: N(0, 2 / fan_in), cut off at two deviations.

    What the cut takes from the variance is put back: the normal law's deviation is √(2 / fan_in) /
    0.8796. Returns ``tensor``. Raises ValueError as :func:`impl.init.fans.fan` does.
    """
    std = math.sqrt(2 / fan(tensor, "fan_in")) / KERAS
    return trunc_normal_(tensor, 0.0, std, -2 * std, 2 * std, generator)


def _normal_cdf(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2
