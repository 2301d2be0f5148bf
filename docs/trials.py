"""Directives that say how to try a row: a small run, and questions that change one of its settings.

``<!-- small: init/kaiming --depth 10 --width 64 -->`` and
``<!-- what-if: init/kaiming --initialiser xavier | disagrees | What if the gain were 1? … -->``: the options are
those of the experiment's command line, and are read as it reads them. A page shows commands, a notebook runs them.
"""

from __future__ import annotations

import contextlib
import io
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any

from mkdocs.exceptions import PluginError

from derivations.rows import Refusal, find_row
from docs.records import indent
from experiments.command import parse

VERDICTS = {"agrees": "exit status 0", "disagrees": "exit status 1"}


@dataclass(frozen=True)
class Trial:
    """A run of a row with ``options``: a small one, or one with a question and the verdict it should meet."""

    row: str
    options: tuple[str, ...]
    verdict: str = "agrees"
    words: str = ""

    @property
    def command(self) -> str:
        """The command that runs it."""
        return shlex.join(["python", f"experiments/{self.row}.py", *self.options])


def small(argument: str) -> Trial:
    """The trial of a directive ``small``. Raises PluginError if its options cannot be read."""
    row, *options = shlex.split(argument)
    trial = Trial(_row(row), tuple(options))
    settings(trial.row, options)
    return trial


def what_if(argument: str) -> Trial:
    """The trial of a directive ``what-if``. Raises PluginError if it lacks a part, or cannot be read."""
    parts = [part.strip() for part in argument.split("|", 2)]
    if len(parts) < 3 or parts[1] not in VERDICTS or "?" not in parts[2]:
        raise PluginError(
            f"what-if: must be ROW OPTIONS | {' or '.join(VERDICTS)} | a question? and its answer, got {argument!r}"
        )
    row, *options = shlex.split(parts[0])
    settings(_row(row), options)
    return Trial(row, tuple(options), parts[1], parts[2])


def settings(row: str, options: Sequence[str]) -> Any:
    """The settings of ``row`` for options of its command line. Raises PluginError if it refuses them."""
    complaint = io.StringIO()
    kind = import_module(f"experiments.{row.replace('/', '.')}").Settings
    try:
        with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(complaint):
            return parse(kind, options, "")
    except SystemExit:
        reason = complaint.getvalue().removeprefix("error: ").strip()
        raise PluginError(f"{row} does not take {shlex.join(options)}: {reason}") from None


def changed(chosen: Any) -> dict[str, Any]:
    """The settings that are not at their default, by name."""
    default = type(chosen)()
    found = {field.name: getattr(chosen, field.name) for field in fields(chosen)}
    return {name: value for name, value in found.items() if value != getattr(default, name)}


def _row(name: str) -> str:
    try:
        return find_row(name)
    except Refusal as error:
        raise PluginError(str(error)) from None


def _small(argument: str, up: str) -> str:
    return f"A small run, for a first look:\n\n```sh\n{small(argument).command}\n```"


def _what_if(argument: str, up: str) -> str:
    trial = what_if(argument)
    question, _, answer = trial.words.partition("?")
    verdict = f"The verdict: *{trial.verdict}* ({VERDICTS[trial.verdict]})."
    body = f"{answer.strip()} {verdict}\n\n```sh\n{trial.command}\n```"
    return f'??? question "{question}?"\n{indent(body)}'


RULES = {"small": _small, "what-if": _what_if}
