"""The registry of rows: the files ``derivations/<chapter>/<idea>.py``, and nothing else, say which ideas there are."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ("tensors", "init", "backprop", "depth", "transformers")  # in reading order

ROWS: tuple[str, ...] = tuple(
    sorted(
        path.relative_to(ROOT / "derivations").with_suffix("").as_posix()
        for path in (ROOT / "derivations").glob("*/[!_]*.py")
    )
)


LONGEST = 500  # characters of a refusal


class Refusal(ValueError):
    """Why something cannot be used: one line, and short, whatever was quoted in it."""

    def __init__(self, message: object) -> None:
        line = " ".join(str(message).split())
        super().__init__(line if len(line) <= LONGEST else f"{line[:LONGEST]}…")


class UnknownRow(Refusal):
    """No row has this name; the message is one line, and names the nearest rows."""


def find_row(name: str) -> str:
    """The row called ``name``; raises UnknownRow with the nearest names if there is none.

    Only names in ``ROWS`` come back, so a path such as ``../../etc/passwd`` never does.
    """
    if name in ROWS:
        return name
    shown = name if len(name) <= 60 else f"{name[:60]}…"
    near = get_close_matches(shown, ROWS, n=3, cutoff=0.4)
    listed = f"there are {len(ROWS)}, and `python -m derivations --list` names them"
    hint = f"did you mean {' or '.join(near)}?" if near else listed
    raise UnknownRow(f"unknown row {shown!r}; {hint}")


def find(name: str) -> str:
    """A row's name, or the path of a file with a derivation, which is told by its ending ``.py``.

    A file that is a row's own comes back as that row. Raises UnknownRow for a row or file that is not there.
    """
    if not name.endswith(".py"):
        return find_row(name)
    path = Path(name).resolve()
    own = {ROOT / "derivations" / f"{row}.py": row for row in ROWS}
    if path in own:
        return own[path]
    if not path.is_file():
        raise UnknownRow(f"there is no file {name[:200]}")
    return str(path)
