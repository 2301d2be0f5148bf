"""Whatever is in a file or on the command line, readers read it or refuse it in one line, soon, and write nothing.

Here with a few hundred inputs each; ``make fuzz`` (python tests/test_fuzz.py --inputs 100000) takes its time, and puts
the counts on record.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path

# Before the clock runs: a table needs pandas, a device torch.
import pandas as pd  # noqa: F401
import pytest
import torch  # noqa: F401
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.progress import track

from derivations import load
from derivations.notation import PAPERS, NotationError, parse_note, read_paper
from derivations.record import is_record, read_record, record, write_record
from derivations.rows import ROOT, UnknownRow, find
from docs import extension, records
from experiments import results
from experiments.command import parse
from experiments.init.kaiming import Settings
from experiments.settings import Unusable

SLOWEST = 1.0  # seconds that any reader may take
LONGEST = 600  # characters of a refusal

NOTE = b"""---
key: me2020
title: A title
authors: [A. Author]
year: 2020
equations:
  "1": {latex: 'a = b', says: it says so}
symbols:
  fan_in: {latex: n_l, unicode: n, say: n, meaning: inputs, unit: '1', domain: positive integer, minimum: 2}
  rho: {latex: rho, unicode: r, say: rho, meaning: likeness, unit: '1', domain: correlation}
---
# Text
"""
HOSTILE = [b"\xff\xfe", b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, "é".encode("utf-16")]
HOSTILE += rb"""NaN -Infinity 1e999 null true &a:[*a,*a] <<:1 ?[a] 0x 1:2:3 2001-99-99 ../../etc/passwd
    !!python/object/apply:os.system[true] !!binary:x ' " { } ,, \ """.split()
