"""What verification found, as JSON: made once for each content of derivation, engine, paper notes and SymPy."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import mpmath
import sympy

from derivations import load
from derivations.latex import PaperPrinter, equation
from derivations.notation import PAPERS, read_paper
from derivations.proof import Checked, Derivation, Given, Prediction, verify
from derivations.rows import ROOT, ROWS
from derivations.sources import place_of, shown, source_file, source_of, sources_of
from derivations.spoken import spoken

RESULTS = ROOT / "results" / "derivations"
Record = dict[str, Any]

LARGEST = 2**24  # bytes of a record that is read; ours are a hundred kilobytes
STATUSES = ("proved", "numeric only", "n ≤ 3", "assumed", "failed")
# What a record, each of its lines, and each of its steps must have.
FIELDS: dict[str, Any] = {"row": str, "title": str, "paper": str, "section": str, "claim": str}
FIELDS |= {"verified": bool, "seconds": float, "counts": dict, "file": str, "lines": list}
FIELDS |= {"predictions": list, "symbols": list}
LINE: dict[str, Any] = {"kind": str, "label": str, "ref": str, "status": str}
STEP: dict[str, Any] = {"number": int, "latex": str, "linked": str, "spoken": str, "text": str}
STEP |= {"why": str, "detail": str}
STEP |= {"seconds": float, "points": int, "digits": int, "code": str, "line": int}


def content_key(derivation: Derivation, python: str = sys.version) -> str:
    """A hash of all that the outcome depends on; of the version of Python too, unless it is given as empty."""
    engine = sorted(Path(__file__).parent.glob("*.py"))
    notes = [PAPERS / f"{key}.md" for key in derivation.papers]
    digest = hashlib.sha256(f"{sympy.__version__} {mpmath.__version__} {python}".encode())
    for path in (*sources_of(derivation), *engine, *notes):
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def record(
    derivation: Derivation, *, seed: int = 0, points: int = 5, fresh: bool = False
) -> Record:
    """The outcome for every line, from the cache if nothing has changed since (unless ``fresh``)."""
    key = content_key(derivation)
    path = RESULTS / f"{derivation.row}.json"
    # Only rows are kept, and only as they are usually checked.
    kept = (seed, points) == (0, 5) and source_of(derivation) == source_file(derivation.row)
    if kept and not fresh:
        known = read_record(path)
        if known.get("key") == key and is_record(known):
            return known
    made = _record(derivation, list(verify(derivation, seed=seed, points=points)), key)
    if kept:
        write_record(path, made)
    return made


def verify_row(job: tuple[str, int, int, bool]) -> Record:
    """The record of one row or file: (row, seed, points, fresh). On its own, for worker processes."""
    row, seed, points, fresh = job
    try:
        return record(load(row), seed=seed, points=points, fresh=fresh)
    except Exception as error:  # a file that cannot even be loaded is a derivation that fails
        made = _unloadable(row, problem(error))
        if row in ROWS:
            write_record(RESULTS / f"{row}.json", made)
        return made


def problem(error: Exception) -> str:
    """An exception in one line, with the line of the file that raised it."""
    name = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    here = Path(__file__).parent
    inside = [
        frame
        for frame in frames
        if not frame.filename.startswith("<")
        and Path(frame.filename).parent != here
        and "importlib" not in Path(frame.filename).parts
    ]
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{name}: {error.msg} (line {error.lineno})"
    if inside:
        return f"{name}: {error} (line {inside[0].lineno}: {inside[0].line})"
    return f"{name}: {error}"


def _unloadable(row: str, error: str) -> Record:
    """The record of a row whose derivation cannot be loaded, or not be put on record."""
    line = {
        "kind": "step",
        "number": 1,
        "label": "load",
        "latex": "",
        "linked": "",
        "spoken": "",
        "text": source_file(row).name,
        "why": "the file must load before its steps can be checked",
        "ref": "ours",
        "status": "failed",
        "detail": "",
        "seconds": 0.0,
        "points": 0,
        "digits": 0,
        "error": error,
        "line": 1,
        "code": "",
    }
    return {
        "row": row,
        "title": row,
        "paper": "ours",
        "section": "",
        "claim": "This derivation cannot be loaded.",
        "verified": False,
        "seconds": 0.0,
        "counts": {**dict.fromkeys(STATUSES, 0), "failed": 1},
        "file": str(source_file(row).relative_to(ROOT)) if row in ROWS else row,
        "lines": [line],
        "predictions": [],
        "symbols": [],
    }


def _record(derivation: Derivation, checked: list[Checked], key: str) -> Record:
    outcome = {c.step.label: c for c in checked}
    source, *others = sources_of(derivation)
    lines: list[Record] = []
    for line in derivation.lines:
        if isinstance(line, Given):
            shared = {"label": line.label, "statement": line.statement, "ref": line.ref}
            lines.append({"kind": "given", **shared, "status": "assumed"})
        else:
            number = sum(one["kind"] == "step" for one in lines) + 1
            place = place_of(source, others, line.label)
            lines.append(
                {
                    "kind": "step",
                    "number": number,
                    **_step(derivation, outcome[line.label]),
                    **place,
                }
            )
    counts = Counter(line["status"] for line in lines)
    return {
        "row": derivation.row,
        "title": derivation.title,
        "paper": derivation.papers[0] if derivation.papers else "ours",
        "section": derivation.section,
        "claim": derivation.claim,
        "verified": bool(checked) and counts["failed"] == 0,
        "seconds": round(sum(c.seconds for c in checked), 3),
        "versions": {
            "python": platform.python_version(),
            "sympy": sympy.__version__,
            "mpmath": mpmath.__version__,
        },
        "counts": {status: counts[status] for status in STATUSES},
        "file": shown(source),
        "lines": lines,
        "predictions": [_prediction(derivation, p) for p in derivation.predictions],
        "symbols": _symbols(derivation),
        "key": key,
    }


def _step(derivation: Derivation, checked: Checked) -> Record:
    step = checked.step
    printer = PaperPrinter(derivation.papers)
    return {
        "label": step.label,
        "lhs": printer.doprint(step.lhs),
        "rhs": printer.doprint(step.rhs),
        "latex": equation(derivation.papers, step.lhs, step.rhs),
        "linked": equation(derivation.papers, step.lhs, step.rhs, links=True),
        "spoken": spoken(derivation.papers, step.lhs, step.rhs),
        "text": f"{step.lhs} = {step.rhs}",
        "why": step.why,
        "ref": step.ref,
        "status": checked.status,
        "detail": checked.detail,
        "seconds": round(checked.seconds, 3),
        "points": checked.points,
        "digits": checked.digits,
        "error": checked.error,
    }


def _prediction(derivation: Derivation, prediction: Prediction) -> Record:
    expression = derivation.expression(prediction)
    names = ", ".join(str(s) for s in derivation.arguments(prediction))
    return {
        "name": prediction.name,
        "latex": PaperPrinter(derivation.papers).doprint(expression),
        "signature": f"{prediction.name}({names})",
        "doc": prediction.doc,
        "step": prediction.step,
        "variance": prediction.variance,
    }


def _symbols(derivation: Derivation) -> list[Record]:
    """The table entries of every symbol that occurs in the derivation's steps."""
    used = {
        str(getattr(atom, "func", atom) if atom.args else atom)
        for step in derivation.steps
        for side in (step.lhs, step.rhs)
        for atom in side.atoms(sympy.Symbol, sympy.Function, sympy.IndexedBase)
    }
    found: dict[str, Record] = {}
    for key in derivation.papers:
        for name, entry in read_paper(key).symbols.items():
            if name in used and name not in found:
                shown = {k: getattr(entry, k) for k in ("name", "latex", "say", "meaning", "unit")}
                found[name] = {**shown, "paper": key}
    return list(found.values())


def read_record(path: Path) -> Record:
    """The JSON object at ``path``; an empty one if there is none, or if it is damaged or too large."""
    try:
        if path.stat().st_size > LARGEST:
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_record(found: Record) -> bool:
    """Has ``found`` all that the record of a row has, each of its type?"""
    lines = found.get("lines")
    if not _has(found, FIELDS) or not isinstance(lines, list):
        return False
    steps = [line for line in lines if isinstance(line, dict) and line.get("kind") == "step"]
    if not (all(_has(line, LINE) for line in lines) and all(_has(step, STEP) for step in steps)):
        return False
    count = Counter(line["status"] for line in lines)
    if found["counts"] != {status: count[status] for status in STATUSES}:
        return False
    return found["verified"] is (bool(steps) and count["failed"] == 0)  # nobody may say otherwise


def _has(found: object, fields: Record) -> bool:
    return isinstance(found, dict) and all(
        isinstance(found.get(name), kind) for name, kind in fields.items()
    )


def write_record(path: Path, made: Record) -> None:
    """Write JSON to ``path``, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(made, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
