"""A vector times a random matrix, again and again: with a fresh matrix at every step, or with one for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from torch import Generator, Tensor

USES = (
    *("torch.Tensor.new_zeros", "torch.Tensor.normal_", "torch.Tensor.matmul", "torch.Tensor.sub"),
    *("torch.Tensor.sum", "torch.Tensor.eq", "torch.Tensor.__float__"),
)


def repeated_product(
    x: Tensor,
    steps: int,
    std: float = 1.0,
    *,
    fresh: bool = True,
    generator: Generator | None = None,
) -> Iterator[Tensor]:
    """The vectors after 1, 2, …, ``steps`` multiplications by n × n matrices of N(0, std²) entries.

    ``x`` has shape (n,), and the matrices its type. Not ``fresh``: the first matrix is used at every step, as in
    ``for _ in range(100): x = a @ x``. Raises ValueError for another shape, negative steps or a negative ``std``.
    """
    if x.dim() != 1 or steps < 0 or not std >= 0:
        raise ValueError(
            f"x must be a vector, steps and std not negative, got shape {tuple(x.shape)}, {steps}, {std}"
        )
    return _products(x, steps, std, fresh, generator)


def _products(
    x: Tensor, steps: int, std: float, fresh: bool, generator: Generator | None
) -> Iterator[Tensor]:
    weights = x.new_zeros((x.numel(), x.numel()))
    for step in range(steps):
        if fresh or not step:
            weights.normal_(0.0, std, generator=generator)
        x = weights @ x
        yield x


def first_step(vectors: Iterable[Tensor], happened: Callable[[Tensor], bool]) -> int | None:
    """The number of the first of ``vectors`` for which ``happened``, counted from 1; None if it is none of them.

    No vector after that one is asked for.
    """
    return next((step for step, x in enumerate(vectors, 1) if happened(x)), None)


def overflowed(x: Tensor) -> bool:
    """Whether an entry is infinite, or not a number."""
    return float((x - x).sum()) != 0


def vanished(x: Tensor) -> bool:
    """Whether all entries are 0."""
    return float((x == 0).sum()) == x.numel()
