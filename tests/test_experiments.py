"""The machinery around experiments: data, result folders, fingerprints, the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from derivations.rows import ROOT
from experiments import command, results, runner
from experiments.init.kaiming import Settings

KAIMING = str(ROOT / "experiments" / "init" / "kaiming.py")
SMALL = ["--depth=4", "--width=64", "--networks=8", "--rivals=2", "--draws=3"]
SETTINGS = Settings(depth=3, width=50, networks=8, rivals=2, draws=3)


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing is most of the time of a small run."""
    monkeypatch.setattr(runner, "render", lambda *_: {})


def exit_status(*argv: str) -> int:
    with pytest.raises(SystemExit) as stop:
        command.main_of(KAIMING, argv)
    return int(stop.value.code or 0)


@pytest.mark.usefixtures("without_pictures")
def test_agreement_exits_with_0_and_disagreement_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(*SMALL, "--out", str(tmp_path)) == 0
    assert "✓ agrees" in capsys.readouterr().out
    assert exit_status(*SMALL, "--out", str(tmp_path), "--initialiser", "xavier") == 1
    assert "✗ DISAGREES" in capsys.readouterr().out
    assert not results.read(tmp_path / "init" / "kaiming").verdict["agrees"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--depth 0", "depth must be at least 1, got 0"),
        ("--width -1", "width must be at least 1, got -1"),
        ("--networks 0", "networks must be at least 1, got 0"),
        ("--widths 784", "widths must name the input and at least one layer, got [784]"),
        ("--widths 784 0 3", "widths must be at least 1, got 0"),
        ("--width 1000000", "a layer of 1,000,000,000,000 weights is too large"),
        ("--negative-slope nan", "negative-slope must be finite, got nan"),
        ("--draws 1", "draws must be at least 2, got 1"),
        ("--seed -1", "seed must be at least 0, got -1"),
        ("--inputs digit digit", "inputs must be different"),
        ("--device mars", "device 'mars' is not there"),
        ("--initialiser lsuv", "invalid choice 'lsuv' for argument '--initialiser'"),
        ("--depth many", "--depth: invalid literal for int()"),
        ("--dept 3", "Unrecognized options: --dept, 3"),
        ("--data nowhere.gz", "nowhere.gz: no such file"),
        ("--widths 100 50", "a digit has 784 pixels, the stack takes 100 numbers"),
        ("--distribution uniform --networks 1", "networks must be at least 2, got 1"),
        ("--width 3", "a ReLU layer needs at least 10 units, got 3"),
        ("--width 10 --networks 2", "nothing to compare: too few networks or units"),
    ],
)
def test_unusable_settings_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: str, message: str
) -> None:
    assert exit_status(*argv.split(), "--out", str(tmp_path / "out")) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_row_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("init/kaming", "../../etc/passwd", ""):
        with pytest.raises(SystemExit) as stop:
            command.main([name])
        assert stop.value.code == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_too_little_memory_ends_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 4 GB\nmore")

    with pytest.raises(SystemExit) as stop:
        command.guarded(work)
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1

    def broken() -> int:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        command.guarded(broken)


@pytest.mark.usefixtures("without_pictures")
def test_only_what_changed_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = runner.load("init/kaiming")
    monkeypatch.setattr(module, "Settings", lambda: SETTINGS)
    first = runner.run_rows(["init/kaiming"], tmp_path, changed=True)
    assert "unchanged" not in capsys.readouterr().out
    assert runner.run_rows(["init/kaiming"], tmp_path, changed=True) == first
    assert "unchanged" in capsys.readouterr().out
    (tmp_path / "init" / "kaiming" / "verdict.json").write_text("{", encoding="utf-8")
    assert runner.run_rows(["init/kaiming"], tmp_path, changed=True) == first
    assert "unchanged" not in capsys.readouterr().out


def test_rows_side_by_side_that_cannot_be_run_leave_the_others_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.run_rows(["init/nothing", "init/none"], tmp_path) == 1
    said = capsys.readouterr()
    assert said.out.index("init/nothing") < said.out.index("init/none")  # the closing table
    assert [line.split(":")[0] for line in said.err.splitlines()] == ["error", "error"]
    assert "init/nothing could not be run: ModuleNotFoundError" in said.err


@pytest.mark.parametrize("argv", [[KAIMING, "--help"], ["-m", "experiments", "--list"]])
def test_help_does_not_wait_for_torch(argv: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "init/kaiming" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "sympy", "pandas", "matplotlib", "scipy"}


def test_every_row_has_an_experiment_that_can_be_read() -> None:
    from derivations.rows import ROWS

    for row in ROWS:
        module = runner.load(row)
        assert module.PICTURES[0].name == "figure", row
        assert module.BLIND, row
        for function in ("measure", "compare"):
            assert getattr(module, function).__doc__, row
