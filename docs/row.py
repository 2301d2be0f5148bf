"""``make row ROW=init/lsuv PAPER=mishkin2016``: write a stub in every column of a new row.

Each stub fails until it is filled, and says what belongs there; ``FILL IN`` marks the places. Exits
with 2, one line and nothing written if the name will not do.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from derivations.options import parse
from derivations.rows import CHAPTERS, ROOT
from docs.stubs import DERIVATION, EXPERIMENT, IMPL, PAGE, PAPER, TEST

EXAMPLE = "init/lsuv"


class Refused(ValueError):
    """A row that cannot be added, with the reason in one line."""


def check_row(row: str, paper: str) -> None:
    """Raise Refused unless a row and a paper note may have these names."""
    if not re.fullmatch(r"[a-z]+/[a-z][a-z0-9_]*", row, re.ASCII):
        raise Refused(f"ROW must be chapter/idea in lower case, such as {EXAMPLE}, got {row!r}")
    chapter, idea = row.split("/")
    if len(idea) > 40:
        raise Refused(f"an idea's name has at most 40 characters, got {len(idea)}")
    if chapter not in CHAPTERS:
        raise Refused(f"there is no chapter {chapter!r}; the chapters are {', '.join(CHAPTERS)}")
    if keyword.iskeyword(idea):
        raise Refused(f"{idea!r} is a keyword of Python")
    if importlib.util.find_spec(idea):  # a script's own folder comes first on Python's path
        raise Refused(f"{idea!r} is the name of a Python module, which would no longer be found")
    if paper and not re.fullmatch(r"[a-z]+[0-9]{4}", paper, re.ASCII):
        raise Refused(f"PAPER must be author and year, such as mishkin2016, got {paper!r}")


def stubs(row: str, paper: str) -> dict[str, str]:
    """The files of a new row, in the order in which they are filled, with their text."""
    chapter, idea = row.split("/")
    files = {
        f"derivations/{row}.py": DERIVATION,
        f"impl/{row}.py": IMPL,
        f"experiments/{row}.py": EXPERIMENT,
        f"docs/{row}.md": PAGE,
        f"tests/{chapter}/test_{idea}.py": TEST,
    }
    if paper and not (ROOT / "papers" / f"{paper}.md").exists():
        files = {f"papers/{paper}.md": PAPER, **files}
    words = {
        "row": row,
        "module": row.replace("/", "."),
        "idea": idea,
        "title": idea.replace("_", " ").capitalize(),
        "paper": paper or "FILL IN",
        "year": paper[-4:],
    }
    for name, text in files.items():
        for word, value in words.items():
            text = text.replace(f"«{word}»", value)
        files[name] = text
    return files


def write(row: str, paper: str = "", root: Path = ROOT) -> list[str]:
    """Write the stubs of ``row`` and return their names; Refused if one of the files is there."""
    check_row(row, paper)
    files = stubs(row, paper)
    for name in files:
        if (root / name).exists():
            raise Refused(f"{name} is there already")
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    return list(files)


@dataclass(frozen=True)
class Options:
    """Write a stub in every column of a new row; each fails until it is filled."""

    row: tyro.conf.Positional[str] = ""
    """The row, as chapter/idea, such as init/lsuv."""
    paper: tyro.conf.Positional[str] = ""
    """The key of its paper, such as mishkin2016, if that has no note yet."""


def main(arguments: list[str]) -> int:
    """``python -m docs.row ROW [PAPER]``; the exit status."""
    options = parse(Options, arguments, "python -m docs.row")
    if not options.row:
        print(f"usage: make row ROW={EXAMPLE} [PAPER=mishkin2016]", file=sys.stderr)
        return 2
    try:
        names = write(options.row, options.paper)
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("Fill in, in this order (CONTRIBUTING.md says how):", *names, sep="\n  ")
    print("  README.md, CHANGELOG.md, mkdocs.yml: a line each", "Then: make check", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
