"""Random numbers of a network: torch's in sequence, and for its weights those that seed, key and layer alone decide.

``tensor.normal_(generator=stream)`` and ``uniform_`` fill a float32 tensor on the CPU from
:mod:`experiments.philox` while a layer is drawn: so all initialisers that are written for torch, ours or others', are
faster and need no torch generator's state to draw a layer again. Whatever else asks the stream gets torch's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

ARGUMENTS: dict[Callable[..., Any], tuple[str, str]] = {
    torch.Tensor.normal_: ("mean", "std"),
    torch.Tensor.uniform_: ("from", "to"),
}


class Stream(torch.Generator):
    """A generator of torch's with a Philox key, for the numbers of layers."""

    key: tuple[int, int]
    word: int  # of the counter: a key of 96 bits in all, so that no two of a million networks share one


def stream(seed: int, key: Sequence[int], device: str) -> Stream:
    """The random numbers of ``key``: a hash of seed and key, so that no two streams are related."""
    words = np.random.SeedSequence(entropy=seed, spawn_key=key).generate_state(5, np.uint32)
    low, high, first, second, third = map(int, words)
    made = Stream(device)
    made.manual_seed((high << 32 | low) >> 1)
    made.key, made.word = (first, second), third
    return made


def layer_of(stream: torch.Generator, layer: int) -> AbstractContextManager[object]:
    """While it is entered, ``stream`` fills tensors with the numbers of this layer, whatever was drawn before.

    A generator of torch's own, which has no key, goes on as ever.
    """
    return _Layer(stream, layer) if isinstance(stream, Stream) else nullcontext()


class _Layer(TorchFunctionMode):
    """Sees every call of torch's functions in this thread, and answers those that fill from the stream."""

    def __init__(self, stream: Stream, layer: int) -> None:
        super().__init__()
        self.stream, self.layer, self.draws = stream, layer, 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in ARGUMENTS and kwargs.get("generator") is self.stream:
            first, second = ARGUMENTS[func]
            given = {**dict(zip((first, second), args[1:], strict=False)), **kwargs}
            a, b = float(given.get(first, 0)), float(given.get(second, 1))
            if is_plain(args[0]) and (b >= a if first == "from" else b >= 0):
                return self.fill(args[0], func is torch.Tensor.normal_, a, b)
        return func(*args, **kwargs)

    def fill(self, tensor: Tensor, normal: bool, a: float, b: float) -> Tensor:
        """The layer's next numbers, in the order of the tensor's indices."""
        from experiments import philox  # Numba, which takes a moment

        counter = (self.layer, self.draws, self.stream.word)
        self.draws += 1
        flat = tensor.detach() if tensor.is_contiguous() else torch.empty(tensor.shape)
        draw = philox.normal if normal else philox.uniform
        draw(flat.view(-1).numpy(), self.stream.key, counter, a, b)
        if not tensor.is_contiguous():
            tensor.detach().copy_(flat)
        return tensor


def is_plain(tensor: Tensor) -> bool:
    """Is it what kernels are compiled for: float32, on the CPU?"""
    return tensor.dtype == torch.float32 and tensor.device.type == "cpu"
