"""Models whose operations tests tell, by running them and by tracing them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from impl.init._graph import Node

ROW, IMAGE = torch.ones(2, 4), torch.ones(2, 4, 6, 6)


class NewGELUActivation(nn.Module):
    """A GELU written out, under the name that other libraries give it."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x * (1 + torch.tanh(x + 0.04 * x**3))


class OwnRMSNorm(nn.Module):
    """A normalisation written out; where its epsilon is differs from library to library."""

    def __init__(self, **epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))
        vars(self).update(epsilon)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x / x.square().mean(-1, keepdim=True).sqrt()


class Tokens(nn.Module):
    """Whole numbers in, which only an embedding reads."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(7, 4), nn.Linear(4, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.head(self.table(tokens + 1))
        return out


def of(function: Callable[..., Tensor], **parts: nn.Module) -> nn.Module:
    """A model with these parts, and with ``function(model, x)`` as its forward."""

    class Model(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(self, x)

    model = Model()
    for name, part in parts.items():
        setattr(model, name, part)
    return model


def kinds(nodes: list[Node]) -> list[str]:
    return [node.kind for node in nodes]
