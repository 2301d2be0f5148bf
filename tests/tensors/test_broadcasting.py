"""tensors/broadcasting: the experiment agrees with theory, for other numbers, too."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from experiments.settings import Unusable
from experiments.statistics import judge
from experiments.tensors.broadcasting import Settings, compare, measure

FEW = Settings(shapes=50, draws=1000, batch=20)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    "settings",
    [
        FEW,
        replace(FEW, slope=-1.0, noise=0.0),
        replace(FEW, slope=1.0, noise=0.0, output_mean=-1.0),  # a perfect network
        replace(FEW, batch=2),
    ],
    ids=["usual", "contrary", "perfect", "two"],
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


def test_the_trap_is_an_identity_for_every_batch() -> None:
    """IDEAS 13b: the mean over all pairs is both variances and the squared difference of the means."""
    output, target = torch.randn(2, 37, dtype=torch.float64)
    trap = (output[:, None] - target).square().mean()
    variances = output.var(correction=0) + target.var(correction=0)
    assert float(trap) == pytest.approx(float(variances + (output.mean() - target.mean()) ** 2))


@pytest.mark.parametrize(
    "wrong", [{"batch": 1}, {"draws": 1}, {"noise": -1.0}, {"slope": float("nan")}]
)
def test_unusable_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)
