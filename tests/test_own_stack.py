"""A stack of one's own: against theory, at any depth, and on the command line."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.own_stack import Options, law, measure
from experiments.own_stack_command import main, number

SMALL = Options(widths=(30, 40, 25, 12), nets=400)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"init": "kaiming_uniform", "mode": "fan_out", "loss": "signs"},
        {"init": "xavier_normal", "activation": "linear", "batch": 3},
        {"init": "xavier_uniform", "activation": "leaky_relu", "negative_slope": 0.4},
        {"init": "default", "activation": "leaky_relu", "negative_slope": -1.0},
        {"init": "normal", "deviation": 0.3, "seed": 5},
        {"loss": "mse"},
        {"widths": (784, 30, 10), "input": "mnist", "loss": "cross_entropy"},
    ],
)
def test_the_law_is_the_mean(change: dict[str, Any]) -> None:
    table = measure(replace(SMALL, **change))
    assert ("backward_law" in table) == (change.get("loss") in (None, "signs"))
    for name in ("forward", "backward"):
        if f"{name}_law" not in table:
            continue
        start = 0 if name == "forward" else -1
        spread = np.hypot(table[f"{name}_error"], table[f"{name}_error"].iloc[start])
        gap = np.exp2(table[name] - table[f"{name}_law"]) - 1
        assert (gap.abs() <= 5 * spread).all()


def test_a_wrong_law_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same networks against the law of the other fan: 40 for 25 inputs."""
    table, wrong = measure(SMALL), law(replace(SMALL, mode="fan_out"), "forward")
    assert wrong is not None
    gap = np.exp2(table["forward"] - table["forward"].iloc[0] - wrong) - 1
    assert gap.abs().max() > 5 * table["forward_error"].max()


@pytest.mark.parametrize("change", [{"biases": "normal"}, {"activation": "shifted_relu"}])
def test_there_is_no_law_where_none_is_derived(change: dict[str, Any]) -> None:
    assert not [name for name in measure(replace(SMALL, nets=2, **change)) if "law" in name]


def test_without_a_loss_nothing_comes_back() -> None:
    assert "backward" not in measure(replace(SMALL, nets=2, loss="none"))


def test_no_depth_overflows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "table.csv"
    widths = map(str, [20] * 601)
    with pytest.raises(SystemExit) as stop:
        main(["--widths", *widths, "--init", "normal", "--nets", "3", "--out", str(out)])
    table = pd.read_csv(out)
    assert stop.value.code == 0
    assert len(table) == 601
    assert table["forward"].iloc[-1] > 1024
    assert np.isfinite(table).all(axis=None)
    assert "e+" in capsys.readouterr().out


def test_numbers_of_any_size() -> None:
    assert [number(x) for x in (0.0, -math.inf, 10.0)] == ["1", "0", "1024"]
    assert number(5000) == "1.412e+1505"
    assert number(-5000) == "7.080e-1506"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("--widths 3", "widths must name the input and at least one layer"),
        ("--widths 30 20 --input mnist", "a digit has 784 pixels, the stack takes 30 numbers"),
        ("--nets 1", "nets must be at least 2, got 1"),
        ("--batch 0", "batch must be at least 1, got 0"),
        ("--seed -1", "seed must be at least 0, got -1"),
        ("--init foo", "invalid choice"),
        ("--shift nan", "shift must be finite"),
        ("--deviation inf", "deviation must be at least 0, got inf"),
        ("--out /nowhere/at/all.csv", "there is no folder"),
        ("--input mnist --loss cross_entropy --widths 784 20 5", "a label is"),
        ("--input mnist --data nothing.npz", "no such file"),
        ("--device nowhere", "device 'nowhere' is not there"),
    ],
)
def test_unusable_options_end_in_one_line(
    arguments: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments.split())
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.startswith("error: ")
    assert "parsing" not in error
    assert complaint in error
    assert error.count("\n") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--device", "cuda"])
    assert capsys.readouterr().err.startswith("error: device 'cuda' is not there")


def test_the_command_itself() -> None:
    command = [sys.executable, "-m", "experiments", "stack", "--widths", "12", "11", "10"]
    done = subprocess.run([*command, "--nets", "2"], capture_output=True, text=True, check=True)
    assert "mean square, over networks" in done.stdout
    assert not done.stderr
