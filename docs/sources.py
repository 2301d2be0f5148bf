"""Our code as pages, so that a line can be linked to: what implements and derives the rows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, InclusionLevel

from derivations.rows import CHAPTERS, ROOT

PLACE = "source/"  # of the pages within the site
CODE = re.compile(r"^<!-- code: (\S+) ", re.MULTILINE)
NUMBER = re.compile(r'<a href="(#__codelineno-\d+-(\d+))">')


def names() -> list[str]:
    """The files whose lines are linked to: all derivations, and what pages show."""
    pages = (path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    shown = {name for text in pages for name in CODE.findall(text)}
    steps = (path for chapter in CHAPTERS for path in (ROOT / "derivations" / chapter).glob("*.py"))
    return sorted(shown | {path.relative_to(ROOT).as_posix() for path in steps})


def files(config: MkDocsConfig) -> Iterator[File]:
    """A page for each of them; the navigation and the search leave them out."""
    for name in names():
        text = (ROOT / name).read_text(encoding="utf-8")
        yield File.generated(
            config,
            f"{PLACE}{name}.md",
            content=page(name, text),
            inclusion=InclusionLevel.NOT_IN_NAV,
        )


def page(name: str, text: str) -> str:
    """The page of a file: every line with its number, which is its anchor."""
    fence = "`" * 6  # more than any docstring has
    head = "---\nsearch: {exclude: true}\nhide: [toc]\n---\n"
    return f'{head}\n# {name}\n\n{fence}python linenums="1"\n{text}{fence}\n'


def link(name: str, line: int) -> str:
    """A link to a line of a file, as HTML that ``docs.hooks`` resolves."""
    return f'<a href="page:{PLACE}{name}.md#__codelineno-0-{line}">{name}, line {line}</a>'


def named(html: str) -> str:
    """Numbers of lines are drawn by the stylesheet; here they get names, and do not hold up who walks by key."""
    return NUMBER.sub(r'<a href="\1" aria-label="line \2" tabindex="-1">', html)
