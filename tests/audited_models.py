"""Models for the audit's tests: stacks, residual branches, a transformer, and for each cause a model that has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

WIDTH = 128


def stack(
    depth: int,
    activation: Callable[[], nn.Module] = nn.ReLU,
    fill: Callable[[Tensor], Any] | None = None,
    norm: bool = False,
    width: int = WIDTH,
) -> nn.Module:
    """A stack of dense layers, and a linear one at the end."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        linear = nn.Linear(width, width)
        if fill is not None:
            fill(linear.weight)
            nn.init.zeros_(linear.bias)
        layers += [linear, *([nn.BatchNorm1d(width)] if norm else []), activation()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


class Residual(nn.Module):
    """Sixteen branches with Kaiming's weights, and no normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(stack(1, fill=nn.init.kaiming_normal_) for _ in range(16))
        for branch in self.branches:
            branch[2] = nn.Linear(WIDTH, WIDTH)
            nn.init.kaiming_normal_(branch[2].weight)

    def forward(self, x: Tensor) -> Tensor:
        for branch in self.branches:
            x = x + branch(x)
        return x


class Transformer(nn.Module):
    """Three layers of torch's own, with weights of one deviation."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 64)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(64, 4, 128, 0.1, "gelu", batch_first=True, norm_first=True)
            for _ in range(3)
        )
        self.head = nn.Linear(64, 50)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=deviation)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.table(ids)
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.head(x)
        return out


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


def sound() -> nn.Module:
    return stack(3, fill=nn.init.kaiming_normal_)


def broken() -> nn.Module:
    raise KeyError("no weights here")


def number() -> int:
    return 3


class TwoInputs(nn.Module):
    """Two inputs, and a tuple with a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.layer(a), {"other": self.layer(b)}


CASES: dict[str, tuple[Callable[[], nn.Module], Tensor, str, str]] = {
    "default": (lambda: stack(12), normal(16, WIDTH), "gain", "init/conv_default"),
    "xavier": (
        lambda: stack(12, fill=nn.init.xavier_normal_),
        normal(16, WIDTH),
        "gain",
        "init/xavier",
    ),
    "sigmoid": (
        lambda: stack(8, nn.Sigmoid, nn.init.xavier_normal_),
        *(normal(16, WIDTH), "saturation", "init/xavier"),
    ),
    "wide tanh": (
        lambda: stack(16, nn.Tanh, lambda w: nn.init.normal_(w, std=0.3)),
        *(normal(16, WIDTH), "saturation", "init/xavier"),
    ),
    "no skip": (lambda: stack(24, norm=True), normal(32, WIDTH), "normalised", "init/shifted_relu"),
    "no norm": (Residual, normal(16, WIDTH), "residual", "depth/fixup"),
    "transposed": (
        lambda: nn.Sequential(
            *(m for _ in range(3) for m in (nn.ConvTranspose2d(16, 16, 4, 2, 1), nn.ReLU()))
        ),
        *(normal(4, 16, 2, 2), "gain", "init/fans"),
    ),
    "narrow": (
        lambda: stack(30, fill=nn.init.kaiming_normal_, width=16),
        *(normal(16, 16), "width", "depth/finite_width"),
    ),
    "pixels": (sound, 255 * normal(16, WIDTH).abs(), "input", "init/standardize"),
    "scores": (
        lambda: Transformer(0.5),
        torch.arange(64).reshape(4, 16) % 50,
        *("scores", "init/kaiming"),
    ),
}
