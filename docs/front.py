"""Directives of the front page: the grid of rows with their status, and two ways through it."""

from __future__ import annotations

import html

from derivations.rows import CHAPTERS, ROWS
from docs.maps import LESSON
from docs.records import Missing, outdated, proof, verdict

NAMES = {"tensors": "Tensors", "init": "Initialisation", "backprop": "Backpropagation"}
NAMES |= {"depth": "Depth", "transformers": "Transformers"}

# What those who know the subject did not expect, in an order that builds up.
SURPRISES: tuple[tuple[str, str], ...] = (
    ("depth/finite_width", "the mean of the signal is kept, and the typical network loses it"),
    ("init/shifted_relu", "the constant after a ReLU that cannot help a variance"),
    ("init/fans", "the fans that torch counts wrongly: groups, strides, transposed convolutions"),
    ("init/conv_default", "the √5 that divides the signal by six at every layer"),
    ("depth/independence", "the assumption of the backward pass: exact, and five ways to break it"),
    ("depth/correlation", "two inputs that become one, so slowly that a fit gives the wrong law"),
    ("depth/jacobian", "a mean squared singular value of one, and a spectrum that spreads anyway"),
    ("tensors/broadcasting", "a loss over all pairs that trains, and learns nothing but the mean"),
    ("depth/weight_law", "uniform or normal: the mean does not care, the spread does"),
)


def grid(_: str, up: str) -> str:
    """Chapter by chapter, a card for each row: a link, and what holds."""
    parts = ['<div class="idea-grid">']
    for chapter in CHAPTERS:
        rows = [row for row in ROWS if row.startswith(f"{chapter}/")]
        if rows:
            cards = "".join(_card(row, up) for row in rows)
            parts.append(f'<div><p class="chapter">{NAMES[chapter]}</p>{cards}</div>')
    return "".join([*parts, "</div>"])


def _card(row: str, up: str) -> str:
    marks = "".join(_mark(*found) for found in (_derived(row), _measured(row)))
    title = html.escape(_title(row))
    return f'<a class="idea" href="page:{row}.md"><span>{title}</span><span class="marks">{marks}</span></a>'


def _mark(letter: str, well: bool, told: str) -> str:
    kind = "ok" if well else "bad"
    return f'<span class="mark {kind}" title="{html.escape(told)}" role="img" aria-label="{told}">{letter}</span>'


def _title(row: str) -> str:
    try:
        return str(proof(row)["title"])
    except Missing:
        return row


def _derived(row: str) -> tuple[str, bool, str]:
    try:
        found = proof(row)
    except Missing:
        return "d", False, "not verified yet"
    steps = sum(line["kind"] == "step" for line in found["lines"])
    well = bool(found["verified"])
    return "d", well, f"{steps} steps verified" if well else "a step does not hold"


def _measured(row: str) -> tuple[str, bool, str]:
    try:
        found = verdict(row)
        if outdated(row):
            return "e", False, "measured with other code"
    except Missing:
        return "e", False, "not measured yet"
    well = bool(found["agrees"])
    count = f"{found['comparisons']} comparisons"
    return (
        "e",
        well,
        f"{count} agree" if well else f"theory and measurement disagree in some of {count}",
    )


def path(name: str, up: str) -> str:
    """The rows in one order: ``beginner``, the lesson's, or ``surprises``."""
    if name == "surprises":
        told = [f"[{_title(row)}]({up}{row}.md): {why}" for row, why in SURPRISES if row in ROWS]
        return "\n".join(f"- {each}" for each in told)
    order = dict.fromkeys(place for _, _, places in LESSON for place in places if place in ROWS)
    return "\n".join(f"1. [{_title(row)}]({up}{row}.md)" for row in order)


RULES = {"grid": grid, "path": path}
