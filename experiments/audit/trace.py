"""Layers as a practitioner names them, out of the recorded operations, with what was measured and predicted."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from experiments.audit.laws import moments
from experiments.audit.measure import Measured, fresh
from experiments.audit.predict import Theory
from impl.init._graph import LAYERS, NORMS, RECTIFIERS, STRUCTURE, Node, consumers, followers
from impl.init.apply import needed_gain
from impl.init.fans import fan_in_and_fan_out, true_fans

nan = math.nan
RULES = ("layers", "rules", "attention")  # register the rules


@dataclass
class Layer:
    """One operation of the report. Second moments are means over draws; ratios compare it with what it reads."""

    name: str
    kind: str
    module: str
    index: int
    reads: int  # the layer whose numbers it takes, by its index; -1 for the input
    shape: tuple[int, ...] = ()
    weight: str = ""
    fan_in: float = nan  # as torch reads it off the shape
    fan_out: float = nan
    true_fan_in: float = nan
    true_fan_out: float = nan
    weight_std: float = nan
    gain: float = nan  # what that is in units of 1 / sqrt(fan_in)
    needed_gain: float = nan
    law: str = ""
    before: str = ""  # what follows: the activation, a normalisation, a sum
    how: str = "exact"  # how forwards was predicted
    how_back: str = "exact"
    why: str = ""
    forward: float = nan
    forward_error: float = nan
    forward_predicted: float = nan
    ratio: float = nan
    ratio_error: float = nan
    ratio_predicted: float = nan
    backward: float = nan
    backward_error: float = nan
    backward_predicted: float = nan
    back_ratio: float = nan
    back_ratio_error: float = nan
    back_ratio_predicted: float = nan
    dead: float = nan
    alike: float = nan
    alike_predicted: float = nan
    draws: list[float] = field(default_factory=list, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """All fields, with None for what does not apply: JSON has no NaN."""
        found = asdict(self)
        return {
            k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in found.items()
        }


def predicted(measured: Measured, inputs: Any, named: dict[str, Any]) -> Theory:
    """Theory for the network of the last draw: its weights' variances are those of all draws."""
    import importlib

    for module in RULES:
        importlib.import_module(f"experiments.audit.{module}")
    levels = [float(np.mean(column)) for column in measured.backward.T]
    theory = Theory(measured.model, moments(measured), levels)
    inputs, named = fresh(inputs), dict(zip(named, fresh(list(named.values())), strict=True))
    with torch.no_grad(), theory:
        for tensor in (*inputs, *named.values()):
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
                theory.start(tensor)
        theory.result = measured.model(*inputs, **named)
    return theory


def predict_gradients(theory: Theory, tensor: torch.Tensor) -> None:
    """The network of squares, backwards: the cotangent has mean square 1 everywhere."""
    state = theory._of.get(id(tensor))
    if state is not None and state.second.requires_grad:
        state.second.backward(torch.ones_like(state.second))


def layers(measured: Measured, theory: Theory) -> list[Layer]:
    """The report's lines, in the order of execution."""
    nodes, found = measured.nodes, []
    visible = [n for n in nodes if not n.structural]
    names = _names(visible, theory.model)
    for node in visible:
        source = _source(nodes, node)
        layer = Layer(names[node.index], node.kind, node.module, node.index, source)
        _measure(layer, measured, node, source)
        _predict(layer, theory, node, source)
        if node.weight and node.kind in LAYERS:
            _weights(layer, measured, node, theory.model)
        found.append(layer)
    exact = _exact_below(nodes)
    for layer in found:
        layer.how_back = "exact" if exact[layer.index] else "mean field"
        if not math.isfinite(layer.backward_predicted):
            layer.how_back = "not predicted"
    return found


def _exact_below(nodes: list[Node]) -> list[bool]:
    """Whether a node's gradient is predicted exactly: if all above it are dense layers, rectifiers, sums and dropout.

    He's assumption is a theorem for these, with one input and an independent cotangent (row depth/independence).
    """
    plain = STRUCTURE | RECTIFIERS | {"linear", "addmm", "add", "dropout"}
    readers = consumers(nodes)
    exact = [True] * len(nodes)
    for node in reversed(nodes):
        above = readers[node.index]
        exact[node.index] = all(exact[i] and nodes[i].kind in plain for i in above)
    return exact


