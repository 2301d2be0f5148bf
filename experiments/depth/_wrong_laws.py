"""Laws and networks made wrong, for the mutants of depth/exact_law."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from experiments.mutants import Mutant

if TYPE_CHECKING:  # only runs need torch
    from torch import Generator, Tensor

LAW, KIND, IMPL = "experiments.law:", "experiments.law_kinds:", "impl.depth.exact_law:"
Make = Callable[[Any], Any]


def _scaled(factor: float) -> Make:
    return lambda right: lambda w, *a, **k: right(w, *a, **k).mul_(factor)


def _one_more(right: Any) -> Any:
    return lambda degrees, stream: right(degrees + 1, stream)


def _radial(factor: float) -> Make:
    return lambda right: (
        lambda slope, parts, radial, noise, variance: right(
            slope, parts, factor * radial, noise, variance
        )
    )


def _not_scaled(right: Any) -> Any:
    return lambda noise: noise


def _share(right: Any) -> Any:
    return lambda stream, units, share, whole: right(stream, units, share * 0.95, whole)


def _frozen(right: Any) -> Any:
    class Frozen:
        def __init__(self, *key: int) -> None:
            self.key = key

        def __getattr__(self, name: str) -> Any:
            return getattr(right(*self.key), name)

    return Frozen


def _gaussian(right: Any) -> Any:
    def fill(w: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
        return w.normal_(0, gain / math.sqrt(w.shape[1]), generator=generator)

    return fill


WRONG_LAWS = (
    Mutant("wrong gain", "4 % too large", "impl.init.kaiming:kaiming_normal_", _scaled(1.04)),
    Mutant("wrong gain", "orthogonal, 2 % too large", f"{IMPL}orthogonal_", _scaled(1.02)),
    Mutant("wrong weights", "Gaussian for orthogonal", f"{IMPL}orthogonal_", _gaussian),
    Mutant("wrong law", "one degree of freedom more", f"{LAW}chi_square", _one_more),
    Mutant("wrong law", "0.475 of the units positive", f"{LAW}halves", _share),
    Mutant("wrong law", "the same numbers in every layer", f"{LAW}random_numbers", _frozen),
    Mutant("wrong law", "twice of what is along x", f"{LAW}rectified", _radial(2.0)),
    Mutant("wrong law", "an orthogonal gradient of any length", f"{KIND}of_length_1", _not_scaled),
    Mutant(
        "wrong law", "half of what is along x, of other kinds", f"{KIND}rectified", _radial(0.5)
    ),
    Mutant(
        "wrong statistic",
        "lengths for their squares",
        f"{IMPL}squared_length",
        lambda right: lambda x: right(x) ** 0.5,
    ),
)
