"""Directives: ``<!-- derivation: init/kaiming -->`` in a page becomes what the machine checked or measured.

What comes out is ordinary Markdown, so that headings, anchors, search and link validation apply.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from mkdocs.exceptions import PluginError

from derivations.notation import paper_keys, read_paper
from derivations.rows import ROOT
from docs import (
    audit,
    commands,
    doubt,
    explorer,
    front,
    graph,
    maps,
    performance,
    printed,
    rates,
    sizing,
    sources,
    trials,
)
from docs.records import (
    Missing,
    agreement,
    badge,
    figure,
    flush,
    holding,
    indent,
    outdated,
    proof,
    settings,
    verdict,
    words,
)
from docs.symbols import anchor

DIRECTIVE = re.compile(r"^<!-- ([\w-]+)(?:: (.+?))? -->$", re.MULTILINE)


def expand(markdown: str, page: str) -> str:
    """Replace every directive of a page; where a result is missing, say so in red.

    Raises PluginError, naming the page, for a directive that does not exist.
    """

    def replaced(match: re.Match[str]) -> str:
        name, argument = match[1], match[2] or ""
        if name not in RULES:
            raise PluginError(
                f"{page}: unknown directive {match[0]!r}; there are {', '.join(RULES)}"
            )
        try:
            with holding():
                return RULES[name](argument, "../" * page.count("/"))
        except Missing as error:
            return f'!!! danger "Not verified or not measured"\n    This part needs {error}.'

    return DIRECTIVE.sub(replaced, printed.fill(markdown, page))


def reference(ref: str, up: str) -> str:
    """A link to the paper's page, with the equation's or section's number."""
    key, _, place = ref.partition(":")
    if not place:
        return "ours"
    return f"[{key}, {shown(place)}]({up}papers/{key}.md)"


def shown(place: str) -> str:
    """A place in a paper: a section, its abstract, or else an equation."""
    if place.startswith("§"):
        return place if place[1:2].isdigit() else place[1:]
    return f"eq. {place}"


def _claim(row: str, up: str) -> str:
    found = proof(row)
    wrong = "" if found["verified"] else "\n\n!!! danger\n    This derivation is **not verified**."
    return f"**{found['claim']}**{wrong}\n\n{graph.sentence(row, up)}"


def _derivation(row: str, up: str) -> str:
    found = proof(row)
    counts = ", ".join(f"{n} {status}" for status, n in found["counts"].items() if n)
    kind, word = ("success", "Verified") if found["verified"] else ("danger", "NOT verified")
    parts = [
        f'!!! {kind} "{word} along two roads: {counts}"\n    Again on your machine: '
        f"`python -m derivations {row} --no-cache` ({found['seconds']:.1f} s)."
    ]
    for line in found["lines"]:
        source = reference(line["ref"], up)
        anchor = line["label"].replace("/", "-").replace("_", "-")
        if line["kind"] == "given":
            parts.append(
                f"**Assumption: {words(line['label'])}** {badge('assumed')} ({source}). {line['statement']}"
            )
            continue
        said = [
            f'<span id="step-{anchor}"></span>**{line["number"]}. [{words(line["label"])}](#step-{anchor})** '
            f"{badge(line['status'])} ({source}): {line['why']}."
        ]
        if line["linked"]:
            said.append(f"$$\n{line['linked']}\n$$")
        if line["error"]:
            said.append("!!! danger\n" + indent(f"```text\n{line['error']}\n```"))
        parts += ['<div class="step" markdown>\n<div markdown>', *said, "</div>"]
        parts += [_beside(line, found["file"]), "</div>"]
    return "\n\n".join(parts)


def _beside(line: dict[str, Any], file: str) -> str:
    """The code of a step, and the step in words: a fold, which a wide screen shows open beside the step."""
    place = sources.link(line.get("file", file), line["line"])
    note = f"{line['points']} points, {line['digits']} digits; {place}"
    shown = f"```python\n{flush(line['code'])}\n```\n\n{note}\n\n{line['spoken']}"
    return f'??? beside "The check, and in words"\n{indent(shown)}'


def _code(argument: str, up: str) -> str:
    path, name = argument.split()
    text = (ROOT / path).read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            source = ast.get_source_segment(text, node)
            return f"```python\n{source}\n```\n\n<small>{sources.link(path, node.lineno)}</small>"
    raise PluginError(f"{path} defines no {name}")


def _picture(argument: str, up: str) -> str:
    """The first figure of a row, or the one that is named."""
    row, *name = argument.split()
    figures = verdict(row)["figures"]
    found = [f for f in figures if f["name"] == name[0]] if name else figures[:1]
    if not found:
        raise Missing(f"the figure `{name[0]}` of {row}: run `make experiments`")
    return figure(f"{up}results/{row}", found[0])


