"""Models to audit that rows know well: the lesson's small network, He et al.'s model B, and a small GPT.

``python -m experiments.audit experiments.audit.worked:lesson_cnn --input 1x28x28 --fix`` audits the first;
:func:`worked` is the example of the page, on real digits.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from experiments.audit import audit
from experiments.audit.audited import Audited

IMAGES = 64


def lesson_cnn() -> nn.Module:
    """The lesson's four convolutions with torch's default weights, and the mean over what is left of the image."""
    from experiments.init._lesson_cnn import LAYERS

    layers: list[nn.Module] = []
    for channels, filters, kernel, stride, padding in LAYERS:
        layers += [nn.Conv2d(channels, filters, kernel, stride, padding), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.AdaptiveAvgPool2d(1), nn.Flatten())


def digits(images: int = IMAGES) -> Tensor:
    """Digits of the validation set, standardised by the training set's statistics, of shape (images, 1, 28, 28)."""
    from experiments import data

    flat = data.digits().validation
    chosen = flat[:: len(flat) // images][:images]  # evenly spread: the set may be sorted
    return torch.from_numpy(chosen).reshape(-1, 1, 28, 28)


def vgg_b(width: int = 64, classes: int = 1000, deviation: float | None = None) -> nn.Module:
    """Model B of He et al. 2015, section 2.2: ten convolutions in pairs; ``width`` filters in the first (64 there).

    Kaiming's weights, or those of ``deviation`` everywhere. One linear layer stands for the three at the end.
    """
    from impl.init.kaiming import kaiming_normal_

    layers: list[nn.Module] = []
    channels = 3
    for filters in (width, 2 * width, 4 * width, 8 * width, 8 * width):
        for _ in range(2):
            layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    model = nn.Sequential(
        *layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(channels, classes)
    )
    for module in model:
        if isinstance(module, nn.Conv2d):
            assert module.bias is not None  # noqa: S101 - for the type checker
            nn.init.zeros_(module.bias)
            if deviation is None:
                kaiming_normal_(module.weight)
            else:
                nn.init.normal_(module.weight, std=deviation)
    return model


@lru_cache(maxsize=1)
def worked(draws: int = 20) -> Audited:
    """The audit of the page: the lesson's network on digits, as torch begins it, and after ``initialise_``."""
    return audit(lesson_cnn, digits(), draws=draws, seconds=600.0, fix=True)
