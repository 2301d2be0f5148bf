"""Symbols on a page know what they mean: each is a link to the glossary, with its spoken form and meaning."""

from __future__ import annotations

import html
import re

from derivations.notation import Entry, paper_keys, read_paper
from derivations.rows import ROWS
from docs.records import Missing, proof

GLOSSARY = "page:notation.md"
SOURCE = re.compile(r"\\href\{symbol:[^}]*\}")  # in the TeX that KaTeX keeps within MathML
LINK = re.compile(r'(?: class="([\w ]*)")? href="symbol:([a-z]+[0-9]{4})\.([a-z0-9_]+)"')
MATHML = re.compile(r"<math.*?</math>", re.DOTALL)
INLINE = re.compile(r'<span class="arithmatex">(.*?)</span>')
CODE = re.compile(r"<pre.*?</pre>|<h[1-6].*?</h[1-6]>|<a .*?</a>", re.DOTALL)


def anchor(key: str, name: str) -> str:
    """Where the glossary explains a symbol."""
    return f"{key}-{name.replace('_', '-')}"


def meaning(entry: Entry) -> str:
    """A symbol's spoken form, and what it stands for."""
    return f"{entry.say}: {entry.meaning}"


def of_page(page: str) -> dict[str, tuple[str, str]]:
    """The symbols that a page's text may use, by their LaTeX: (paper, name)."""
    path = page.removesuffix(".md")
    if path in ROWS:
        try:
            return {one["latex"]: (one["paper"], one["name"]) for one in proof(path)["symbols"]}
        except Missing:  # the page says so in red
            return {}
    key = path.removeprefix("papers/")
    if key not in paper_keys():
        return {}
    return {entry.latex: (key, name) for name, entry in read_paper(key).symbols.items()}


def mark(page: str, name: str) -> str:
    """The HTML of a page, before it is typeset: a formula in the text that is one symbol becomes a link."""
    known = of_page(name)

    def marked(match: re.Match[str]) -> str:
        found = known.get(html.unescape(match[1]))
        if found is None:
            return match[0]
        return rf'<span class="arithmatex">\href{{symbol:{".".join(found)}}}{{{match[1]}}}</span>'

    parts, last = [], 0
    for untouched in CODE.finditer(page):  # headings, code and links stay as they are
        parts += [INLINE.sub(marked, page[last : untouched.start()]), untouched[0]]
        last = untouched.end()
    return "".join([*parts, INLINE.sub(marked, page[last:])])


def resolve(page: str) -> str:
    """The HTML of a typeset page: links of symbols lead to the glossary.

    They are out of the order of the Tab key, as what they tell is in the page's table of symbols and below each
    equation in words; and out of MathML, which is what a screen reader reads.
    """
    page = MATHML.sub(lambda match: SOURCE.sub("", LINK.sub("", match[0])), page)

    def resolved(match: re.Match[str]) -> str:
        kinds, key, name = match[1] or "", match[2], match[3]
        said = html.escape(meaning(read_paper(key).symbols[name]), quote=True)
        place = f"{GLOSSARY}#{anchor(key, name)}"
        return f' class="{f"symbol {kinds}".strip()}" tabindex="-1" href="{place}" title="{said}"'

    return LINK.sub(resolved, page)
