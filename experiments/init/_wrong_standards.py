"""Standardisation made wrong, for the MUTANTS of init/standardize."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # only runs need torch
    from torch import Tensor


def own(right: Any) -> Any:
    """Each set in coordinates of its own."""

    def sets(train: Tensor, *others: Tensor, per_pixel: bool = False) -> list[Tensor]:
        return [right(images, per_pixel=per_pixel)[0] for images in (train, *others)]

    return sets


def statistics(mean: float = 1.0, std: float = 1.0) -> Any:
    """Statistics that are off by a factor."""

    def make(right: Any) -> Any:
        def wrong(images: Tensor, per_pixel: bool = False) -> Any:
            found = right(images, per_pixel)
            return found[0] * mean, found[1] * std

        return wrong

    return make


def palest(right: Any) -> Any:
    """The images with the most ink are the validation set."""

    def split(train: Tensor, validation: Tensor) -> dict[str, float]:
        import torch

        images = torch.cat([train, validation])
        images = images[images.mean(dim=1).argsort(descending=True)]
        found: dict[str, float] = right(*images.split([len(train), len(validation)]))
        return found

    return split


def twice(right: Any) -> Any:
    """Half of the validation set, and the same half again."""

    def split(train: Tensor, validation: Tensor) -> dict[str, float]:
        half = len(validation) // 2
        found: dict[str, float] = right(train, validation[:half].repeat(2, 1))
        return found

    return split
