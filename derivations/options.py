"""Options of a command line: a dataclass in, its values out, and every mistake in one line."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Sequence
from typing import TypeVar

import tyro

T = TypeVar("T")


def parse(kind: type[T], argv: Sequence[str] | None, program: str) -> T:
    """The options as a ``kind``; exits with 0 after --help, and with 2 and one line if they are wrong."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(kind, args=argv, prog=program)
    except SystemExit as stop:
        if not stop.code:
            raise
    print(f"error: {reason(complaint.getvalue())}", file=sys.stderr)
    sys.exit(2)


def reason(complaint: str) -> str:
    """What tyro complains of, without its frame (or, where there are no box characters, rules), and advice."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", complaint)  # without colours
    lines = [line.strip("│ ") for line in plain.splitlines()[1:]]  # the first is a title
    rules = [not line.strip("─-╭╮╰╯") for line in lines]
    first = rules.index(False) if False in rules else 0
    last = next((i for i in range(first, len(lines)) if rules[i]), len(lines))
    return " ".join(lines[first:last]) or "the options cannot be read"
