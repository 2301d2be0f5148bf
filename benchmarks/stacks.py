"""Races of deep ReLU stacks: drawn from their law and with real weights, against a notebook's ways."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from benchmarks.races import Race
from experiments import passes
from experiments.final_law import FinalLaw
from experiments.law import Law, constant, random_numbers, sample
from experiments.law_inputs import LARGEST_BLOCK, sample_inputs
from experiments.law_passes import BLOCK
from experiments.stack import random_stream
from experiments.weights import kaiming_weights


def races() -> list[Race]:
    """Deep ReLU stacks, a layer of a network: drawn from their law, and with weights."""
    return [
        *(width_race(width, both) for width in (512, 1024) for both in (False, True)),
        *(inputs_race(512, k) for k in (2, 32)),
        *stack_races(512),
        *stack_races(1024),
    ]


def growth() -> list[Race]:
    """Our own code at another size: what width and depth cost, and what the last layer alone does."""
    narrow, wide = (stacks(width, 20) for width in (512, 10**6))
    shallow, deep = (stacks(512, depth) for depth in (20, 2000))
    share = 4 * BLOCK
    return [
        Race(
            "norms both ways, a layer of 10⁶ from its law",
            "one of 512",
            wide,
            narrow,
            share * 20,
            share * 20,
        ),
        Race(
            "norms both ways, one of 2,000 layers from its law",
            "one of 20",
            deep,
            shallow,
            share * 2000,
            share * 20,
        ),
        last_layer_race(),
    ]


def stacks(width: int, depth: int, both: bool = True) -> Callable[[], object]:
    """Draws 4 blocks of networks; only the last layer is kept."""
    law, count = Law(constant(width, depth), math.sqrt(2)), 4 * BLOCK
    return lambda: sample(law, networks=count, seed=0, both=both, layers=(depth,), workers=1)


def width_race(width: int, both: bool, depth: int = 20) -> Race:
    """One input: a few random numbers a layer, against a notebook's loop with fresh weights."""
    way = "both ways" if both else "forwards"
    return Race(
        f"norms {way}, a layer of {width}",
        "torch.randn and a loop over layers",
        stacks(width, depth, both),
        partial(with_weights, width, depth, 1, both),
        4 * BLOCK * depth,
        depth,
    )


def inputs_race(width: int, k: int, depth: int = 10) -> Race:
    """Several inputs of one network, both ways, with their tangent kernel."""
    law, x = Law(constant(width, depth), math.sqrt(2)), torch.randn(k, width).numpy()
    return Race(
        f"{k} inputs both ways, a layer of {width}",
        "torch.randn and a loop over layers",
        lambda: sample_inputs(law, x, networks=LARGEST_BLOCK, seed=0, both=True, workers=1),
        partial(with_weights, width, depth, k, True),
        LARGEST_BLOCK * depth,
        depth,
    )


def last_layer_race(depth: int = 1000) -> Race:
    """A network's last layer: from its distribution function, and drawn layer by layer."""
    law, count = Law(constant(512, depth), math.sqrt(2)), 4 * BLOCK
    final = FinalLaw(law)
    return Race(
        f"layer {depth:,} of a network of width 512, from its law alone",
        "drawn layer by layer",
        lambda: final.draw(random_numbers(0), 16 * count),
        stacks(512, depth, both=False),
        16 * count,
        count,
    )


def with_weights(width: int, depth: int, k: int, both: bool) -> None:
    """What a notebook does: float32, fresh weights a layer, autograd back."""
    x = signal = torch.randn(width, k, requires_grad=both)
    for _ in range(depth):
        weights = torch.randn(width, width) * math.sqrt(2 / width)
        signal = functional.relu(weights @ signal)
        signal.detach().square().mean(0)
    if both:
        (gradient,) = torch.autograd.grad(signal, x, torch.randn(width, k))
        gradient.square().mean(0)


def stack_races(width: int, depth: int = 10) -> list[Race]:
    """A deep ReLU stack with fresh weights, forwards: numbers that are counted, buffers that are used again."""
    stack = passes.Stack([width] * (depth + 1), kaiming_weights("normal").fill)
    weights, stream = passes.Weights(stack, "cpu", twice=False), random_stream(0)

    def ours(x: torch.Tensor) -> None:
        signal, _ = passes.forwards(stack, weights, x, stream, remember=False)
        signal.log_mean_squares()

    def loop(x: torch.Tensor) -> None:
        for _ in range(depth):
            x = functional.relu(x @ (torch.randn(width, width) * math.sqrt(2 / width)).T)
            x.square().mean(dim=1)

    def modules(x: torch.Tensor) -> None:
        hooked(x, depth)

    peers: dict[str, Callable[[torch.Tensor], None]] = {
        "torch.randn and a loop over layers": loop,
        "torch.nn.Sequential with hooks": modules,
    }
    return [
        Race(
            f"real weights, a layer of {width}, batch {batch}",
            peer,
            partial(ours, x),
            partial(call, x),
            depth,
            depth,
        )
        for batch, x in ((b, torch.randn(b, width)) for b in (1, 64))
        for peer, call in peers.items()
    ]


@torch.no_grad()
def hooked(x: torch.Tensor, depth: int) -> list[float]:
    """A new network of torch's modules, whose hooks write down the mean square behind each ReLU."""
    found: list[float] = []
    layers: list[nn.Module] = []
    for _ in range(depth):
        linear = nn.Linear(x.shape[1], x.shape[1], bias=False)
        nn.init.kaiming_normal_(linear.weight)
        rectifier = nn.ReLU()
        rectifier.register_forward_hook(lambda _, __, out: found.append(out.square().mean().item()))
        layers += [linear, rectifier]
    nn.Sequential(*layers)(x)
    return found
