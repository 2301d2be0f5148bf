"""What a result depends on: its settings, the sources behind it, and the versions of the libraries.

The sources are found by following the imports of the row's file through the repository, without
running it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from derivations.rows import ROOT

LIBRARIES = ("torch", "numpy", "scipy", "pandas", "sympy", "mpmath", "matplotlib", "mlxtend")
COLUMNS = ("derivations", "impl", "experiments")


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that can change a result."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def deciding(settings: Any) -> dict[str, Any]:
    """The settings that results depend on: all but the number of workers."""
    return {name: value for name, value in asdict(settings).items() if name != "workers"}


def fingerprint(row: str, settings: Mapping[str, Any]) -> str:
    """A hash that changes whenever a result of ``row`` with ``settings`` may change."""
    return _hash([settings, versions()], sources(row))


def code_fingerprint(row: str, settings: Mapping[str, Any]) -> str:
    """A hash of what decides a row's verdict, not of how it is shown: the same for all versions of the libraries."""
    here = ROOT / "experiments"
    shown = (here / "command.py", here / "runner.py")
    return _hash([settings], behind(here / f"{row}.py", here / "statistics.py", but=shown))


def _hash(values: Any, sources: Sequence[Path]) -> str:
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for path in sources:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def sources(row: str) -> list[Path]:
    """The files behind a row: all of ours that it imports, and the paper notes these name."""
    return behind(ROOT / "experiments" / f"{row}.py", ROOT / "experiments" / "command.py")


def behind(*files: Path, but: Sequence[Path] = ()) -> list[Path]:
    """``files``, all of ours that they import, and the paper notes that these name; not what only ``but`` import."""
    waiting = list(files)
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found and path not in but:
            found.add(path)
            waiting.extend(_imports(path))
    texts = [path.read_text(encoding="utf-8") for path in found]
    notes = [n for n in (ROOT / "papers").glob("*.md") if any(n.stem in text for text in texts)]
    return sorted([*found, *notes])


def _imports(path: Path) -> tuple[Path, ...]:
    """The files of our own columns that a file imports, anywhere in it."""
    return _imports_of(path, path.stat().st_mtime_ns)


@cache  # a hundred files, each behind most rows
def _imports_of(path: Path, _: int) -> tuple[Path, ...]:
    return tuple(_named(path))


def _named(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] in COLUMNS:
                base = ROOT.joinpath(*name.split("."))
                yield from (
                    p for p in (base.with_suffix(".py"), base / "__init__.py") if p.exists()
                )
