"""What each row needs and what needs it: read from the imports between rows, and drawn."""

from __future__ import annotations

import ast
import html
from functools import lru_cache

from derivations.rows import ROOT, ROWS
from docs.records import Missing, proof, table

COLUMNS = ("derivations", "impl")
WIDE, HIGH, GAP = 172, 30, 46  # of a box, and between two layers of them


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


def _layers() -> list[list[str]]:
    """Rows in layers: each below all that it needs (rows that need each other share one)."""
    depth: dict[str, int] = {}

    def place(row: str, above: tuple[str, ...]) -> int:
        if row not in depth and row not in above:
            below = [
                place(other, (*above, row)) + 1 for other in needs()[row] if other not in above
            ]
            depth[row] = max(below, default=0)
        return depth.get(row, 0)

    for row in ROWS:
        place(row, ())
    rows = [
        [row for row in ROWS if depth[row] == level] for level in range(max(depth.values()) + 1)
    ]
    return [part for level in rows for part in (level[i : i + 5] for i in range(0, len(level), 5))]


def drawing(_: str, up: str) -> str:
    """The graph as a picture whose boxes are links; below it, the same as a table."""
    layers = _layers()
    width = max(map(len, layers)) * (WIDE + 12)
    at = {
        row: ((width - len(level) * (WIDE + 12)) / 2 + i * (WIDE + 12) + 6, y * (HIGH + GAP) + 4)
        for y, level in enumerate(layers)
        for i, row in enumerate(level)
    }
    lines = []
    for row, others in needs().items():
        for other in others:
            (x1, y1), (x2, y2) = at[other], at[row]
            if y1 >= y2:  # two rows that need each other: one line is enough
                continue
            start, end = (x1 + WIDE / 2, y1 + HIGH), (x2 + WIDE / 2, y2)
            bend = f"{start[0]:.0f} {start[1] + GAP / 2:.0f}, {end[0]:.0f} {end[1] - GAP / 2:.0f}"
            lines.append(
                f'<path d="M{start[0]:.0f} {start[1]:.0f} C{bend}, {end[0]:.0f} {end[1]:.0f}"/>'
            )
    boxes = [
        f'<a href="page:{row}.md"><rect x="{x:.0f}" y="{y:.0f}" width="{WIDE}" height="{HIGH}" rx="3"/>'
        f'<text x="{x + WIDE / 2:.0f}" y="{y + 19:.0f}">{html.escape(_short(title(row)))}</text></a>'
        for row, (x, y) in at.items()
    ]
    height = len(layers) * (HIGH + GAP) - GAP + 8
    picture = (
        f'<div class="graph"><svg viewBox="0 0 {width} {height}" role="group" '
        f'aria-label="Rows, each below those that it needs; the table below says the same.">'
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


def _short(text: str) -> str:
    return text if len(text) <= 26 else f"{text[:25]}…"


RULES = {"graph": drawing}
