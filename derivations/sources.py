"""Where a derivation is written: its own file, the parts beside it, and the place of each step in them."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import Any

from derivations.proof import Derivation
from derivations.rows import ROOT

# An import from the folder of derivations. Not by ast, which threads cannot share: predictions are asked for by many.
TAKEN = re.compile(r"^from (derivations\.\S+) import (\([^)]*\)|.*)$", re.MULTILINE)


def source_file(row: str) -> Path:
    """Where the derivation of ``row`` is written; a path of a file is its own place."""
    return Path(row) if row.endswith(".py") else ROOT / "derivations" / f"{row}.py"


def source_of(derivation: Derivation) -> Path:
    """The file that defines a derivation; a module that only imports it (a test, say) does not count."""
    own = sys.modules.get("derivations." + derivation.row.replace("/", "."))
    for module in (own, *list(sys.modules.values())):
        if getattr(module, "DERIVATION", None) is derivation and getattr(module, "__file__", None):
            return Path(str(inspect.getfile(module)))  # type: ignore[arg-type]
    raise LookupError(f"no module defines the derivation {derivation.row!r}")


def sources_of(derivation: Derivation) -> list[Path]:
    """That file, and the files of other derivations or of its own parts that it takes something from."""
    found = [source_of(derivation)]
    for path in found:  # grows as it goes
        for module, names in TAKEN.findall(path.read_text(encoding="utf-8")):
            for name in (module, *(f"{module}.{each}" for each in re.findall(r"\w+", names))):
                place = (ROOT / name.replace(".", "/")).with_suffix(".py")
                inside = place.parent.parent == ROOT / "derivations" and place.is_file()
                if inside and place not in found:
                    found.append(place)
    return found


def place_of(source: Path, others: list[Path], label: str) -> dict[str, Any]:
    """Where a step is written: the call whose first argument is its label, in the row's file or its parts."""
    wanted = {label, label.split("/")[0]}
    found: list[tuple[bool, dict[str, Any]]] = []
    for path in (source, *others):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            name, first = ast.unparse(node.func), node.args[0]
            if name in ("Given", "Prediction"):  # may have a step's name
                continue
            if isinstance(first, ast.Constant) and first.value in wanted:
                code = ast.get_source_segment(text, node) or ""
                place: dict[str, Any] = {
                    "line": node.lineno,
                    "end_line": node.end_lineno,
                    "code": code,
                }
                if path != source:
                    place["file"] = shown(path)
                found.append((name not in ("Step", "induction"), place))
    found.sort(key=lambda one: one[0])  # a symbol may have a step's name as well
    return found[0][1] if found else {"line": 1, "end_line": 1, "code": ""}


def shown(path: Path) -> str:
    """The path from the repository's folder, if the file is in it."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
