"""The Explorer: ``<!-- explorer: depth=100 | depth width | signal -->`` in a page becomes a picture to play with.

The picture is drawn by the same JavaScript at build time, by Node, so that it is there without JavaScript, too.
"""

from __future__ import annotations

import html
import json
import math
import subprocess
from functools import cache
from typing import Any
from zlib import crc32

from derivations.rows import ROOT
from docs import formulas, katex
from docs.records import holding, table

FOLDER = "javascripts/explorer"
FORMULAS = f"{FOLDER}/formulas.js"  # printed for each build
LIBRARY = (
    "random",
    "settings",
    "form",
    "network",
    "law",
    "picture",
    "words",
)  # in this order; all but what answers to a reader
NO_SCRIPT = "Without JavaScript this picture stands still: one choice of settings, drawn when the site was built."


@cache
def script() -> str:
    """The formulas as JavaScript. Raises Missing if a derivation that they come from does not hold."""
    with holding():
        return formulas.script()


@cache
def library() -> str:
    """All that the Explorer computes and writes, without what answers to a reader."""
    files = [ROOT / "docs" / FOLDER / f"{name}.js" for name in LIBRARY]
    return "\n".join([script(), *(path.read_text(encoding="utf-8") for path in files)])


def evaluate(body: str, data: Any = None, *, changed: str | None = None) -> Any:
    """What the JavaScript ``body`` of a function of ``explorer`` and ``data`` returns, in Node.

    Numbers that JSON has not come back as floats all the same. ``changed`` stands for the library. Raises RuntimeError
    with what Node says.
    """
    code = (
        f"{changed or library()}\n"
        f"const found = (({{explorer, data}}) => {{{body}}})"
        f"({{explorer: globalThis.companionExplorer, data: {json.dumps(data)}}});\n"
        "const plain = (_, v) => ArrayBuffer.isView(v) ? [...v] : typeof v !== 'number' || isFinite(v) ? v : `#${v}`;"
        "process.stdout.write(JSON.stringify(found, plain));"
    )
    done = subprocess.run(
        [katex.program("node"), "-"],
        input=code,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return _numbers(json.loads(done.stdout))


def _numbers(value: Any) -> Any:
    """What JSON has no numbers for, as floats again."""
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items()}
    names = {"#Infinity": math.inf, "#-Infinity": -math.inf, "#NaN": math.nan}
    return names.get(value, value) if isinstance(value, str) else value


@cache
def still(query: str, controls: str, shown: str) -> dict[str, str]:
    """Form, figures, sentence and tables for these settings, as the page shows them before anything is changed."""
    body = """
      const settings = explorer.read(data.query), numbers = [...Array(explorer.NETWORKS).keys()];
      const networks = numbers.map((k) => explorer.network(settings, k));
      const {figures, sentence, tables} = explorer.output(settings, networks, {shown: data.shown});
      const form = explorer.form(settings, data.controls.length ? data.controls : explorer.NAMES, data.id);
      return {form, figures, sentence, tables};
    """
    name = f"explorer-{crc32(f'{query} {controls}'.encode()):x}"  # of the page's, two would differ in one of them
    asked = {"query": query, "controls": controls.split(), "shown": shown.split(), "id": name}
    found: dict[str, str] = evaluate(body, asked)
    return found


def explorer(argument: str, up: str) -> str:
    """``query | controls | panels``; without controls it is the page of its own, with all of them."""
    query, controls, shown = ([part.strip() for part in argument.split("|")] + ["", ""])[:3]
    shown = shown or "signal gradient"
    found = still(query, controls, shown)
    named = f' data-controls="{controls}"' if controls else ""
    sources = [FORMULAS, *(f"{FOLDER}/{name}.js" for name in (*LIBRARY, "page"))]
    scripts = "".join(f'<script src="page:{source}" defer></script>' for source in sources)
    address = html.escape(f"page:explorer.md?{query}" if query else "page:explorer.md")
    link = (
        f'<p class="whole"><a href="{address}">All settings, in the Explorer</a></p>'
        if controls
        else ""
    )
    return (
        # search leaves out an element with its attribute, as far as the first end of its tag
        f'<section class="explorer" data-explorer="{html.escape(query)}"{named} data-panels="{shown}"'
        ' data-search-exclude="true">'
        f'<form aria-label="Settings">{found["form"]}</form><p class="aloud" role="status"></p>'
        f'<div class="figures">{found["figures"]}</div><p class="sentence">{found["sentence"]}</p>'
        f'<p class="still">{NO_SCRIPT}</p>'
        '<details class="numbers"><summary>The picture as a table</summary>'
        f'<div class="tables">{found["tables"]}</div></details>'
        f"{link}</section>{scripts}"
    )


def used(_: str, up: str) -> str:
    """The formulas, each with the steps that it is made of."""
    rows = []
    for each in formulas.formulas():
        steps = [
            f"[{step.replace('_', ' ')}]({up}{row}.md#step-{step.replace('_', '-')})"
            for row, step in each.source
        ]
        rows.append([f"`{each.name}`", each.says, ", ".join(steps)])
    return table(["in JavaScript", "what it says", "steps"], rows)


def shares(width: int, depth: int) -> list[float]:
    """Which shares of living networks end below band and median: of a plain ReLU stack, by its exact law."""
    from experiments.final_law import FinalLaw  # SciPy: a second that other pages do without
    from experiments.law import Law, constant

    body = "return explorer.predict(explorer.read(data)).forward;"
    band = evaluate(body, f"width={width}&depth={depth}")
    exact = FinalLaw(Law(constant(width, depth), math.sqrt(2)))
    return [float(exact.cdf(band[name][-1] / math.log(2))) for name in ("low", "median", "high")]


def accuracy(_: str, up: str) -> str:
    """How good band and median are, by the exact law of the last layer."""
    rows = [
        [str(width), str(depth), *(f"{100 * share:.1f} %" for share in shares(width, depth))]
        for width, depth in ((64, 50), (64, 5), (16, 20), (4, 5))
    ]
    return table(["width", "depth", "below 5 %", "below the median", "below 95 %"], rows)


RULES = {"explorer": explorer, "explorer-accuracy": accuracy, "explorer-formulas": used}
