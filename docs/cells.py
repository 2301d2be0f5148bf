"""A row's page as the cells of a notebook: its words stay, its directives become cells that run."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import sympy as sp
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from derivations import load
from derivations.rows import ROOT, ROWS
from docs import audit, printed, trials
from docs.extension import DIRECTIVE, RULES, reference
from docs.records import Missing, flush, holding, proof, table, verdict, words

Cell = Any
HEAD = """from dataclasses import replace

from docs.lab import check_step, published, run, show_code, sliders, wrong_step"""
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
FOLD = re.compile(r'^(?:!!!|\?\?\?\+?) (\w+)(?: "(.*)")?\n((?:    .*\n?|\n)+)', re.MULTILINE)
SOLUTION = re.compile(r"```python\n(.*?)```", re.DOTALL)
LINK = re.compile(r"(?<!`)\]\(([^)\s]+)\)(?:\{[^}]*\})?")
MOVING = re.compile(r"^<(div|script|svg)\b.*?(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)


def notebook(row: str, folder: Path, ending: str = "ipynb") -> Any:
    """The notebook of ``row``, or of the page "audit", whose links lead from ``folder``.

    Raises PluginError for a page that is wrong.
    """
    page = printed.fill((ROOT / "docs" / f"{row}.md").read_text(encoding="utf-8"), f"{row}.md")
    title, _, rest = page.partition("\n")
    sources = f"`derivations/{row}.py` and `experiments/{row}.py`"
    if row not in ROWS:
        sources = f"`experiments/{row}`"
    made = f"Made from `docs/{row}.md` and {sources}."
    kept = "Change what you like: a notebook that you changed is kept as it is."
    cells = [said(f"{title}\n\n{made} {kept}")]
    at = 0
    for match in DIRECTIVE.finditer(rest):
        cells += prose(rest[at : match.start()])
        cells += directive(row, match[1], match[2] or "")
        at = match.end()
    cells += prose(rest[at:])
    first = next(place for place, cell in enumerate(cells) if cell["cell_type"] == "code")
    head = HEAD if row in ROWS else "from docs.lab import show_code"
    cells.insert(first, code(head))  # claim, figure and words come first
    for number, cell in enumerate(cells, 1):
        cell["id"] = f"cell-{number}"
        if cell["cell_type"] == "markdown":
            cell["source"] = linked(cell["source"], row, folder, ending)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def said(text: str) -> Cell:
    """A cell of words."""
    return new_markdown_cell(text.strip())


def code(text: str, *tags: str, hidden: bool = False) -> Cell:
    """A cell that runs."""
    about: dict[str, Any] = {"tags": list(tags)} if tags else {}
    return new_code_cell(
        text.strip(), metadata=about | ({"jupyter": {"source_hidden": True}} if hidden else {})
    )


def prose(text: str) -> Iterator[Cell]:
    """The words between two directives; a folded solution becomes a place for one's own, and a cell."""
    at = 0
    for match in FOLD.finditer(text):
        yield from _words(text[at : match.start()])
        at = match.end()
        body = "\n".join(line.removeprefix("    ") for line in match[3].splitlines()).strip()
        solutions = SOLUTION.findall(body)
        if match[1] == "success" and solutions:
            yield code("# Your answer")
            shown = SOLUTION.sub("", body).strip()
            yield said(
                folded("A solution; the cell below it is folded, too", f"{match[2]}\n\n{shown}")
            )
            yield from (code(each, "solution", hidden=True) for each in solutions)
        else:
            yield said(folded(match[2] or match[1], body))
    yield from _words(text[at:])


def _words(text: str) -> Iterator[Cell]:
    text = MOVING.sub("*(On the site, something moves here.)*\n\n", text)
    text = re.sub(r"(\*\(On the site[^\n]*\n\n)+", r"\1", text)
    for part in re.split(r"\n(?=##+ )", text):  # a heading begins a cell
        if part.strip():
            yield said(part)


