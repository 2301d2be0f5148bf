"""Theory beside the run: each operation's effect on expected squares, from the derivations' own predictions.

One rule an operation, found by its name. What has no rule is measured, and theory goes on from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._pytree import tree_leaves, tree_map

from derivations import load, mean_field
from experiments.audit.state import APART, FAR, NEAR, Restart, State, input_state, known, step
from impl.init._graph import LAYERS, RECTIFIERS, SMOOTH, STRUCTURE, Node, Recorder

Rule = Callable[["Theory", Node, "Call"], State | None]
RULES: dict[str, Rule] = {}
GAUSSIAN = "preactivations taken as Gaussian"


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations of these names."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


class Call:
    """An operation's arguments: by position or by name, as the states of those that are tensors."""

    def __init__(self, theory: Theory, function: Any, args: Any, kwargs: Any, out: Any) -> None:
        self.theory, self.function, self.args, self.kwargs = theory, function, args, kwargs
        self.out: Any = out

    def raw(self, place: int, name: str, default: Any = None) -> Any:
        """The argument itself."""
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)

    def state(self, place: int = 0, name: str = "input") -> State:
        """What theory knows of it."""
        return self.theory.state(self.raw(place, name))

    def apply(self, **replaced: Tensor | None) -> Any:
        """Call the function with other tensors in the places named ``_0``, ``_1``, or by name."""
        args = list(self.args)
        kwargs = dict(self.kwargs)
        for name, value in replaced.items():
            if name.startswith("_"):
                args[int(name[1:])] = value
            else:
                kwargs[name] = value
        return self.function(*args, **kwargs)


