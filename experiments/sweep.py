"""Sweeps: the networks of a row over a grid of settings, one file a cell.

``python -m experiments sweep depth/finite_width --depth 10 100 --width 64 512``. The same command again
goes on where it was interrupted or killed. 0: theory and measurement agree in all cells. 1: they do not.
2: the sweep cannot be made, or not now.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import tyro

from derivations.rows import ROOT, UnknownRow, find_row
from experiments.command import fail, guarded, parse
from experiments.settings import Unusable, at_least

SWEEPS = ROOT / "results" / "sweeps"
PROGRAM = "python -m experiments sweep"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a sweep is run; the results depend on the seed alone."""

    workers: int = 0
    """Processes on this machine; 0 is one a core."""
    scheduler: str = ""
    """The address of a Dask scheduler, such as tcp://host:8786, for its workers instead."""
    core_hours: float = 24.0
    """Refuse a sweep that costs more, roughly."""
    seed: int = 0
    """The same seed gives the same bits."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """The folder for results; results/sweeps/ROW if it is not given."""

    def __post_init__(self) -> None:
        """Raise Unusable, in one line, for what is out of range."""
        at_least(0, workers=self.workers, seed=self.seed, core_hours=self.core_hours)
        if self.workers > 1024:
            raise Unusable(f"workers must be at most 1024 on one machine, got {self.workers}")
        if self.scheduler and "://" not in self.scheduler:
            raise Unusable(
                f"scheduler must be an address such as tcp://host:8786, got {self.scheduler!r}"
            )


def main(argv: Sequence[str]) -> NoReturn:
    """``python -m experiments sweep ROW [--AXIS VALUE …] [--workers N] [--scheduler ADDRESS] …``."""
    from experiments.cells import parts, sweepable

    rows = ", ".join(sweepable())
    if argv and argv[0] in ("-h", "--help"):
        print(f"usage: {PROGRAM} ROW [OPTIONS]\n\n{__doc__}")
        print(f"Rows that can be swept: {rows}. Their options: {PROGRAM} ROW --help")
        sys.exit(0)
    if not argv or argv[0].startswith("-"):
        fail(f"name a row that can be swept: {rows}")
    try:
        row = find_row(argv[0])
    except UnknownRow as error:
        fail(error)
    if "sweep" not in parts(row):
        fail(f"{row} cannot be swept; these can: {rows}")
    given = _options(row, argv[1:])

    def work() -> int:
        from experiments.sweeping import sweep  # pandas and scipy, which --help can do without

        folder = given.options.out or SWEEPS / row
        return sweep(row, given.grid, given.options, folder)

    sys.exit(guarded(work))


def _options(row: str, argv: Sequence[str]) -> Any:
    """The grid of a row and the options, from the command line."""
    from experiments.jobs import part

    module = part(row, "sweep")
    fields = [
        ("grid", module.Grid, field(default_factory=module.Grid)),
        ("options", Options, field(default_factory=Options)),
    ]
    kind: Any = make_dataclass("Sweep", fields, frozen=True)
    kind.__doc__ = module.__doc__
    return parse(kind, argv, f"{PROGRAM} {row}")
