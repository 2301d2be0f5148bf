"""backprop/loss: the experiment agrees with theory, for other numbers, too."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from derivations import load
from experiments.backprop.loss import Settings, compare, measure, tables
from experiments.settings import Unusable
from experiments.statistics import judge

FEW = Settings(problems=12, draws=2000, stds=(0.1, 0.5, 2.0))


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize("classes", [2, 3, 100])
def test_theory_and_measurement_agree(classes: int) -> None:
    settings = replace(FEW, classes=classes, seed=classes)
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


def test_the_loss_is_not_log_c_at_one() -> None:
    """2.73 for ten classes, within what the expansion leaves out (a few thousandths at s = 1)."""
    settings = Settings(problems=1, draws=200_000, stds=(1.0,))
    (line,) = tables(measure(settings, quiet), settings)["start.csv"].itertuples()
    assert line.predicted == pytest.approx(2.7301, abs=5e-5)
    assert abs(line.measured - line.predicted) < 0.004 + 4 * line.standard_error
    assert line.measured > math.log(10) + 0.4


def test_the_expansion_leaves_out_the_sixth_power() -> None:
    """By quadrature for two classes: E log(1 + exp(d)) for d ~ N(0, 2 s²), less its half mean."""
    predict = load("backprop/loss").predict("initial_loss")
    left = []
    for std in (0.2, 0.4):
        d = torch.linspace(-12, 12, 20001, dtype=torch.float64)
        density = torch.exp(-(d**2) / 2) / math.sqrt(2 * math.pi)
        loss = torch.nn.functional.softplus(math.sqrt(2) * std * d)
        exact = float(torch.trapezoid(loss * density, d))
        left.append(abs(exact - float(predict(classes=2, logit_std=std))))
    assert left[1] / left[0] == pytest.approx(2**6, rel=0.15)


@pytest.mark.parametrize(
    "wrong",
    [{"stds": ()}, {"stds": (1.0, 1.0)}, {"stds": (-1.0,)}, {"stds": (99.0,)}, {"classes": 1}],
)
def test_unusable_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)  # type: ignore[arg-type]
