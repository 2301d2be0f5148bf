"""``make bench``: our code against its peers, A B A B in one run, each on one thread.

What counts is the ratio: seconds differ between machines, and on a busy one from minute to minute.
Writes ``results/benchmarks.json``.
"""

from __future__ import annotations

import json
import math
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from timeit import Timer

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch.nn import functional

from benchmarks import kernels, memory
from derivations import load
from derivations.proof import verify
from derivations.rows import ROOT, ROWS
from experiments import passes
from experiments.final_law import FinalLaw
from experiments.law import Law, constant, random_numbers, sample
from experiments.law_inputs import LARGEST_BLOCK, sample_inputs
from experiments.law_passes import BLOCK
from experiments.weights import kaiming_weights
from impl.backprop import linear
from impl.backprop.layers import Linear, Model, ReLU
from impl.init.kaiming import kaiming_normal_
from impl.tensors.frobenius import frobenius_norm

LEAST = 0.02  # seconds that one timing takes at least


@dataclass(frozen=True, kw_only=True)
class Options:
    """Time our code against its peers, and each derivation's verification."""

    rounds: int = 15
    """Timings of each; medians and quartiles are shown."""
    examples: int = 50_000
    """Digits in the batch for the network; the lesson's 50,000 take 160 MB."""
    out: Path = ROOT / "results" / "benchmarks.json"
    """The file for the numbers."""


@dataclass(frozen=True)
class Race:
    """Our function, and a peer's that does the same work."""

    name: str
    peer: str
    ours: Callable[[], object]
    theirs: Callable[[], object]
    our_share: int = 1  # how many units of work one call does; seconds are those of one unit
    their_share: int = 1


@dataclass(frozen=True)
class Result:
    """Seconds a call (or a unit of its work), and the median and quartiles of ours / theirs over the rounds."""

    name: str
    peer: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float


def races(examples: int) -> list[Race]:
    """What is compared. Backward passes include the forward pass that they need."""
    weights = torch.empty(512, 512)
    found = [
        Race(
            "Kaiming's weights, 512 × 512",
            "torch.nn.init.kaiming_normal_",
            lambda: kaiming_normal_(weights),
            lambda: torch.nn.init.kaiming_normal_(weights),
        )
    ]
    for size in (5, 1024):
        found.append(norm_race(torch.randn(size, size)))
    return [
        *found,
        *backward_races(examples),
        *linear_races(examples),
        *law_races(),
        *stack_races(),
    ]


def norm_race(matrix: torch.Tensor) -> Race:
    """The Frobenius norm of one matrix."""
    return Race(
        "Frobenius norm, {} × {}".format(*matrix.shape),
        "torch.linalg.matrix_norm",
        lambda: frobenius_norm(matrix),
        lambda: torch.linalg.matrix_norm(matrix),
    )


def backward_races(examples: int) -> list[Race]:
    """The lesson's network, by hand and by autograd: with the input's gradient, as ours, and without."""
    x, target = torch.randn(examples, 784), torch.randn(examples, 1)
    w1, b1 = kaiming_normal_(torch.empty(50, 784)).T.contiguous(), torch.zeros(50)
    w2, b2 = kaiming_normal_(torch.empty(1, 50)).T.contiguous(), torch.zeros(1)
    model = Model(Linear(w1, b1), ReLU(), Linear(w2, b2))
    leaves = [tensor.clone().requires_grad_() for tensor in (x, w1, b1, w2, b2)]

    def by_hand() -> None:
        model(x, target)
        model.backward()

    def by_autograd(x: torch.Tensor, wanted: list[torch.Tensor]) -> None:
        _, v1, c1, v2, c2 = leaves
        output = functional.linear(functional.relu(functional.linear(x, v1.T, c1)), v2.T, c2)
        torch.autograd.grad(functional.mse_loss(output, target), wanted)

    name, peer = f"there and back, {examples:,} × 784 → 50 → 1", "torch.autograd"
    return [
        Race(name, f"{peer}, all gradients", by_hand, lambda: by_autograd(leaves[0], leaves)),
        Race(name, f"{peer}, not the input's", by_hand, lambda: by_autograd(x, leaves[1:])),
    ]


