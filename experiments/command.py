"""Experiments on the command line: options, errors in one line, and the exit status.

0: theory and measurement agree. 1: they do not. 2: the settings cannot be used; nothing was
written.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import tyro

from derivations.options import reason
from derivations.rows import ROOT, ROWS, Refusal, UnknownRow, find_row
from experiments.results import RESULTS
from experiments.settings import Unusable

T = TypeVar("T")
Out = Annotated[Path, tyro.conf.arg(help="The folder for results.")]
HERE = Path(os.path.relpath(RESULTS))


@dataclass(frozen=True)
class Options:
    """Run experiments at their default size: all of them, or the rows named."""

    rows: tyro.conf.Positional[tuple[str, ...]] = ()
    """Rows, such as init/kaiming."""
    changed: bool = False
    """Only those whose code, settings or libraries changed since their last result."""
    list: bool = False
    """List the rows, and run nothing."""
    out: Out = HERE


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """``python -m experiments [ROW …] [--changed] [--list] [--out DIR]``."""
    options = parse(Options, argv, "python -m experiments")
    if options.list:
        print(*ROWS, sep="\n")
        sys.exit(0)
    try:
        rows = [find_row(name) for name in options.rows] or list(ROWS)
    except UnknownRow as error:
        fail(error)

    def work() -> int:
        from experiments.runner import (
            run_rows,
        )  # rich, pandas, scipy: a second that --help can do without

        return run_rows(rows, options.out, changed=options.changed)

    sys.exit(guarded(work))


def main_of(file: str, argv: Sequence[str] | None = None) -> NoReturn:
    """``python experiments/init/kaiming.py``: one experiment, with its settings as options."""
    row = Path(file).resolve().relative_to(ROOT / "experiments").with_suffix("").as_posix()
    module = importlib.import_module(f"experiments.{row.replace('/', '.')}")
    fields = [
        ("settings", module.Settings, field(default_factory=module.Settings)),
        ("out", Out, HERE),
    ]
    kind: Any = make_dataclass("Options", fields, frozen=True)
    kind.__doc__ = module.__doc__
    options: Any = parse(kind, argv, f"python experiments/{row}.py")

    def work() -> int:
        from experiments.runner import run_row

        return 0 if run_row(row, options.settings, options.out)["agrees"] else 1

    sys.exit(guarded(work))


def parse(kind: type[T], argv: Sequence[str] | None, program: str) -> T:
    """The options as a ``kind``; exits with 0 after --help, with 2 if they are wrong."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(kind, args=argv, prog=program, config=(tyro.conf.OmitArgPrefixes,))
    except SystemExit as stop:
        if not stop.code:
            raise
    fail(Refusal(re.sub(r"^Error parsing (settings|Options): ", "", reason(complaint.getvalue()))))


def guarded(work: Callable[[], int]) -> int:
    """The exit status of ``work``; settings that turn out to be unusable end in one line."""
    try:
        return work()
    except Unusable as error:
        fail(error)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        fail(f"not enough memory: {(str(error) or 'try a smaller size').splitlines()[0]}")
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130


def fail(reason: object) -> NoReturn:
    """Say in one line why nothing can be done, and exit with 2."""
    print(f"error: {reason}", file=sys.stderr)
    sys.exit(2)
