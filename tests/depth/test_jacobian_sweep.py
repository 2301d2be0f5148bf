"""depth/jacobian over a grid: theory and measurement agree, a wrong theory is rejected, and bad grids are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from experiments import sweeping
from experiments.cells import sweepable
from experiments.depth import _jacobian_runs as runs
from experiments.sweep import main

ROW = "depth/jacobian"
SMALL = (ROW, "--depth", "1", "4", "--width", "24", "40", "--nets", "300", "--workers", "1")


def run(capsys: pytest.CaptureFixture[str], *options: Any) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main([str(each) for each in options])
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


def test_a_sweep_of_jacobians_agrees_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ROW in sweepable()
    status, out, err = run(capsys, *SMALL, "--out", tmp_path)
    assert (status, err) == (0, "")
    assert "agrees" in out
    summary = pd.read_csv(tmp_path / "summary.csv")
    assert len(summary) == 8
    assert summary["fourth, given, tested"].sum() >= 6
    deep = summary[summary["depth"] == 4]
    assert (deep["median fourth power"] < deep["mean fourth power"]).all()
    assert json.loads((tmp_path / "verdict.json").read_text("utf-8"))["agrees"]
    assert (tmp_path / "typical-light.svg").exists()
    status, out, _ = run(capsys, *SMALL, "--out", tmp_path)
    assert status == 0
    assert out.count("kept") == 8


def test_weights_that_are_two_percent_too_large_are_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = runs.jacobians

    def larger(settings: Any, stack: str, stream: Any) -> Any:
        return [j * 1.02**layer for layer, j in enumerate(right(settings, stack, stream), 1)]

    monkeypatch.setattr(runs, "jacobians", larger)
    monkeypatch.setattr(sweeping, "render", lambda picture, data: {})
    status, _, _ = run(capsys, *SMALL, "--out", tmp_path)
    assert status == 1
    assert not json.loads((tmp_path / "verdict.json").read_text("utf-8"))["agrees"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--width", "9"), "width must be at least 10, got 9"),
        (("--width", "5000"), "width must be at most 4,096, got 5,000"),
        (("--depth", "0"), "depth must be at least 1, got 0"),
        (("--nets", "1"), "nets must be at least 2, got 1"),
        (("--stack", "conv"), "invalid choice"),
    ],
)
def test_unusable_grids_end_in_one_line(
    options: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run(capsys, ROW, *options)
    assert (status, err.count("\n")) == (2, 1)
    assert complaint in err