def linear_races(examples: int) -> list[Race]:
    """The gradients of the lesson's first layer in each of its ways, by hand and by autograd.

    Outer products write down every product, 8 GB for 50,000 examples: a sixteenth of them will do.
    """
    ways = {
        "outer products": (linear.linear_gradients_outer, max(1, examples // 16)),
        "einsum": (linear.linear_gradients_einsum, examples),
        "matrix products": (linear.linear_gradients, examples),
    }
    return [linear_race(name, way, count) for name, (way, count) in ways.items()]


def linear_race(name: str, way: Callable[..., object], examples: int) -> Race:
    """One way. Autograd's graph is made once, so that both go backwards alone."""
    x, w, b = (
        torch.randn(shape, requires_grad=True) for shape in ((examples, 784), (784, 50), (50,))
    )
    out, upstream = linear.linear(x, w, b), torch.randn(examples, 50)
    given = (x.detach(), w.detach(), upstream)
    return Race(
        f"linear layer by {name}, {examples:,} × 784 → 50",
        "torch.autograd, all gradients",
        lambda: way(*given),
        lambda: torch.autograd.grad(out, (x, w, b), upstream, retain_graph=True),
    )


def law_races() -> list[Race]:
    """Deep ReLU stacks, a layer of a network: drawn from their law, and with weights; and how that grows."""
    found = [width_race(width, both) for width in (512, 1024) for both in (False, True)]
    found += [inputs_race(512, k) for k in (2, 32)]
    narrow, wide = (stacks(width, 20) for width in (512, 10**6))
    shallow, deep = (stacks(512, depth) for depth in (20, 2000))
    share = 4 * BLOCK
    return [
        *found,
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


def stack_races(width: int = 1024, depth: int = 10) -> list[Race]:
    """A deep ReLU stack with fresh weights, forwards: buffers that are used again, against a loop."""
    stack = passes.Stack([width] * (depth + 1), kaiming_weights("normal").fill)
    weights, stream = passes.Weights(stack, "cpu", twice=False), torch.Generator().manual_seed(0)

    def ours(x: torch.Tensor) -> None:
        signal, _ = passes.forwards(stack, weights, x, stream, remember=False)
        signal.log_mean_squares()

    def loop(x: torch.Tensor) -> None:
        for _ in range(depth):
            x = functional.relu(x @ (torch.randn(width, width) * math.sqrt(2 / width)).T)
            x.square().mean(dim=1)

    return [
        Race(
            f"real weights, a layer of {width}, batch {batch}",
            "torch.randn and a loop over layers",
            partial(ours, x),
            partial(loop, x),
            depth,
            depth,
        )
        for batch, x in ((b, torch.randn(b, width)) for b in (1, 64))
    ]


def run(race: Race, rounds: int) -> Result:
    """Time both in turn, so that whatever slows the machine down slows down both."""
    ours, theirs = Timer(race.ours), Timer(race.theirs)
    slower = max(timer.timeit(2) / 2 for timer in (ours, theirs))
    calls = max(1, int(LEAST / slower))
    mine, peers = calls * race.our_share, calls * race.their_share
    pairs = [(ours.timeit(calls) / mine, theirs.timeit(calls) / peers) for _ in range(rounds)]
    low, ratio, high = quantiles(a / b for a, b in pairs)
    our, their = (median(column) for column in zip(*pairs, strict=True))
    return Result(race.name, race.peer, our, their, ratio, low, high)


def verification() -> dict[str, float]:
    """Seconds to verify each derivation, from its import on, without what earlier runs have kept."""
    seconds = {}
    for row in ROWS:
        start = time.perf_counter()
        list(verify(load(row)))
        seconds[row] = time.perf_counter() - start
    return seconds


def show(
    results: list[Result], seconds: dict[str, float], megabytes: dict[str, dict[int, float]]
) -> None:
    """Print what was measured."""
    console = Console(highlight=False)
    table = Table("", "ours", "peer", "ratio", "quartiles", box=None)
    for result in results:
        times = [f"{value * 1e3:.3g} ms" for value in (result.ours, result.theirs)]
        spread = f"{result.low:.3g} – {result.high:.3g}"
        name = f"{result.name}\n[dim]{result.peer}[/]"
        table.add_row(name, *times, f"{result.ratio:.3g}", spread)
    console.print(table)
    table = Table("memory of a stack of width 1024, batch 64", "50 layers", "200", box=None)
    for kind, found in megabytes.items():
        table.add_row(kind, *(f"{value:.0f} MB" for value in found.values()))
    console.print(table)
    table = Table("verification", "seconds", box=None)
    for row, value in seconds.items():
        table.add_row(row, f"{value:.1f}")
    console.print(table)


def main() -> None:
    """Time, print, and write the numbers."""
    options = tyro.cli(Options, prog="python -m benchmarks", description=__doc__)
    if options.rounds < 2 or options.examples < 1:
        print("error: rounds must be at least 2, and examples at least 1", file=sys.stderr)
        sys.exit(2)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    results = [run(race, options.rounds) for race in races(options.examples)]
    for entry in kernels.races(options.examples):
        results.append(run(Race(*entry), options.rounds))
    megabytes = {
        kind: {depth: memory.measured(kind, 1024, depth, 64) for depth in (50, 200)}
        for kind in memory.KINDS
    }
    seconds = verification()
    show(results, seconds, megabytes)
    numbers = {
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "threads": 1,
        "settings": {"rounds": options.rounds, "examples": options.examples},
        "races": [asdict(result) for result in results],
        "memory": megabytes,
        "verification": seconds,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
