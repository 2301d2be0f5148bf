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

from benchmarks import memory
from derivations import load
from derivations.proof import verify
from derivations.rows import ROOT, ROWS
from experiments import passes
from experiments.law import BLOCK, Law, constant, sample
from experiments.weights import kaiming_weights
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
    return [*found, *backward_races(examples), *law_races(), *stack_races()]


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


def law_races(width: int = 512, depth: int = 20) -> list[Race]:
    """The norms of a deep ReLU stack, a layer of a network: drawn from their law, and with weights."""
    law, several = Law(constant(width, depth), math.sqrt(2)), 4 * BLOCK

    def drawn(both: bool) -> None:
        sample(law, networks=several, seed=0, both=both, workers=1)

    def with_weights(both: bool) -> None:
        x = signal = torch.randn(width, requires_grad=both)
        for _ in range(depth):
            weights = torch.randn(width, width) * math.sqrt(2 / width)
            signal = functional.relu(weights @ signal)
            signal.detach().square().mean()
        if both:
            (gradient,) = torch.autograd.grad(signal, x, torch.randn(width))
            gradient.square().mean()

    peer = "torch.randn and a loop over layers"
    return [
        Race(
            f"norms {way}, a layer of {width}",
            peer,
            partial(drawn, both),
            partial(with_weights, both),
            several * depth,
            depth,
        )
        for way, both in (("forwards", False), ("both ways", True))
    ]


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
