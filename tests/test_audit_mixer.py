"""The audit on an MLP-Mixer (Tolstikhin et al. 2021, section 2), written from the paper: it mixes tokens by layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from experiments.audit import audit
from experiments.audit.agreement import verdict
from experiments.audit.audited import Audited


def mlp(size: int, hidden: int) -> nn.Module:
    """Two dense layers and a GELU, with the variance 1/fan_in, and biases of zero."""
    layers = nn.Sequential(nn.Linear(size, hidden), nn.GELU(), nn.Linear(hidden, size))
    for layer in (layers[0], layers[2]):
        nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
        nn.init.zeros_(layer.bias)
    return layers


class Block(nn.Module):
    """Mixes tokens, then channels: each a LayerNorm, an MLP and a skip."""

    def __init__(self, tokens: int, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.token_mixing, self.channel_mixing = (
            mlp(tokens, 2 * tokens),
            mlp(channels, 2 * channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.token_mixing(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        out: Tensor = x + self.channel_mixing(self.norm2(x))
        return out


class Mixer(nn.Module):
    """Patches, blocks, a LayerNorm, the mean over tokens, and a head."""

    def __init__(
        self, image: int = 32, patch: int = 4, channels: int = 128, blocks: int = 3
    ) -> None:
        super().__init__()
        tokens = (image // patch) ** 2
        self.patches = nn.Conv2d(3, channels, patch, stride=patch)
        self.blocks = nn.ModuleList(Block(tokens, channels) for _ in range(blocks))
        self.norm, self.head = nn.LayerNorm(channels), nn.Linear(channels, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(self.norm(x).mean(1))
        return out


@pytest.fixture(scope="module")
def found() -> Audited:
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    return audit(Mixer, images, draws=12)


def test_every_layer_is_predicted_and_the_exact_ones_agree(found: Audited) -> None:
    assert {x.how for x in found.layers} == {"exact", "mean field"}
    assert verdict(found.layers)[1] == [], verdict(found.layers)[0]


def test_every_ratio_is_within_its_standard_error_or_two_per_cent(found: Audited) -> None:
    """The two per cent are the mean field's: GELU's input is not quite Gaussian."""
    for x in found.layers[1:]:
        near = 3 * x.ratio_error + 0.02 * x.ratio_predicted
        assert abs(x.ratio - x.ratio_predicted) < near, x


def test_the_mean_over_tokens_knows_that_mixing_made_them_independent(found: Audited) -> None:
    mean = next(x for x in found.layers if x.kind == "mean")
    assert abs(mean.forward - mean.forward_predicted) < 3 * mean.forward_error


def test_gradients_are_near(found: Audited) -> None:
    for x in found.layers:
        assert x.backward_predicted == pytest.approx(x.backward, rel=0.4), x


def test_layer_norm_takes_away_the_level_that_token_mixing_gave_all_channels(
    found: Audited,
) -> None:
    """A fifth of what token mixing adds is one number for all channels of a token: no part of LayerNorm's variance.

    The six per cent: each token is divided by its own variance, of which theory takes the mean.
    """
    for norm in (x for x in found.layers if x.kind == "layer_norm"):
        before = next(x for x in found.layers if x.index == norm.reads)
        measured = before.backward / norm.backward
        predicted = before.backward_predicted / norm.backward_predicted
        assert abs(measured / predicted - 1) < 0.06, norm.name
