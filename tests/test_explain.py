"""The sceptic's tools: one step taken apart, a file of one's own, a second engine, symbols with a range."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import sympy as sp

from derivations import load
from derivations.domains import bounded
from derivations.explain import UnknownStep, explain
from derivations.notation import parse_note
from derivations.points import draw
from derivations.proof import DerivationError, Step, check
from derivations.rows import ROOT, ROWS
from derivations.second_engine import opinion

STEPS = [(row, step) for row in ROWS for step in load(row).steps]


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "derivations", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


# One step, taken apart


def test_explain_shows_sides_differences_points_and_thirty_digits() -> None:
    found = explain(load("init/kaiming"), "3")
    assert (found["label"], found["status"], found["error"]) == ("half", "proved", None)
    (case,) = found["cases"]
    assert case["left"].startswith("Mean(Max(0, preactivation)**2")
    assert case["left_evaluated"] == case["right"] == "preactivation_var/2"
    assert case["differences"][-1] == {"way": "doit", "left": "0"}
    assert len(case["points"]) == 5
    for point in case["points"]:
        assert point["agrees"]
        assert len(point["left"].replace(".", "").lstrip("0")) == 30


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
    assert run("mine.py", cwd=tmp_path).returncode == 0
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


def test_symengine_agrees_with_every_step_that_it_can_read() -> None:
    says = Counter(opinion(step)[0] for _, step in STEPS)
    assert says["disagrees"] == 0
    assert says["agrees"] > 0.6 * len(STEPS)


def test_symengine_disagrees_with_wrong_steps() -> None:
    readable = [step for _, step in STEPS if opinion(step)[0] == "agrees"]
    wrong = [
        opinion(replace(s, rhs=s.rhs + 1)) for s in readable if not isinstance(s.rhs, sp.MatrixBase)
    ]
    says = Counter(word for word, _ in wrong)
    assert says["agrees"] == 0
    assert says["disagrees"] > 0.8 * len(wrong)


def test_the_command_asks_symengine() -> None:
    found = json.loads(run("init/xavier", "--check-with", "symengine", "--json").stdout)
    assert found["counts"]["disagrees"] == 0
    assert {"row": "init/xavier", "step": "vanishes", "says": "cannot"}.items() <= next(
        one for one in found["steps"] if one["step"] == "vanishes"
    ).items()


# Symbols with a range


def test_bounded_symbols_are_drawn_within_their_bounds() -> None:
    rho, keep, large = bounded("rho", -1, 1), bounded("keep", 0, 1), bounded("x", 3)
    size, few = bounded("n", 2, integer=True), bounded("k", 1, 4, integer=True)
    seen = {symbol: set() for symbol in (rho, keep, large, size, few)}
    for attempt in range(400):
        for symbol, values in seen.items():
            values.add(float(draw(symbol, Random(f"{symbol} {attempt}"), attempt)))
    assert -1 < min(seen[rho]) < -0.9 < 0.9 < max(seen[rho]) < 1
    assert 0 < min(seen[keep]) < 0.1 < 0.9 < max(seen[keep]) < 1
    assert 3.1 < min(seen[large]) < 3.2 < 7.5 < max(seen[large]) < 8.1
    assert seen[size] == set(range(2, 12))
    assert seen[few] == {1, 2, 3, 4}
    assert 0 in seen[rho]


def test_an_integers_lower_bound_comes_first_and_a_likeness_of_zero_third() -> None:
    for seed in range(20):
        assert draw(bounded("n", 2, integer=True), Random(seed), 0) == 2
        assert draw(bounded("rho", -1, 1), Random(seed), 2) == 0
    assert {draw(bounded("n", 2, integer=True), Random(s), 1) for s in range(50)} > {2, 3}


@pytest.mark.parametrize(
    ("low", "high", "integer", "positive", "nonnegative"),
    [
        (1, 5, True, True, True),
        (0, 5, True, None, True),
        (-1, 5, True, None, None),
        (0, 1, False, True, True),
        (0.5, 1, False, True, True),
        (-1, 1, False, None, None),
        (3, 3, True, True, True),
    ],
)
def test_bounds_become_assumptions(
    low: float, high: float, integer: bool, positive: object, nonnegative: object
) -> None:
    symbol = bounded("s", low, high, integer=integer)
    assert symbol.is_integer is (True if integer else None)
    assert (symbol.is_real, symbol.is_positive, symbol.is_nonnegative) == (
        True,
        positive,
        nonnegative,
    )


def test_bounded_symbols_are_symbols() -> None:
    rho = bounded("rho", -1, 1)
    assert rho == bounded("rho", -1, 1) != bounded("rho", 0, 1)
    assert copy.deepcopy(rho) == rho  # as worker processes do
    assert (sp.diff(rho**2, rho), keepers(rho)) == (2 * rho, (True, None))
    for low, high in ((1, 1), (-sp.oo, 1), (2, 1)):
        with pytest.raises(
            ValueError, match=r"^x needs a finite lower bound below the upper one, got"
        ):
            bounded("x", low, high)
    for words in (("1", 2), (1, "2")):  # text is not parsed
        with pytest.raises(sp.SympifyError):
            bounded("x", *words)


def keepers(symbol: sp.Symbol) -> tuple[object, object]:
    return symbol.is_real, symbol.is_positive


def test_a_step_may_need_the_range_of_its_symbol() -> None:
    rho, size = bounded("rho", -1, 1), bounded("n", 2, integer=True)
    arcsine = sp.Integral(1 / sp.sqrt(1 - rho**2), rho)
    assert check(
        Step("arcsine", sp.Derivative(sp.asin(rho), rho), 1 / sp.sqrt(1 - rho**2), "known")
    )
    assert arcsine.has(rho)
    i = sp.Symbol("i", integer=True, positive=True)
    telescope = sp.Sum(1 / (i * (i - 1)), (i, 2, size))
    assert check(Step("telescope", telescope, 1 - 1 / size, "it telescopes"))
    with pytest.raises(DerivationError):
        check(Step("half", telescope, sp.Rational(1, 2), "true for n = 2 only"))


def test_a_note_declares_ranges() -> None:
    entry = "{latex: a, unicode: a, say: a, meaning: a, unit: '1', domain: %s}"
    note = "---\nkey: me\nsymbols:\n  rho: " + entry % "correlation" + "\n  n: "
    note += entry.replace("}", ", minimum: 2}") % "positive integer" + "\n---\n"
    symbols = parse_note("me", note.encode()).symbols
    assert symbols["rho"].symbol == bounded("rho", -1, 1)
    assert symbols["n"].symbol == bounded("n", 2, integer=True)
