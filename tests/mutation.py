"""``make mutants``: change our code in one place at a time, and see a test fail each time.

mutmut makes the changes, tests/mutated.py tries them, file by file; docs/counts/tests.json has a record for each file,
with a key of the file and of the tests that were run. A file that has not changed since is not tried again, and one
that was not finished goes on where it stopped. Exits with 1 if less than 90 % of those tried are killed, if a
survivor has no reason in ``REASONS``, or if one was not tried that should have been: all, or a random ``--sample``.
"""

from __future__ import annotations

import ast
import difflib
import json
import os
import re
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

DETAILS = ROOT / "results" / "tests"
LEFT_BEHIND = (".*", "node_modules", "site", "tests.json")  # not copied

STRICT = re.compile(r", strict=(True|False|None)")
LENGTHS = "both have one length by construction; strict= guards against a change of the code"

# Why a mutant lives: what its file and its change (function: removed line -> added line) match, and the reason.
REASONS: tuple[tuple[str, str, str], ...] = (
    ("", r"raise .* -> raise ", "the words of an error, of which tests read a part"),
    ("derivations/algebra.py", r"gap = sp.S.One", "what every way of simplifying replaces"),
    ("derivations/algebra.py", r"if swaps", "to replace nothing changes nothing"),
    ("derivations/cumulative.py", r"p\.base >= 1", "SymPy never writes a power of one"),
    ("derivations/domains.py", r"span = 10", "how far integers are drawn is cut again one line on"),
    ("derivations/domains.py", r"evalf\(None\)", "a range whose ends are whole numbers or π"),
    (
        "derivations/expectation.py",
        r"Dummy\(",
        "the name of a symbol that nobody sees, or a slower road",
    ),
    ("derivations/expectation.py", r"Poly\(both", "a polynomial in one symbol knows which"),
    ("experiments/", r"device", "without a GPU, no device is the CPU"),
    ("experiments/", r"ensure_ascii=|indent=None", "the same content, in other letters"),
    ("experiments/results.py", r"scratch, 'OLD'", "the name of a folder that nobody sees"),
    ("experiments/sketch.py", r"count and \(not other", "nothing added changes nothing"),
    ("experiments/streams.py", r"generate_state\(5\)$", "numpy's words have 32 bits by default"),
    ("experiments/ratios.py", r"asarray\(inputs\)", "pandas makes Python's words of numpy's"),
    ("experiments/passes.py", r"self\.vectors = torch\.empty", "what the first vectors replace"),
    ("experiments/passes.py", r"exp2\(\(before", "powers of two, the same in either precision"),
    ("experiments/stack.py", r"description|networks'|total=", "what a progress bar says"),
    ("experiments/stack.py", r"initializer|initargs", "threads change how long it takes"),
    ("experiments/stack.py", r"cpu_count", "on a machine whose number of cores is known"),
    (
        "experiments/final_law.py",
        r", 65\)|geomspace\(0\.0001, 150",
        "in steps of another size, to the same precision",
    ),
    ("experiments/inverse.py", r"searchsorted", "from a step before, it goes on to the same place"),
    ("experiments/law_inputs.py", r"if slope or True", "zero times the slope is zero"),
    ("experiments/law_inputs.py", r"signals\[1\]\.exp", "every layer has as many inputs"),
    (
        "experiments/law_kinds.py",
        r"1 - branch \* along|- deviation \* stream",
        "a normal number of the other sign has the same law",
    ),
    ("experiments/law_passes.py", r"default=1", "where no layer is kept, one is drawn in vain"),
    ("impl/", r"FAN_IN", "modes are read in lower case"),
    ("impl/tensors/subscripts.py", r"XX, XX", "an X is a letter anyway"),
    ("impl/tensors/subscripts.py", r"len\(terms\) >= len", "if they were equal nothing is said"),
    ("impl/tensors/einsum.py", r"get\(label, \(1, 1\)\)", "the one place along it is the first"),
    ("impl/tensors/frobenius.py", r"== 0, 2\)", "nothing divided by anything is nothing"),
    ("impl/init/relu.py", r"number <= 0", "zero times the slope is zero"),
    (
        "derivations/mean_field.py",
        r"asarray\(variance, None|asarray\(found\)|ones_like\(None",
        "roots and products of whole numbers and of numpy's objects are floats as well",
    ),
    ("derivations/proof.py", r"time\.process_time", "how long it took, which no test times"),
    (
        "derivations/points.py",
        r"none was tried|NONE WAS TRIED",
        "one point at least is always tried",
    ),
    ("derivations/points.py", r"range\(5 \* points", "how often another point is tried at most"),
    ("derivations/proof.py", r"replace\('_', 'XX", "the words of a reason"),
    ("derivations/outcomes.py", r"nodes = \[0", "the same five points in another order"),
    ("derivations/outcomes.py", r"choice\(|side / v", "another random law that is as good"),
    ("derivations/numeric.py", r"Dummy\(", "the name of a symbol that nobody sees"),
    ("derivations/numeric.py", r"_inside\(z", "one end says it if the variable has a sign"),
    ("derivations/vectorised.py", r"dtype\.kind in", "what is a float already stays one"),
    (
        "impl/depth/dying.py",
        r"dead\.mul\(2|length - dead",
        "nothing divided by anything is nothing",
    ),
    ("impl/depth/weight_law.py", r"uniform_\(-1, generator", "torch draws up to 1 by default"),
    ("impl/depth/weight_law.py", r"\] - g\[2\]", "another random law that is as good"),
    ("experiments/verdict.py", r"RECORDS|STABLE", "pandas and numpy read them in lower case"),
    ("impl/tensors/tile.py", r"NUMBER\(None\)", "llvmlite writes zero where there is no number"),
    ("impl/tensors/simd.py", r"\(DEPTH \+ 2\) \* COLUMNS", "room beyond all that is used"),
    ("impl/tensors/tile.py", r"store\(corners, add=None\)", "None is False to an if"),
    ("impl/tensors/schedules.py", r"^schedule: ", "a schedule decides how long it takes alone"),
    ("impl/backprop/loss.py", r"float\('NAN'\)", "Python reads it in either case"),
    ("impl/tensors/simd.py", r"hasattr\(None|Executor\(None", "it changes how long it takes"),
    ("impl/backprop/fused.py", r"new_zeros\(3\)|\(3, strips", "zeros beyond all that is read"),
    ("impl/depth/exact_law.py", r"shape\[0\] >= tensor", "a square matrix, from either side"),
    ("impl/depth/exact_law.py", r"if i else 1|if i or True", "the first has none before it"),
    ("impl/depth/exact_law.py", r"range\(3 if", "a third time changes no more than rounding does"),
    (
        "impl/tensors/broadcasting.py",
        r"before = \(2,\)",
        "what is missing is summed, whatever its size",
    ),
    ("impl/", r"einsum\('[^']*[A-Z]", "the letters of an einsum, which are as good in upper case"),
    ("impl/backprop/conv.py", r"new_zeros\(.*3 \* padding", "zeros beyond all that is read"),
    ("impl/backprop/cross_entropy.py", r"gradient\.sum\(\+1\)", "of two dimensions, the last is 1"),
    ("impl/init/_", r"strip\('XX_XX'\)", "no operation has a name that ends in X"),
    ("impl/init/xavier.py", r"else 1\.0", "where there is nothing to fill"),
    (
        "impl/depth/jacobian.py",
        r"divisor\.masked_fill\(straight, 2\)",
        "what is at right angles is not turned, whatever the divisor",
    ),
)


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
        known = (why for where, what, why in REASONS if where in file and re.search(what, change))
        same = len({STRICT.sub("", side) for side in change.partition(": ")[2].split(" -> ")}) == 1
        if why := LENGTHS if same else next(known, ""):
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
