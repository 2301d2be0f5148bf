"""The page of commands: every ``make`` target, and what each program says to ``--help`` when the site is built."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import runpy
import sys
import textwrap
from collections.abc import Iterator
from unittest import mock

from derivations.rows import ROOT, ROWS
from docs.records import indent, table

COLUMNS = ("derivations", "experiments", "docs", "benchmarks")
SCRIPTS = ("tests/test_fuzz.py", "tests/kill_campaign.py", "tests/mutation.py")
WORKERS = {"benchmarks.memory"}  # started by others, never by hand
MORE = {"python -m experiments": ("sweep", "stack"), "python -m docs.literate": ("run", "export")}
WIDTH = 88  # characters of a line of help


def programs() -> Iterator[tuple[str, str]]:
    """Every program that can be started: its command line, and its module or file."""
    for column in COLUMNS:
        for path in sorted((ROOT / column).rglob("*.py")):
            inside = path.relative_to(ROOT).with_suffix("").parts
            if (
                "node_modules" in inside
                or "/".join(inside[1:]) in ROWS
                or not _starts(path.read_text("utf-8"))
            ):
                continue
            module = ".".join(inside).removesuffix(".__main__")
            if module not in WORKERS:
                yield f"python -m {module}", module
    yield from ((f"python {name}", name) for name in SCRIPTS)


def experiments() -> Iterator[tuple[str, str]]:
    """The experiment of each row."""
    yield from ((f"python experiments/{row}.py", f"experiments/{row}.py") for row in ROWS)


def _starts(text: str) -> bool:
    """Does a file do something when it is started, as a statement and not as a text?"""
    tests = (node.test for node in ast.parse(text).body if isinstance(node, ast.If))
    return any(ast.unparse(test) == "__name__ == '__main__'" for test in tests)


def run(place: str, *arguments: str) -> tuple[int, str, str]:
    """Start a program in this process: its exit status, and what it says, and complains of."""
    said, complaint, status = io.StringIO(), io.StringIO(), 0
    name = place if place.endswith(".py") else place.replace(".", "/")
    started = f"{place}.__main__" if (ROOT / name).is_dir() else place
    surroundings = {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    with (
        mock.patch.object(sys, "argv", [name, *arguments]),
        mock.patch.dict(os.environ, surroundings),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(complaint),
    ):
        before = sys.modules.pop(started, None)  # if it is imported already, runpy warns
        try:
            if place.endswith(".py"):
                runpy.run_path(str(ROOT / place), run_name="__main__")
            else:
                runpy.run_module(place, run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        finally:
            if before is not None:
                sys.modules[started] = before
    return status, said.getvalue(), complaint.getvalue()


def help_of(place: str, *arguments: str) -> str:
    """What a program says to ``--help``: without rules, without this machine's folders, in lines of one width."""
    _, said, _ = run(place, *arguments, "--help")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", said).replace(f"{ROOT}/", "").splitlines()
    told = [line.rstrip() for line in lines if line.strip(" ─-") or not line.strip()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(map(_wrapped, told))).strip()


def _wrapped(line: str) -> str:
    indented = line[: len(line) - len(line.lstrip())]
    return "\n".join(textwrap.wrap(line, WIDTH, subsequent_indent=indented)) or line


def targets() -> list[list[str]]:
    """What ``make help`` lists: each target, and what it does."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return [
        [f"`make {name}`", told]
        for name, told in re.findall(r"^([a-z-]+):.*?## (.+)$", text, re.MULTILINE)
    ]


def _makes(_: str, up: str) -> str:
    return table(["command", "what it does"], targets())


def _programs(_: str, up: str) -> str:
    parts = []
    for command, place in programs():
        for more in ((), *((each,) for each in MORE.get(command, ()))):
            name = " ".join([command, *more])
            parts.append(f"### `{name}`\n\n```text\n{help_of(place, *more)}\n```")
    return "\n\n".join(parts)


def _experiments(_: str, up: str) -> str:
    parts = []
    for command, place in experiments():
        parts.append(f'??? note "{command}"\n' + indent(f"```text\n{help_of(place)}\n```"))
    return "\n\n".join(parts)


RULES = {"makes": _makes, "programs": _programs, "experiment-options": _experiments}
