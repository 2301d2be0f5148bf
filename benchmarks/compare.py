"""``python -m benchmarks.compare OLD NEW``: which ratios differ between two files of ``make bench``, beyond noise?

A ratio is called slower or faster if its rounds' ranks say so (Mann and Whitney's test, Holm over all races
at 0.001) and its median moved by more than ``--least``. Ends with 1 if something became slower.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table
from scipy.stats import mannwhitneyu

from derivations.options import parse
from experiments.statistics import FALSE_ALARM, holm

Race = tuple[str, str, str]  # group, name and peer


class Unreadable(ValueError):
    """A file that is not one of ours: which, and what would be."""


@dataclass(frozen=True)
class Options:
    """Compare two files of ``python -m benchmarks --out FILE``."""

    old: Annotated[Path, tyro.conf.Positional]
    """The file to compare with."""
    new: Annotated[Path, tyro.conf.Positional]
    """The file to judge."""
    least: float = 0.05
    """Changes of a median by less than this share are not told, however sure."""


@dataclass(frozen=True)
class Change:
    """The medians of one race before and after, and what is said of them."""

    race: Race
    old: float
    new: float
    said: str


def compare(
    old: dict[Race, list[float]], new: dict[Race, list[float]], least: float
) -> list[Change]:
    """What became slower or faster among the races that both files have."""
    races = [race for race in new if race in old]
    if not races:
        return []
    p = np.array([mannwhitneyu(old[race], new[race]).pvalue for race in races])
    found = []
    for race, sure in zip(races, holm(p, FALSE_ALARM), strict=True):
        before, after = median(old[race]), median(new[race])
        moved = sure and abs(after / before - 1) > least
        said = ("slower" if after > before else "faster") if moved else ""
        found.append(Change(race, before, after, said))
    return found


def read(path: Path) -> dict[Race, list[float]]:
    """The ratios of each race in a file. Raises Unreadable."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        ratios = {
            (group, race["name"], race["peer"]): [float(each) for each in race["rounds"]]
            for group, races in found["races"].items()
            for race in races
        }
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Unreadable(f"{path} is not a file of `python -m benchmarks --out FILE`") from None
    if not ratios or not all(len(each) > 1 and min(each) > 0 for each in ratios.values()):
        raise Unreadable(f"{path} holds no timings of two rounds or more")
    return ratios


def show(changes: list[Change]) -> None:
    """Print the races whose ratio moved, and how many did not."""
    table = Table("", "peer", "old", "new", "", box=None)
    moved = [change for change in changes if change.said]
    for change in moved:
        _, name, peer = change.race
        table.add_row(name, peer, f"{change.old:.3g}", f"{change.new:.3g}", change.said)
    console = Console(highlight=False)
    if moved:
        console.print(table)
    console.print(f"{len(changes)} races in both files, {len(moved)} differ beyond noise")


def main() -> int:
    """Compare, print; 1 if something became slower, 2 for a file that is not ours."""
    options = parse(Options, None, "python -m benchmarks.compare")
    try:
        changes = compare(read(options.old), read(options.new), options.least)
    except Unreadable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    show(changes)
    return int(any(change.said == "slower" for change in changes))


if __name__ == "__main__":
    sys.exit(main())
