"""The machinery around experiments: data, result folders, fingerprints, the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from derivations.rows import ROOT
from experiments import command, fingerprint, results, runner
from experiments.init.kaiming import Settings
from experiments.results import ResultError

KAIMING = str(ROOT / "experiments" / "init" / "kaiming.py")
SMALL = ["--depth=4", "--width=64", "--networks=8", "--rivals=2", "--draws=3"]
SETTINGS = Settings(depth=3, width=50, networks=8, rivals=2, draws=3)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    runner.run_row("init/kaiming", SETTINGS, out)
    return out / "init" / "kaiming"


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    """A copy of a result that a test may spoil."""
    return Path(shutil.copytree(pristine, tmp_path / "init" / "kaiming"))


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing is most of the time of a small run."""
    monkeypatch.setattr(runner, "render", lambda *_: {})


def test_a_result_folder_holds_what_was_promised(folder: Path) -> None:
    figures = {
        f"{n}-{t}.{k}"
        for n in ("figure", "layers")
        for t in ("light", "dark")
        for k in ("svg", "png")
    }
    tables = {"settings.json", "verdict.json", "table.csv", "stacks.csv", "lesson.csv"}
    assert {path.name for path in folder.iterdir()} == figures | tables
    assert list(folder.parent.iterdir()) == [folder]  # nothing temporary is left
    result = results.read(folder)
    assert result.settings["settings"]["depth"] == 3
    assert result.settings["command"].startswith("python experiments/init/kaiming.py --networks 8")
    assert {"python", "torch", "numpy"} <= set(result.settings["versions"])
    assert len(result.table) == result.verdict["comparisons"]
    assert result.table["agrees"].all() == result.verdict["agrees"]
    for figure in result.verdict["figures"]:
        assert (folder / figure["data"]).exists()
        assert all(len(figure[name]) > 40 for name in ("caption", "wrong", "alt"))


def test_a_result_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "init" / "row"
    results.write(folder, {"a": b"1", "b": b"2"})
    results.write(folder, {"a": b"3"})
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"a": b"3"}

    class Broken(dict[str, bytes]):
        def items(self):  # type: ignore[no-untyped-def]
            yield "a", b"4"
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        results.write(folder, Broken())
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"a": b"3"}
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("verdict.json", b'{"agrees": tr', "not valid JSON"),
        ("verdict.json", b"", "not valid JSON"),
        ("verdict.json", b"\xff\xfe", "not UTF-8"),
        ("verdict.json", b"[]", "'agrees' must be bool, got None"),
        ("verdict.json", b'{"agrees": 1}', "'agrees' must be bool, got 1"),
        ("verdict.json", b'{"agrees": NaN}', "NaN is not a number"),
        ("verdict.json", b"[" * 100_000, "not valid JSON"),
        ("verdict.json", b"1" * 1_000_000, "not valid JSON"),
        ("verdict.json", b" " * (2**24 + 1), "larger than"),
        ("settings.json", b'{"row": "init/kaiming", "command": "x"}', "'settings' must be dict"),
        ("table.csv", b"", "not a table"),
        ("table.csv", b"layer,statistic\nall,forward\n", "not a table"),
        ("table.csv", b'layer\n"', "not a table"),
        ("table.csv", b"\x00\xff", "not UTF-8"),
    ],
)
def test_results_that_cannot_be_trusted_are_refused(
    folder: Path, name: str, content: bytes, message: str
) -> None:
    (folder / name).write_bytes(content)
    start = time.perf_counter()
    with pytest.raises(ResultError, match=message):
        results.read(folder)
    assert time.perf_counter() - start < 1


def test_a_table_that_is_cut_short_is_refused(folder: Path) -> None:
    path = folder / "table.csv"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ResultError):
        results.read(folder)
    path.unlink()
    with pytest.raises(ResultError, match="No such file"):
        results.read(folder)


def test_numbers_that_json_does_not_know_become_text() -> None:
    written = results.to_json({"a": [np.float64("nan"), float("-inf"), np.float64(1.5), True]})
    assert json.loads(written) == {"a": ["nan", "-inf", 1.5, True]}


def test_a_fingerprint_covers_all_that_a_result_depends_on() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in fingerprint.sources("init/kaiming")}
    assert {
        "experiments/init/kaiming.py",
        "experiments/passes.py",
        "experiments/statistics.py",
        "experiments/runner.py",
        "derivations/init/kaiming.py",
        "derivations/init/xavier.py",
        "impl/init/kaiming.py",
        "papers/he2015.md",
    } <= found
    assert "experiments/init/xavier.py" not in found


def test_a_fingerprint_changes_with_settings_and_sources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = fingerprint.fingerprint("init/kaiming", {"depth": 50})
    assert before == fingerprint.fingerprint("init/kaiming", {"depth": 50})
    assert before != fingerprint.fingerprint("init/kaiming", {"depth": 51})
    extra = ROOT / "experiments" / "command.py"
    monkeypatch.setattr(fingerprint, "sources", lambda row: [extra])
    assert before != fingerprint.fingerprint("init/kaiming", {"depth": 50})


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
