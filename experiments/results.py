"""Result folders: written whole or not at all, and read with suspicion.

``results/experiments/<row>/`` holds ``settings.json``, ``verdict.json``, ``table.csv``, the row's
other tables, and its figures.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from derivations.rows import ROOT, Refusal

if TYPE_CHECKING:
    import pandas as pd

RESULTS = ROOT / "results" / "experiments"
SCRATCH = ".part"  # ends the name of a file that is being written
LARGEST = 2**24  # bytes of a file that is read; ours are a hundred kilobytes
NEEDED: dict[str, dict[str, type]] = {
    "settings.json": {
        "row": str,
        "command": str,
        "settings": dict,
        "versions": dict,
        "fingerprint": str,
    },
    "verdict.json": {"agrees": bool, "sentence": str, "comparisons": int, "figures": list},
}
COLUMNS = ("layer", "statistic", "input", "measured", "standard_error", "predicted", "z", "p")


class ResultError(Refusal):
    """A result that is not there, or cannot be trusted, with the reason in one line."""


@dataclass(frozen=True)
class Result:
    """What is in a result folder."""

    settings: dict[str, Any]
    verdict: dict[str, Any]
    table: pd.DataFrame


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace ``folder`` by one with exactly ``files``: whole, whenever one looks at it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        new, old = Path(scratch, "new"), Path(scratch, "old")
        new.mkdir()
        for name, content in files.items():
            with (new / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except BaseException:
            if old.exists() and not folder.exists():
                old.rename(folder)
            raise


def replace_file(path: Path, content: bytes) -> None:
    """Write one file: whole, and on the disk before its name is; a kill leaves the old one, or none."""
    scratch = path.with_name(f".{path.name}{SCRATCH}")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(folder: Path) -> Result:
    """Read a result folder; ResultError if it is missing, cut short, or not what was written."""
    found = {name: read_json(folder / name, fields) for name, fields in NEEDED.items()}
    return Result(found["settings.json"], found["verdict.json"], _read_table(folder / "table.csv"))


def to_json(data: Mapping[str, Any]) -> bytes:
    """JSON that every reader takes: numbers that are not finite become text."""
    return (json.dumps(_plain(data), indent=1, ensure_ascii=False) + "\n").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):  # numpy's float64 is one, too
        return float(value) if math.isfinite(value) else str(float(value))
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise ResultError(f"{path}: larger than {LARGEST:,} bytes")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ResultError(f"{path}: not UTF-8") from None
    except OSError as error:
        raise ResultError(f"{path}: {error.strerror}; run python -m experiments") from None


def read_json(path: Path, fields: Mapping[str, type]) -> dict[str, Any]:
    """The JSON object at ``path``, which must have ``fields``; ResultError if it has not."""
    try:
        data = json.loads(_read_text(path), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ResultError):
            raise
        raise ResultError(f"{path}: not valid JSON: {error}") from None
    for name, kind in fields.items():
        value = data.get(name) if isinstance(data, dict) else None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ResultError(f"{path}: '{name}' must be {kind.__name__}, got {value!r:.40}")
    return dict(data)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number of JSON")


def _read_table(path: Path) -> pd.DataFrame:
    import io

    import pandas as pd

    text = _read_text(path)
    try:
        table = pd.read_csv(io.StringIO(text), dtype={"layer": str}, keep_default_na=False)
        for name in COLUMNS[3:]:
            table[name] = pd.to_numeric(table[name])
    except (ValueError, KeyError, pd.errors.ParserError) as error:
        raise ResultError(f"{path}: not a table of comparisons: {error}") from None
    if not text.endswith("\n") or table.empty:
        raise ResultError(f"{path}: cut short")
    missing = [name for name in (*COLUMNS, "agrees") if name not in table]
    if missing or table["agrees"].dtype != bool:
        raise ResultError(f"{path}: lacks the columns {', '.join(missing) or 'agrees as booleans'}")
    return table
