"""A pool of digits, its random splits, and first layers on it: the measurements of init/standardize."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from experiments.data import digits
from experiments.settings import Unusable
from experiments.stack import random_stream
from impl.init import kaiming, standardize


def pool(source: str, images: int, seed: int) -> Tensor:
    """Raw digits, chosen at random, in double precision: (images, pixels)."""
    data = digits(source)
    whole = torch.cat([torch.from_numpy(data.train), torch.from_numpy(data.validation)]).double()
    if images > len(whole):
        raise Unusable(f"images must be at most {len(whole):,}, got {images}")
    chosen = torch.randperm(len(whole), generator=random_stream(seed, 0))
    return whole[chosen[:images]] * data.deviation + data.mean


def split(train: Tensor, validation: Tensor) -> dict[str, float]:
    """Shift and scale of a validation set, in both coordinates."""
    (mean, std), (own_mean, own_std) = map(standardize.mean_and_std, (train, validation))
    inside, right = standardize.standardize_sets(train, validation)
    own = standardize.standardize(validation, own_mean, own_std)
    return {
        "shift": float(own_mean - mean),
        "deviation": float(std),
        "own variance": float(own_std) ** 2,
        "training set: mean": float(inside.mean()),
        "training set: deviation": float(inside.std(correction=0)),
        "validation set: mean": float(right.mean()),
        "validation set: deviation": float(right.std(correction=0)),
        "displacement": float((right - own).square().mean()),
    }


def curvature(x: Tensor) -> float:
    """The largest eigenvalue of the second moments, over their mean: how steep the steepest direction is."""
    moments = x.T @ x / len(x)
    return float(torch.linalg.eigvalsh(moments)[-1] / moments.trace() * len(moments))


def first_layers(
    everything: dict[bool, Tensor], units: int, stream: torch.Generator
) -> Iterator[tuple[str, float]]:
    """What the units of one draw average to, over digits with one mean for all pixels and with one for each."""
    weights = torch.empty(units, everything[False].shape[1], dtype=torch.float64)
    kaiming.kaiming_normal_(weights, a=1.0, generator=stream)  # slope 1: a linear layer
    means = {kind: (x @ weights.T).mean(dim=0) for kind, x in everything.items()}
    yield "unit means, squared", float(means[False].square().mean())
    yield "layer mean", float(means[False].mean())
    yield "unit means, per pixel", float(means[True].abs().max())
