"""The sceptic's tools: one step taken apart, a file of one's own, a second engine, symbols with a range."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
import sympy as sp

from derivations import __main__ as command
from derivations import load
from derivations.explain import UnknownStep, explain
from derivations.proof import Step
from derivations.rows import ROOT, ROWS
from derivations.second_engine import opinion


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The command, in this process: one of its own would import SymPy first."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["derivations", *arguments])
        patch.chdir(cwd)
        status = command.main()
    return subprocess.CompletedProcess(sys.argv, status, out.getvalue(), err.getvalue())


# One step, taken apart


def test_explain_shows_sides_differences_points_and_thirty_digits() -> None:
    found = explain(load("init/kaiming"), "3")
    assert (found["label"], found["status"], found["error"]) == ("half", "proved", None)
    (case,) = found["cases"]
    assert case["left"].startswith("Mean(Max(0, preactivation)**2")
    assert case["left_evaluated"] == case["right"] == "preactivation_var/2"
    assert case["differences"][-1] == {"way": "doit", "left": "0"}
    assert len(case["points"]) == 5
    digits = [len(point["left"].replace(".", "").lstrip("0")) for point in case["points"]]
    assert sorted(digits)[-4:] == [30] * 4  # one variance is 1
    for point in case["points"]:
        assert point["agrees"]


def test_explain_shows_every_size_of_a_step_that_is_checked_for_small_sizes() -> None:
    found = explain(load("init/kaiming"), "dot_product")
    assert [case["sizes"] for case in found["cases"]] == [{"fan_in": k} for k in (1, 2, 3)]


def test_seed_and_points_choose_other_points() -> None:
    def points(**options: int) -> list[object]:
        return explain(load("init/kaiming"), "half", **options)["cases"][0]["points"]

    assert points(seed=1)[0] != points(seed=0)[0]
    assert points(seed=1) == points(seed=1)
    assert len(points(points=9)) == 9


def test_a_wrong_step_is_explained_with_its_counterexample() -> None:
    kaiming = load("init/kaiming")
    wrong = tuple(
        replace(line, rhs=2 * line.rhs) if line.label == "half" else line for line in kaiming.lines
    )
    found = explain(replace(kaiming, lines=wrong), "half")
    assert found["status"] == "failed"
    assert "the sides differ" in found["error"]
    assert not any(point["agrees"] for point in found["cases"][0]["points"])
    assert found["cases"][0]["differences"][-1]["left"] == "-preactivation_var/2"


def test_an_unknown_step_names_those_there_are() -> None:
    with pytest.raises(UnknownStep, match=r"it has 1 to [0-9]+: centred, dot_product"):
        explain(load("init/kaiming"), "99")
    found = run("init/kaiming", "--explain", "99")
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)
    assert run("--explain", "1").stderr.startswith("error: --explain takes one row")


@pytest.mark.parametrize("label", [s.label for s in load("tensors/frobenius").steps])
def test_every_step_can_be_explained_as_json(label: str) -> None:
    json.dumps(explain(load("tensors/frobenius"), label, points=5))


# A file of one's own


def test_the_guides_first_try_fails_and_the_mended_one_is_verified() -> None:
    first = run("docs/examples/first_try.py")
    assert first.returncode == 1
    assert "mine/dropout step 'second_moment': the sides differ at keep" in first.stdout
    assert "NOT verified: 1 proved, 1 assumed, 1 failed" in first.stdout
    mended = run("docs/examples/mended.py")
    assert mended.returncode == 0
    assert "verified: 2 proved, 1 assumed" in mended.stdout
    assert load("docs/examples/mended.py").predict("dropped")(keep=0.5, second_moment=1) == 2


def test_a_file_outside_the_repository_leaves_nothing_behind(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    text = (ROOT / "docs/examples/mended.py").read_text(encoding="utf-8")
    mine.write_text(text.replace("mine/dropout", "init/kaiming"), encoding="utf-8")
    before = (ROOT / "results/derivations/init/kaiming.json").stat().st_mtime_ns
    process = [sys.executable, "-m", "derivations", "mine.py"]
    assert subprocess.run(process, cwd=tmp_path, check=False).returncode == 0
    assert (ROOT / "results/derivations/init/kaiming.json").stat().st_mtime_ns == before
    assert [p.name for p in tmp_path.iterdir() if p.suffix] == ["mine.py"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = (", "SyntaxError: '(' was never closed (line 1)"),
        ("x = 1\ny = x / 0", "ZeroDivisionError: division by zero (line 2: y = x / 0)"),
        ("", "it defines no DERIVATION"),
        ("DERIVATION = 3", "it defines no DERIVATION"),
        (
            "from derivations.notation import symbols\nn = symbols('he2015', 'width')",
            "papers/he2015.md declares no symbol 'width'",
        ),
    ],
)
def test_a_file_that_cannot_be_read_says_why_in_a_line(
    text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    found = run("mine.py", cwd=tmp_path)
    assert found.returncode == 1
    assert said in found.stdout
    assert "Traceback" not in found.stdout + found.stderr


def test_a_file_that_is_not_there_is_an_error() -> None:
    found = run("no/such/file.py")
    assert (found.returncode, found.stderr) == (2, "error: there is no file no/such/file.py\n")


def test_a_rows_own_file_is_that_row() -> None:
    found = json.loads(run("derivations/init/xavier.py", "--json").stdout)
    assert found["row"] == "init/xavier"


# A second engine


@pytest.fixture(scope="module")
def opinions() -> list[tuple[Step, str]]:
    """What symengine says of every step of every row."""
    return [(step, opinion(step)[0]) for row in ROWS for step in load(row).steps]


def test_symengine_agrees_with_every_step_that_it_can_read(
    opinions: list[tuple[Step, str]],
) -> None:
    says = Counter(word for _, word in opinions)
    assert says["disagrees"] == 0
    assert says["agrees"] > 0.6 * len(opinions)


def test_symengine_disagrees_with_wrong_steps(opinions: list[tuple[Step, str]]) -> None:
    readable = [step for step, says in opinions if says == "agrees"]
    numbers = [step for step in readable if not isinstance(step.rhs, sp.MatrixBase)]
    says = Counter(opinion(replace(step, rhs=step.rhs + 1))[0] for step in numbers)
    assert says["agrees"] == 0
    assert says["disagrees"] > 0.8 * len(numbers)


def test_the_command_asks_symengine() -> None:
    found = json.loads(run("init/xavier", "--check-with", "symengine", "--json").stdout)
    assert found["counts"]["disagrees"] == 0
    assert {"row": "init/xavier", "step": "vanishes", "says": "cannot"}.items() <= next(
        one for one in found["steps"] if one["step"] == "vanishes"
    ).items()