class Theory(Recorder):
    """Runs a model, and beside it its network of squares.

    ``variances`` maps a parameter's name to its (mean square, mean); ``gradients`` a node's index to the mean square
    measured for its gradient. Afterwards ``states`` has what is known of every node's result, ``outputs`` the tensors.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        variances: dict[str, tuple[float, float]],
        gradients: list[float],
    ) -> None:
        super().__init__(model)
        self.variances, self.gradients = variances, gradients
        self.states: list[State | None] = []
        self.why: dict[int, str] = {}
        self.backward: dict[int, float] = {}
        self._of: dict[int, State] = {}

    def state(self, value: Any) -> State:
        """What is known of a tensor, or a number."""
        if not isinstance(value, Tensor):
            return known(torch.tensor(float(value)))
        return self._of.get(id(value)) or known(value)

    def squares(self, weight: Tensor) -> tuple[float, float]:
        """The mean square and the mean of a parameter, over all draws."""
        name = self.parameters.get(id(weight))
        if name in self.variances:
            return self.variances[name]
        double = weight.detach().double()
        return float(double.square().mean()), float(double.mean())

    def before(self, args: Any, kwargs: dict[str, Any]) -> None:
        """Remember what the arguments were: an operation in place changes them."""
        self._given = {id(x): self._of[id(x)] for x in tree_leaves((args, kwargs)) if id(x) in self._of}

    def observe(
        self, node: Node, function: Any, args: Any, kwargs: dict[str, Any], out: Any
    ) -> None:
        """Say what is known of an operation's result."""
        if node.kind == "input":
            self._keep(node, out, input_state(out))
            return
        call = Call(self, function, args, kwargs, out)
        with torch.enable_grad():
            self._keep(node, out, self._predict(node, call))

    def _predict(self, node: Node, call: Call) -> Any:
        reason = f"no rule for {node.kind}"
        states = [self._of[id(x)] for x in tree_leaves((call.args, call.kwargs)) if id(x) in self._of]
        try:
            if states and all(s.known for s in states) and not node.weight and node.kind in KNOWING:
                return self._of_known(call, states)
            if node.kind in STRUCTURE:
                return self._moved(call)
            if node.kind in RULES:
                found = RULES[node.kind](self, node, call)
                if found is not None:
                    return found
        except (TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError) as error:
            reason = f"{node.kind} in a form without a rule ({str(error).splitlines()[0][:80]})"
        self.why[node.index] = reason
        return self._restarted(node, call)

    def _of_known(self, call: Call, states: list[State]) -> Any:
        """No weight has acted: the value is known, and so is its square."""
        value = next(x for x in tree_leaves(call.out) if isinstance(x, Tensor))
        measured = any(s.measured for s in states)
        return known(value).with_(measured=measured)

    def _moved(self, call: Call) -> Any:
        """Numbers that change places: the same function, on expected squares and on expected values."""
        leaves = [x for x in tree_leaves((call.args, call.kwargs)) if isinstance(x, Tensor)]
        moving = [x for x in leaves if x.is_floating_point()]
        states = [self.state(x) for x in moving]

        def moved(part: Callable[[State], Tensor]) -> Any:
            def one(x: Any) -> Any:
                return part(self.state(x)) if isinstance(x, Tensor) and x.is_floating_point() else x

            return call.function(*tree_map(one, call.args), **tree_map(one, call.kwargs))

        second = moved(lambda s: s.second)
        means: Any = None
        if any(s.mean is not None for s in states):
            means = moved(lambda s: torch.zeros_like(s.second) if s.mean is None else s.mean.detach())
        filled = [s for s in states if s.second.numel()] or states  # an empty cache has no angles
        weights = np.array([max(s.size, 1e-300) * s.second.numel() for s in filled])
        mixed = sum(w * s.cosines for w, s in zip(weights, filled, strict=True)) / weights.sum()
        like = states[0].with_(
            cosines=np.asarray(mixed),
            symmetric=all(s.symmetric for s in states),
            known=all(s.known for s in states),
            approximate=next((s.approximate for s in states if s.approximate), ""),
            measured=any(s.measured for s in states),
            participation=states[0].participation,
            rectified=states[0].rectified if len(states) == 1 else None,
        )
        if isinstance(second, Tensor):
            return like.with_(second=second, mean=means, participation=like.participation,
                              rectified=like.rectified)
        parts = [m.detach() for m in means] if means is not None else [None] * len(second)
        return [like.with_(second=s, mean=m) for s, m in zip(second, parts, strict=True)]

    def _restarted(self, node: Node, call: Call) -> Any:
        """Take what was measured for the expected square, and for the gradients below."""
        tensors = [x for x in tree_leaves(call.out) if isinstance(x, Tensor) and x.is_floating_point()]
        pairs = [
            (self.gradients[i], self._flow(i)) for i in dict.fromkeys(node.inputs)
            if i < len(self.gradients) and self._flow(i) is not None
        ]
        found = []
        for tensor in tensors:
            state = known(tensor)
            levels = tuple(level for level, _ in pairs)
            second = Restart.apply(state.second, levels, *(flow for _, flow in pairs))
            if not second.requires_grad:
                second = second.requires_grad_()
            found.append(state.with_(second=second, measured=True, known=False))
        return found

    def _flow(self, index: int) -> Any:
        state = self.states[index]
        return state.second if state is not None and state.second.requires_grad else None

    def _keep(self, node: Node, out: Any, found: Any) -> None:
        """Attach states to the tensors that came out, and listen for the expected square of their gradients."""
        tensors = [x for x in tree_leaves(out) if isinstance(x, Tensor) and x.is_floating_point()]
        states = found if isinstance(found, list) else [found] * len(tensors)
        self.states.append(states[0] if states else None)
        for tensor, state in zip(tensors, states, strict=False):
            self._of[id(tensor)] = state
        if states and states[0].second.requires_grad and node.kind not in STRUCTURE:
            def keep(gradient: Tensor, index: int = node.index) -> None:
                self.backward[index] = float(gradient.double().mean())

            states[0].second.register_hook(keep)


KNOWING = {"add", "sub", "mul", "div", "neg", "pow", "mean", "clamp", "relu", "rsub"} | STRUCTURE


