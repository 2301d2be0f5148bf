"""Why a signal is lost, in one sentence for each cause, with the row that derives it and code that mends it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiments.audit.finding import GRAVE, MEND, WORTH, Finding, some
from experiments.audit.laws import recognise
from experiments.audit.measure import Measured
from experiments.audit.multiplied import gains, normalised, residual_growth, saturation
from experiments.audit.predict import Theory
from experiments.audit.predictions import prediction
from experiments.audit.trace import Layer
from impl.init._graph import RECTIFIERS
from impl.init.apply import branches


def findings(layers: list[Layer], measured: Measured, theory: Theory) -> list[Finding]:
    """All causes, the gravest first. Fills in the name of each layer's initialiser."""
    laws = {}
    for layer in layers:
        if layer.weight:
            laws[layer.index] = recognise(layer.weight, layer.kind, measured)
            found = laws[layer.index]
            layer.law = found.name.rstrip(",") if found else f"deviation {layer.weight_std:.3g}"
    residual = branches(measured.nodes)
    found_ = [
        *_input(layers, measured),
        *gains(layers, laws, residual),
        *saturation(layers, residual),
        *normalised(layers, residual),
        *residual_growth(layers, residual),
        *_scores(layers, theory),
        *_dead(layers),
        *_width(layers),
    ]
    found_ += _output(layers) if not any(f.grave for f in found_) else []
    found_ += _alike(layers, found_)
    return sorted(found_, key=lambda f: -abs(f.decades))


def _scores(layers: Sequence[Layer], theory: Theory) -> list[Finding]:
    """Attention that is decided before training."""
    by_index = {x.index: x for x in layers}
    sharp = {i: v for i, v in theory.scores.items() if v[0] > 4 and i in by_index}
    if not sharp:
        return []
    names = [by_index[i].name for i in sharp]
    variance = max(v for v, _ in sharp.values())
    keys = next(iter(sharp.values()))[1]
    left = max(1.0, keys / math.exp(min(variance, 60.0)))
    sentence = (
        f"{some(names)}: attention's scores have a deviation of {math.sqrt(variance):.3g} before "
        "training, so a query looks at "
        f"about {left:.2g} of {keys:.3g} keys and passes hardly a gradient; weights of gain 1 for "
        "queries and keys, and the "
        "factor 1/√d, make it about 1."
    )
    return [Finding("scores", sentence, math.log10(variance), "init/kaiming", MEND, names)]


def _dead(layers: Sequence[Layer]) -> list[Finding]:
    """Rectifier units that no input of the batch opens, while inputs still differ; and whole networks that are zero."""
    gone = sum(1 for x in layers[-1].draws if x == 0) if layers else 0
    if gone:
        draws = len(layers[-1].draws)
        sentence = (
            f"{gone} of {draws} draws put out zero for every input: too narrow for the depth."
        )
        return [Finding("dead", sentence, 2.0, "depth/dying", "", [layers[-1].name])]
    dead = [x for x in layers if x.dead > 0.35 and x.alike < 0.9]
    if not dead:
        return []
    worst = max(dead, key=lambda x: x.dead)
    names = some([x.name for x in dead])
    sentence = (
        f"{names}: up to {worst.dead:.0%} of the units are zero for every input of this batch."
    )
    return [Finding("dead", sentence, WORTH, "depth/dying", "", [x.name for x in dead])]


def _width(layers: Sequence[Layer]) -> list[Finding]:
    """Narrow and deep: the mean is kept, and most networks lose their signal all the same."""
    variance = prediction("init/kaiming", "ratio_variance")
    total = 0.0
    by_index = {x.index: x for x in layers}
    for layer in layers:
        source = by_index.get(layer.reads)
        if layer.kind in RECTIFIERS and source is not None and source.kind in ("linear", "addmm"):
            total += float(variance(units=source.true_fan_out, negative_slope=0.0))
    if total < 1:
        return []
    typical = math.exp(-total / 2)
    sentence = (
        f"The log of the second moment varies by ±{math.sqrt(total):.2g} from one draw to the "
        "next (the sum of 5/n over your "
        f"layers is {total:.2g}): the mean may be kept, and a typical network has {typical:.2g} "
        "of it. Wider layers help, "
        "no initialisation does."
    )
    return [Finding("width", sentence, total / 2 / math.log(10), "depth/finite_width")]


def _input(layers: Sequence[Layer], measured: Measured) -> list[Finding]:
    """An input that is not standardised."""
    found = []
    for layer in layers:
        if layer.kind == "input" and layer.forward > 0 and abs(math.log10(layer.forward)) > GRAVE:
            sentence = f"The input's mean square is {layer.forward:.3g}, and scales all that follows. Standardise it."
            mend = "x = (x - mean) / deviation  # of the training set"
            found.append(
                Finding(
                    "input",
                    sentence,
                    math.log10(layer.forward),
                    "init/standardize",
                    mend,
                    ["input"],
                )
            )
    return found


def _output(layers: Sequence[Layer]) -> list[Finding]:
    """What comes out is much too large or too small to begin with."""
    last = layers[-1]
    if not last.forward > 0 or -3 < math.log10(last.forward) < 1.4:
        return []
    sentence = f"{last.name}: what comes out has a deviation of {math.sqrt(last.forward):.3g}; a loss begins there."
    decades = math.log10(last.forward)
    decades = decades if abs(decades) > 3 else math.copysign(0.99 * GRAVE, decades)
    return [Finding("output", sentence, decades, "backprop/loss", MEND, [last.name])]


def _alike(layers: Sequence[Layer], found: Sequence[Finding]) -> list[Finding]:
    """All inputs look alike in the end."""
    told = [x for x in layers if math.isfinite(x.alike) and x.shape]
    if len(told) < 2 or told[-1].alike < 0.98 or told[0].alike > 0.9:
        return []
    biased = [x for x in told if x.weight and x.how == "exact" and x.gain < 0.9 * x.needed_gain]
    why = (
        "what is left is made of biases, and does not know the input"
        if len(biased) > 3
        else "depth makes inputs parallel"
    )
    row = "init/conv_default" if len(biased) > 3 else "depth/correlation"
    lost = math.log10(max(1 - told[0].alike, 1e-12) / max(1 - told[-1].alike, 1e-12))
    before, after = f"{told[0].alike:.2g}", f"{told[-1].alike:.6g}"
    sentence = f"{told[-1].name}: two inputs, at a cosine of {before}, come out at {after}: {why}."
    grave = min(lost, 0.99 if any(f.grave for f in found) or told[-1].alike < 0.9999 else lost)
    return [Finding("alike", sentence, grave, row, "", [told[-1].name])]
