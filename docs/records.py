"""What the pages are made from: records of verification, verdicts and counts, read with suspicion."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from derivations.proof import DerivationError
from derivations.record import is_record, read_record
from derivations.rows import ROOT
from experiments import results
from experiments.fingerprint import fingerprint

COUNTS = ROOT / "docs" / "counts"
BADGES = {
    "proved": "ok",
    "n ≤ 3": "part",
    "numeric only": "part",
    "assumed": "given",
    "failed": "bad",
}


class Missing(ValueError):
    """A result that is not there, or is damaged: which, and the command that makes it."""


@contextmanager
def holding() -> Iterator[None]:
    """Raise Missing in place of a DerivationError: what is shown needs a derivation that does not hold."""
    try:
        yield
    except DerivationError as error:
        row = str(error).split()[0].rstrip(":")
        raise Missing(f"the derivation of {row}, which does not hold: run `make verify`") from None


def proof(row: str) -> dict[str, Any]:
    """What verification found for a row. Raises Missing."""
    path = ROOT / "results" / "derivations" / f"{row}.json"
    found = read_record(path)
    if not is_record(found):
        raise Missing(f"`{_shown(path)}`: run `make verify`")
    return found


def verdict(row: str) -> dict[str, Any]:
    """What the experiment of a row found. Raises Missing."""
    return _result(row, "verdict.json")


def settings(row: str) -> dict[str, Any]:
    """What the experiment of a row was run with. Raises Missing."""
    return _result(row, "settings.json")


@cache
def outdated(row: str) -> bool:
    """Was the row measured with other code, other papers or other libraries than today's? Raises Missing."""
    found = settings(row)
    return bool(found["fingerprint"] != fingerprint(row, found["settings"]))


def _result(row: str, name: str) -> dict[str, Any]:
    path = ROOT / "results" / "experiments" / row / name
    try:
        return results.read_json(path, results.NEEDED[name])
    except results.ResultError:
        raise Missing(f"`{_shown(path)}`: run `make experiments`") from None


def counts(path: Path, command: str) -> dict[str, Any]:
    """The counts of a campaign, which ``command`` makes. Raises Missing."""
    found = read_record(path)
    if not found:
        raise Missing(f"`{_shown(path)}`: run `{command}`")
    return found


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def badge(status: str) -> str:
    """A status, in words and colour."""
    return f'<span class="badge {BADGES.get(status, "bad")}">{status}</span>'


def words(label: str) -> str:
    """A label as words."""
    return label.replace("_", " ").replace("/", ", ")


def indent(text: str) -> str:
    """Markdown that belongs to what stands before it."""
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())


def flush(code: str) -> str:
    """A piece of code, cut out of what it was indented in: its first line has lost its indentation already."""
    first, newline, rest = code.partition("\n")
    return first + newline + textwrap.dedent(rest)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def agreement(found: dict[str, Any], *, old: bool) -> str:
    """The verdict of a result in a box: green where all agrees, and nothing has changed since it was measured."""
    said = f"{found['sentence']}\n\n{found['sensitivity']['sentence']}"
    if old:
        kind, word = "danger", "Measured with other code"
        said = f"Something changed since: run `make experiments`. What was found then: {said}"
    else:
        kind, word = ("success", "Agrees") if found["agrees"] else ("danger", "DISAGREES")
    return f'!!! {kind} "{word}"\n{indent(said)}'


def figure(folder: str, found: dict[str, Any]) -> str:
    """A figure of a result, in light and dark; what to see in it, what wrong would look like, and its numbers."""
    images = "\n".join(
        f"![{found['alt']}]({folder}/{found['name']}-{mode}.svg#only-{mode}){{ loading=lazy }}"
        for mode in ("light", "dark")
    )
    data = f"[{found['data']}]({folder}/{found['data']})"
    caption = f"*{found['caption']}* {found['wrong']} Its numbers: {data}."
    return f'<div class="figure" markdown>\n\n{images}\n\n{caption}\n\n</div>'
