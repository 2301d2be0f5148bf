"""The audit's notebook: made from its page beside the rows' notebooks, and run from the first cell to the last."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

from derivations.rows import ROOT
from docs import audit, notebooks
from experiments.audit.worked import worked


def test_it_runs_and_shows_what_the_page_shows(tmp_path: Path) -> None:
    assert notebooks.main(["audit", "--to", str(tmp_path)]) == 0
    made = nbformat.read(tmp_path / "audit.ipynb", as_version=4)
    nbformat.validate(made)
    config = Config({"KernelManager": {"transport": "ipc"}})
    folder = {"metadata": {"path": str(ROOT)}}
    NotebookClient(
        made, timeout=300, startup_timeout=300, resources=folder, config=config
    ).execute()
    shown = {
        name: str(cell.outputs)
        for cell in made.cells
        for name, source in audit.CODE.items()
        if cell.source == source
    }
    assert set(shown) == set(audit.CODE)  # each of the page's parts has a cell
    found = worked()
    assert found.after is not None
    assert "<svg" in shown["curves"] and "<svg" in shown["yours"]
    assert found.findings[0].row in shown["causes"]
    assert "The signal is kept, both ways." in shown["after"]
    assert all(layer.name in shown["layers"] for layer in found.layers)


def test_a_notebook_that_was_changed_is_kept(tmp_path: Path) -> None:
    assert notebooks.write(["audit"], tmp_path) == []
    path = tmp_path / "audit.ipynb"
    text = path.read_text(encoding="utf-8").replace("nn.GELU()", "nn.Tanh()")
    path.write_text(text, encoding="utf-8")
    assert notebooks.write(["audit"], tmp_path) == [path]
    assert path.read_text(encoding="utf-8") == text
