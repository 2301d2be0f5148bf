"""``python -m docs.literate``: run notebooks as tests, or export their marked cells as a module."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from derivations.options import parse
from docs.literate import notebook


@dataclass(frozen=True)
class Run:
    """Run notebooks, each in a kernel of its own: 0 if every cell of every one ran, else 1."""

    files: tyro.conf.Positional[tuple[Path, ...]]
    """Notebooks: .ipynb, or .py with ``# %%`` between cells."""
    seconds: int = 120
    """How long a cell may take."""


@dataclass(frozen=True)
class Export:
    """Write the cells that begin with ``#export`` as a module."""

    file: tyro.conf.Positional[Path]
    """The notebook."""
    module: tyro.conf.Positional[Path]
    """Where to write, such as testing.py."""


Command: Any = (
    Annotated[Run, tyro.conf.subcommand("run")] | Annotated[Export, tyro.conf.subcommand("export")]
)


def run(files: tuple[Path, ...], seconds: int) -> int:
    """Run notebooks; 1 if one is broken."""
    broken = 0
    for path in files:
        try:
            done = notebook.run(path, seconds=seconds)
        except notebook.Broken as error:
            print(f"✗ {error}", file=sys.stderr)
            broken += 1
            continue
        cells = sum(cell.cell_type == "code" for cell in done.cells)
        print(f"✓ {path}: {cells} cells")
    return 1 if broken else 0


def export(file: Path, module: Path) -> int:
    """Write a module, and say where it is."""
    notebook.export(file, module)
    print(module)
    return 0


def main() -> int:
    """The exit status: 2 for a file that cannot be read, in one line."""
    chosen = parse(Command, None, "python -m docs.literate")
    try:
        if isinstance(chosen, Run):
            return run(chosen.files, chosen.seconds)
        return export(chosen.file, chosen.module)
    except notebook.Unreadable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
