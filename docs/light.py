"""What keeps long pages light: a browser lays out only what is near, and the theme's script asks for nothing else.

Below the first heading of a page, what stands between two is a part, which is laid out when it comes near
(``content-visibility``). A script that asks for the width of anything inside undoes this. The theme asks so of each
``pre > code``, to give it a button that copies; so code is one element deeper here, and has the same button from the
start.
"""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

HEADING = re.compile(r"h[1-6]")
CODE = re.compile(r"<pre><span></span><code>(.*?)</code></pre>", re.DOTALL)
# Only the pages of whole files are linked by line.
LINE = re.compile(r'<a id="__codelineno[^>]*></a>')
COPY = (
    '<span class="md-code__nav"><button type="button" class="md-code__button" title="Copy to clipboard"'
    ' aria-label="Copy to clipboard" data-clipboard-target="#{0} code" data-md-type="copy"></button></span>'
)
SWITCHING = re.compile(r"(?:\[data-md-color-switching\][^{},]*,?)+\{[^}]*\}")


class Parts(Extension):
    """Markdown: what stands between headings is in one ``<div class="between">``."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the name that the library calls
        """After all others that change the tree."""
        md.treeprocessors.register(_Parts(md), "parts", -100)


class _Parts(Treeprocessor):
    def run(self, root: Element) -> None:
        children, part = list(root), None
        first = next((n for n, child in enumerate(children) if child.tag == "h2"), len(children))
        for child in children[first:]:
            root.remove(child)
            if HEADING.fullmatch(child.tag):
                root.append(child)
                part = None
                continue
            if part is None:
                part = Element("div", {"class": "between"})
                root.append(part)
            part.append(child)


def code(html: str) -> str:
    """Each block of code with its button, deeper than the theme looks for it."""
    numbers = count(1)

    def block(match: re.Match[str]) -> str:
        name = f"code-{next(numbers)}"
        lines = LINE.sub("", match[1])
        return f'<pre id="{name}">{COPY.format(name)}<span class="lines"><code>{lines}</code></span></pre>'

    return CODE.sub(block, html)


def palette(site: Path) -> None:
    """Drop the theme's rule that styles every element twice as each page loads, to be without transitions.

    Without it colours fade, within a quarter of a second, when a reader changes the scheme.

    Raises RuntimeError if the theme has it no longer.
    """
    for path in (site / "assets" / "stylesheets").glob("palette.*.css"):
        text, found = SWITCHING.subn("", path.read_text(encoding="utf-8"))
        if not found:
            raise RuntimeError(
                f"{path.name} has no rule of data-md-color-switching: see docs/light.py"
            )
        path.write_text(text, encoding="utf-8")
