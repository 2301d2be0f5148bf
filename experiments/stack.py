"""Deep stacks with real weights, many networks side by side.

Each network has a random stream of its own and runs on one thread, so that the results are the same
to the last bit for any number of workers. How one network runs is in :mod:`experiments.passes`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.data import Labelled
from experiments.losses import Loss
from experiments.passes import Draw, Stack, Weights, backwards, forwards
from experiments.streams import Stream, stream
from experiments.traces import FloatArray, Trace, worker_count

Track = Callable[..., Iterable[Any]]  # as rich.progress.track: (items, description=..., total=...)


def run(
    stack: Stack,
    inputs: Draw | Callable[..., Labelled],
    cotangent: Draw | Loss | None,
    *,
    networks: int,
    seed: int,
    key: Sequence[int] = (),
    workers: int = 0,
    device: str = "cpu",
    track: Track = lambda items, **_: items,
    description: str = "networks",
) -> Trace:
    """Run ``networks`` stacks; without a ``cotangent`` (a gradient at x_L, or a loss of it) forwards only.

    A single input may meet many cotangents. Inputs with labels (see :func:`experiments.data.labelled_digits`) bring
    a loss what it asks for. ``key`` sets the random streams of one use apart from
    another's. Raises Unusable for numbers that cannot be held (see :mod:`experiments.passes`).
    """
    local = threading.local()

    def one(network: int) -> tuple[FloatArray, FloatArray]:
        stream = random_stream(seed, *key, network, device=device)
        drawn = inputs(stack.widths[0], stream)
        x, labels = (drawn.vectors, drawn.labels) if isinstance(drawn, Labelled) else (drawn, None)
        top = _top(stack, cotangent, stream, labels)
        if not hasattr(local, "weights"):
            count = len(x) if top is None else max(len(x), len(top))
            local.weights = Weights(stack, device, twice=top is not None, count=count)
        signal, memory = forwards(stack, local.weights, x, stream, remember=top is not None)
        if top is None:
            return signal.log_mean_squares(), np.empty((0, len(x)))
        exponent = None
        if isinstance(cotangent, Loss):
            top, exponent = cotangent.gradient_at(signal, top)
        back = backwards(stack, local.weights, top, memory, stream, exponent=exponent)
        return signal.log_mean_squares(), back

    count = worker_count(workers, device)
    # told again in every thread: torch's parallel loops do not ask what the main thread was told
    with (
        one_thread_each(),
        ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        results = pool.map(one, range(networks))
        pairs = list(track(results, description=description, total=networks))
    return Trace(np.stack([f for f, _ in pairs]), np.stack([b for _, b in pairs]))


def _top(
    stack: Stack, cotangent: Draw | Loss | None, stream: torch.Generator, labels: Tensor | None
) -> Tensor | None:
    """What meets the output: the cotangent itself, or what a loss compares it with."""
    if isinstance(cotangent, Loss):
        return cotangent.compared_with(stack.widths[-1], stream, labels)
    return cotangent(stack.widths[-1], stream) if cotangent else None


def random_stream(seed: int, *key: int, device: str = "cpu") -> Stream:
    """The random numbers of ``key``: a hash of seed and key, so that no two streams are related.

    torch's CPU generator takes only 32 bits of it. Hence one stream a network and not one a layer:
    two of 10,000 networks would share a stream in one run of a hundred, two of their layers in
    every run. The weights of its layers have 96 bits (:mod:`experiments.streams`).
    """
    return stream(seed, key, device)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """torch on one thread, as the workers share the cores, and as sums then have one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
