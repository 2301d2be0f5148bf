"""The graph of what each row needs: every row once, lines to the right alone, and none that others imply."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from mkdocs.exceptions import PluginError

from derivations.rows import ROWS
from docs import graph

CHAIN = {"init/relu": (), "init/fans": ("init/relu",), "init/kaiming": ("init/fans", "init/relu")}


@pytest.fixture
def needs(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, tuple[str, ...]]]:
    """Rows of which a test says what they need."""
    made = {row: CHAIN.get(row, ()) for row in ROWS}
    monkeypatch.setattr(graph, "needs", lambda: made)
    graph._lines.cache_clear()
    yield made
    graph._lines.cache_clear()


def test_needs_are_read_from_imports() -> None:
    assert "init/fans" in graph.needs()["init/kaiming"]
    assert "init/kaiming" in graph.used_by("init/fans")
    assert all(row not in others for row, others in graph.needs().items())


def test_every_row_has_a_box_and_lines_lead_to_the_right() -> None:
    text = graph.drawing("", "")
    for row in ROWS:
        assert text.count(f'<a href="page:{row}.md"><rect') == 1
    ends = re.findall(r'<path d="M(\d+) \d+ C.*?, (\d+) \d+"/>', text)
    assert len(ends) == graph._lines().number_of_edges()
    assert all(int(start) < int(end) for start, end in ends)
    boxes = re.findall(r'<rect x="(\d+)" y="(\d+)"', text)
    assert len(set(boxes)) == len(ROWS)  # none on another


@pytest.mark.usefixtures("needs")
def test_a_line_that_others_imply_is_left_out() -> None:
    lines = [("init/fans", "init/kaiming"), ("init/relu", "init/fans")]
    assert sorted(graph._lines().edges) == lines
    first, second, third = graph._columns()
    assert first[0] == "init/relu"
    assert set(first[1:]) == set(ROWS) - set(CHAIN)  # what stands alone
    assert (second, third) == (["init/fans"], ["init/kaiming"])


def test_rows_that_need_each_other_stop_the_build(needs: dict[str, tuple[str, ...]]) -> None:
    needs["init/relu"] = ("init/kaiming",)
    with pytest.raises(PluginError, match="rows need each other"):
        graph.drawing("", "")