def _experiment(row: str, up: str) -> str:
    found = verdict(row)
    command = settings(row)["command"]
    parts = [agreement(found, old=outdated(row))]
    parts += [figure(f"{up}results/{row}", each) for each in found["figures"][1:]]
    parts.append(_table(f"{row} table.csv all", up))
    parts.append(_seen_and_unseen(row, found["blind"], up))
    parts.append(f"```sh\n{command}\n```")
    return "\n\n".join(parts)


def _seen_and_unseen(row: str, blind: list[str], up: str) -> str:
    """How many wrong implementations the experiment notices, and what it cannot see."""
    mutants = import_module(f"experiments.{row.replace('/', '.')}").MUTANTS
    unseen = [f"{m.kind}, {m.name}: {m.unseen}." for m in mutants if m.unseen]
    seen = (
        f"It also ran on {len(mutants) - len(unseen)} implementations that are wrong, one at a time, and "
        f"[noticed each of them]({up}trust.md#wrong-code)."
    )
    listed = "\n".join(f"- {each}" for each in [*blind, *unseen])
    return f"{seen} What it cannot see:\n\n{listed}"


COLUMNS = (
    "layer",
    "statistic",
    "input",
    "quantity",
    "lesson",
    "predicted",
    "measured",
    "standard_error",
    "z",
)


def _table(argument: str, up: str) -> str:
    """A result table, of the columns that readers know, or else of all; with ``all``, only what pools the layers."""
    row, name, *only = argument.split()
    path = ROOT / "results" / "experiments" / row / name
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [r for r in csv.DictReader(file) if not only or r.get("layer") == only[0]]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise Missing(f"`{path.relative_to(ROOT)}`: run `make experiments`") from None
    header = list(rows[0]) if rows else []
    known = {"statistic", "lesson"} & set(header)  # such tables have more columns than a page shows
    columns = [c for c in COLUMNS if c in header] if known else header
    head = (
        "| " + " | ".join(c.replace("_", " ") for c in columns) + " |\n|" + " --- |" * len(columns)
    )
    body = "\n".join("| " + " | ".join(_cell(r[c], c) for c in columns) + " |" for r in rows)
    link = f"[{name}]({up}results/{row}/{name})"
    return f"{head}\n{body}\n\nAll comparisons: {link}."


def _cell(text: str, column: str) -> str:
    try:
        return f"{float(text):{'+.2f' if column == 'z' else '.4g'}}"
    except ValueError:
        return text


def _symbols(row: str, up: str) -> str:
    lines = ["| symbol | say | meaning | in code |\n| --- | --- | --- | --- |"]
    lines += [
        f"| ${s['latex']}$ | {s['say']} | {s['meaning']} | `{s['name']}` |"
        for s in proof(row)["symbols"]
    ]
    table = indent("\n".join(lines))
    return f'{_places(row, up)}\n\n??? note "The symbols, and how to say them"\n{table}'


def _places(row: str, up: str) -> str:
    """Which equations and sections of which papers the derivation refers to."""
    places: dict[str, dict[str, None]] = {}
    for line in proof(row)["lines"]:
        key, _, place = line["ref"].partition(":")
        if place:
            places.setdefault(key, {})[place] = None
    if not places:
        return "No step of the derivation is the paper's own."
    told = [f"[{key}]({up}papers/{key}.md), {_listed([*found])}" for key, found in places.items()]
    return f"The derivation refers to {'; '.join(told)}."


def _listed(places: list[str]) -> str:
    """Sections, then equations: "§2.2, eq. 6, 7"."""
    places = sorted(places, key=lambda place: [int(n) for n in re.findall(r"\d+", place)])
    sections = [shown(place) for place in places if place.startswith("§")]
    equations = [place for place in places if not place.startswith("§")]
    return ", ".join([*sections, *(["eq. " + ", ".join(equations)] if equations else [])])


def _notation(_: str, up: str) -> str:
    parts = []
    for key in paper_keys():
        paper = read_paper(key)
        parts.append(
            f"## {paper.front['title']}\n\n| symbol | say | meaning | unit | in code |\n| --- | --- | --- | --- | --- |"
        )
        parts[-1] += "".join(
            f'\n| <span id="{anchor(key, e.name)}"></span>${e.latex}$ | {e.say} '
            f"| {e.meaning}{' (ours)' if e.ours else ''} | {e.unit} | `{e.name}` |"
            for e in paper.symbols.values()
        )
    return "\n\n".join(parts)


RULES: dict[str, Callable[[str, str], str]] = {
    "audit": audit.report,
    "claim": _claim,
    "code": _code,
    "derivation": _derivation,
    "experiment": _experiment,
    "notation": _notation,
    "picture": _picture,
    "symbols": _symbols,
    "table": _table,
    **commands.RULES,
    **doubt.RULES,
    **explorer.RULES,
    **front.RULES,
    **graph.RULES,
    **maps.RULES,
    **performance.RULES,
    **rates.RULES,
    **sizing.RULES,
    **trials.RULES,
}
