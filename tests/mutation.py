"""``make mutants``: change our code in one place at a time, and see a test fail each time (two hours or more).

mutmut makes the changes and runs the tests ([tool.mutmut] in pyproject.toml); what it did is kept, so that it can be
stopped and run again. This script counts what was killed, finds the reason for what lives in ``REASONS``, and writes
docs/counts/tests.json; what was not tried yet is counted, too. Exits with 1 if less than 90 % of what was tried
are killed, if a survivor has no reason, or if something was not tried. ``--count`` only counts.
"""

from __future__ import annotations

import ast
import difflib
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import tyro

from derivations.record import write_record
from derivations.rows import ROOT

COPIES = ROOT / "mutants"
KILLED = {1, 3, 24, -24, 36, 152, 255}  # a test failed, or did not end in time
NUMBERS = ("made", "tried", "killed", "explained")

# Why a mutant lives: what it must match (function: removed line → added line), and the reason.
REASONS: tuple[tuple[str, str], ...] = (
    (
        r"strict=",
        "both have one length by construction; strict= guards against a change of the code",
    ),
    (
        r"XX|-> .*raise |warnings\.warn",
        "the words of an error or warning, of which tests read a part",
    ),
    (r"dtype=|asarray", "what comes in has this type already"),
    (r"kind='", "the order of ties, which nothing depends on"),
    (r"device", "on a machine without a GPU, no device is the CPU"),
    (r"x_uses|eval_subs", "its tests look at functions' modules, which a mutated copy hides"),
    (r"1000000000\.0", "infinitely many degrees of freedom, as a number"),
    (r"<= levels", "a p-value exactly at a level has probability zero"),
    (r"keep = None", "weights that are not kept are drawn again, to the same bits"),
    (r"torch\.zeros\(|amax", "a shape that broadcasting mends"),
    (r"cpu_count", "on a machine whose number of cores is known"),
    (r"sort=|ignore_index", "the order of groups, and numbers of rows, which nothing reads"),
    (r"masked_fill", "zero over anything is zero"),
    (r"direction = ", "a step of 2 to the same side has the same limit"),
    (r"min\(10, span\)|span = 10", "how far integers are drawn, where the range ends before"),
    (r"_limit", "a seed, or a point, that the expressions in limits do not use"),
)


def main(count: bool = False) -> int:
    """Change our code, one place at a time, and see if a test fails; put the counts on record.

    Args:
        count: Only count what earlier runs did.
    """
    if not count:
        subprocess.run([sys.executable, "-m", "mutmut", "run", "--max-children", "2"], cwd=ROOT)
    files, survivors = [], []
    for path in sorted(COPIES.rglob("*.py.meta")):
        name = path.relative_to(COPIES).as_posix().removesuffix(".meta")
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        tried = {key: code for key, code in codes.items() if code is not None}
        if not codes:
            continue
        lives = [key for key, code in tried.items() if code not in KILLED]
        count_of = {"made": len(codes), "tried": len(tried), "killed": len(tried) - len(lives)}
        files.append({"file": name, **count_of, "explained": 0})
        survivors += [(files[-1], text) for text in changes(path.with_suffix(""), lives)]
    reasons: Counter[str] = Counter()
    unexplained = []
    for file, text in survivors:
        reason = next((why for pattern, why in REASONS if re.search(pattern, text)), None)
        if reason:
            reasons[reason] += 1
            file["explained"] += 1  # type: ignore[operator]
        else:
            unexplained.append(text)
    total = {
        name: sum(int(str(f[name])) for f in files) for name in ("made", "killed", "explained")
    }
    explained = [{"why": why, "number": number} for why, number in reasons.most_common()]
    found = {"files": files, "all": total, "explained": explained, "unexplained": unexplained}
    write_record(ROOT / "docs" / "counts" / "tests.json", found)
    print(*unexplained, f"{total}, without a reason: {len(unexplained)}", sep="\n")
    whole = total["tried"] == total["made"]
    return 0 if whole and total["killed"] >= 0.9 * total["made"] and not unexplained else 1


def changes(path: Path, keys: list[str]) -> list[str]:
    """What each mutant changes: function: removed → added."""
    functions = {
        node.name: ast.unparse(node).splitlines()[1:]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    found = []
    for key in keys:
        name = key.rpartition(".")[2]
        stem = name.rpartition("__mutmut_")[0]
        before, after = functions.get(f"{stem}__mutmut_orig", []), functions.get(name, [])
        lines = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
        found.append(f"{path.name} {stem}: " + " -> ".join(line[2:].strip() for line in lines))
    return found


if __name__ == "__main__":
    sys.exit(tyro.cli(main, prog="python tests/mutation.py"))
