"""One residual network, forwards and backwards: the weights of a block are drawn, used, and dropped.

Each block has a random stream of its own, so the way back draws the same weights again. What is kept of a block is
what its layers read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from experiments.stack import random_stream
from impl.depth import fixup

Fill = Callable[[Sequence[Tensor], torch.Generator], object]  # fills the weights of one branch


@dataclass(frozen=True)
class Run:
    """What one network did: see :func:`run`."""

    change: float
    forward: list[float]
    backward: list[float]
    ends: dict[str, float]


def run(fill: Fill, branches: int, layers: int, width: int, key: Sequence[int]) -> Run:
    """Send a random input through a network, and a random gradient back.

    ``change`` is the first-step change over ‖u‖² ‖x‖²; ``forward`` and ``backward`` each block's ratio of mean
    squares; ``ends`` the ratios of the last to the first, and the largest differences between them.
    """
    stream = random_stream(*key)
    first = int(torch.randint(2**62, (), generator=stream)) % 2**32
    x0, u0 = (torch.randn(1, width, dtype=torch.float64, generator=stream) for _ in range(2))
    weights = [torch.empty(width, width, dtype=torch.float64) for _ in range(layers)]

    def draw(block: int) -> list[Tensor]:
        fill(weights, stream.manual_seed((first + block) % 2**32))
        return weights

    x, kept, forward = x0, [], []
    for block in range(branches):
        before = x
        x, inputs = fixup.residual(x, draw(block))
        kept.append(inputs)
        forward.append(_ratio(x, before))
    u, change, backward = u0, 0.0, []
    for block in reversed(range(branches)):
        before = u
        u, gradients = fixup.residual_gradients(u, draw(block), kept.pop())
        change += fixup.first_step_change(gradients)
        backward.append(_ratio(u, before))
    ends = {
        "signal": _ratio(x, x0),
        "gradient": _ratio(u, u0),
        "signal moved": float((x - x0).abs().max()),
        "gradient moved": float((u - u0).abs().max()),
    }
    return Run(change / _square(u0) / _square(x0), forward, backward[::-1], ends)


def _square(vector: Tensor) -> float:
    return float((vector * vector).sum())


def _ratio(after: Tensor, before: Tensor) -> float:
    """Of their squared lengths; NaN, which no prediction agrees with, if nothing is left."""
    square = _square(before)
    return _square(after) / square if square else math.nan
