"""backprop/conv: the experiment agrees with theory, for other numbers, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.backprop.conv import Settings, compare, measure, theory
from experiments.settings import Unusable
from experiments.statistics import judge

FEW = Settings(layers=8, networks=60, depth=3)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize("settings", [FEW, replace(FEW, size=3, channels=3), replace(FEW, size=1)])
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


def test_the_mean_falls_as_known() -> None:
    means = [field.mean() for field in theory(Settings(), "forward")]
    assert means == pytest.approx([0.8403, 0.7415, 0.6639, 0.6001, 0.5457, 0.4981], abs=5e-5)


@pytest.mark.parametrize("wrong", [{"networks": 1}, {"channels": 0}, {"depth": 0}])
def test_unusable_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)
