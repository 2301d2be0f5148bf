"""Rules for layers of weights and for what follows them: half the square after a ReLU, quadrature after a GELU."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from derivations import mean_field
from experiments.audit.predict import Call, Theory, rule
from experiments.audit.predictions import prediction
from experiments.audit.state import APART, FAR, NEAR, State, step
from impl.init._graph import LAYERS, RECTIFIERS, SMOOTH, Node

GAUSSIAN = "preactivations taken as Gaussian"
SKEWED = "a rectifier of numbers that are not symmetric, taken as Gaussian"


@rule(*LAYERS)
def _layer(theory: Theory, node: Node, call: Call) -> State | None:
    """Weights of mean zero: the layer itself, with a weight's variance for each weight (init/kaiming, dot product)."""
    if node.kind == "addmm":  # bias + x @ weight
        bias, x, weight = call.raw(0, "input"), call.raw(1, "mat1"), call.raw(2, "mat2")
    else:
        x, weight, bias = (call.raw(i, n) for i, n in enumerate(("input", "weight", "bias")))
    axis = 1 if node.kind.startswith("conv") else -1
    s = theory.state(x).facing(axis)
    square, mean = theory.squares(weight)
    signal = _on_squares(node.kind, call, s.second, weight, square)
    if node.kind.startswith("conv") and signal.dim() > 2:
        s = s.with_(cosines=_at_border(s.cosines, x, weight, signal, call, node.kind))
    found = s.with_(second=signal, mean=None, symmetric=True, known=False, features=axis)
    if abs(mean) > 0.05 * math.sqrt(max(square, 1e-300)) and weight.numel() > 400:
        found = found.because("weights whose mean is not zero")
    if bias is not None:
        found = _biased(found, bias.numel(), *theory.squares(bias))
    mean_ = None if found.mean is None else found.mean.expand(call.out.shape)
    return found.with_(second=found.second.expand(call.out.shape), mean=mean_)


def _on_squares(kind: str, call: Call, second: Tensor, weight: Tensor, square: float) -> Tensor:
    """The layer with ``square`` for each weight: every output of a group is the same, so one of each is computed."""
    if kind == "addmm":
        return second @ second.new_full((len(weight), 1), square)
    groups = 1 if kind == "linear" else int(call.raw(6, "groups", 1))
    shape = list(weight.shape)
    if "transpose" in kind:  # of shape (inputs, outputs of a group, ...)
        each, shape[1] = shape[1], 1
    else:
        each, shape[0] = shape[0] // groups, groups
    names = ("input", "weight", "bias")
    kwargs = {k: v for k, v in call.kwargs.items() if k not in names}
    one = second.new_full(shape, square)
    made: Tensor = call.function(second, one, None, *call.args[3:], **kwargs)
    channels = made.dim() - len(shape) + 1  # the batch may be missing
    return made if groups == 1 else made.repeat_interleave(each, channels)


def _biased(s: State, count: int, square: float, mean: float) -> State:
    """A sum with ``count`` biases of this mean square and mean: the same for all inputs and positions."""
    if square:
        total = max(s.size + square, 1e-300)
        s = s.with_(second=s.second + square, cosines=(s.cosines * s.size + square) / total)
    if abs(mean) > 0.2 * math.sqrt(max(square, 1e-300)) and count > 16:
        s = s.with_(mean=torch.full([1] * s.second.dim(), mean), symmetric=False)
        s = s.because("biases whose mean is not zero")
    return s


def _at_border(cosines: Any, x: Tensor, weight: Tensor, out: Tensor, call: Call, kind: str) -> Any:
    """Two positions have the same angle after a convolution, but for taps that one of them has beyond the border."""
    if "transpose" in kind:
        return cosines
    options = [
        call.raw(i, n, d) for i, n, d in ((3, "stride", 1), (4, "padding", 0), (5, "dilation", 1))
    ]
    both, single, beside = 1.0, 1.0, 1.0
    for d, size in enumerate(out.shape[2:]):
        step_, pad, gap = (
            o if isinstance(o, int) else 0 if isinstance(o, str) else o[d] for o in options
        )
        if isinstance(options[1], str) and options[1] == "same":
            pad = gap * (weight.shape[2 + d] - 1) // 2
        at = np.arange(size)[:, None] * step_ - pad + gap * np.arange(weight.shape[2 + d])[None, :]
        inside = ((at >= 0) & (at < x.shape[2 + d])).astype(float)  # positions × taps
        both *= float(np.square(inside.mean(0)).sum())
        single *= float(inside.mean(0).sum())
        pairs = (inside[1:] * inside[:-1]).sum(1).mean() if size > 1 else inside.sum(1).mean()
        beside = min(beside, float(pairs / max(inside.mean(0).sum(), 1e-300)))
    positions = out.shape[2:].numel()
    overlap = (both / max(single, 1e-300) * positions - 1) / max(positions - 1, 1)
    found = cosines.copy()
    found[NEAR] *= max(beside, overlap) if positions > 1 else 1.0
    found[[FAR, APART]] *= overlap if positions > 1 else 1.0
    return found


