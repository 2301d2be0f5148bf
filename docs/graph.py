"""What each row needs and what needs it: read from the imports between rows, and drawn."""

from __future__ import annotations

import ast
import html
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

from mkdocs.exceptions import PluginError

from derivations.rows import ROOT, ROWS
from docs.records import Missing, proof, table

COLUMNS = ("derivations", "impl")
WIDE, HIGH = 206, 28  # of a box
ROOM, GAP = 76, 14  # between two columns of them, and two in a column


@lru_cache
def needs() -> dict[str, tuple[str, ...]]:
    """By row: the rows that its derivation or implementation imports from."""
    found = {}
    for row in ROWS:
        imported = {name for column in COLUMNS for name in _imports(column, row)}
        found[row] = tuple(other for other in ROWS if other in imported - {row})
    return found


def _imports(column: str, row: str) -> set[str]:
    """The rows named by the imports of one file, as ``column.chapter.idea``, or as a string to load."""
    path = ROOT / column / f"{row}.py"
    if not path.exists():
        return set()
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and node.value in ROWS:  # load("init/kaiming")
            found.add(str(node.value))
        found |= {
            name.partition(".")[2].replace(".", "/")
            for name in names
            if name.partition(".")[0] in COLUMNS
        } & set(ROWS)
    return found


def used_by(row: str) -> tuple[str, ...]:
    """The rows that need this one."""
    return tuple(other for other, those in needs().items() if row in those)


def sentence(row: str, up: str) -> str:
    """What a row needs, and what needs it, with links."""

    def links(rows: tuple[str, ...]) -> str:
        return ", ".join(f"[{title(other)}]({up}{other}.md)" for other in rows)

    parts = []
    if needs()[row]:
        parts.append(f"Needs {links(needs()[row])}.")
    if used_by(row):
        parts.append(f"Used by {links(used_by(row))}.")
    return f"<small>{' '.join(parts)}</small>" if parts else ""


def title(row: str) -> str:
    """The title of a row, or its name if it was not verified yet."""
    try:
        return str(proof(row)["title"])
    except Missing:
        return row


@lru_cache
def _lines() -> Any:
    """The graph of needs without the lines that others imply, by networkx."""
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(ROWS)
    graph.add_edges_from((other, row) for row, others in needs().items() for other in others)
    if not networkx.is_directed_acyclic_graph(graph):
        raise PluginError(f"rows need each other: {networkx.find_cycle(graph)}")
    return networkx.transitive_reduction(graph)


def _columns() -> list[list[str]]:
    """Rows in columns, each to the right of all that it needs, and near to it; last, what needs and serves none."""
    from networkx import isolates, topological_generations

    alone = list(isolates(_lines()))
    linked = _lines().subgraph([row for row in ROWS if row not in alone])
    columns = [sorted(column, key=ROWS.index) for column in topological_generations(linked)]
    for sweep in range(8):  # there and back: each row to the mean place of its neighbours
        order = columns if sweep % 2 == 0 else columns[::-1]
        for fixed, column in pairwise(order):
            place = {row: at / len(fixed) for at, row in enumerate(fixed)}
            column.sort(key=partial(_mean_place, place))
    return [columns[0] + alone, *columns[1:]]


def _mean_place(place: dict[str, float], row: str) -> float:
    lines = _lines()
    found = [place[other] for other in (*lines.pred[row], *lines.succ[row]) if other in place]
    return sum(found) / len(found) if found else 1.0


def drawing(_: str, up: str) -> str:
    """The graph as a picture whose boxes are links; below it, the same as a table."""
    columns = _columns()
    height = max(map(len, columns)) * (HIGH + GAP) - GAP + 8
    at = {
        row: (x * (WIDE + ROOM) + 4, (height - HIGH) * (y + 0.5) / len(column))
        for x, column in enumerate(columns)
        for y, row in enumerate(column)
    }
    lines = []
    for other, row in _lines().edges:
        (x1, y1), (x2, y2) = at[other], at[row]
        start, end = (x1 + WIDE, y1 + HIGH / 2), (x2, y2 + HIGH / 2)
        bend = f"{start[0] + ROOM / 2:.0f} {start[1]:.0f}, {end[0] - ROOM / 2:.0f} {end[1]:.0f}"
        lines.append(
            f'<path d="M{start[0]:.0f} {start[1]:.0f} C{bend}, {end[0]:.0f} {end[1]:.0f}"/>'
        )
    boxes = [
        f'<a href="page:{row}.md"><rect x="{x:.0f}" y="{y:.0f}" width="{WIDE}" height="{HIGH}" rx="3"/>'
        f'<text x="{x + WIDE / 2:.0f}" y="{y + HIGH / 2 + 4:.0f}">{html.escape(title(row))}</text></a>'
        for row, (x, y) in at.items()
    ]
    width = len(columns) * (WIDE + ROOM) - ROOM + 8
    picture = (
        f'<div class="graph"><svg viewBox="0 0 {width} {height}" role="group" '
        f'aria-label="Rows, each to the right of those that it needs; the table below says the same.">'
        f'<g class="lines">{"".join(lines)}</g>{"".join(boxes)}</svg></div>'
    )
    rows = [
        [
            f"[{title(row)}]({up}{row}.md)",
            *(", ".join(map(title, found)) for found in (needs()[row], used_by(row))),
        ]
        for row in ROWS
    ]
    return f"{picture}\n\n{table(['row', 'needs', 'used by'], rows)}"


RULES = {"graph": drawing}
