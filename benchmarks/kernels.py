"""The compiled rungs against ``torch.mm``, and the lesson's network backwards against autograd. Part of ``make bench``.

``python -m benchmarks.kernels`` runs these alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.races import Race, run
from derivations.options import parse
from impl.backprop import fused, lean
from impl.backprop.chain_rule import forward_and_backward
from impl.init.kaiming import kaiming_normal_
from impl.tensors import kernels, schedules, simd

RUNGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "reordered loops": kernels.matmul_reordered,
    "registers": kernels.matmul_registers,
    "tiles": kernels.matmul_tiles,
    "vector instructions": simd.matmul_simd,
}
if schedules.has_halide():
    RUNGS["Halide"] = schedules.matmul_halide
SQUARES = (512, 1024, 2048)
SLOW = {"reordered loops": 512}  # the largest square at which a rung is timed


def products(examples: int) -> Iterator[Race]:
    """The rungs, one after another, so that only one race's tensors are there at a time."""
    for size in SQUARES:
        a, b = torch.randn(2, size, size)
        for name, rung in RUNGS.items():
            if size <= SLOW.get(name, size):
                yield product_race(name, rung, a, b)
        yield threads_race(a, b, 2)
    x, w = torch.randn(examples, 784), torch.randn(784, 50)
    yield product_race("vector instructions", simd.matmul_simd, x, w)
    yield threads_race(x, w, 2)
    yield product_race(
        "vector instructions", simd.matmul_simd, torch.randn(5, 784), torch.randn(784, 10)
    )


def product_race(name: str, rung: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor) -> Race:
    """One rung, on one thread, tensors in and out."""
    return Race(
        f"product by {name}, {_shapes(a, b)}",
        "torch.mm",
        partial(rung, a, b),
        partial(torch.mm, a, b),
    )


def threads_race(a: Tensor, b: Tensor, threads: int) -> Race:
    """The last rung and torch, both on several threads."""
    return Race(
        f"product by vector instructions, {threads} threads, {_shapes(a, b)}",
        f"torch.mm, {threads} threads",
        partial(simd.matmul_threads, a, b),
        partial(torch.mm, a, b),
        threads=threads,
    )


def _shapes(a: Tensor, b: Tensor) -> str:
    return f"{a.shape[0]:,} × {a.shape[1]} @ {b.shape[0]} × {b.shape[1]}"


def backwards(examples: int) -> Iterator[Race]:
    """The way back alone, by the same graph again and again; then there and back.

    The first race is the lesson's "theirs is twice as fast", without what makes it so.
    """
    x, target = torch.randn(examples, 784), torch.randn(examples, 1)
    w1, w2 = (kaiming_normal_(torch.empty(shape)).T.contiguous() for shape in ((50, 784), (1, 50)))
    given = x, target, w1, torch.zeros(50), w2, torch.zeros(1)
    leaves = [tensor.clone().requires_grad_() for tensor in given[2:]]
    asked = x.clone().requires_grad_()  # autograd is asked for the input's gradient, too

    def loss(data: Tensor) -> Tensor:
        v1, c1, v2, c2 = leaves
        output = functional.linear(functional.relu(functional.linear(data, v1.T, c1)), v2.T, c2)
        return functional.mse_loss(output, target)

    def back(out: Tensor, wanted: list[Tensor]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(out, wanted, retain_graph=True)

    theirs, theirs_of_all, kept = loss(x), loss(asked), lean.forward(*given)[1]
    size, peer = f"{len(x):,} × 784 → 50 → 1", "torch.autograd, not the input's"
    usual = back(theirs, leaves)
    yield Race(
        f"back by autograd, all gradients, {size}",
        peer,
        back(theirs_of_all, [*leaves, asked]),
        usual,
    )
    yield Race(f"back by hand, {size}", peer, lambda: lean.backward(kept, w2), usual)
    yield Race(
        f"back by hand, transposed, {size}",
        peer,
        lambda: lean.backward_transposed(kept, w2),
        usual,
    )

    def there() -> object:
        return torch.autograd.grad(loss(x), leaves)

    layers = [(given[2], given[3]), (given[4], given[5])]
    yield Race(
        f"there and back by hand, with the input's, {size}",
        peer,
        lambda: forward_and_backward(x, target, *layers),
        there,
    )
    yield Race(
        f"there and back, masks in place, transposed, {size}",
        peer,
        lambda: lean.backward_transposed(lean.forward(*given)[1], w2),
        there,
    )
    yield Race(
        f"there and back in one pass, {size}",
        peer,
        lambda: fused.loss_and_gradients(*given),
        there,
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """The compiled rungs and the lesson's network alone: the ratio's median and quartiles."""

    examples: int = 50_000
    """Digits in the batch."""
    rounds: int = 15
    """Timings of each."""


def main() -> None:
    """Time, and print."""
    options = parse(Options, None, "python -m benchmarks.kernels")
    if options.rounds < 2 or options.examples < 1:
        print("error: rounds must be at least 2, and examples at least 1", file=sys.stderr)
        sys.exit(2)
    torch.manual_seed(0)
    for race in (*products(options.examples), *backwards(options.examples)):
        found = run(race, options.rounds)
        times = f"{1e3 * found.ours:.3g} ms, {1e3 * found.theirs:.3g} ms"
        print(f"{found.ratio:.3f} ({found.low:.3f} – {found.high:.3f})  {found.name}: {times}")


if __name__ == "__main__":
    main()