HOSTILE += [b"\x00", b"\r\n", b"\n", b"\t", b"---\n"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, valid: bytes) -> bytes:
    """A valid file with a piece cut out, and something put there; or something else altogether."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=60))
    first, last = sorted(draw(st.integers(0, len(valid))) for _ in range(2))
    if draw(st.booleans()):
        last = min(last, first + 12)
    chunk = draw(st.sampled_from(HOSTILE) | st.binary(max_size=6) | st.just(b""))
    return valid[:first] + chunk + valid[last:]


@st.composite
def retyped(draw: st.DrawFn, valid: dict[str, object]) -> bytes:
    """A JSON object of which one value, at the top or one level deeper, is something else."""
    data = json.loads(json.dumps(valid))
    place, key = data, draw(st.sampled_from(sorted(data)))
    inner = data[key][0] if isinstance(data[key], list) and data[key] else data[key]
    if isinstance(inner, dict) and inner and draw(st.booleans()):
        place, key = inner, draw(st.sampled_from(sorted(inner)))
    place[key] = draw(VALUES)
    return json.dumps(data).encode()


def note(content: bytes) -> None:
    """A paper note, and the symbols that derivations make of it."""
    for entry in parse_note("me2020", content).symbols.values():
        assert entry.symbol.name == entry.name


def kept_record(content: bytes) -> None:
    """A record of a derivation, as a page shows it."""
    path = folder() / "record.json"
    path.write_bytes(content)
    if not is_record(read_record(path)):
        raise records.Missing("damaged")


def shown_record(content: bytes) -> None:
    """The page of a row whose record is damaged: a page, or a red box."""
    kept, records.ROOT = records.ROOT, folder()
    try:
        path = folder() / "results/derivations/init/kaiming.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        page = extension.expand("<!-- derivation: init/kaiming -->", "init/kaiming.md")
    finally:
        records.ROOT = kept
    if "Not verified or not measured" in page:
        raise records.Missing("a red box")


def result(content: bytes) -> None:
    """The three files of a result folder, of which one is damaged."""
    place = folder() / "result"
    place.mkdir(exist_ok=True)
    damage = content[:1].decode("latin1")
    for name, valid in RESULT.items():
        (place / name).write_bytes(content[1:] if damage == name[0] else valid)
    results.read(place)


def row(content: bytes) -> None:
    """A row's name, or a file's."""
    find(content.decode("utf-8", "surrogateescape"))


def options(content: bytes) -> None:
    """The options of an experiment."""
    words = content.decode("utf-8", "replace").split()
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(io.StringIO()):
            parse(Settings, words, "fuzz")
    except SystemExit as stop:
        if stop.code:
            assert complaint.getvalue().startswith("error: ")
            assert complaint.getvalue().count("\n") == 1
            raise Unusable(complaint.getvalue()) from None


RESULT = {
    "settings.json": b'{"row": "a/b", "command": "x", "settings": {}, "versions": {}, "fingerprint": "0"}\n',
    "table.csv": b"layer,statistic,input,measured,standard_error,predicted,z,p,agrees\n1,a,b,1,1,1,0,1,True\n",
    "verdict.json": b'{"agrees": true, "sentence": "s", "comparisons": 1, "figures": []}\n',
}
OPTION = [f"--{each.name.replace('_', '-')}" for each in fields(Settings)]
VALUE = ["1", "-1", "nan", "inf", "1e400", "9" * 5000, "digit", "../x", "é", "--x", "--", "-h"]
WORD = st.sampled_from(OPTION + VALUE)
_FOLDER: list[Path] = []


def folder() -> Path:
    """One folder for all inputs."""
    if not _FOLDER:
        _FOLDER.append(Path(tempfile.mkdtemp()))
    return _FOLDER[0]


COUNTED = ("inputs", "read", "refused", "crashes", "slowest")


@dataclass
class Reader:
    """What reads, what it is fed, how it may refuse, and its share of all inputs."""

    name: str
    read: Callable[[bytes], None]
    inputs: st.SearchStrategy[bytes]
    refusals: tuple[type[Exception], ...]
    share: float
    count: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(
            ("inputs", "read", "refused", "crashes", "slowest"), 0
        )
    )

    def feed(self, content: bytes) -> None:
        """Feed one input, and count; AssertionError for a crash, or for what takes too long."""
        start = time.process_time()
        self.count["inputs"] += 1
        said = ""
        try:
            self.read(content)
            self.count["read"] += 1
        except self.refusals as error:
            self.count["refused"] += 1
            said = str(error)
        except Exception as error:
            self.count["crashes"] += 1
            raise AssertionError(f"{self.name}: {type(error).__name__}: {error}") from error
        seconds = time.process_time() - start
        self.count["slowest"] = max(self.count["slowest"], seconds)
        assert "\n" not in said.strip(), f"{self.name}: a refusal of several lines"
        assert len(said) < LONGEST, f"{self.name}: a refusal of {len(said)} characters"
        assert seconds < SLOWEST, f"{self.name} took {seconds:.1f} s"


def readers() -> list[Reader]:
    """All readers, fed with damage to what is valid."""
    whole = record(load("tensors/frobenius"))
    lines = whole["lines"][:3]
    count = {s: sum(line["status"] == s for line in lines) for s in whole["counts"]}
    small = {**whole, "lines": lines, "counts": count}
    text = json.dumps(small).encode()
    parts = st.one_of(
        *(damaged(v).map(lambda c, n=n: n[:1].encode() + c) for n, v in RESULT.items())
    )
    names = st.text(max_size=30).map(lambda t: t.encode("utf-8", "surrogateescape")) | damaged(
        b"init/kaiming"
    )
    words = st.lists(WORD, max_size=5).map(lambda words: " ".join(words).encode())
    return [
        Reader("paper note", note, damaged(NOTE), (NotationError,), 0.3),
        Reader("record", kept_record, damaged(text) | retyped(small), (records.Missing,), 0.25),
        Reader("page of a record", shown_record, retyped(small), (records.Missing,), 0.1),
        Reader("result", result, parts, (results.ResultError,), 0.15),
        Reader("row name", row, names, (UnknownRow,), 0.15),
        Reader("options", options, words, (Unusable,), 0.05),
    ]


@pytest.mark.parametrize("reader", readers(), ids=lambda reader: reader.name)
def test_a_damaged_input_is_read_or_refused(reader: Reader) -> None:
    fuzz(reader, 150)
    assert reader.count["refused"]
    assert reader.count["read"] or reader.name == "row name"


def fuzz(reader: Reader, inputs: int, seed: int | None = None) -> None:
    """Feed about ``inputs`` inputs, the same ones for the same ``seed``."""
    quick = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}
    quick |= {"phases": (Phase.generate,), "max_examples": inputs, "derandomize": seed is None}

    @settings(**quick)  # type: ignore[arg-type]
    @given(reader.inputs)
    def feed(content: bytes) -> None:
        reader.feed(content)

    feed()


@pytest.mark.parametrize(
    "content",
    [
        b"---\nkey: me2020\nx: " + b"9" * 10**6 + b"\n---\n",
        b"---\nkey: me2020\nx: " + b"9" * 10**5 + b"\n---\n",
        b"---\nkey: me2020\nx: " + b"[" * 10**5 + b"\n---\n",
        b"---\nkey: me2020\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\n",
    ],
)
def test_bombs_in_a_note_are_refused_at_once(content: bytes) -> None:
    reader = readers()[0]
    reader.feed(content)
    assert reader.count["refused"] == 1


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "init/../../x", "/etc/passwd", "init/kaiming\0", "a" * 10**6]
)
def test_a_row_name_is_never_a_path(name: str) -> None:
    with pytest.raises(UnknownRow) as caught:
        find(name)
    assert len(str(caught.value)) < 400
    with pytest.raises(NotationError):
        read_paper(name)


@dataclass(frozen=True)
class Options:
    """Feed damaged inputs to everything that reads, and put the counts on record."""

    inputs: int = 100_000
    """How many, over all readers."""


def main(inputs: int) -> None:
    """Feed this many to all readers."""
    if inputs < 100:
        sys.exit(f"error: --inputs must be at least 100, got {inputs}")
    before = {path: path.read_bytes() for path in (ROOT / "papers").glob("*.md")}
    found = []
    for reader in track(readers(), "readers", transient=True, disable=not sys.stdout.isatty()):
        fuzz(reader, math.ceil(inputs * reader.share), seed=0)
        found.append({"reader": reader.name, **reader.count})
        print(found[-1], flush=True)
    assert before == {path: path.read_bytes() for path in PAPERS.glob("*.md")}
    write_record(records.COUNTS / "fuzz.json", {"readers": found})


if __name__ == "__main__":
    main(parse(Options, None, "python tests/test_fuzz.py").inputs)
