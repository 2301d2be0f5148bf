"""Digits, random weights and cotangents, and the mean squares of the gradients that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.backprop._linear_ways import NAMES, gradients

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from experiments.backprop.linear import Settings


def images_of(settings: Settings, batch: int) -> Tensor:
    """Digits, drawn once for each batch."""
    import torch

    from experiments.data import digits
    from experiments.stack import random_stream

    images = torch.from_numpy(digits(settings.data).train).double()
    stream = random_stream(settings.seed, 1, batch)
    return images[torch.randint(len(images), (batch,), generator=stream)]


def _weights(fan_in: int, settings: Settings, stream: Generator) -> Tensor:
    import torch

    shape = fan_in, settings.units
    return settings.weight_std * torch.randn(shape, dtype=torch.float64, generator=stream)


def _cotangents(batch: int, settings: Settings, stream: Generator) -> Tensor:
    import torch

    shape = batch, settings.units
    return settings.cotangent_std * torch.randn(shape, dtype=torch.float64, generator=stream)


def _mean_square(gradient: Tensor) -> float:
    return float(gradient.square().mean())


def squares(images: Tensor, settings: Settings, stream: Generator) -> dict[str, float]:
    """The mean square of each gradient for one draw; and of the weights' if all examples had one cotangent."""
    w = _weights(images.shape[1], settings, stream)
    upstream = _cotangents(len(images), settings, stream)
    found = dict(
        zip(NAMES, map(_mean_square, gradients("matmul", images, w, upstream)), strict=True)
    )
    alike = upstream[:1].expand_as(upstream)
    return {**found, "one cotangent": _mean_square(gradients("matmul", images, w, alike)[1])}
