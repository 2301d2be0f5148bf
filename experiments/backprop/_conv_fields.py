"""Stacks of 3 x 3 convolutions with He's weights and ReLUs: mean squares by position, forwards and backwards.

A mean square many layers on is a product of many random factors: most of its mean comes from a few large
networks, and no test of a few hundred can be trusted. So each layer is set against what is expected *given its
input*: there all channels are independent, Gaussian, and of known covariance, so that the law of the ratio is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from impl.backprop.conv import conv2d, conv2d_gradients
from impl.init.kaiming import kaiming_normal_

Expected = Callable[[Tensor], Tensor]
Steps = dict[str, tuple[float, float]]  # of a layer: value and relative variance, given its input


class Network(NamedTuple):
    """Mean squares over channels of one network, and its layers one by one.

    ``responses`` and ``gradients`` (from a white one at the end) are of shape (depth, size, size).
    """

    responses: Tensor
    gradients: Tensor
    steps: list[Steps]


def network(
    size: int, channels: int, depth: int, spread: dict[str, Expected], stream: torch.Generator
) -> Network:
    """One random network; ``spread`` gives the mean squares that are expected after a weight from those before."""
    y = _normal(size, channels, stream)
    responses, weights, steps = [y], [], []
    for _ in range(depth):
        weights.append(_weights(channels, stream))
        x = y.clamp_min(0)
        passed = _share(x, y)
        y = conv2d(x, weights[-1], padding=1)
        found = step("forward", y, functional.pad(x, (1, 1, 1, 1)), spread["forward"])
        steps.append(found | {"forward, passed": (passed, 0.0)})
        responses.append(y)
    gradient = _normal(size, channels, stream)
    gradients = []
    for layer in reversed(range(depth)):
        weight, below = weights[layer], responses[layer]
        white = _normal(size, channels, stream)  # of its own: not of the layers after it
        alone, _, _ = conv2d_gradients(below.clamp_min(0), weight, white, padding=1)
        found = step("backward", alone, functional.pad(white, (1, 1, 1, 1)), spread["backward"])
        steps[layer] |= found | {"backward, passed": (_share(alone * (below > 0), alone), 0.0)}
        gradient, _, _ = conv2d_gradients(below.clamp_min(0), weight, gradient, padding=1)
        gradient = gradient * (below > 0)
        gradients.append(gradient)
    return Network(_mean_squares(responses[1:]), _mean_squares(gradients), steps)


def ring(
    size: int, channels: int, depth: int, half: float, stream: torch.Generator
) -> list[tuple[float, float]]:
    """The step of every layer of a network whose borders are joined: no zeros, so He's fan is right everywhere.

    ``half`` is what a ReLU keeps, and He's weights give back.
    """
    y = _normal(size, channels, stream)
    found = []
    for _ in range(depth):
        x = functional.pad(y.clamp_min(0), (1, 1, 1, 1), mode="circular")
        before = _mean_squares([y.clamp_min(0)]).mean()
        y = conv2d(x, _weights(channels, stream))
        ratio = _mean_squares([y]).mean() * half / before
        found.append((float(ratio), _mean_variance(x, channels)))
    return found


def step(direction: str, y: Tensor, padded: Tensor, spread: Expected) -> Steps:
    """Mean squares of ``y``, on average, at the corner and the centre, over those expected from its ``padded`` input.

    Given the input, a position's C channels are independent Gaussians: the ratio is a chi-squared mean, of relative
    variance 2 / C. Positions share their weights, so their average has the variance of :func:`_mean_variance`.
    """
    channels, middle = y.shape[1], y.shape[2] // 2
    inner = padded[..., 1:-1, 1:-1]
    found, expected = _mean_squares([y])[0], spread(_mean_squares([inner])[0])
    ratio = found / expected
    return {
        f"{direction}, mean": (
            float(found.mean() / expected.mean()),
            _mean_variance(padded, channels),
        ),
        f"{direction}, corner": (float(ratio[0, 0]), 2 / channels),
        f"{direction}, centre": (float(ratio[middle, middle]), 2 / channels),
    }


def _mean_variance(padded: Tensor, channels: int) -> float:
    """Relative variance of the mean square of all responses: of a quadratic form of each filter, 2 tr(S²) / tr(S)²."""
    windows = functional.unfold(padded, 3)[0]
    covariance = windows.T @ windows
    return float(2 * covariance.square().sum() / covariance.trace() ** 2 / channels)


def _share(kept: Tensor, of: Tensor) -> float:
    return float(kept.square().sum() / of.square().sum())


def _normal(size: int, channels: int, stream: torch.Generator) -> Tensor:
    return torch.randn((1, channels, size, size), generator=stream, dtype=torch.float64)


def errors(stream: torch.Generator) -> dict[str, float]:
    """Largest differences between ours, loops, the band, torch and autograd for one random layer."""
    from impl.backprop.conv import conv2d_loops, unfold, weight_matrix

    def size(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=stream))

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=stream, dtype=torch.float64)

    batch, channels, filters, stride, padding = (size(1, 3) for _ in range(5))
    kernel, padding = (size(1, 3), size(1, 3)), padding - 1
    x, weight = normal(batch, channels, size(3, 6), size(3, 6)), normal(filters, channels, *kernel)
    bias = normal(filters)
    x, weight, bias = (leaf.requires_grad_() for leaf in (x, weight, bias))
    expected = functional.conv2d(x, weight, bias, stride, padding)
    upstream = normal(*expected.shape)
    theirs = torch.autograd.grad(expected, (x, weight, bias), upstream)
    with torch.no_grad():
        how = {"stride": stride, "padding": padding}
        band = weight_matrix(weight, (x.shape[2], x.shape[3]), **how) @ x.flatten(1).T
        pairs = {
            "output": (conv2d(x, weight, bias, **how), expected),
            "loops": (
                x.new_tensor(conv2d_loops(x.tolist(), weight.tolist(), bias.tolist(), **how)),
                expected,
            ),
            "windows": (unfold(x, kernel, **how), functional.unfold(x, kernel, **how)),
            "band": (band.T, (expected - bias[:, None, None]).flatten(1)),
        }
        ours = conv2d_gradients(x, weight, upstream, **how)
        pairs |= dict(zip(("input", "weight", "bias"), zip(ours, theirs, strict=True), strict=True))
        return {name: float((a - b).abs().max()) for name, (a, b) in pairs.items()}


def _weights(channels: int, stream: torch.Generator) -> Tensor:
    weight = torch.empty(channels, channels, 3, 3, dtype=torch.float64)
    return kaiming_normal_(weight, nonlinearity="relu", generator=stream)


def _mean_squares(tensors: list[Tensor]) -> Tensor:
    return torch.stack([tensor.square().mean((0, 1)) for tensor in tensors])
