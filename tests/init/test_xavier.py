"""init/xavier: the experiment agrees with theory (tests/test_experiment_mutants.py: with nothing else)."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from experiments.init.xavier import Settings, compare, expected, measure
from experiments.statistics import Comparison, judge
from experiments.verdict import verdict

DEFAULT = Settings()
SMALL = Settings(depth=6, width=96, narrow=40, networks=40, rivals=0)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


def run(settings: Settings) -> tuple[pd.DataFrame, list[Comparison]]:
    comparisons = compare(measure(settings, quiet), settings)
    return judge(comparisons), comparisons


# Theory and measurement agree


def test_the_default_run_agrees_and_knows_the_gain_to_half_a_per_cent() -> None:
    table, comparisons = run(DEFAULT)
    found = verdict(table, comparisons)
    assert found["agrees"], found["sentence"]
    assert found["sensitivity"]["effect"] <= 0.005
    halved = table[(table["statistic"] == "ReLU backward") & (table["layer"] != "all")]
    assert (halved["predicted"] == 0.5).all()


@pytest.mark.parametrize(
    "settings",
    [
        replace(SMALL, distribution="normal"),
        replace(SMALL, cotangent="signs"),
        replace(SMALL, depth=1),
    ],
    ids=["normal", "signs", "shallow"],
)
def test_other_settings_agree_too(settings: Settings) -> None:
    table, comparisons = run(settings)
    assert table["agrees"].all(), verdict(table, comparisons)["sentence"]


def test_one_variance_cannot_serve_both_passes_of_a_rectangular_layer() -> None:
    """Forward times backward is 4ab / (a + b)**2, which is 1 for a = b only (IDEAS: idea 8)."""
    for name, product in (("linear", 1.0), ("uneven", 4 * 512 * 128 / (512 + 128) ** 2)):
        forward, backward = (expected(name, d, DEFAULT)(3)[0] for d in ("forward", "backward"))
        assert forward * backward == pytest.approx(product)
