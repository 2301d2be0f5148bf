"""tensors/einsum: the experiment agrees with theory, for other settings, too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from experiments.settings import Unusable
from experiments.statistics import judge
from experiments.tensors.einsum import Settings, compare, measure

FEW = Settings(equations=40, draws=100, sizes=(1, 5))


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    "settings", [FEW, replace(FEW, left_std=3.0, seed=1), replace(FEW, sizes=(300,))]
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


@pytest.mark.parametrize(
    "wrong", [{"sizes": ()}, {"sizes": (2, 2)}, {"sizes": (0,)}, {"draws": 1}, {"left_std": -1.0}]
)
def test_unusable_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)
