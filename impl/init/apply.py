"""Initialise a whole model: each layer by what follows it and by its true fan, each residual branch by their number.

He et al. 2015, section 2.2, for layers before a rectifier; Zhang et al. 2019, section 3 (Fixup), for branches without a
normalisation; 1/√N, N the number of branches, for the last layer of a branch that has one elsewhere. A layer whose
output is normalised keeps what it has: its scale cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Generator, Tensor, nn

from impl.init._graph import ATTENDS, LAYERS, NORMS, RECTIFIERS, Node, followers, recorded
from impl.init._symbolic import traced
from impl.init.fans import fan_in_and_fan_out, true_fans
from impl.init.kaiming import calculate_gain

USES = ("torch.Tensor.normal_", "torch.Tensor.__setitem__")

SMOOTH: dict[str, Callable[[float], float]] = {
    "gelu": lambda z: z * (1 + math.erf(z / math.sqrt(2))) / 2,
    "silu": lambda z: z / (1 + math.exp(-z)),
    "quick_gelu": lambda z: z / (1 + math.exp(-1.702 * z)),
    "elu": lambda z: z if z > 0 else math.expm1(z),
    "celu": lambda z: z if z > 0 else math.expm1(z),
    "mish": lambda z: z * math.tanh(math.log1p(math.exp(z))),
    "hardswish": lambda z: z * min(max(z + 3, 0), 6) / 6,
    "relu6": lambda z: min(max(z, 0), 6),
}
SLOPES = {"tanh": 1.0, "softsign": 1.0, "hardtanh": 1.0, "sigmoid": 1 / 4, "hardsigmoid": 1 / 6}


@dataclass(frozen=True)
class Choice:
    """What becomes of one weight: N(0, gain² / fan_in) times ``scale``, or nothing; and why."""

    weight: str
    module: str
    gain: float
    scale: float = 1.0
    keep: bool = False
    why: str = ""


@dataclass(frozen=True)
class Branch:
    """A residual branch: the sum that ends it, what it is added to, its layers, whether it normalises.

    ``inside`` has all operations of both sides; all are indices of nodes.
    """

    end: int
    skip: int
    layers: list[int]
    normalised: bool
    inside: frozenset[int]


@lru_cache(maxsize=64)
def needed_gain(activation: str, slope: float = 0.0) -> float:
    """The gain that keeps the mean square through a layer and the activation after it; 1 if there is none.

    √(2/(1+a²)) for rectifiers. GELU and its like: the g for which E[f(g z)²] = 1, by quadrature. Those that saturate
    have none: 1/f'(0), which keeps small signals, and gradients at zero.
    """
    if activation in RECTIFIERS:
        return calculate_gain("leaky_relu", slope)
    if activation in SLOPES:
        return 1 / SLOPES[activation]
    if activation not in SMOOTH:
        return 1.0
    low, high = 0.1, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _kept(SMOOTH[activation], middle) < 1 else (low, middle)
    return low


def _kept(function: Callable[[float], float], gain: float) -> float:
    """E[f(gain · z)²] for a standard normal z, by the rectangle rule, which is very good for such integrals."""
    step = 1 / 16
    points = [step * k for k in range(-160, 161)]
    mass = [math.exp(-z * z / 2) for z in points]
    return sum(m * function(gain * z) ** 2 for m, z in zip(mass, points, strict=True)) / sum(mass)


def initialise_(model: nn.Module, *inputs: Any, generator: Generator | None = None) -> nn.Module:
    """Fill the weights of ``model`` in place, as :func:`plan` says, and their biases with zeros; returns ``model``.

    Without ``inputs`` the graph comes from ``torch.fx``; with an example of the model's inputs it comes from running
    the model on them, which works for any. Raises ValueError for a model that fx cannot trace, if there are no inputs.
    """
    for choice in plan(nodes_of(model, inputs)):
        if not choice.keep:
            _fill(model, choice, generator)
    return model


def nodes_of(model: nn.Module, inputs: Sequence[Any]) -> list[Node]:
    """The model's operations; see :func:`initialise_`."""
    if inputs:
        return recorded(model, inputs)
    try:
        return traced(model)
    except Exception as error:  # fx raises whatever the model does with a proxy
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"torch.fx cannot trace this model ({reason}); give an example of its inputs: initialise_(model, x)"
        ) from None