@rule(*LAYERS)
def _layer(theory: Theory, node: Node, call: Call) -> State | None:
    """Weights of mean zero: the layer itself, with a weight's variance for each weight (init/kaiming, dot product)."""
    if node.kind == "addmm":  # bias + x @ weight
        bias, x, weight = call.raw(0, "input"), call.raw(1, "mat1"), call.raw(2, "mat2")
    else:
        x, weight, bias = (call.raw(i, n) for i, n in enumerate(("input", "weight", "bias")))
    s = theory.state(x)
    square, mean = theory.squares(weight)
    variance = torch.full_like(weight.detach(), square)
    no_bias = None if bias is None else torch.zeros_like(bias.detach())
    if node.kind == "addmm":
        signal = s.second @ variance
    else:
        replaced = dict(zip(("_0", "_1", "_2"), (s.second, variance, no_bias), strict=True))
        args = len(call.args)
        call.args = (*call.args, *(None for _ in range(max(0, 3 - args)))) if args < 3 else call.args
        call.kwargs = {k: v for k, v in call.kwargs.items() if k not in ("input", "weight", "bias")}
        signal = call.apply(**replaced)
    level = float(signal.detach().double().mean())
    if node.kind.startswith("conv") and signal.dim() > 2:
        s = s.with_(cosines=_at_border(s.cosines, x, weight, signal, call, node.kind))
    found = s.with_(second=signal, mean=None, symmetric=True, known=False)
    if abs(mean) > 0.05 * math.sqrt(max(square, 1e-300)) and weight.numel() > 400:
        found = found.because("weights whose mean is not zero")
    if bias is not None:
        bias_square, bias_mean = theory.squares(bias)
        shape = [1] * signal.dim()
        if bias_square:
            total = max(level + bias_square, 1e-300)
            found = found.with_(
                second=signal + bias_square, cosines=(found.cosines * level + bias_square) / total
            )
        if abs(bias_mean) > 0.2 * math.sqrt(max(bias_square, 1e-300)) and bias.numel() > 16:
            found = found.with_(mean=torch.full(shape, bias_mean).expand_as(signal), symmetric=False)
            found = found.because("biases whose mean is not zero")
    return found


def _at_border(
    cosines: Any, x: Tensor, weight: Tensor, out: Tensor, call: Call, kind: str
) -> Any:
    """Two positions have the same angle after a convolution, but for taps that one of them has beyond the border."""
    if "transpose" in kind:
        return cosines
    options = [call.raw(i, n, d) for i, n, d in ((3, "stride", 1), (4, "padding", 0), (5, "dilation", 1))]
    both, single, beside = 1.0, 1.0, 1.0
    for d, size in enumerate(out.shape[2:]):
        step_, pad, gap = (o if isinstance(o, int) else 0 if isinstance(o, str) else o[d] for o in options)
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
    kept = float(load("init/relu").predict("second_moment")(preactivation_var=1.0, negative_slope=slope))
    middle = float(load("init/relu").predict("mean")(preactivation_var=1.0, negative_slope=slope))
    mask = float(load("init/kaiming").predict("backward_ratio")(
        fan_out=1, weight_var=1.0, negative_slope=slope))
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
        return np.asarray(load("depth/correlation").predict("cosine")(angle=np.arccos(rho)))
    product = mean_field.similarity("leaky_relu", rho, 1.0, 0.0, slope)
    return product / mean_field.moments("leaky_relu", 1.0, 0.0, slope)[1]


@rule(*SMOOTH)
def _smooth(theory: Theory, node: Node, call: Call) -> State:
    return _activated(call.state(), node.kind, 0.0)


def _activated(s: State, name: str, slope: float) -> State:
    """Any activation of a Gaussian number, by quadrature over a table of variances."""
    second = s.second.detach().double()
    mean = torch.zeros(()) if s.mean is None else s.mean.detach().double()
    square = float(mean.square().mean())
    middle = float(mean.mean()) if square else 0.0
    variance = (second - mean.square()).clamp_min(0)
    share = middle / math.sqrt(max(float(variance.mean()), 1e-300)) if square else 0.0
    share = math.copysign(math.sqrt(square / max(float(variance.mean()), 1e-300)), middle) if square else 0.0
    low = max(float(variance.min()), 1e-30) / 1.01
    grid = np.geomspace(low, max(float(variance.max()), low) * 1.02, 65)
    first, squared, slopes = mean_field.moments(name, grid, share * np.sqrt(grid), slope)
    at = variance.numpy().clip(low)
    value, factor, expected = (
        torch.from_numpy(np.interp(np.log(at), np.log(grid), table)).to(s.second.dtype)
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
    ).because(GAUSSIAN if name != "leaky_relu" else "a rectifier of numbers that are not symmetric, taken as Gaussian")
