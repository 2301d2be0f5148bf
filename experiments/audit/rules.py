"""Rules for what is no layer and no activation: sums, products, normalisation, pooling, dropout, embeddings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from derivations import mean_field
from experiments.audit.predict import Call, Theory, rule
from experiments.audit.state import APART, FAR, INPUTS, NEAR, State, step
from impl.init._graph import NORMS, POOLS, Node

POSITIONS = "positions of one input taken as equally correlated"


@rule("add", "sub")
def _sum(theory: Theory, node: Node, call: Call) -> State:
    """A residual sum: squares add, and twice the product of the means (depth/fixup, step block)."""
    sign = -1.0 if node.kind == "sub" else 1.0
    a = call.state(0, "input")
    b = call.state(1, "other")
    b = b.facing(a.features or b.features)
    scale = float(call.kwargs.get("alpha", 1.0)) * sign
    if b.known and (not bool(torch.isfinite(b.second).all()) or float(b.second.max()) > 1e8):
        return a.with_(participation=a.participation)  # a mask of the attention: who may look
    second, mean = a.second + scale**2 * b.second, None
    if a.mean is not None or b.mean is not None:
        left = torch.zeros(()) if a.mean is None else a.mean.detach()
        right = torch.zeros(()) if b.mean is None else b.mean.detach()
        second = second + (2 * scale * left * right).detach()
        mean = (left + scale * right).expand_as(second)
    total = max(float(second.detach().double().mean()), 1e-300)
    cross = total - a.size - scale**2 * b.size
    cosines = (a.cosines * a.size + b.cosines * scale**2 * b.size + cross) / total
    dependent = not (a.symmetric or b.symmetric or a.known or b.known)
    found = a.with_(
        second=second,
        mean=mean,
        cosines=np.clip(cosines, -1, 1),
        level=(a.level * a.size + b.level * scale**2 * b.size) / total,
        symmetric=a.symmetric and b.symmetric,
        known=a.known and b.known,
        approximate=a.approximate or b.approximate,
        measured=a.measured or b.measured,
    )
    return found.because("a sum of numbers that may depend on each other") if dependent else found


@rule("mul", "div")
def _product(theory: Theory, node: Node, call: Call) -> State | None:
    """A product: by a constant its square; of two random numbers the product of squares."""
    if node.kind == "div" and isinstance(call.raw(0, "input"), (int, float)):
        return None
    a, b = call.state(0, "input"), call.state(1, "other")
    if node.kind == "div":
        inverse = 1 / (b.second.detach().sqrt())
        if not b.known:
            return None
        b = b.with_(
            second=inverse.square(), mean=inverse * b.mean.sign() if b.mean is not None else None
        )
    if a.known and not b.known:
        a, b = b, a
    second = a.second * (b.second.detach() if b.known else b.second)
    mean = None if a.mean is None or b.mean is None else a.mean.detach() * b.mean.detach()
    found = a.with_(
        second=second,
        mean=None if mean is None else mean.expand_as(second),
        cosines=a.cosines * (1.0 if b.known else b.cosines),
        symmetric=a.symmetric or (b.symmetric and not b.known),
        known=a.known and b.known,
        approximate=a.approximate or b.approximate,
        measured=a.measured or b.measured,
    )
    return found if b.known else found.because("a product of numbers taken as independent")


@rule("neg")
def _negative(theory: Theory, node: Node, call: Call) -> State:
    s = call.state()
    return s.with_(mean=None if s.mean is None else -s.mean)


@rule("mean")
def _mean(theory: Theory, node: Node, call: Call) -> State | None:
    """The mean over positions, of which any two have the same angle."""
    s, dims = call.state(), call.raw(1, "dim")
    keep = bool(call.raw(2, "keepdim", False))
    total = s.second.dim()
    axes = (
        tuple(range(total)) if dims is None else (dims,) if isinstance(dims, int) else tuple(dims)
    )
    axes = tuple(a % total for a in axes)
    if 0 in axes and dims is not None:
        return None
    count = math.prod(s.second.shape[a] for a in axes)
    features = axes == (total - 1,) and total == 3
    alike = s.mean_square / max(s.size, 1e-300) if features else float(s.cosines[FAR])
    return _averaged(s, lambda x: x.mean(axes, keepdim=keep), count, alike)


def _averaged(s: State, average: Any, count: float, alike: float) -> State:
    """The average of ``count`` numbers whose pairs have the cosine ``alike``."""
    base = average(s.second)
    share = 1 / count + (1 - 1 / count) * alike
    cosines = s.cosines.copy()
    between = s.cosines[INPUTS] / count + (1 - 1 / count) * s.cosines[APART]
    cosines[:] = between, s.cosines[FAR], s.cosines[FAR], s.cosines[APART]
    cosines = np.clip(cosines / max(share, 1e-300), -1, 1)
    return s.with_(
        second=step(base, base * share, 1 / count),
        mean=None if s.mean is None else average(s.mean.detach()),
        cosines=cosines,
        known=False,
    ).because(POSITIONS)


@rule(*POOLS)
def _pool(theory: Theory, node: Node, call: Call) -> State | None:
    s = call.state()
    dims = int(node.kind[-2])
    average, count = _window(node.kind, call, dims)
    if "avg" in node.kind:
        everything = s.second.shape[-dims:].numel()
        alike = float(s.cosines[FAR if count >= everything else NEAR])
        return _averaged(s, average, count, alike)
    if count > 4096:
        return None
    return _largest(s, average, count)


def _window(kind: str, call: Call, dims: int) -> tuple[Any, float]:
    """Averaging over the windows of a pool, and how many numbers one of them has."""
    pool = getattr(functional, kind.replace("max", "avg"))
    if kind.startswith("adaptive"):
        size = call.raw(1, "output_size")
        shape = call.state().second.shape[-dims:]
        sizes = (size,) * dims if isinstance(size, int) else tuple(size)
        count = math.prod(n / (m or n) for n, m in zip(shape, sizes, strict=True))
        return (lambda x: pool(x, size)), count
    names = ("kernel_size", "stride", "padding")
    kernel, stride, padding = (call.raw(i + 1, n, 0) for i, n in enumerate(names))
    ceil = bool(call.raw(5 if "max" in kind else 4, "ceil_mode", False))
    volume = kernel**dims if isinstance(kernel, int) else math.prod(kernel)
    given: dict[str, Any] = {"ceil_mode": ceil}
    if "max" in kind or call.raw(5, "count_include_pad", True) is False:
        given["count_include_pad"] = False
    return (lambda x: pool(x, kernel, stride or kernel, padding or 0, **given)), volume


def _largest(s: State, average: Any, count: float) -> State:
    """The largest of a window, of Gaussian numbers or of what a ReLU left of them."""
    whole, base = round(count), average(s.second)
    before = s.rectified
    near = float((before[1] if before else s.cosines)[NEAR])
    near = round(min(max(near, 0.0), 1.0), 4)
    mean, square, positive, shared = mean_field.largest(whole, near, bool(before))
    deviation = base.detach().sqrt() * (math.sqrt(2) if before else 1.0)
    if before:
        before[0][0] = min(
            1.0, positive
        )  # what is chosen has passed the rectifier more often than half the time
    outer = 1.0 if before else min(1.0, float(count))
    scale = 2.0 if before else 1.0
    rho = np.clip(before[1] if before else s.cosines, 0, 1)
    own = (
        np.clip((rho - near) / max(1 - near, 1e-9), 0, 1) ** 1.5
    )  # between a linear and a quadratic law
    common = np.clip(rho / max(near, 1e-9), 0, 1)
    product = mean**2 + (shared - mean**2) * common + (square - shared) * own
    cosines = product / square
    return s.with_(
        second=step(base, base * square * scale, outer),
        mean=deviation * mean,
        cosines=cosines,
        symmetric=False,
        known=False,
    ).because("a max-pool's window taken as equally correlated Gaussian numbers")


@rule("dropout", "dropout1d", "dropout2d", "dropout3d")
def _dropout(theory: Theory, node: Node, call: Call) -> State:
    """What is kept is divided by its share: the mean stays, the square grows."""
    s, p = call.state(), float(call.raw(1, "p", 0.5))
    training = bool(call.raw(2, "training", True))
    if not training or p == 0 or p == 1:
        return s.with_(participation=s.participation)
    kept = 1 - p
    return s.with_(
        second=s.second / kept, cosines=s.cosines * kept, participation=s.participation, known=False
    )


@rule("embedding")
def _embedding(theory: Theory, node: Node, call: Call) -> State:
    """Rows of a random table: equal ids share one, others are independent."""
    ids = call.raw(0, "input")
    if ids.is_floating_point():
        ids = call.raw(1, "weight") if not call.raw(1, "weight").is_floating_point() else ids
    weight = next(
        x
        for x in (*call.args, *call.kwargs.values())
        if isinstance(x, Tensor) and x.is_floating_point()
    )
    square, _ = theory.squares(weight)
    second = torch.full((*ids.shape, weight.shape[-1]), square).requires_grad_()
    flat = ids.reshape(len(ids), -1)
    between = _equal(flat.T) if len(flat) > 1 else 1.0
    far = _equal(flat) if flat.shape[1] > 1 else 1.0
    near = float((flat[:, 1:] == flat[:, :-1]).double().mean()) if flat.shape[1] > 1 else 1.0
    return State(second, None, np.array([between, near, far, far]), symmetric=True)


def _equal(ids: Tensor) -> float:
    """The share of pairs within a row that are equal."""
    n = ids.shape[1]
    total = sum(
        float((row.unique(return_counts=True)[1].double() ** 2).sum()) - n for row in ids[:64]
    )
    return total / (len(ids[:64]) * n * (n - 1))


def _affine(theory: Theory, weight: Any, bias: Any, shape: list[int]) -> tuple[Any, Any, Any]:
    """Squares of a normalisation's own scale and shift, and the shift."""
    scale = torch.ones(()) if weight is None else weight.detach().float().square().reshape(shape)
    shift = torch.zeros(()) if bias is None else bias.detach().float().reshape(shape)
    return scale, shift.square(), shift


