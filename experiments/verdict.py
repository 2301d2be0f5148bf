"""What an experiment found, in words and as data: the content of ``verdict.json``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from experiments.distributions import noticeable_distance
from experiments.statistics import FALSE_ALARM, POWER, Comparison, noticeable

SHOWN = ["layer", "statistic", "input", "measured", "standard_error", "predicted", "z", "p"]


def verdict(
    table: pd.DataFrame, comparisons: Sequence[Comparison], blind: Sequence[str] = ()
) -> dict[str, Any]:
    """Agreement, the worst comparison, what would have been noticed, what cannot be."""
    clearest = table.sort_values("p", kind="stable", na_position="last")
    wrong = clearest[~clearest["agrees"]]
    worst = (wrong if len(wrong) else clearest).iloc[0]
    return {
        "agrees": wrong.empty,
        "sentence": _sentence(table, worst, len(wrong)),
        "error_rate": FALSE_ALARM,
        "comparisons": len(table),
        "disagreements": wrong[SHOWN].to_dict("records"),
        "worst": worst[SHOWN].to_dict(),
        "sensitivity": sensitivity(comparisons),
        "blind": list(blind),
    }


def describe(line: pd.Series[Any]) -> str:
    """One comparison in words."""
    where = "over all layers" if line["layer"] == "all" else f"at layer {line['layer']}"
    fed = f" ({line['input']})" if line["input"] else ""
    values = f"{line['measured']:.5g} measured, {line['predicted']:.5g} predicted"
    z = f", z = {line['z']:+.1f}" if pd.notna(line["z"]) else ""
    return f"{line['statistic']}{fed} {where}: {values}{z}"


def _sentence(table: pd.DataFrame, worst: pd.Series[Any], wrong: int) -> str:
    count = f"{len(table)} comparison{'s' if len(table) > 1 else ''}"
    if wrong:
        return (
            f"Theory and measurement disagree in {wrong} of {count}. "
            f"The clearest is {describe(worst)}."
        )
    if table["p"].isna().all():
        return f"Theory and measurement agree in all of {count}, which leave nothing to chance."
    return (
        f"Theory and measurement agree in all of {count}. The least likely is {describe(worst)}; "
        f"a rejection by mere chance comes once in {1 / FALSE_ALARM:,.0f} runs."
    )


def sensitivity(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """The smallest noticeable error of the gain, in all layers and in a single one; and of a law."""
    found = _gain(comparisons)
    count = sum(c.test != "exact" for c in comparisons)
    shares = [c for c in comparisons if c.test == "binomial" and math.isfinite(c.size)]
    shares = [c for c in shares if c.predicted <= 0.5]  # relative errors of larger ones are small
    if shares and found["effect"] is None:
        error, name = min((noticeable(c, count), c.statistic) for c in shares)
        found["sentence"] = (
            f"A probability ({name}) off by {100 * error:.2g} % "
            f"would have been noticed with {100 * POWER:.0f} % power."
        )
    laws = [c for c in comparisons if c.test == "distance"]
    if laws:
        distance, name = min((noticeable_distance(c, count), c.statistic) for c in laws)
        found["distance"] = distance
        law = f"law ({name}) whose distribution function is off by {distance:.2g} anywhere"
        if found["effect"] is None:
            found["sentence"] = f"A {law} would have been noticed with {100 * POWER:.0f} % power."
        else:
            found["sentence"] += f" So would a {law}."
    return found


def _gain(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    random = [c for c in comparisons if c.test != "exact"]
    errors = _errors([c for c in random if c.order], len(random))
    if not random:
        loosest = max(c.tolerance for c in comparisons)
        sentence = f"Values without randomness may differ by at most {loosest:.2g}."
        return {"sentence": sentence, "effect": None, "single_layer": None, "power": None}
    if not errors:
        sentence = "No comparison here measures the gain of the weights."
        return {"sentence": sentence, "effect": None, "single_layer": None, "power": None}
    everywhere = min(errors.values())
    single = max((error for layer, error in errors.items() if layer != "all"), default=None)
    in_one = f", or by {100 * single:.2g} % in any single one" if single is not None else ""
    return {
        "sentence": f"Weights too large by {100 * everywhere:.2g} % in all layers{in_one}, "
        f"would have been noticed with {100 * POWER:.0f} % power.",
        "effect": everywhere,
        "single_layer": single,
        "power": POWER,
    }


def _errors(comparisons: Sequence[Comparison], count: int) -> dict[str, float]:
    """By layer: the smallest error of the gain that one of its statistics would show.

    Standard errors are averaged over the inputs first, as the smallest of several estimates is too
    small.
    """
    errors: dict[tuple[str, str], list[float]] = {}
    for c in comparisons:
        error = (1 + noticeable(c, count)) ** (1 / c.order) - 1
        errors.setdefault((str(c.layer), c.statistic), []).append(error)
    smallest: dict[str, float] = {}
    for (layer, _), by_input in errors.items():
        error = math.sqrt(math.fsum(e**2 for e in by_input) / len(by_input))
        smallest[layer] = min(error, smallest.get(layer, math.inf))
    return smallest
