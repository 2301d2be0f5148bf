"""Two inputs through one ReLU network: the angle between them, and the kernels that wide layers make of it.

Arc-cosine kernels are those of Cho & Saul 2009, section 2: k(x, y) = |x|^d |y|^d J_d(θ) / π, with θ the angle
between x and y. It is twice the mean of (w·x)^d (w·y)^d over Gaussian w, where both w·x and w·y are positive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Generator, Tensor

from impl.backprop.chain_rule import relu
from impl.init import kaiming

USES = (
    *("torch.Tensor.T", "torch.Tensor.__getitem__", "torch.Tensor.new_zeros", "torch.Tensor.item"),
    *("torch.Tensor.mul", "torch.Tensor.add", "torch.Tensor.sub", "torch.Tensor.div"),
    *("torch.Tensor.sum", "torch.Tensor.sqrt", "torch.Tensor.matmul", "torch.Tensor.acos"),
    *("torch.Tensor.clamp_min", "torch.Tensor.clamp_max", "torch.Tensor.le"),
    "torch.Tensor.__float__",
)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (|x1| |x2|) along ``dim``, as ``torch.nn.functional.cosine_similarity``.

    Shapes are broadcast; a length below ``eps`` counts as ``eps``.
    """
    lengths = [(x * x).sum(dim, keepdim=True).sqrt().clamp_min(eps) for x in (x1, x2)]
    return ((x1 / lengths[0]) * (x2 / lengths[1])).sum(dim)


def arc_cosine_kernel(x: Tensor, y: Tensor, degree: int = 1) -> Tensor:
    """The kernel of every row of ``x`` with every row of ``y``: shapes (a, n) and (b, n) to (a, b).

    Raises ValueError for a degree that is not 0, 1 or 2, for other shapes, and for a row of zeros,
    which has no angle.
    """
    if x.dim() != 2 or y.dim() != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"x and y must have shapes (a, n), (b, n), got {tuple(x.shape)}, {tuple(y.shape)}"
        )
    first, second = ((m * m).sum(1).sqrt() for m in (x, y))
    if not (_all_positive(first) and _all_positive(second)):
        raise ValueError("x and y must not have rows of zeros: they have no angle")
    lengths = first[:, None] * second[None]
    cosine = (x @ y.T / lengths).clamp_min(-1).clamp_max(1)
    angle, sine = cosine.acos(), (1 - cosine * cosine).sqrt()
    kernel = _angular(angle, sine, cosine, degree)
    for _ in range(degree):
        kernel = kernel * lengths
    return kernel


def arc_cosine_kernel_loops(x: Tensor, y: Tensor, degree: int = 1) -> float:
    """The kernel of two vectors of shape (n,), with Python's own numbers alone.

    Raises ValueError as :func:`arc_cosine_kernel` does.
    """
    a, b = ([v[i].item() for i in range(v.numel())] for v in (x, y))
    length = math.sqrt(math.fsum(u * u for u in a)) * math.sqrt(math.fsum(u * u for u in b))
    if not length > 0:
        raise ValueError("x and y must not be zeros: they have no angle")
    cosine = max(-1.0, min(1.0, math.fsum(u * v for u, v in zip(a, b, strict=True)) / length))
    return float(
        _angular(math.acos(cosine), math.sqrt(1 - cosine * cosine), cosine, degree) * length**degree
    )


def _angular(angle: Any, sine: Any, cosine: Any, degree: int) -> Any:
    """J_d(θ) / π for numbers or tensors."""
    rest = math.pi - angle
    if degree == 0:
        return rest / math.pi
    if degree == 1:
        return (sine + rest * cosine) / math.pi
    if degree == 2:
        return (3 * sine * cosine + rest * (1 + 2 * cosine * cosine)) / math.pi
    raise ValueError(f"degree must be 0, 1 or 2, got {degree}")


def layer_products(
    x: Tensor, widths: Sequence[int], generator: Generator | None = None
) -> list[Tensor]:
    """What each layer of one ReLU network makes of the rows of ``x``: inner products over the inputs' lengths.

    ``x`` of shape (batch, fan_in) goes through fresh Kaiming weights. An entry (a, b) of a layer's
    matrix is x'_a · x'_b / (|x_a| |x_b|), times fan_in / fan_out: on the diagonal the ratios of mean
    squares. Inputs are brought back to length √n before every layer, which a ReLU without biases
    does not notice. A layer that turns a row into zeros is the last. Raises ValueError for rows of
    zeros, or another shape.
    """
    if x.dim() != 2 or not _all_positive((x * x).sum(1)):
        raise ValueError(f"x must have rows that are not zeros, got shape {tuple(x.shape)}")
    found: list[Tensor] = []
    for width in widths:
        squares = (x * x).sum(1)
        if not _all_positive(squares):
            break
        x = x / (squares / x.shape[1]).sqrt()[:, None]
        weights = x.new_zeros((width, x.shape[1]))
        kaiming.kaiming_normal_(weights, generator=generator)
        x = relu(x @ weights.T)
        found.append(x @ x.T / width)
    return found


def _all_positive(numbers: Tensor) -> bool:
    return float((numbers <= 0).sum()) == 0
