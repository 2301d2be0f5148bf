"""Result folders: written whole or not at all, and read with suspicion."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from experiments import results, runner
from experiments.init.kaiming import Settings
from experiments.results import ResultError

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


def test_where_the_new_one_cannot_take_its_place_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, rename = tmp_path / "new" / "chapter" / "row", Path.rename

    def fails(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise KeyboardInterrupt
        return rename(path, target)

    results.write(folder, {"a": b"1"})
    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(KeyboardInterrupt):
        results.write(folder, {"a": b"2"})
    assert (folder / "a").read_bytes() == b"1"
    with pytest.raises(KeyboardInterrupt):
        results.write(folder.with_name("other"), {"a": b"2"})
    assert [path.name for path in folder.parent.iterdir()] == ["row"]


def test_a_table_needs_verdicts_and_its_columns(folder: Path) -> None:
    path = folder / "table.csv"
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    lacking = head.replace("agrees", "agree")
    words = "\n".join([head, *(row.replace("True", "perhaps") for row in rows)])
    blank = "\n".join([head.replace("layer", "level"), *rows])
    for text, said in (
        ("\n".join([lacking, *rows]), "lacks the columns agrees"),
        (words, "lacks the columns agrees as booleans"),
        (blank, "lacks the columns layer"),
    ):
        path.write_text(text + "\n", encoding="utf-8")
        with pytest.raises(ResultError, match=said):
            results.read(folder)


def test_an_empty_number_is_none(folder: Path) -> None:
    path = folder / "table.csv"
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    place = head.split(",").index("standard_error")
    cells = rows[0].split(",")
    cells[place] = ""
    path.write_text("\n".join([head, ",".join(cells), *rows[1:]]) + "\n", encoding="utf-8")
    found = results.read(folder)
    table = found.table
    assert (found.verdict["comparisons"], found.settings["row"]) == (len(table), "init/kaiming")
    assert np.isnan(table["standard_error"].iloc[0])
    assert table["standard_error"].dtype == float


@pytest.mark.parametrize("name", results.COLUMNS[3:])
def test_what_should_be_a_number_is_one(name: str, folder: Path) -> None:
    path = folder / "table.csv"
    head, first, *rows = path.read_text(encoding="utf-8").splitlines()
    cells = first.split(",")
    cells[head.split(",").index(name)] = "many"
    path.write_text("\n".join([head, ",".join(cells), *rows]) + "\n", encoding="utf-8")
    with pytest.raises(ResultError, match="not a table of comparisons"):
        results.read(folder)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"one", b"two, longer"):
        results.replace_file(path, content)
        assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    with pytest.raises(FileNotFoundError):
        results.replace_file(tmp_path / "nowhere" / "file", b"")


def test_what_json_does_not_know_is_its_text() -> None:
    written = json.loads(results.to_json({"path": Path("a/b"), "pair": (1, None), "well": True}))
    assert written == {"path": "a/b", "pair": [1, None], "well": True}
