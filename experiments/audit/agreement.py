"""Do theory and measurement agree, layer by layer? One verdict for all, with one false alarm in a thousand audits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.audit.trace import Layer
from experiments.statistics import Comparison, judge, mean_value
from impl.init._graph import NORMS

STEADY = 0.5  # relative spread of a layer's mean square over draws, beyond which a mean of few tells nothing


def comparisons(layers: Sequence[Layer]) -> list[Comparison]:
    """The layers whose forward prediction is exact, and whose draws are alike enough for Student's test."""
    found = []
    for layer in layers:
        sample = np.asarray(layer.draws)
        if layer.how != "exact" or layer.kind in NORMS or len(sample) < 3:
            continue
        spread, mean = float(sample.std(ddof=1)), float(sample.mean())
        if not mean > 0 or not 1e-6 < spread / mean < STEADY:
            continue
        found.append(
            mean_value(sample, layer.forward_predicted, statistic=layer.name, layer=layer.index)
        )
    return found


def verdict(layers: Sequence[Layer]) -> tuple[str, list[str]]:
    """What the comparisons say, and the names of the layers that disagree."""
    found = comparisons(layers)
    if not found:
        return (
            "No layer could be tested: none is predicted exactly, or the draws differ too much.",
            [],
        )
    table = judge(found)
    wrong = [str(name) for name in table.loc[~table["agrees"], "statistic"]]
    if not wrong:
        return (
            f"Theory and measurement agree at all {len(found)} layers that are predicted exactly "
            "(Student's test of each, "
            "Holm's method, one false alarm in 1,000 audits).",
            [],
        )
    return (
        f"Theory and measurement disagree at {len(wrong)} of {len(found)} layers that should be "
        f"exact, first at {wrong[0]}: "
        "are weights orthogonal, shared, or not centred?",
        wrong,
    )
