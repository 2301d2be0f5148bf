"""What the page of every row must have; the build stops at the first that lacks something, and says what."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mkdocs.exceptions import PluginError

from derivations.rows import ROWS
from docs import printed
from docs.records import Missing, verdict

# The headings, in order, each with what must stand below it, and how that is told.
PARTS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "The paper",
        (
            (r"\.\./papers/\w+\.md", "a link to a paper's note"),
            (r"<!-- symbols: {row} -->", "its symbols"),
        ),
    ),
    ("The derivation", ((r"<!-- derivation: {row} -->", "the derivation"),)),
    ("The code", ((r"<!-- code: impl/\S+ \w+ -->", "code of impl/"),)),
    ("The experiment", ((r"<!-- experiment: {row} -->", "the experiment"),)),
    ("What goes wrong without it", ((r"\w", "a word"),)),
    (
        "Run it",
        (
            (r"```sh\n(?:.*\n)*?python experiments/{row}\.py", "the command of its experiment"),
            (r"<!-- small: {row} --\w", "a small run, for its notebook"),
        ),
    ),
    (
        "Exercises",
        (
            (r"^\w[^\n]*\?", "a question"),
            (
                r'^\?\?\? success ".*checked by the tests"\n(?:(?:    .*)?\n)*?    ```python\n',
                "a folded solution",
            ),
        ),
    ),
    (
        "Differs from the paper here",
        ((r"\w", "a word"), (r"^\*\*Next:\*\* .*\]\(\S+\.md", "**Next:**, and where to go")),
    ),
)
START = r"# .+\n\n<!-- claim: {row} -->\n\n<!-- picture: {row}(?: \w+)? -->\n"
TOLD = ("caption", "wrong", "alt", "data")  # of every figure


def check(markdown: str, page: str) -> None:
    """Raise PluginError, naming the page and all that it lacks; other pages than those of rows may be as they like."""
    row = page.removesuffix(".md")
    if row in ROWS and (missing := [*lacking(markdown, row)]):
        raise PluginError(f"{page} lacks {'; '.join(missing)}")


def lacking(markdown: str, row: str) -> Iterator[str]:
    """What the page of ``row`` lacks, in words."""
    if not re.match(START.format(row=row), markdown):
        yield "a title, its claim and one figure, in this order, at the top"
    sections = re.split(r"^## (.+)$", markdown, flags=re.MULTILINE)
    below = dict(zip(sections[1::2], sections[2::2], strict=True))
    names = [name for name, _ in PARTS]
    if [*below][-len(names) :] != names:
        yield f"the headings {', '.join(names)}, in this order, at the end"
    for name, wanted in PARTS:
        for pattern, told in wanted:
            if not re.search(pattern.format(row=row), below.get(name, ""), re.MULTILINE):
                yield f"{told} under {name!r}"
    if typed := printed.typed(markdown):
        yield f"a directive that prints {', '.join(typed)}: numbers are not typed (see docs/printed.py)"
    yield from _figures(row)


def _figures(row: str) -> Iterator[str]:
    """What the figures lack, where there are any yet."""
    try:
        figures = verdict(row)["figures"]
    except Missing:
        return
    for figure in figures:
        yield from (
            f"the {part} of its figure {figure['name']!r}" for part in TOLD if not figure.get(part)
        )
