"""Networks side by side, and gradients that know of them in five ways. A part of depth/independence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from experiments.stack import random_stream
from impl.depth import independence as impl
from impl.init import kaiming

if TYPE_CHECKING:
    from experiments.depth.independence import Settings

TOGETHER = 100  # networks side by side
BATCH, ANGLE = 4, math.pi / 3  # inputs whose gradients are added, and the angle of every two

Found = dict[str, Tensor]


def one_block(settings: Settings, stream: Generator) -> dict[str, npt.NDArray[np.float64]]:
    """The statistics of networks that are drawn together, over what independence says: one number a network."""
    weights = networks(settings, stream)
    n, inputs = settings.width, settings.inputs
    x = torch.randn(inputs, generator=random_stream(settings.seed))  # one input for all networks
    x = (x * math.sqrt(inputs) / impl.squared_length(x).sqrt()).expand(TOGETHER, 1, inputs)
    readout = torch.randn(TOGETHER, settings.outputs, n, generator=stream) / math.sqrt(n)
    signs = torch.randn(TOGETHER, 1, n, generator=stream).sign()
    coins = [torch.rand(TOGETHER, 1, n, generator=stream) < 0.5 for _ in weights]
    found = deep(weights, x, readout, signs)
    drawn = impl.squared_length(impl.gradients(weights, coins, readout)[1]).double()
    found["coins, square"] = (2 * drawn).square().mean(1)
    found |= biased(settings, weights, x, signs, stream) | batched(weights[0], readout)
    return {name: values.double().numpy() for name, values in found.items()}


def networks(settings: Settings, stream: Generator) -> list[Tensor]:
    """Kaiming's weights, (networks, n_l, n_{l-1}) for every layer; each network's are drawn in a row."""
    shapes = list(zip(settings.widths[1:], settings.widths, strict=False))
    weights = [torch.empty(TOGETHER, *shape) for shape in shapes]
    for network in range(TOGETHER):
        for layer in weights:
            kaiming.kaiming_normal_(layer[network], generator=stream)
    return weights


def deep(weights: list[Tensor], x: Tensor, readout: Tensor, signs: Tensor) -> Found:
    """Gradients through all layers: from outside, of a loss of one output and of all, and of ones.

    What is said of one output is the mean over the outputs, each taken for the only one.
    """
    outputs, n = readout.shape[1:]
    signal = impl.activations(x, weights)
    output = signal[-1] @ readout.mT
    tops = [signs, torch.ones_like(signs), output @ readout, readout]
    back = impl.gradients(weights, [impl.active(each) for each in signal[1:]], torch.cat(tops, 1))
    sizes = [impl.squared_length(each).double() for each in back]
    squares = output[:, 0].double().square()
    found = {
        "outside, input": sizes[0][:, 0] / n,
        "ones": sizes[0][:, 1] / n,
        "many outputs": sizes[0][:, 2] / outputs,
        "loss": (squares * sizes[0][:, 3:]).mean(1),
        "output, fourth power": squares.square().mean(1),
        "own masks, square": (2 * sizes[1][:, 3:]).square().mean(1),
    }
    for layer in range(1, len(weights) + 1):
        below = impl.squared_length(signal[layer - 1])[:, 0].double() / signal[layer - 1].shape[-1]
        outside, own = 2 / n * sizes[layer][:, 0], 2 * sizes[layer][:, 3:]
        found[f"outside, layer {layer}"] = outside
        found[f"outside, weights {layer}"] = outside * below
        found[f"loss, weights {layer}"] = (squares * own).mean(1) * below
    return found


def biased(
    settings: Settings, weights: list[Tensor], x: Tensor, signs: Tensor, stream: Generator
) -> Found:
    """A gradient from outside, through all layers with normal biases, and through one with a constant."""
    n, found = settings.width, {}
    normal = [settings.bias * torch.randn(TOGETHER, n, generator=stream) for _ in weights]
    constant = [torch.full((TOGETHER, n), settings.bias)]
    for name, layers, biases in (
        ("symmetric bias", weights, normal),
        ("constant bias", weights[:1], constant),
    ):
        masks = [impl.active(each) for each in impl.activations(x, layers, biases)[1:]]
        found[name] = impl.squared_length(impl.gradients(layers, masks, signs)[0])[:, 0] / n
    return found


def batched(weights: Tensor, readout: Tensor) -> Found:
    """The gradient of one layer's weights over a batch, under one readout, and under one for each input."""
    _, n, inputs = weights.shape
    x = torch.zeros(TOGETHER, BATCH, inputs)
    x[..., 0] = math.sqrt(inputs * math.cos(ANGLE))  # and a direction of its own for each
    x[:, range(BATCH), range(1, BATCH + 1)] = math.sqrt(inputs * (1 - math.cos(ANGLE)))
    masks = [impl.active(impl.activations(x, [weights])[1])]
    tops = {"batch": readout[:, :1].expand(-1, BATCH, n)}
    if readout.shape[1] >= BATCH:
        tops["batch, apart"] = readout[:, :BATCH]
    found = {}
    for name, top in tops.items():
        u = impl.gradients([weights], masks, top)[1]
        found[name] = impl.weight_gradient_square(x, u) / (BATCH * inputs / 2)
    return found