@rule(*RECTIFIERS)
def _rectifier(theory: Theory, node: Node, call: Call) -> State:
    """A rectifier of a symmetric number keeps half, or (1 + a²)/2, of both passes (init/relu, init/kaiming)."""
    s, slope = call.state(), node.slope
    if not s.symmetric or s.mean is not None:
        return _activated(s, "leaky_relu", slope)
    kept = float(
        prediction("init/relu", "second_moment")(preactivation_var=1.0, negative_slope=slope)
    )
    middle = float(prediction("init/relu", "mean")(preactivation_var=1.0, negative_slope=slope))
    mask = float(
        prediction("init/kaiming", "backward_ratio")(
            fan_out=1, weight_var=1.0, negative_slope=slope
        )
    )
    factor = [mask]
    return s.with_(
        second=step(s.second, s.second * kept, factor),
        mean=middle * s.second.detach().sqrt(),
        cosines=_rectified_cosines(s.cosines, slope),
        symmetric=False,
        rectified=(factor, s.cosines, s.size) if slope == 0 else None,
    )


def _rectified_cosines(cosines: Any, slope: float) -> Any:
    """The angle after a ReLU (depth/correlation, step by step the arc-cosine kernel); other slopes by series."""
    rho = np.clip(cosines, -1, 1)
    if slope == 0:
        return np.asarray(prediction("depth/correlation", "cosine")(angle=np.arccos(rho)))
    product = mean_field.similarity("leaky_relu", rho, 1.0, 0.0, slope)
    return product / mean_field.moments("leaky_relu", 1.0, 0.0, slope)[1]


@rule(*SMOOTH)
def _smooth(theory: Theory, node: Node, call: Call) -> State | None:
    """An activation at its usual parameters; None for others."""
    usual = {"elu": ("alpha", 1.0), "celu": ("alpha", 1.0), "softplus": ("beta", 1.0)}
    name, value = usual.get(node.kind, ("", None))
    if name and float(call.raw(1, name, value)) != value:
        return None
    if node.kind == "hardtanh" and (call.raw(1, "min_val", -1), call.raw(2, "max_val", 1)) != (
        -1,
        1,
    ):
        return None
    return _activated(call.state(), node.kind, 0.0)


def distinct(x: Tensor | None) -> Tensor:
    """A tensor in double precision, once along each axis that was expanded; zero for None."""
    if x is None:
        return torch.zeros((), dtype=torch.float64)
    for axis, stride in enumerate(x.stride()):
        x = x.narrow(axis, 0, 1) if not stride and x.shape[axis] else x
    return x.detach().double()


def _activated(s: State, name: str, slope: float) -> State:
    """Any activation of a Gaussian number, by quadrature over a table of variances."""
    second, mean = (distinct(x) for x in (s.second, s.mean))
    square = float(mean.square().mean())
    middle = float(mean.mean()) if square else 0.0
    variance = (second - mean.square()).clamp_min(0)
    share = (
        math.copysign(math.sqrt(square / max(float(variance.mean()), 1e-300)), middle)
        if square
        else 0.0
    )
    low = max(float(variance.min()), 1e-30) / 1.01
    grid = np.geomspace(low, max(float(variance.max()), low) * 1.02, 65)
    first, squared, slopes = mean_field.moments(name, grid, share * np.sqrt(grid), slope)
    at = variance.numpy().clip(low)
    value, factor, expected = (
        torch.from_numpy(np.interp(np.log(at), np.log(grid), table))
        .to(s.second.dtype)
        .expand(s.second.shape)
        for table in (squared, slopes, first)
    )
    v, m = float(variance.mean()), share * math.sqrt(float(variance.mean()))
    rho = np.clip((s.cosines * (v + m * m) - m * m) / max(v, 1e-300), -1, 1)
    product = mean_field.similarity(name, rho, max(v, low), m, slope)
    total = mean_field.moments(name, max(v, low), m, slope)[1]
    odd = name in ("tanh", "hardtanh", "softsign") and s.mean is None and s.symmetric
    return s.with_(
        second=step(s.second, value, factor),
        mean=None if odd else expected,
        cosines=np.clip(product / max(float(total), 1e-300), -1, 1),
        symmetric=odd,
        known=False,
    ).because(GAUSSIAN if name != "leaky_relu" else SKEWED)
