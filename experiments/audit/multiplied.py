"""Causes that multiply up with depth: gains, saturation, normalisation without a skip, residual sums without either."""

from __future__ import annotations

import math
from collections.abc import Sequence

from derivations import mean_field
from experiments.audit.finding import GRAVE, MEND, SATURATING, WORTH, Finding, alone, factor, some
from experiments.audit.laws import Law
from experiments.audit.predictions import prediction
from experiments.audit.trace import Layer
from impl.init._graph import NORMS, RECTIFIERS, SMOOTH
from impl.init.apply import Branch

MANY = 6  # layers, beyond which one call for the whole model is shorter


def gains(
    layers: Sequence[Layer], laws: dict[int, Law | None], residual: Sequence[Branch]
) -> list[Finding]:
    """Layers whose gain is not the one that what follows asks for; by initialiser and by what follows."""
    groups: dict[tuple[str, str, str], list[Layer]] = {}
    own = [x for x in layers if x.weight and not math.isnan(x.needed_gain)]
    for layer in alone(own, residual):
        found_law = laws.get(layer.index)
        if layer.before in SATURATING or layer.before == "output":
            continue
        row = found_law.row if found_law else "init/kaiming"
        if layer.true_fan_in != layer.fan_in:
            row = "init/fans"
        name = found_law.name if found_law else layer.law
        groups.setdefault((name, layer.before, row), []).append(layer)
    found = []
    for (law, before, row), members in groups.items():
        each = [_variance(x, laws) * x.true_fan_in / x.needed_gain**2 for x in members]
        decades = sum(math.log10(max(f, 1e-300)) for f in each)
        if abs(decades) < WORTH:
            continue
        typical = 10 ** (decades / len(members))
        how = _cause(members, law, row)
        over = (
            f"; over your {len(members)} such layers {10**decades:.2g}" if len(members) > 1 else ""
        )
        then = f" before {before}" if before in RECTIFIERS | SMOOTH else ""
        sentence = (
            f"{some([x.name for x in members])}: {how} {factor(typical)} a layer{then}{over}."
        )
        found.append(
            Finding("gain", sentence, decades, row, _snippet(members), [x.name for x in members])
        )
    return found


def _variance(layer: Layer, laws: dict[int, Law | None]) -> float:
    """The variance of the initialiser that was recognised, else the weights' own."""
    law = laws.get(layer.index)
    return law.variance if law else layer.gain**2 / layer.true_fan_in


def _cause(members: Sequence[Layer], law: str, row: str) -> str:
    if row == "init/fans" and members[0].true_fan_in != members[0].fan_in:
        return (
            f"{law}, with a fan of {members[0].fan_in:g} read off the shape where {members[0].true_fan_in:g} "
            "numbers are added,"
        )
    return law


def _snippet(members: Sequence[Layer]) -> str:
    """The calls that fill these layers' weights as what follows asks for."""
    if len(members) > MANY:
        return MEND
    calls = []
    for layer in members:
        weight = f'model.get_parameter("{layer.weight}")'
        if layer.before == "relu" and layer.true_fan_in == layer.fan_in and layer.kind != "addmm":
            calls.append(f"torch.nn.init.kaiming_normal_({weight}, nonlinearity='relu')")
        else:
            deviation = f"{layer.needed_gain:.4g} / {layer.true_fan_in:g} ** 0.5"
            calls.append(f"torch.nn.init.normal_({weight}, std={deviation})")
    return "\n".join(calls)


def _stages(layers: Sequence[Layer], residual: Sequence[Branch]) -> list[tuple[Layer, Layer]]:
    """Pairs of a weighted layer and the activation that follows it, on the way from input to output."""
    by_index = {x.index: x for x in layers}
    pairs = []
    for act in alone(layers, residual):
        if act.kind in RECTIFIERS | SMOOTH:
            source = by_index.get(act.reads)
            while source is not None and source.kind in NORMS:
                source = by_index.get(source.reads)
            if source is not None and source.weight:
                pairs.append((source, act))
    return pairs


def _between(layers: Sequence[Layer], first: Layer, last: Layer) -> float:
    """The gradient's mean square after ``last`` over that at what ``first`` reads, as predicted (or measured)."""
    by_index = {x.index: x for x in layers}
    below, above = by_index.get(first.reads), last
    if below is None:
        return math.nan
    for name in ("backward_predicted", "backward"):
        a, b = getattr(below, name), getattr(above, name)
        if a > 0 and b > 0:
            return float(a / b)
    return math.nan


