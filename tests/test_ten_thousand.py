"""The long run, made short: real weights stay within the law's band, and wrong ones leave it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from derivations.record import read_record
from experiments import ten_thousand, weights
from experiments.settings import Unusable
from experiments.ten_thousand import INSIDE, Settings, band, main, run

SMALL: dict[str, Any] = {"depth": 400, "width": 32, "networks": 1500}


def test_real_weights_stay_within_the_band(tmp_path: Path) -> None:
    assert run(Settings(**SMALL, out=tmp_path)) == 0
    told = read_record(tmp_path / "ten_thousand.json")
    assert told["command"].endswith("--depth 400 --width 32 --networks 1500 --seed 0 --device cpu")
    assert told["false alarm"] == 0.02
    table = pd.read_csv(tmp_path / "ten_thousand.csv")
    assert table["layer"].iloc[[0, -1]].tolist() == [0, 400]
    slope = table["forward median"].iloc[-1] / 400 * math.log(10)
    assert slope == pytest.approx(-5 / (2 * 32), rel=0.1)
    assert (tmp_path / "ten_thousand-light.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize("gain", [0.98, 1.02])
def test_weights_that_are_wrong_by_two_per_cent_leave_it(
    gain: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = weights.Weights(
        lambda w, stream: w.normal_(0, gain * math.sqrt(2 / w.shape[1]), generator=stream),
        lambda fan_in, fan_out: math.nan,
        normal=True,
    )
    monkeypatch.setattr(ten_thousand, "kaiming_weights", lambda law: wrong)
    assert (
        run(Settings(**{**SMALL, "depth": 2000, "width": 128, "networks": 300}, out=tmp_path)) == 1
    )


def test_the_band_holds_paths_as_a_whole() -> None:
    stream = np.random.default_rng(0)
    first, second = (stream.standard_normal((4000, 50)).cumsum(axis=1) for _ in range(2))
    low, high, width = band(first)
    held = ((second >= low) & (second <= high)).all(axis=1).mean()
    assert held == pytest.approx(INSIDE, abs=0.01)
    assert width > 2.9  # a band for single layers has 2.58 deviations


def test_unusable_settings_end_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Unusable, match="width must be at least 20"):
        Settings(width=19)
    monkeypatch.setattr("sys.argv", ["ten_thousand", "--depth", "1"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "depth must be at least 2, got 1" in capsys.readouterr().err
