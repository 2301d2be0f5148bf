"""``make lab`` and ``make notebooks``: write a notebook for each row, from its page, derivation and experiment.

One more, "audit", is made from the page "Audit your model".

Nothing of them is in git. What somebody changed is not written over; what was only run is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from derivations.rows import ROOT, ROWS, UnknownRow, find_row
from experiments.command import fail, parse

KINDS = {"ipynb": "ipynb", "py": "py:percent", "md": "md"}
PAGES = ("audit",)  # that have a notebook and are no rows
MADE = ".made.json"  # what was written, to tell it from what somebody changed


@dataclass(frozen=True)
class Options:
    """Write the rows as notebooks: page, derivation, code and experiment, to run and to change."""

    rows: tyro.conf.Positional[tuple[str, ...]] = ()
    """Rows, such as init/kaiming, or audit; all of them if none is named."""
    to: Annotated[Path, tyro.conf.arg(metavar="DIR")] = ROOT / "notebooks"
    """Where to write them."""
    kind: Literal["ipynb", "py", "md"] = "ipynb"
    """Jupyter's own format, or one of jupytext's that are text."""


def main(argv: Sequence[str] | None = None) -> int:
    """0, or 2, in one line, for a row that is not there and a folder that cannot be written."""
    options = parse(Options, argv, "python -m docs.notebooks")
    try:
        named = [name if name in PAGES else find_row(name) for name in options.rows]
        rows = named or [*ROWS, *PAGES]
        kept = write(rows, options.to, options.kind)
    except UnknownRow as error:
        fail(error)
    except OSError as error:
        fail(f"{options.to}: {error.strerror}")
    for path in kept:
        print(f"kept as you changed it: {path} (remove it for a fresh one)")
    print(f"{len(rows) - len(kept)} notebooks written to {os.path.relpath(options.to)}")
    return 0


def write(rows: Sequence[str], to: Path, kind: str = "ipynb") -> list[Path]:
    """Write the notebooks of rows, or of PAGES; returns those that are kept, as somebody changed them."""
    import jupytext

    from derivations.record import read_record, write_record
    from docs.cells import notebook

    verified([row for row in rows if row not in PAGES])
    to.mkdir(parents=True, exist_ok=True)
    made, kept = read_record(to / MADE), []
    for row in rows:
        path = to / f"{row}.{kind}"
        if path.exists() and made.get(f"{row}.{kind}") != key(path, kind):
            kept.append(path)
            continue
        path.parent.mkdir(exist_ok=True)
        text = jupytext.writes(notebook(row, path.parent, kind), fmt=KINDS[kind])
        path.write_text(text, encoding="utf-8")
        made[f"{row}.{kind}"] = key(path, kind)
    write_record(to / MADE, made)
    return kept


def key(path: Path, kind: str) -> str:
    """A key of what the cells say, whatever came out of them; of a file that cannot be read, none."""
    import jupytext

    try:
        found: Any = jupytext.reads(path.read_text(encoding="utf-8"), fmt=KINDS[kind])
    except Exception:  # damaged: whoever damaged it changed it
        return ""
    cells = [f"{cell.cell_type}\0{cell.source}" for cell in found.cells]
    return sha256("\1".join(cells).encode()).hexdigest()


def verified(rows: Sequence[str]) -> None:
    """Verify the rows that changed since they were, side by side: a notebook quotes what was found."""
    from derivations.record import verify_row

    jobs = [(row, 0, 5, False) for row in rows]
    if len(jobs) < 2:
        for job in jobs:
            verify_row(job)
        return
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        list(pool.map(verify_row, jobs))


if __name__ == "__main__":
    sys.exit(main())