def folded(title: str, body: str) -> str:
    """Words that open on a click."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def directive(row: str, name: str, argument: str) -> list[Cell]:
    """The cells of one directive; what a notebook has no cells for is expanded as on the page."""
    try:
        with holding():
            if name in CELLS:
                return list(CELLS[name](argument or row))
            return list(prose(RULES[name](argument, "../")))
    except Missing as error:
        return [said(f"*(This part needs {error}.)*")]


def _derivation(row: str) -> Iterator[Cell]:
    found = proof(row)
    counts = ", ".join(f"{n} {status}" for status, n in found["counts"].items() if n)
    yield said(f"Each step is checked along two roads, by algebra and by numbers: {counts}.")
    for line in found["lines"]:
        source = reference(line["ref"], "../")
        if line["kind"] == "given":
            yield said(f"**Assumption: {words(line['label'])}** ({source}). {line['statement']}")
            continue
        head = f"**{line['number']}. {words(line['label'])}** ({line['status']}; {source}): {line['why']}."
        fold = folded(
            "In words, and as the machine checks it",
            f"{line['spoken']}\n\n```python\n{flush(line['code'])}\n```",
        )
        yield said(f"{head}\n\n$$\n{line['latex']}\n$$\n\n{fold}")
        yield code(f'check_step("{row}", "{line["label"]}")')
    yield from _wrong_step(row)
    rows = [
        [f"`{p['signature']}`", f"${p['latex']}$".replace("|", r"\vert "), p["doc"]]
        for p in found["predictions"]
    ]
    head = f'What it predicts, as functions: `load("{row}").predict(name)`'
    yield said(f"{head}\n\n{table(['call', 'formula', 'what it is'], rows)}")


def _wrong_step(row: str) -> Iterator[Cell]:
    """Which step is made wrong: the first that an experiment is predicted from."""
    derivation = load(row)
    steps = [derivation.step(each.step) for each in derivation.predictions]
    for step in (each for each in steps if isinstance(each.rhs, sp.Expr)):
        change = "2 * right" if step.rhs else "right + 1"
        yield said(
            f"**What if a step were wrong?** Change the right side of *{words(step.label)}*, or of another, and see "
            "what the machine says."
        )
        yield code(f'wrong_step("{row}", "{step.label}", lambda right: {change})')
        return


def _code(argument: str) -> Iterator[Cell]:
    path, name = argument.split()
    module = path.removesuffix(".py").replace("/", ".")
    yield code(f"from {module} import {name}\n\nshow_code({name})")


def _experiment(row: str) -> Iterator[Cell]:
    try:
        full = f"At its default size: {verdict(row)['sentence']} "
    except Missing:
        full = ""
    small = chosen(row)
    yield said(f"{full}Here it runs at a small size:")
    given = ", ".join(f"{name}={value!r}" for name, value in trials.changed(small).items())
    start = f"from experiments.{row.replace('/', '.')} import Settings\n\nsmall = Settings({given})"
    yield code(f"{start}\nagrees = run(small, pictures=2)", "agrees")
    names = "".join(f', "{name}"' for name in trials.changed(small))
    yield said("Move a slider, or plant wrong code, and it runs again:")
    yield code(f"sliders(small{names})")
    yield from _wrong_code(row)


def _wrong_code(row: str) -> Iterator[Cell]:
    mutants = import_module(f"experiments.{row.replace('/', '.')}").MUTANTS
    listed = "\n".join(
        f"- {m.kind}: *{m.name}*" + f" (unseen: {m.unseen})" * bool(m.unseen) for m in mutants
    )
    seen = [m for m in mutants if not m.unseen]
    if seen:
        yield said(
            f"**What if the code were wrong?** Here with *{seen[0].name}* ({seen[0].kind}). Would this size do to "
            f"notice the others?\n\n{folded('Wrong code to choose from', listed)}"
        )
        yield code(f"agrees = run(small, wrong={seen[0].name!r}, pictures=0)")


def chosen(row: str) -> Any:
    """The settings of a row's small run: those that its page names, or else what its verdict needs."""
    page = (ROOT / "docs" / f"{row}.md").read_text(encoding="utf-8")
    for match in DIRECTIVE.finditer(page):
        if match[1] == "small":
            return trials.settings(row, trials.small(match[2] or "").options)
    module = import_module(f"experiments.{row.replace('/', '.')}")
    return module.Settings(**getattr(module, "BARE", {}))


def _audit(argument: str) -> Iterator[Cell]:
    yield code(audit.CODE[argument])


def _table(argument: str) -> Iterator[Cell]:
    row, name, *_ = argument.split()
    yield code(f'published("{row}", "{name}")')


def _what_if(argument: str) -> Iterator[Cell]:
    trial = trials.what_if(argument)
    question, _, answer = trial.words.partition("?")
    yield said(f"**{question}?** {answer.strip()}")
    changed = trials.changed(trials.settings(trial.row, trial.options))
    given = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    yield code(f"agrees = run(replace(small, {given}), pictures=0)", trial.verdict)


def _small(argument: str) -> Iterator[Cell]:
    yield said(f"The small run, from a terminal:\n\n```sh\n{trials.small(argument).command}\n```")


def linked(text: str, row: str, folder: Path, ending: str) -> str:
    """Words whose links lead from ``folder`` to other notebooks, and to our files; of a figure, the light one."""
    text = re.sub(r"^!\[[^\n]*#only-dark\)[^\n]*\n?", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\(#step-[^)]*\)", r"*\1*", text)  # a cell has no address
    chapter = posixpath.dirname(row)

    def resolved(match: re.Match[str]) -> str:
        place = match[1].partition("#")[0]
        if not place or "://" in place:
            return f"]({match[1]})"
        name = posixpath.normpath(posixpath.join(chapter, place))
        if name.removesuffix(".md") in ROWS:
            other = posixpath.relpath(name, chapter).removesuffix(".md")
            return f"]({other}.{ending})"
        return f"]({os.path.relpath(_file(name), folder)})"

    return LINK.sub(resolved, text)


def _file(name: str) -> Path:
    """The file behind an address of the site."""
    if name == "changelog.md":
        return ROOT / "CHANGELOG.md"
    if name.startswith("papers/"):
        return ROOT / name
    if name.startswith("results/sweeps/"):
        return ROOT / name
    if name.startswith("results/"):
        return ROOT / "results" / "experiments" / name.removeprefix("results/")
    return ROOT / "docs" / name


CELLS: dict[str, Callable[[str], Iterator[Cell]]] = {
    "audit": _audit,
    "code": _code,
    "derivation": _derivation,
    "experiment": _experiment,
    "small": _small,
    "table": _table,
    "what-if": _what_if,
}
