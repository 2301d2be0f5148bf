"""backprop/conv: the experiment agrees with theory, for other numbers, too."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from experiments.backprop.conv import Settings, compare, measure, theory
from experiments.settings import Unusable
from experiments.statistics import judge

FEW = Settings(layers=8, networks=60, depth=2)
OTHERS = [replace(FEW, size=3, channels=20, depth=1), replace(FEW, size=1, channels=64)]


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.fixture(scope="module")
def samples() -> pd.DataFrame:
    return measure(FEW, quiet)


def test_theory_and_measurement_agree(samples: pd.DataFrame) -> None:
    assert judge(compare(samples, FEW))["agrees"].all()


@pytest.mark.parametrize("settings", OTHERS)
def test_they_agree_for_other_numbers(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


def test_the_variances_are_those_of_the_steps(samples: pd.DataFrame) -> None:
    steps = samples[samples["variance"] > 0]
    for name, found in steps.groupby("statistic"):
        measured, known = found["value"].var(), found["variance"].mean()
        assert measured == pytest.approx(known, rel=0.35), name  # 4 standard errors


def test_the_mean_falls_as_known() -> None:
    means = [field.mean() for field in theory(Settings(), "forward")]
    assert means == pytest.approx([0.8403, 0.7415, 0.6639, 0.6001, 0.5457, 0.4981], abs=5e-5)


@pytest.mark.parametrize("wrong", [{"networks": 1}, {"channels": 9}, {"depth": 0}])
def test_unusable_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)


def test_a_mean_of_too_few_networks_is_not_tested(samples: pd.DataFrame) -> None:
    def back(networks: int) -> int:
        chosen = samples[(samples["number"] < networks) | (samples["layer"] == 0)]
        found = compare(chosen, replace(FEW, networks=networks))
        return sum(each.statistic == "backward, layers back" for each in found)

    assert back(10) < back(60)
