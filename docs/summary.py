"""What `make` says in the end: how much is proved, what agrees, and where the site is.

Exits with 1 if a row is not verified, an experiment disagrees, or something is missing.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

from derivations.options import parse
from derivations.record import is_record
from derivations.rows import ROOT, ROWS
from experiments.fingerprint import deciding, fingerprint


def read(path: Path) -> dict[str, Any]:
    """A JSON object; an empty one if there is none at ``path``."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def measured(row: str, folder: Path) -> dict[str, Any]:
    """The verdict on ``row``; empty if there is none, or if its code has changed since."""
    settings = import_module(f"experiments.{row.replace('/', '.')}").Settings()
    current = fingerprint(row, deciding(settings))
    known = read(folder / "settings.json").get("fingerprint") == current
    return read(folder / "verdict.json") if known else {}


def summary(root: Path = ROOT) -> tuple[list[str], bool]:
    """The lines of the summary, in rich's markup, and whether all is well."""
    proofs = {row: read(root / f"results/derivations/{row}.json") for row in ROWS}
    verdicts = {row: measured(row, root / "results/experiments" / row) for row in ROWS}
    unverified = [row for row, found in proofs.items() if found.get("verified") is not True]
    differ = [row for row, found in verdicts.items() if found.get("agrees") is False]
    absent = [row for row, found in verdicts.items() if "agrees" not in found]
    agree = len(ROWS) - len(differ) - len(absent)
    site = root / "site" / "index.html"

    count: Counter[str] = Counter()
    for found in proofs.values():
        count.update(found.get("counts", {}))
    lines = [
        f"[bold]{len(ROWS)} rows[/]: {', '.join(ROWS)}",
        f"Steps: {count['proved']} proved, {count['numeric only']} checked numerically only, "
        f"{count['n ≤ 3']} checked for n ≤ 3; {count['assumed']} assumptions",
        *slowest(proofs),
        f"Experiments: {agree} agree, {len(differ)} disagree",
    ]
    for problem, rows in (
        ("not verified", unverified),
        ("theory and measurement disagree", differ),
        ("not measured, or changed since", absent),
    ):
        if rows:
            lines.append(f"[bold red]✗ {problem}:[/] {', '.join(rows)}")
    if site.exists():
        lines.append("The site is in site/; [bold]make serve[/] shows it at http://127.0.0.1:8000")
    else:
        lines.append("[bold red]✗ the site was not built[/]")
    return lines, not (unverified or differ or absent) and site.exists()


def slowest(proofs: dict[str, dict[str, Any]]) -> list[str]:
    """What verifying everything takes, and which step takes longest; nothing if nothing is known."""
    steps = [
        (line["seconds"], f"{row} {line['label']}")
        for row, found in proofs.items()
        if is_record(found)
        for line in found["lines"]
        if line["kind"] == "step"
    ]
    if not steps:
        return []
    seconds, name = max(steps)
    total = sum(each for each, _ in steps)
    return [f"Verification: {total:.0f} s of CPU time; the longest step, {name}, {seconds:.1f} s"]


@dataclass(frozen=True)
class Options:
    """Say how much is proved, what agrees, and where the site is; 1 unless all is well."""


def main() -> None:
    """Print the summary; exit with 1 unless all is well."""
    parse(Options, None, "python -m docs.summary")
    lines, well = summary()
    console = Console(highlight=False, soft_wrap=True)
    console.rule()
    for line in lines:
        console.print(line)
    sys.exit(not well)


if __name__ == "__main__":
    main()