def saturation(layers: Sequence[Layer], residual: Sequence[Branch]) -> list[Finding]:
    """Sigmoid and tanh: what they do to gradients, which no forward moment shows."""
    found = []
    for kind in sorted(SATURATING):
        pairs = [(a, b) for a, b in _stages(layers, residual) if b.kind == kind]
        if not pairs:
            continue
        each = [_between(layers, a, b) for a, b in pairs]
        logs = [math.log10(x) for x in each if x > 0]
        decades = sum(logs)
        if not logs or abs(decades) < WORTH:
            continue
        typical = 10 ** (decades / len(logs))
        gain = pairs[0][0].gain
        slope = float(mean_field.moments(kind, 1e-12)[2]) ** 0.5
        middle = float(mean_field.moments(kind, 1.0)[0])
        change = "divides" if typical < 1 else "multiplies"
        what = f"its slope is at most {slope:.2g}" if kind != "softplus" else "its slope is below 1"
        off = (
            f", and its outputs have mean {middle:.2g}, so all inputs become alike"
            if middle > 0.1
            else ""
        )
        if typical > 1:
            off = f": a gain of {gain:.2g} where {1 / slope:.2g} keeps small signals"
        names = [b.name for _, b in pairs]
        sentence = (
            f"{some(names)}: {kind} after weights of gain {gain:.2g} {change} the gradient's second moment by "
            f"{max(typical, 1 / typical):.3g} a layer ({what}{off}); over your {len(logs)} such "
            f"layers {10**decades:.2g}."
        )
        advice = "# tanh with torch.nn.init.xavier_normal_, or ReLU with kaiming_normal_, keep it"
        mend = (
            advice
            if middle > 0.1
            else f'torch.nn.init.xavier_normal_(model.get_parameter("{pairs[0][0].weight}"))'
        )
        found.append(Finding("saturation", sentence, decades, "init/xavier", mend, names))
    return found


def normalised(layers: Sequence[Layer], residual: Sequence[Branch]) -> list[Finding]:
    """Normalisation without a skip: the signal is kept by force, and the gradient pays."""
    by_index = {x.index: x for x in layers}
    pairs = [
        (a, b)
        for a, b in _stages(layers, residual)
        if b.kind in RECTIFIERS and by_index[b.reads].kind in NORMS - {"rms_norm"}
    ]
    logs = [math.log10(x) for x in (_between(layers, a, b) for a, b in pairs[1:]) if x > 0]
    decades = sum(logs)
    if len(logs) < 2 or decades < GRAVE / 2:
        return []
    each = float(prediction("init/shifted_relu", "unit_gradient")())
    names = [b.name for _, b in pairs]
    sentence = (
        f"{some(names)}: normalisation before a ReLU, without a skip, multiplies the gradient's second moment by up to "
        f"π/(π-1) = {each:.3g} a layer, however the weights are drawn; over your {len(names)} such layers "
        f"{10**decades:.2g}."
    )
    return [
        Finding(
            "normalised",
            sentence,
            decades,
            "init/shifted_relu",
            "x = x + block(x)  # a skip keeps it",
            names,
        )
    ]


def residual_growth(layers: Sequence[Layer], residual: Sequence[Branch]) -> list[Finding]:
    """What a residual stream without normalisation grows by."""
    by_index = {x.index: x for x in layers}
    ends, growth = [], []
    for branch in residual:
        end, skip = by_index.get(branch.end), _visible(branch.skip, by_index, layers)
        if end is None or skip is None or branch.normalised:
            continue
        before, after = skip.forward_predicted or skip.forward, end.forward_predicted or end.forward
        if before > 0 and after > 0:
            ends.append(end.name)
            growth.append(after / before)
    decades = sum(math.log10(x) for x in growth)
    if len(ends) < 2 or decades < WORTH:
        return []
    typical = 10 ** (decades / len(ends))
    bound = float(prediction("depth/fixup", "bound")())
    sentence = (
        f"{some(ends)}: each residual branch without normalisation multiplies the second moment "
        f"by {typical:.3g}; over your "
        f"{len(ends)} branches {10**decades:.2g}. Fixup's zeros in the last layer of a branch begin at 1; "
        f"a factor 1/√{len(ends)} on it keeps the growth below about {bound:.3g}."
    )
    return [Finding("residual", sentence, decades, "depth/fixup", MEND, ends)]


def _visible(index: int, by_index: dict[int, Layer], layers: Sequence[Layer]) -> Layer | None:
    """The layer at a node, or the last one before it, if the node only moves numbers."""
    while index >= 0 and index not in by_index:
        index -= 1
    return by_index.get(index)
