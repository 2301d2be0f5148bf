"""``python -m docs.literate``: run notebooks as tests, or export their marked cells as a module."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import tyro

from docs.literate import notebook


def run(files: Annotated[tuple[Path, ...], tyro.conf.Positional], seconds: int = 120) -> int:
    """Run notebooks, each in a kernel of its own: 0 if every cell of every one ran, else 1.

    Args:
        files: Notebooks: .ipynb, or .py with ``# %%`` between cells.
        seconds: How long a cell may take.
    """
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


def export(
    file: Annotated[Path, tyro.conf.Positional], module: Annotated[Path, tyro.conf.Positional]
) -> int:
    """Write the cells that begin with ``#export`` as a module.

    Args:
        file: The notebook.
        module: Where to write, such as testing.py.
    """
    notebook.export(file, module)
    print(module)
    return 0


def main() -> int:
    """The exit status: 2 for a file that cannot be read, in one line."""
    try:
        return tyro.extras.subcommand_cli_from_dict(
            {"run": run, "export": export}, prog="python -m docs.literate"
        )
    except notebook.Unreadable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
