"""The verdict's error rates on whole runs, a hundred or two here; thousands by python -m experiments.calibration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from experiments import calibration
from experiments.calibration import Options, calibrate, counted, interval
from experiments.settings import Unusable
from experiments.statistics import FALSE_ALARM


def test_whole_runs_err_as_rarely_as_they_say_and_notice_one_per_cent() -> None:
    """At 5 %, too, where a false alarm is not rare: a rate of 15 % would be found out nearly always."""
    runs = 150
    right = np.array(calibration.finite_width_runs(range(runs)))
    assert right[:, 0].sum() <= stats.binom.ppf(0.999, runs, FALSE_ALARM)
    assert right[:, 1].sum() <= stats.binom.ppf(0.999, runs, 0.05)
    wrong = np.array(calibration.finite_width_runs(range(40), gain=1.01))
    assert wrong[:, 0].sum() >= stats.binom.ppf(0.001, 40, 0.9)


def test_units_are_no_sample() -> None:
    """Taken for one, they reject correct code about nine times in ten."""
    rejected = sum(calibration.crowd_runs(range(60)))
    assert 0.75 < rejected / 60 <= 1


def test_the_record_has_all_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MEANS", 200)
    monkeypatch.setattr(calibration, "PLAN", {**calibration.PLAN, "networks": 50, "depth": 3})
    monkeypatch.setattr(calibration, "CROWD", {"width": 8, "batch": 2, "depth": 2})
    found = calibrate(Options(runs=3, wrong=2, crowds=2))
    assert found["false_alarms"]["runs"] == 3 and found["noticed"]["runs"] == 2
    assert len(found["tails"]) == len(calibration.TAILS)
    with pytest.raises(Unusable, match="runs must be at least 1"):
        calibrate(Options(runs=0))


def test_intervals_are_those_of_clopper_and_pearson() -> None:
    low, high = interval(3, 1000)
    tail = (1 - calibration.CONFIDENCE) / 2
    assert stats.binom.sf(2, 1000, low) == pytest.approx(tail)
    assert stats.binom.cdf(3, 1000, high) == pytest.approx(tail)
    assert counted(3, 1000, FALSE_ALARM)["kept"]
    assert not counted(20, 1000, FALSE_ALARM)["kept"]
    assert not counted(700, 1000, 0.9, at_least=True)["kept"]
