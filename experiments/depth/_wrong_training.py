"""Networks begun and trained in wrong ways, which depth/training must notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from experiments.mutants import Mutant
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # only runs need torch
    from torch import Tensor

    from impl.backprop.chain_rule import Pair

Make = Callable[..., Any]
KINDS = ("wrong gain", "fans swapped", "biased noise", "off by one layer", "shared weights")


def kaiming() -> Iterator[Mutant]:
    """Of the wrong ways to draw Kaiming's weights the first of each kind."""
    mutants = wrong_weights("impl.init.kaiming:kaiming_normal_")
    return (next(m for m in mutants if m.kind == kind) for kind in KINDS)


def scaled(factor: float) -> Make:
    """All weights times ``factor``."""
    return lambda right: lambda w, **given: right(w, **given).mul_(factor)


def repeated(right: Make) -> Make:
    """Each layer after the second has its weights, if it can."""

    def network(*args: Any, **given: Any) -> list[Pair]:
        layers: list[Pair] = right(*args, **given)
        second = layers[1][0]
        return [(second if w.shape == second.shape else w, b) for w, b in layers]

    return network


def one_for_all(right: Make) -> Make:
    """The same random numbers in every network."""
    return lambda rule, sizes, stream, *a: right(rule, sizes, stream.manual_seed(0), *a)


def no_mask(right: Make) -> Make:
    """Every unit is active, if ever so little."""
    return lambda upstream, signals, layers: right(upstream, [s + 1e-30 for s in signals], layers)


def no_right_class(right: Make) -> Make:
    """The probabilities alone, as if no class were right."""

    def gradient(logits: Tensor, targets: Tensor) -> Tensor:
        return right(logits, targets).clamp_min(0)

    return gradient


def no_momentum(right: Make) -> Make:
    """Every step by the last gradient alone."""
    return lambda layers, batches, rate, momentum, *a: right(layers, batches, rate, 0.0, *a)


def no_factor(right: Make) -> Make:
    """The outputs as they are."""
    return lambda layers, batches, rate, momentum, *_: right(layers, batches, rate, momentum)


def uphill(right: Make) -> Make:
    """Steps with the gradient."""
    return lambda layer, velocity, rates: right(layer, velocity, tuple(-1 * r for r in rates))


def labels(right: Make) -> Make:
    """Each digit has the label of its neighbour in the batch."""
    return lambda *a: ((x, y.roll(1, -1)) for x, y in right(*a))
