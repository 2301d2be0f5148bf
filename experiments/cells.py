"""The cells of a sweep: one setting each, with random numbers of its own, and one file.

A file says how many of its cell's jobs are in it, from the first on. It is replaced whole, and read
with suspicion: one that is damaged, or of other settings or other code, counts as not there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from derivations.rows import ROOT, ROWS
from experiments import results
from experiments.fingerprint import behind, versions
from experiments.sketch import Moments, Sketch, natural

Axes = tuple[tuple[str, int | str], ...]


@dataclass(frozen=True)
class Cell:
    """One setting of a grid, and what decides its numbers to the last bit.

    ``expected`` are the predicted means of its statistics, from the derivation. ``per_job`` networks are
    drawn at a time: that, and never how many workers there are, decides where a stream begins.
    """

    row: str
    axes: Axes
    networks: int
    per_job: int
    seed: int
    expected: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        """The name of its file, without the ending."""
        return self.label.replace(", ", "-").replace(" ", "-")

    @property
    def label(self) -> str:
        """The setting in words."""
        return ", ".join(v if isinstance(v, str) else f"{axis} {v}" for axis, v in self.axes)

    @property
    def jobs(self) -> int:
        """How many jobs it takes."""
        return -(-self.networks // self.per_job)

    def networks_of(self, job: int) -> int:
        """How many networks one job draws: the last one may draw fewer."""
        return min(self.per_job, self.networks - job * self.per_job)

    def key(self, job: int) -> tuple[int, ...]:
        """What sets a job's random numbers apart: a hash of row and setting, and the job's number.

        Neither the other cells nor the number of networks is in it: a network stays the same.
        """
        digest = hashlib.sha256(json.dumps([self.row, self.axes]).encode()).digest()
        words = (int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
        return (*words, job)


@dataclass(frozen=True)
class Found:
    """What is kept of some networks: moments by statistic, and sketches by layer."""

    moments: Mapping[str, Moments] = field(default_factory=dict)
    sketches: Mapping[int, Sketch] = field(default_factory=dict)

    def merged(self, other: Found) -> Found:
        """What is kept of both together."""
        if not self.moments and not self.sketches:
            return other
        return Found(
            {name: kept.merged(other.moments[name]) for name, kept in self.moments.items()},
            {layer: kept.merged(other.sketches[layer]) for layer, kept in self.sketches.items()},
        )

    def plain(self) -> dict[str, Any]:
        """As JSON, which :meth:`read` takes back without loss."""
        return {
            "moments": {name: kept.plain() for name, kept in self.moments.items()},
            "sketches": {str(layer): kept.plain() for layer, kept in self.sketches.items()},
        }

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Found:
        """From :meth:`plain`. Raises ValueError, TypeError, KeyError or AttributeError for anything else."""
        return cls(
            {name: Moments.read(kept) for name, kept in data["moments"].items()},
            {int(layer): Sketch.read(kept) for layer, kept in data["sketches"].items()},
        )


@dataclass(frozen=True)
class Progress:
    """How far a cell is: its first ``done`` jobs are in ``found``."""

    cell: Cell
    done: int = 0
    found: Found = field(default_factory=Found)

    def then(self, found: Found) -> Progress:
        """With the next job."""
        return replace(self, done=self.done + 1, found=self.found.merged(found))

    @property
    def complete(self) -> bool:
        """Whether all jobs are in it."""
        return self.done == self.cell.jobs


def parts(row: str) -> dict[str, Path]:
    """The files that a row has for sweeps: ``sweep``, what is drawn, and ``reading``, what is made of it."""
    chapter, _, idea = row.partition("/")
    files = {kind: f"experiments/{chapter}/_{idea}_{kind}.py" for kind in ("sweep", "reading")}
    return {kind: ROOT / name for kind, name in files.items() if (ROOT / name).is_file()}


def sweepable() -> list[str]:
    """The rows that can be swept."""
    return [row for row in ROWS if "sweep" in parts(row)]


@lru_cache(maxsize=1)
def code(row: str) -> str:
    """A hash of all code and libraries that decide the numbers of a row's cells."""
    digest = hashlib.sha256(json.dumps(versions(), sort_keys=True).encode())
    for path in behind(parts(row)["sweep"], ROOT / "experiments" / "jobs.py"):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def path_of(folder: Path, cell: Cell) -> Path:
    """Where a cell's file is."""
    return folder / f"{cell.name}.json"


def save(folder: Path, progress: Progress) -> None:
    """Replace a cell's file, whole, whenever one looks at it."""
    content = _header(progress.cell) | {"done": progress.done, "found": progress.found.plain()}
    content["checksum"] = _checksum(content)
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
    results.replace_file(path_of(folder, progress.cell), text.encode())


def load(folder: Path, cell: Cell) -> tuple[Progress, str]:
    """How far a cell is by its file, and, if that is of no use, why: '' if there is none."""
    path, nothing = path_of(folder, cell), Progress(cell)
    if not path.exists():
        return nothing, ""
    try:
        content = results.read_json(path, {"checksum": str, "done": int, "found": dict})
        if content.pop("checksum") != _checksum(content):
            return nothing, f"{path.name} is damaged: its checksum is another"
        header = json.loads(json.dumps(_header(cell)))
        if any(content.get(name) != value for name, value in header.items()):
            return nothing, f"{path.name} is of other settings or other code"
        progress = Progress(cell, natural(content["done"]), Found.read(content["found"]))
    except results.ResultError as error:
        return nothing, f"{path.name} is damaged: {str(error).removeprefix(f'{path}: ')}"
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return nothing, f"{path.name} is damaged: {error}"
    return (progress, "") if progress.done <= cell.jobs else (nothing, f"{path.name} is damaged")


def _header(cell: Cell) -> dict[str, Any]:
    """What a file must have in common with a cell."""
    return (
        asdict(cell)
        | {"axes": dict(cell.axes), "expected": dict(cell.expected)}
        | {
            "jobs": cell.jobs,
            "code": code(cell.row),
        }
    )


def _checksum(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