@rule(*NORMS)
def _norm(theory: Theory, node: Node, call: Call) -> State | None:
    """A normalisation makes the mean square 1 whatever came: exact forwards; backwards divide by the variance."""
    dims = call.state().second.dim()
    s = call.state().facing(-1 if node.kind in ("layer_norm", "rms_norm") else 1)
    channels = [1, -1] + [1] * (dims - 2)
    if node.kind == "batch_norm":
        return _batch_norm(theory, s, call, channels)
    floats = [
        x
        for x in (*call.args[1:], *call.kwargs.values())
        if isinstance(x, Tensor) and x.is_floating_point()
    ]
    weight, bias = [*floats, None, None][:2]
    axes: tuple[int, ...] = (-1,)
    if node.kind == "layer_norm" and not isinstance(call.raw(1, "normalized_shape"), Tensor):
        axes = tuple(range(-len(call.raw(1, "normalized_shape")), 0))
    if node.kind in ("group_norm", "instance_norm"):
        axes, shape = tuple(range(2, dims)) or (1,), channels
        if node.kind == "instance_norm":
            weight, bias = call.raw(3, "weight"), call.raw(4, "bias")
    else:
        shape = list(weight.shape) if weight is not None else [1]
    if s.second.shape[axes[0]] == 1 and len(axes) == 1:
        return None
    squares = s.second.detach().mean(axes, keepdim=True)
    mean = 0.0
    if node.kind != "rms_norm":
        mean = s.mean_square / max(s.size, 1e-300)
        if node.kind == "instance_norm":
            mean = float(s.cosines[FAR])
    level = s.level if node.kind == "layer_norm" else 0.0
    variance = squares * (1 - mean - level)
    affine = _affine(theory, weight, bias, shape)
    return _normalised(theory, s, variance, affine, _eps(node.kind, call), mean, level)


