"""The three ways to a linear layer's gradients: against autograd, and what each writes down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Generator, Tensor

WAYS = {  # as the lesson has them, the slowest first
    "outer": "linear_gradients_outer",
    "einsum": "linear_gradients_einsum",
    "matmul": "linear_gradients",
}
NAMES = ("input", "weight", "bias")


def gradients(way: str, *given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of x, w and b in one of the ways."""
    from impl.backprop import linear

    found: tuple[Tensor, Tensor, Tensor] = getattr(linear, WAYS[way])(*given)
    return found


def errors(stream: Generator) -> dict[str, float]:
    """The largest differences from autograd for one random layer: of each gradient, in each way."""
    import torch

    from impl.backprop import linear

    n, i, o = (1 + int(torch.randint(6, (), generator=stream)) for _ in range(3))
    x, w, b, upstream = (
        torch.randn(shape, dtype=torch.float64, generator=stream)
        for shape in ((n, i), (i, o), (o,), (n, o))
    )
    leaves = [tensor.clone().requires_grad_() for tensor in (x, w, b)]
    peers = torch.autograd.grad(
        torch.nn.functional.linear(leaves[0], leaves[1].T, leaves[2]), leaves, upstream
    )
    expected = torch.nn.functional.linear(x, w.T, b)
    errors = {"output": float((linear.linear(x, w, b) - expected).abs().max())}
    for way in WAYS:
        for name, ours, theirs in zip(NAMES, gradients(way, x, w, upstream), peers, strict=True):
            same = ours.shape == theirs.shape
            errors[f"{name}, {way}"] = float((ours - theirs).abs().max()) if same else 1.0
    return errors


def written(way: str, x: Tensor, units: int) -> int:
    """The largest tensor that one way makes for the weights' gradient."""
    import torch

    w = torch.zeros(x.shape[1], units, dtype=x.dtype)
    upstream = torch.zeros(len(x), units, dtype=x.dtype)
    with _largest() as seen:
        gradients(way, x, w, upstream)
    return int(seen.numbers)


def _largest() -> Any:
    """Watches torch, and keeps the size of the largest tensor that is made (views are not)."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        numbers = 0

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and not out._is_view():
                self.numbers = max(self.numbers, out.numel())
            return out

    watch: Any = Largest
    return watch()