def plan(nodes: Sequence[Node]) -> list[Choice]:
    """A choice for each weight of a linear layer or convolution, in the order of execution."""
    chosen: dict[str, Choice] = {}
    embedded = {node.weight for node in nodes if node.kind == "embedding"}
    for node in nodes:
        if node.kind == ATTENDS:
            for name in node.weights:
                chosen[name] = Choice(name, node.module, 1.0, why="attention: linear, at gain 1")
        if node.kind not in LAYERS or node.weight is None or node.weight in chosen:
            continue
        after = next(followers(nodes, node.index), None)
        kind = after.kind if after else "linear"
        choice = Choice(node.weight, node.module, needed_gain(kind, after.slope if after else 0.0))
        if node.weight in embedded:
            choice = replace(choice, keep=True, why="shares its weights with an embedding")
        elif kind in NORMS:
            choice = replace(choice, keep=True, why=f"{kind} follows, and cancels its scale")
        else:
            choice = replace(choice, why=f"{kind} follows" if after else "it is the output")
        chosen[node.weight] = choice
    _residual(nodes, chosen)
    return list(chosen.values())


def _residual(nodes: Sequence[Node], chosen: dict[str, Choice]) -> None:
    """Change the choices for layers of residual branches."""
    found = branches(nodes)
    for branch in found:
        names = [
            str(name) for i in branch.layers for name in nodes[i].weights or (nodes[i].weight,)
        ]
        weights = [name for name in dict.fromkeys(names) if name in chosen]
        if not weights or any(chosen[w].keep for w in weights[-1:]):
            continue
        last = weights[-1]
        if branch.normalised or len(weights) == 1:
            scale, why = (
                len(found) ** -0.5,
                f"1/√N at the end of one of N = {len(found)} residual branches",
            )
            chosen[last] = replace(chosen[last], scale=scale, why=why)
            continue
        scale = len(found) ** (-1 / (2 * len(weights) - 2))
        for name in weights[:-1]:
            why = f"Fixup: one of {len(found)} branches of {len(weights)} layers without normalisation"
            chosen[name] = replace(chosen[name], scale=scale, why=why)
        chosen[last] = replace(chosen[last], scale=0.0, why="Fixup: zeros end a branch")


def branches(nodes: Sequence[Node]) -> list[Branch]:
    """The residual branches: what one side of a sum has computed and the other has not, if both come from one place.

    Of two sides that have layers of their own, the one with more is the branch.
    """
    above: list[set[int]] = []
    for node in nodes:
        above.append({node.index}.union(*(above[i] for i in node.inputs)))
    found = []
    for node in nodes:
        if node.kind != "add" or len(node.inputs) != 2 or node.inputs[0] == node.inputs[1]:
            continue
        left, right = (above[i] for i in node.inputs)
        common = left & right
        sides = [
            [i for i in sorted(s - common) if nodes[i].kind in LAYERS | {ATTENDS}]
            for s in (left, right)
        ]
        if not common or not any(sides):
            continue
        longer = len(sides[1]) >= len(sides[0])
        own = (right if longer else left) - common
        normalised = any(nodes[i].kind in NORMS for i in own)
        inside = frozenset((left | right) - common)
        found.append(
            Branch(node.index, node.inputs[0 if longer else 1], sides[longer], normalised, inside)
        )
    return found


def _fill(model: nn.Module, choice: Choice, generator: Generator | None) -> None:
    """Fill one weight, and set the bias beside it to zero."""
    module = model.get_submodule(choice.module)
    owner, _, name = choice.weight.rpartition(".")
    holder = model.get_submodule(owner)
    weight: Tensor = getattr(holder, name)
    with torch.no_grad():
        deviation = choice.scale * choice.gain / math.sqrt(fan_in(module, weight))
        weight.normal_(0, deviation, generator=generator)
        bias = getattr(holder, "in_proj_bias" if name == "in_proj_weight" else "bias", None)
        if isinstance(bias, Tensor):
            bias[:] = 0


def fan_in(module: nn.Module, weight: Tensor) -> float:
    """The terms that an output adds up: the true number for torch's layers, else as the weight's shape says."""
    try:
        return float(true_fans(module)[0])
    except TypeError:
        stored_as_in_out = "Conv1D" in type(module).__name__  # as x @ weight
        return float(fan_in_and_fan_out(weight)[1 if stored_as_in_out else 0])