def _eps(kind: str, call: Call) -> float:
    """What a normalisation adds to the variance."""
    place = {"rms_norm": 3, "instance_norm": 7}.get(kind, 4)
    given = call.raw(place, "eps")
    usual = torch.finfo(torch.float32).eps if kind == "rms_norm" else 1e-5
    return float(given) if isinstance(given, float) else usual


def _batch_norm(theory: Theory, s: State, call: Call, channels: list[int]) -> State:
    """Over the batch and all positions, in training; with the statistics that it has, otherwise."""
    variance_ = call.raw(2, "running_var")
    affine = _affine(theory, call.raw(3, "weight"), call.raw(4, "bias"), channels)
    eps = float(call.raw(7, "eps", 1e-5))
    if not call.raw(5, "training", False) and variance_ is not None:
        scale = affine[0] / (variance_.detach().float().reshape(channels) + eps)
        return s.with_(second=s.second * scale + affine[1], known=False)
    batch, positions = len(s.second), s.second[0, 0].numel()
    inputs, _, far, apart = s.cosines
    others = (batch - 1) * (inputs + (positions - 1) * apart)
    common = (1 + (positions - 1) * far + others) / (batch * positions)
    variance = s.second.detach().mean().reshape([1] * s.second.dim()) * (1 - common)
    found = _normalised(theory, s, variance, affine, eps, float(common))
    return found if positions == 1 else found.because("sizes along a border taken as expected")


def _normalised(
    theory: Theory,
    s: State,
    variance: Tensor,
    affine: Any,
    eps: float,
    common: float,
    level: float = 0.0,
) -> State:
    """Mean square 1, times the scale and with the shift; ``common`` and ``level`` are the shares that were taken away.

    The one is the same at all positions. The other is a position's own, and the same for all inputs.
    """
    scale, shift_square, shift = affine
    taken, both = common + np.array([level, 0, 0, 0]), common + level
    kept = variance / (variance + eps)
    if s.second.dim() > 2 and both < 1 - 1e-6:  # where a border made numbers small they stay so
        kept = kept * s.second.detach() / (variance / (1 - both)).clamp_min(1e-30)
    value = (kept * scale + shift_square).expand_as(s.second)
    moved = bool((shift != 0).any())
    cosines = np.clip((s.cosines - taken) / max(1 - both, 1e-6), -1, 1)
    return s.with_(
        second=step(s.second, value, scale / (variance + eps)),
        mean=shift.expand_as(value) if moved else None,
        cosines=cosines,
        symmetric=s.symmetric and not moved,
        known=False,
        approximate="",  # whatever came
        measured=False,
    )
