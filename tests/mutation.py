"""``make mutants``: change our code in one place at a time, and see a test fail each time.

mutmut makes the changes, tests/mutated.py tries them, file by file; docs/counts/tests.json has a record for each file,
with a key of the file and of the tests that were run. A file that has not changed since is not tried again, and one
that was not finished goes on where it stopped. Exits with 1 if less than 90 % of those tried are killed, if a
survivor has no reason (tests/survivors.py), or if one was not tried that should have been: all, or a ``--sample``.
"""

from __future__ import annotations

import ast
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from derivations.options import parse
from derivations.record import read_record, write_record
from derivations.rows import ROOT
from docs.tested import COUNTS, key, sources, stale, tests, totals
from tests.survivors import reason

DETAILS = ROOT / "results" / "tests"
LEFT_BEHIND = (".*", "node_modules", "site", "tests.json")  # not copied


@dataclass(frozen=True)
class Options:
    """Change our code, one place at a time: does a test fail? What has not changed since is not tried again."""

    files: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which files, such as impl/init/kaiming.py; all that are listed if none is named."""
    minutes: float = 600.0
    """After how many minutes to stop with each file."""
    sample: int | None = None
    """How many mutants of each file to try, drawn by chance; all if not given."""
    workers: int = 2
    """How many files at a time."""
    fresh: bool = False
    """Forget what is known."""


def main(options: Options) -> int:
    """Try what changed, print the count of each file and what lives, and put it on record."""
    files, failed = options.files or tuple(sources()), []
    with ThreadPoolExecutor(options.workers) as pool:
        for file, found in zip(files, pool.map(partial(attempt, options), files), strict=True):
            if not found:
                failed.append(file)
                continue
            record = read_record(COUNTS)
            kept = {f: r for f, r in record.get("files", {}).items() if f in sources()}
            write_record(COUNTS, {"files": dict(sorted({**kept, file: found}.items()))})
            print(f"{file}: {found['killed']} of {found['tried']} killed, {found['made']} made")
            print(*(f"  lives, no reason known: {one}" for one in found["unexplained"]), sep="\n")
    found = read_record(COUNTS)["files"]
    total = totals(found)
    unexplained = sum(len(one["unexplained"]) for one in found.values())
    print(f"all: {dict(total)}, alive without a reason: {unexplained}; stale: {stale(found)}")
    whole = all(one["tried"] >= wanted(options, one["made"]) for one in found.values())
    good = whole and total["killed"] >= 0.9 * total["tried"]
    return 0 if good and not (unexplained or stale(found) or failed) else 1


def wanted(options: Options, made: int) -> int:
    """How many of a file's mutants are to be tried."""
    return made if options.sample is None else min(made, options.sample)


def attempt(options: Options, file: str) -> dict[str, Any]:
    """The record of ``file``: what is known if it is whole, else after trying what is left."""
    known = read_record(COUNTS).get("files", {}).get(file, {})
    now, details = key(file), DETAILS / f"{file}.json"
    enough = known.get("key") == now and known["tried"] >= wanted(options, known["made"])
    before = read_record(details)
    if enough and not options.fresh:
        whole = before.get("key") == now  # what was found is there: a reason may be new
        return known | count(file, before["mutants"], before["text"]) if whole else known
    same = before.get("key") == now and not options.fresh
    decided = {k: v for k, v in before.get("mutants", {}).items() if v and v[0] in "kl"}
    first = {k: v.removeprefix("killed: ") for k, v in decided.items()}
    job = {
        "file": file,
        "tests": tests(file),
        "first": first,
        "known": decided if same else {},
        "seconds": 60 * options.minutes,
        "sample": options.sample,
        "out": str(details),
        "key": now,
    }
    details.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        copy = Path(name) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
        (copy / "job.json").write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "tests/mutated.py", "job.json"]
        mine = {**os.environ, "PYTHONPATH": str(copy)}
        ran = subprocess.run(command, cwd=copy, env=mine, capture_output=True, text=True)
    made = read_record(details)
    if ran.returncode or made.get("key") != now:
        print(f"{file}: its tests do not run:\n{ran.stdout}\n{ran.stderr}", file=sys.stderr)
        return {}
    return {"key": now, "tests": tests(file), **count(file, made["mutants"], made["text"])}


def count(file: str, mutants: dict[str, str | None], text: str) -> dict[str, Any]:
    """How many were made, tried and killed, and which live, with and without a reason."""
    lives = [k for k, v in mutants.items() if v and v.startswith("lives")]
    killed = [v for v in mutants.values() if v and v.startswith("killed")]
    reasons: Counter[str] = Counter()
    unexplained = []
    for change in changes(text, lives):
        if why := reason(file, change):
            reasons[why] += 1
        else:
            unexplained.append(change)
    return {
        "made": len(mutants),
        "tried": len(lives) + len(killed),
        "killed": len(killed),
        "cpu time": killed.count("killed: CPU time"),
        "explained": reasons.most_common(),
        "unexplained": unexplained,
    }


def changes(text: str, keys: list[str]) -> list[str]:
    """What each mutant changes: function: removed → added."""
    functions = {
        node.name: ast.unparse(node).splitlines()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    }
    found = []
    for mutant in keys:
        stem = mutant.rpartition("__mutmut_")[0]
        before, after = functions[f"{stem}__mutmut_orig"], functions[mutant]
        pair = (
            [line.replace(name, stem) for line in lines]
            for name, lines in ((f"{stem}__mutmut_orig", before), (mutant, after))
        )
        lines = [line for line in difflib.ndiff(*pair) if line[0] in "-+"]
        found.append(
            f"{stem.removeprefix('x_')}: " + " -> ".join(line[2:].strip() for line in lines)
        )
    return found


if __name__ == "__main__":
    sys.exit(main(parse(Options, None, "python tests/mutation.py")))
