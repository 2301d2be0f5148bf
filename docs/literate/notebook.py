"""Read a notebook, export its marked cells as a module, run it from the first cell to the last."""

from __future__ import annotations

import ast
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from derivations.rows import ROOT, Refusal

MARK = re.compile(r"\A#\s*export\b[^\n]*\n?")
LARGEST = 2**24  # bytes
KINDS = {".py": "py:percent", ".ipynb": "ipynb"}


class Unreadable(Refusal):
    """A notebook that cannot be read or exported, with the reason in one line."""


class Broken(Exception):
    """A notebook that does not run: which cell, its first line, and the error."""


def read(path: Path) -> Any:
    """The notebook at ``path``, as nbformat has it. Raises Unreadable."""
    import jupytext  # half a second that --help can do without

    if path.suffix not in KINDS:
        raise Unreadable(f"{path.name}: a notebook ends in {', '.join(KINDS)}")
    try:
        if path.stat().st_size > LARGEST:
            raise Unreadable(f"{path.name}: larger than {LARGEST:,} bytes")
        text = path.read_text(encoding="utf-8")
        notebook = jupytext.reads(text, fmt=KINDS[path.suffix])
    except Unreadable:
        raise
    except FileNotFoundError:
        raise Unreadable(f"there is no file {path}") from None
    except Exception as error:  # whatever the readers make of a damaged file
        reason = f"{type(error).__name__}: {error}"
        raise Unreadable(f"{path.name} cannot be read as a notebook: {reason}") from None
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        raise Unreadable(f"{path.name} has no code cell")
    return notebook


def exported(path: Path) -> str:
    """The module that the cells marked ``#export`` make, in their order. Raises Unreadable."""
    sources = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
    marked = [MARK.sub("", source).strip() for source in sources if MARK.match(source)]
    if not any(marked):
        raise Unreadable(f"{path.name} marks no cell with #export on its first line")
    text = "\n\n".join([*_head(path), "\n\n\n".join(filter(None, marked))]) + "\n"
    try:
        ast.parse(text)
    except SyntaxError as error:  # magics such as %timeit belong into cells that stay
        raise Unreadable(
            f"{path.name}: the exported cells are no Python module: {error.msg}: {error.text}"
        ) from None
    return text


def _head(path: Path) -> tuple[str, str]:
    name = path.resolve()
    shown = name.relative_to(ROOT).as_posix() if name.is_relative_to(ROOT) else path.name
    title = f'"""Made from {shown}, which is where to change it."""'
    return title, "from __future__ import annotations"


def export(path: Path, module: Path) -> None:
    """Write the module of a notebook, whole or not at all. Raises Unreadable."""
    text = exported(path)
    if module.suffix != ".py" or module.resolve() == path.resolve():
        raise Unreadable(f"the module must be another file that ends in .py, got {module}")
    if not module.parent.is_dir():
        raise Unreadable(f"there is no folder {module.parent}")
    handle, name = tempfile.mkstemp(dir=module.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(module)


def run(path: Path, *, seconds: int = 120) -> Any:
    """Run a notebook in a kernel of its own, in the repository's folder; returns it with its outputs.

    The kernel listens on a socket of the file system, which other machines and users cannot reach.
    Raises Unreadable, or Broken at the first cell that raises, or that takes longer than ``seconds``.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    notebook = read(path)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    client = NotebookClient(
        notebook,
        timeout=seconds,
        resources={"metadata": {"path": str(ROOT)}},
        config=Config({} if os.name == "nt" else {"KernelManager": {"transport": "ipc"}}),
    )
    place = [0]
    client.on_cell_start = lambda cell, cell_index: place.__setitem__(0, cell_index)
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        cell = notebook.cells[place[0]]
        first = cell.source.strip().splitlines()[0]
        reason = _reason(error, seconds)
        raise Broken(f"{path.name}, cell {place[0] + 1} ({first}): {reason}") from None
    return notebook


def _reason(error: Exception, seconds: int) -> str:
    """What went wrong, without the frames of the kernel."""
    name = getattr(error, "ename", "")
    if name:
        return f"{name}: {getattr(error, 'evalue', '')}".strip(": ")
    if "Timeout" in type(error).__name__:
        return f"it took longer than {seconds} seconds"
    return "its kernel died"
