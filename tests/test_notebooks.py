"""Every row's notebook: made from its page and nothing else, run from the first cell to the last, kept once changed.

Through nbclient, in one kernel for all rows of a test process, whose names are forgotten in between: torch and SymPy
are imported once, not once a row. ``make notebooks`` gives each row a kernel of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import nbformat
import pytest
from mkdocs.exceptions import PluginError

from derivations import load
from derivations.proof import DerivationError
from derivations.rows import ROOT, ROWS
from docs import cells, lab, notebooks, trials
from experiments.init.kaiming import Settings

KEPT = ("In", "Out", "exit", "get_ipython", "quit")
FORGET = f"[globals().pop(n) for n in [*globals()] if n[0] != '_' and n not in {KEPT}];"
SMALL = Settings(networks=20, depth=3, width=64, rivals=0, draws=0)


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    """A client whose kernel serves all notebooks."""
    from nbclient import NotebookClient
    from nbformat.v4 import new_notebook
    from traitlets.config import Config

    client = NotebookClient(
        new_notebook(),
        timeout=300,
        startup_timeout=300,
        resources={"metadata": {"path": str(ROOT)}},
        config=Config({"KernelManager": {"transport": "ipc"}}),
    )
    with client.setup_kernel():
        yield client


def said(cell: Any) -> str:
    """What a cell printed."""
    return "".join(out.get("text", "") for out in cell.get("outputs", []))


@pytest.mark.parametrize("row", ROWS)
def test_every_notebook_runs_and_keeps_its_promises(row: str, kernel: Any) -> None:
    notebooks.verified([row])  # as the command does: a notebook quotes the record
    made = cells.notebook(row, ROOT / "notebooks" / row.split("/")[0])
    nbformat.validate(made)
    made.cells.insert(0, nbformat.v4.new_code_cell(FORGET))
    kernel.nb = made
    kernel.reset_execution_trackers()
    for number, cell in enumerate(made.cells):
        kernel.execute_cell(cell, number)
    promised = {"agrees": "agrees.", "disagrees": "DISAGREES."}
    kept = [
        said(cell).startswith(promised[tag])
        for cell in made.cells
        for tag in cell.metadata.get("tags", ())
        if tag in promised
    ]
    assert kept
    assert all(kept), "a small run, or a what-if, whose verdict is another than its page says"
    steps = [cell for cell in made.cells if cell.source.startswith("check_step(")]
    assert len(steps) == len(load(row).steps)
    assert all("both sides agree at" in said(cell) for cell in steps)
    (wrong,) = (cell for cell in made.cells if cell.source.startswith("wrong_step("))
    assert said(wrong).startswith("refused: ")


@pytest.mark.parametrize("row", ROWS)
def test_its_links_lead_to_files_and_notebooks_that_are_there(row: str, tmp_path: Path) -> None:
    folder = tmp_path / row.split("/")[0]
    made = cells.notebook(row, folder)
    words = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    assert not re.search(r"^<!--|^!!!|^\?\?\?|#only-|^<(div|script)", words, re.MULTILINE)
    places = [to for to in re.findall(r"(?<!`)\]\(([^)\s]+)\)", words) if "://" not in to]
    assert places
    for place in places:
        if place.endswith(".ipynb"):
            other = (folder / place).resolve().relative_to(tmp_path.resolve())
            assert other.with_suffix("").as_posix() in ROWS, place
        else:
            assert (folder / place).resolve().is_file(), place


def test_a_notebook_that_was_run_is_made_anew_and_one_that_was_changed_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["init/relu", "--to", str(tmp_path)]
    path = tmp_path / "init" / "relu.ipynb"
    assert notebooks.main(command) == 0
    fresh = path.read_text(encoding="utf-8")
    found = json.loads(fresh)
    assert not any(cell.get("outputs") for cell in found["cells"])
    found["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["hello"]}]
    path.write_text(json.dumps(found), encoding="utf-8")  # as JupyterLab saves what was run
    assert notebooks.main(command) == 0
    assert path.read_text(encoding="utf-8") == fresh
    found["cells"][1]["source"] = "mine = 1"
    path.write_text(json.dumps(found), encoding="utf-8")
    assert notebooks.main(command) == 0
    assert "mine = 1" in path.read_text(encoding="utf-8")
    assert "kept as you changed it" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["py", "md"])
def test_a_notebook_may_be_text(tmp_path: Path, kind: str) -> None:
    for _ in range(2):
        assert notebooks.write(["init/relu"], tmp_path, kind) == []
    text = (tmp_path / f"init/relu.{kind}").read_text(encoding="utf-8")
    assert "agrees = run(small, pictures=2)" in text
    assert f"(kaiming.{kind})" in text


@pytest.mark.parametrize("command", [["init/kaming"], ["--kind", "pdf"], ["--to", "/dev/null/x"]])
def test_the_command_refuses_in_one_line(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        notebooks.main([*command, "init/relu"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("directive", "argument", "complaint"),
    [
        (trials.small, "init/kaming --depth 3", "did you mean init/kaiming"),
        (trials.small, "init/kaiming --deep 3", "init/kaiming does not take --deep 3: "),
        (trials.small, "init/kaiming --depth 0", "depth must be at least 1"),
        (trials.what_if, "init/kaiming --depth 3 | agrees", "ROW OPTIONS | agrees or disagrees |"),
        (trials.what_if, "init/kaiming --depth 3 | perhaps | What if?", "got 'init/kaiming"),
    ],
)
def test_a_trial_that_cannot_be_run_fails_the_build(
    directive: Any, argument: str, complaint: str
) -> None:
    with pytest.raises(PluginError, match=re.escape(complaint)):
        directive(argument)


def test_a_row_without_a_small_run_of_its_own_runs_at_its_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (ROOT / "docs/init/kaiming.md").read_text(encoding="utf-8")
    (tmp_path / "docs/init").mkdir(parents=True)
    page = "\n".join(line for line in page.splitlines() if "<!-- small" not in line)
    (tmp_path / "docs/init/kaiming.md").write_text(page, encoding="utf-8")
    monkeypatch.setattr(cells, "ROOT", tmp_path)
    assert cells.chosen("init/kaiming") == Settings(rivals=0, draws=0)


def test_sliders_have_what_the_page_names_and_all_choices() -> None:
    knobs = lab.controls(SMALL, ["networks", "depth", "rivals"])
    assert {"networks", "depth", "rivals", "initialiser", "mode", "code"} <= set(knobs)
    assert "seed" not in knobs
    assert (knobs["depth"].min, knobs["depth"].value, knobs["depth"].max) == (0, 3, 12)
    assert knobs["rivals"].max > knobs["rivals"].min  # from zero, too
    assert [name for _, name in knobs["code"].options][1:] == lab.wrongs("init/kaiming")


def test_whoever_moves_a_slider_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[Any] = []
    shown: list[Any] = []
    monkeypatch.setattr(lab, "run_changed", lambda settings, **chosen: moved.append(chosen))
    monkeypatch.setattr(lab, "display", shown.append)
    lab.sliders(SMALL, "depth")
    assert moved == []
    (board,) = shown
    (depth,) = (knob for knob in board.children if getattr(knob, "description", "") == "depth")
    depth.value = 5
    assert moved[0]["depth"] == 5
    assert moved[0]["code"] == ""


@pytest.mark.parametrize(
    ("chosen", "verdict", "said"),
    [
        ({}, True, "agrees. "),
        ({"initialiser": "xavier"}, False, "DISAGREES. "),
        ({"code": "1 % too large"}, True, "agrees. "),  # too few networks to notice
        ({"depth": 0}, None, "cannot be used: depth must be at least 1"),
        ({"width": 2}, None, "cannot be used: a ReLU layer needs at least 10 units"),
    ],
)
def test_a_run_says_what_it_found(
    chosen: dict[str, Any], verdict: bool | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab.run_changed(SMALL, **chosen) is verdict
    assert capsys.readouterr().out.startswith(said)


def test_wrong_code_has_a_name() -> None:
    with pytest.raises(ValueError, match="no wrong code is called 'x'; there are"):
        lab.run(SMALL, wrong="x")


def test_a_step_is_checked_anew_at_other_points(capsys: pytest.CaptureFixture[str]) -> None:
    lab.check_step("init/kaiming", "half")
    lab.check_step("init/kaiming", "half", seed=1, points=7)
    first, second = capsys.readouterr().out.splitlines()
    assert "at 5 points" in first
    assert "at 7 points" in second


def test_a_step_that_fails_raises_where_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {"label": "half", "error": "the sides differ", "status": "failed"}
    monkeypatch.setattr(lab, "record", lambda _: {"lines": [failed | {"points": 0, "digits": 0}]})
    with pytest.raises(DerivationError, match="the sides differ"):
        lab.check_step("init/kaiming", "half")


def test_a_change_that_changes_nothing_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    lab.wrong_step("init/kaiming", "half", lambda right: right + 0)
    assert "it says the same as the step" in capsys.readouterr().out


def test_tables_that_were_not_measured_name_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lab, "ROOT", tmp_path)
    assert lab.published("init/kaiming", "lesson.csv").empty
    assert "python experiments/init/kaiming.py" in capsys.readouterr().out


def test_jupyterlab_listens_to_this_machine_and_to_who_has_the_token(tmp_path: Path) -> None:
    """As ``make lab`` starts it, without a browser; the settings of whoever runs the test stay out."""
    said = subprocess.run(
        ["make", "-n", "-o", ".venv/installed", "lab"], cwd=ROOT, capture_output=True, text=True
    )
    options = said.stdout.replace("\\\n", " ").partition(" -m jupyterlab ")[2].split()
    assert "--ServerApp.ip=127.0.0.1" in options, said.stderr
    command = [sys.executable, "-m", "jupyterlab", *options, "--no-browser", "--allow-root"]
    folders = {
        f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "RUNTIME", "DATA")
    }
    server = subprocess.Popen(
        [*command, "--ServerApp.port=0", f"--LabApp.workspaces_dir={tmp_path}"],
        cwd=ROOT,
        env={**os.environ, **folders},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        about = json.loads(_written(tmp_path / "RUNTIME", "jpserver-*.json", server))
        assert about["hostname"] == "127.0.0.1"
        assert len(about["token"]) >= 32
        for query, status in (("", 403), (f"?token={about['token']}", 200)):
            with closing(HTTPConnection("127.0.0.1", about["port"])) as connection:
                connection.request("GET", f"/api/contents{query}")
                assert connection.getresponse().status == status
    finally:
        server.terminate()
        server.wait()


def _written(folder: Path, pattern: str, server: subprocess.Popen[bytes]) -> str:
    """The text of a file that a server writes once it listens."""
    for _ in range(600):
        for path in folder.glob(pattern):
            if text := path.read_text(encoding="utf-8"):
                return text
        assert server.poll() is None, "JupyterLab did not start"
        time.sleep(0.1)
    raise AssertionError("JupyterLab did not start within a minute")
