"""Stacks of 3 x 3 convolutions with He's weights and ReLUs: mean squares by position, forwards and backwards."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from impl.backprop.conv import conv2d, conv2d_gradients
from impl.init.kaiming import kaiming_normal_


def fields(size: int, channels: int, depth: int, stream: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mean squares over channels of one network: two tensors of shape (depth, size, size).

    Responses layer by layer, and gradients with respect to them, from a white one at the end.
    """
    shape = (1, channels, size, size)
    y = torch.randn(shape, generator=stream, dtype=torch.float64)
    responses, weights = [y], []
    for _ in range(depth):
        weights.append(_weights(channels, stream))
        y = conv2d(y.clamp_min(0), weights[-1], padding=1)
        responses.append(y)
    gradient = torch.randn(shape, generator=stream, dtype=torch.float64)
    gradients = []
    for weight, below in zip(weights[::-1], responses[-2::-1], strict=True):
        gradient, _, _ = conv2d_gradients(below.clamp_min(0), weight, gradient, padding=1)
        gradient = gradient * (below > 0)
        gradients.append(gradient)
    return _mean_squares(responses[1:]), _mean_squares(gradients)


def ring(size: int, channels: int, depth: int, stream: torch.Generator) -> float:
    """Mean square after ``depth`` layers whose borders are joined: no zeros."""
    y = torch.randn((1, channels, size, size), generator=stream, dtype=torch.float64)
    for _ in range(depth):
        closed = functional.pad(y.clamp_min(0), (1, 1, 1, 1), mode="circular")
        y = conv2d(closed, _weights(channels, stream))
    return float(y.square().mean())


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
