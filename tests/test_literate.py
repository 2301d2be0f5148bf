"""Notebooks: what is exported is what is there, and a notebook that is wrong does not pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from derivations.rows import ROOT, ROWS
from docs import maps
from docs.literate import notebook
from docs.literate import testing as ours

HERE = ROOT / "docs" / "literate"
SOURCES = sorted(HERE.glob("*_notebook.py"))


def write(folder: Path, *cells: str) -> Path:
    path = folder / "some.py"
    path.write_text("\n\n".join(f"# %%\n{cell}" for cell in cells), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_module_is_what_its_notebook_exports(path: Path) -> None:
    module = path.with_name(path.name.replace("_notebook", ""))
    assert module.read_text(encoding="utf-8") == notebook.exported(path)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_notebook_runs(path: Path) -> None:
    assert notebook.run(path).cells


def test_marked_cells_are_exported_in_order(tmp_path: Path) -> None:
    path = write(
        tmp_path, "#export\na = 1", "b = a", "# export: more\nc = 3", "#exported not\nd = 4"
    )
    text = notebook.exported(path)
    assert text.endswith("a = 1\n\n\nc = 3\n")
    assert "b = a" not in text and "d = 4" not in text


def test_an_ipynb_is_a_notebook_too(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": ["#export\n", "x = 1"], "metadata": {}, "outputs": []}
    whole = {"cells": [{**cell, "execution_count": None}], "metadata": {}}
    path = tmp_path / "some.ipynb"
    path.write_text(json.dumps({**whole, "nbformat": 4, "nbformat_minor": 4}), encoding="utf-8")
    assert notebook.exported(path).endswith("x = 1\n")


def test_export_writes_all_or_nothing(tmp_path: Path) -> None:
    path, module = write(tmp_path, "#export\nx = 1"), tmp_path / "module.py"
    notebook.export(path, module)
    before = module.read_text(encoding="utf-8")
    write(tmp_path, "#export\n%timeit x")
    with pytest.raises(notebook.Unreadable, match="no Python module"):
        notebook.export(path, module)
    assert module.read_text(encoding="utf-8") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["module.py", "some.py"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.txt", b"x", "a notebook ends in .py, .ipynb"),
        ("a.ipynb", b"{", "cannot be read as a notebook"),
        ("a.ipynb", b"\xff\xfe", "cannot be read as a notebook"),
        ("a.py", b"# only words\n", "has no code cell|marks no cell"),
        ("a.py", b"# %%\nx = 1\n", "marks no cell with #export"),
    ],
)
def test_what_is_no_notebook_is_refused(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(notebook.Unreadable, match=complaint) as error:
        notebook.exported(tmp_path / name)
    assert "\n" not in str(error.value)


def test_the_command_tells_what_broke_and_where(tmp_path: Path) -> None:
    path = write(tmp_path, "x = 1", "assert x == 2, 'no'")
    command = [sys.executable, "-m", "docs.literate"]
    for arguments, status, said in (
        (["run", str(path)], 1, "some.py, cell 2 (assert x == 2, 'no'): AssertionError: no"),
        (["run", str(tmp_path / "gone.py")], 2, "error: there is no file"),
        (["export", str(path), str(tmp_path / "m.py")], 2, "marks no cell"),
    ):
        done = subprocess.run(
            [*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stderr
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1.0, 1.0009, True),
        (1.0, 1.01, False),
        (0.0, 1e-6, True),
        (0.0, 1e-4, False),
        (1e-4, 2e-4, False),
        ([[1.0, 2.0]], torch.tensor([[1.0, 2.0]]), True),
        ([1.0], [1.0, 2.0], False),
        (float("nan"), float("nan"), False),
        (float("inf"), float("inf"), True),
    ],
)
def test_near(a: object, b: object, expected: bool) -> None:
    assert ours.near(a, b) is expected
    if not expected:
        with pytest.raises(AssertionError, match="near"):
            ours.test_near(a, b)


def test_the_lessons_map_leads_to_rows_and_pages_that_are_there() -> None:
    places = {place for _, _, places in maps.LESSON for place in places}
    rows = {place for place in places if not place.endswith(".md")}
    assert places - rows == set(maps.TITLES)
    of_the_lesson = {row for row in ROWS if row.split("/")[0] in ("tensors", "init", "backprop")}
    assert of_the_lesson <= rows, "a row that the lesson's map does not name"