def _source(nodes: list[Node], node: Node) -> int:
    """The nearest operation, past what only moves numbers, that a node's first argument comes from."""
    at = node
    while at.inputs:
        at = nodes[at.inputs[0]]
        if not at.structural:
            return at.index
    return -1


def _names(nodes: list[Node], model: nn.Module) -> dict[int, str]:
    """The module's name where it is one operation; the kind behind it where it is several."""
    leaf = {name: not list(m.children()) for name, m in model.named_modules()}
    named: dict[int, str] = {}
    seen: dict[str, int] = {}
    for node in nodes:
        name = (
            node.module
            if leaf.get(node.module) and node.module
            else f"{node.module}.{node.kind}".strip(".")
        )
        seen[name] = seen.get(name, 0) + 1
        named[node.index] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return named


def _mean(values: Any) -> tuple[float, float]:
    """Mean over draws and its standard error."""
    values = np.asarray(values, float)
    if len(values) < 2 or not np.isfinite(values).all():
        return (float(np.mean(values)) if len(values) else nan), nan
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))


def _measure(layer: Layer, measured: Measured, node: Node, source: int) -> None:
    forward, backward = measured.forward[:, node.index], measured.backward[:, node.index]
    layer.forward, layer.forward_error = _mean(forward)
    layer.backward, layer.backward_error = _mean(backward)
    layer.dead = float(np.mean(measured.dead[:, node.index]))
    layer.alike = float(np.mean(measured.alike[:, node.index]))
    layer.draws = [float(x) for x in forward]
    if source >= 0:
        with np.errstate(all="ignore"):
            layer.ratio, layer.ratio_error = _mean(forward / measured.forward[:, source])
            back = measured.backward[:, source] / backward
            layer.back_ratio, layer.back_ratio_error = _mean(back)


def _predict(layer: Layer, theory: Theory, node: Node, source: int) -> None:
    state = theory.states[node.index]
    if state is None:
        layer.how, layer.why = "not predicted", "it is not reached"
        return
    layer.shape = tuple(state.second.shape)
    layer.forward_predicted = state.size
    layer.alike_predicted = float(state.cosines[0])
    layer.backward_predicted = theory.backward.get(node.index, nan)
    if node.index in theory.why:
        layer.how, layer.why = "not predicted", theory.why[node.index]
        layer.forward_predicted = nan
        layer.alike_predicted = nan
    elif state.measured:
        layer.how, layer.why = "from measured", "what it reads was measured, not predicted"
    elif state.approximate:
        layer.how, layer.why = "mean field", state.approximate
    before = theory.states[source] if source >= 0 else None
    if before is not None and layer.how != "not predicted":
        layer.ratio_predicted = state.size / before.size if before.size else nan
        back, here = theory.backward.get(source, nan), theory.backward.get(node.index, nan)
        layer.back_ratio_predicted = back / here if here else nan


def _weights(layer: Layer, measured: Measured, node: Node, model: nn.Module) -> None:
    assert node.weight is not None  # noqa: S101 - for the type checker
    weight = model.get_parameter(node.weight)
    layer.weight = node.weight
    square, mean = measured.parameters[node.weight]
    shape = weight.T if node.kind == "addmm" else weight
    layer.fan_in, layer.fan_out = map(float, fan_in_and_fan_out(shape))
    module = model.get_submodule(node.module)
    try:
        layer.true_fan_in, layer.true_fan_out = map(float, true_fans(module))
    except TypeError:
        layer.true_fan_in, layer.true_fan_out = layer.fan_in, layer.fan_out
    layer.weight_std = math.sqrt(max(square - mean**2, 0.0))
    layer.gain = math.sqrt(square * layer.true_fan_in)
    after = next(followers(measured.nodes, node.index), None)
    layer.before = after.kind if after else "output"
    layer.needed_gain = (
        nan
        if after and after.kind in NORMS
        else needed_gain(after.kind if after else "linear", after.slope if after else 0.0)
    )
