"""Initialisers made wrong, for ``MUTANTS``: by gain, fan, mean, layer, and by what they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from experiments.mutants import Mutant

if TYPE_CHECKING:  # only runs need torch
    from torch import Generator, Tensor

Fill = Callable[..., Any]


def wrong_weights(target: str, unseen: Mapping[str, str] | None = None) -> tuple[Mutant, ...]:
    """Mutants of the initialiser ``target``; ``unseen`` says, by name, which cannot be seen, and why."""
    unseen = unseen or {}
    return tuple(
        Mutant(kind, name, target, make, unseen.get(name, ""))
        for kind, name, make in (
            ("wrong gain", "1 % too large", _scaled(1.01)),
            ("wrong gain", "1 % too small", _scaled(0.99)),
            ("wrong gain", "1/√2 of it", _scaled(math.sqrt(0.5))),
            ("wrong gain", "no square root", _unrooted),
            ("wrong gain", "torch's default for Linear", _default),
            ("fans swapped", "fan_in for fan_out", _swapped),
            ("biased noise", "a mean of 2 % of the deviation", _with_a_mean),
            ("off by one layer", "the deviation of the layer before", _late),
            ("shared weights", "one draw for all layers of a shape", _shared_between_layers),
            ("shared weights", "one draw for all networks", _shared_between_networks),
        )
    )


def _scaled(factor: float) -> Callable[[Fill], Fill]:
    def make(right: Fill) -> Fill:
        return lambda w, *a, **k: right(w, *a, **k).mul_(factor)

    return make


def _unrooted(right: Fill) -> Fill:
    def fill(w: Tensor, *a: Any, **k: Any) -> Tensor:
        filled: Tensor = right(w, *a, **k)
        return filled.mul_(filled.square().mean().sqrt())

    return fill


def _default(right: Fill) -> Fill:
    def fill(w: Tensor, *_: Any, generator: Generator, **__: Any) -> Tensor:
        from torch.nn import init

        return init.kaiming_uniform_(w, a=math.sqrt(5), generator=generator)

    return fill


def _swapped(right: Fill) -> Fill:
    def fill(w: Tensor, *a: Any, **k: Any) -> Tensor:
        return w.copy_(right(w.new_empty(w.shape[::-1]), *a, **k).T)

    return fill


def _with_a_mean(right: Fill) -> Fill:
    def fill(w: Tensor, *a: Any, **k: Any) -> Tensor:
        filled: Tensor = right(w, *a, **k)
        return filled.add_(0.02 * filled.square().mean().sqrt())

    return fill


def _late(right: Fill) -> Fill:
    """Scaled as if the fan_in were the one of the layer before."""
    before: dict[int, int] = {}

    def fill(w: Tensor, *a: Any, generator: Generator, **k: Any) -> Tensor:
        network, fan_in = generator.initial_seed(), w.shape[1]
        filled: Tensor = right(w, *a, generator=generator, **k)
        filled.mul_(math.sqrt(fan_in / before.get(network, fan_in)))
        before[network] = fan_in
        return filled

    return fill


def _shared_between_layers(right: Fill) -> Fill:
    drawn: dict[Any, Tensor] = {}

    def fill(w: Tensor, *a: Any, generator: Generator, **k: Any) -> Tensor:
        key = (generator.initial_seed(), w.shape)
        if key not in drawn:
            drawn[key] = right(w, *a, generator=generator, **k).clone()
        return w.copy_(drawn[key])

    return fill


def _shared_between_networks(right: Fill) -> Fill:
    drawn: dict[Any, Tensor] = {}

    def fill(w: Tensor, *a: Any, generator: Generator, **k: Any) -> Tensor:
        from torch import Generator

        layer = drawn.setdefault(generator.initial_seed(), w.new_zeros(()))
        drawn[generator.initial_seed()] = layer + 1
        same = Generator().manual_seed(int(layer))
        return right(w, *a, generator=same, **k)

    return fill
