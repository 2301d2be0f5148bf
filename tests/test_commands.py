"""The page of commands lists all of them; each explains itself, and tells a mistake in one line."""

from __future__ import annotations

import re

import pytest

from derivations.rows import ROOT, ROWS
from docs import commands, extension

PROGRAMS = dict(commands.programs())
EXPERIMENTS = dict(commands.experiments())
SOME = {f"python experiments/{row}.py" for row in ROWS[:: len(ROWS) // 3]}
# The results of every row depend on its text: it is mended when they are made anew.
FRAMED = {"python -m experiments.mutants"}


@pytest.mark.parametrize("command", [*PROGRAMS, *EXPERIMENTS])
def test_every_command_explains_itself(command: str) -> None:
    place = PROGRAMS.get(command) or EXPERIMENTS[command]
    status, said, complaint = commands.run(place, "--help")
    assert (status, complaint) == (0, "")
    assert said.startswith("usage: ")
    shown = commands.help_of(place)
    assert shown.startswith(f"usage: {command}")
    assert str(ROOT) not in shown
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("command", sorted(({*PROGRAMS} | SOME) - FRAMED))
def test_every_command_tells_a_mistake_in_one_line(command: str) -> None:
    place = PROGRAMS.get(command) or EXPERIMENTS[command]
    status, said, complaint = commands.run(place, "--no-such-option")
    assert (status, said) == (2, "")
    assert complaint.startswith("error: ")
    assert complaint.count("\n") == 1


def test_nothing_that_can_be_started_is_left_out() -> None:
    told = set(PROGRAMS) | set(EXPERIMENTS) | {f"python -m {name}" for name in commands.WORKERS}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    started = re.findall(
        r"\$\(PY\) (?:-m )?((?:benchmarks|derivations|docs|experiments|tests)\S*)", makefile
    )
    for name in started:
        command = f"python {name}" if name.endswith(".py") else f"python -m {name}"
        assert command in told, f"{name} is started by make, and not on the page"


def test_the_page_has_every_target_program_and_experiment() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    shown = extension.expand(page, "commands.md")
    for name in (
        *PROGRAMS,
        *EXPERIMENTS,
        "make lab",
        "make notebooks",
        "python -m experiments sweep",
    ):
        assert name in shown
    assert "--cotangent {gaussian,signs,ones}" in shown


def test_a_text_about_main_starts_nothing() -> None:
    assert not commands._starts('TEXT = """\nif __name__ == "__main__":\n    go()\n"""')
    assert commands._starts('if __name__ == "__main__":\n    go()\n')
