"""The mutation campaign: every wrong step is rejected, along each road alone; and the campaign can fail."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import sympy as sp

from derivations import load, mutants, wrong_steps
from derivations.expectation import Independent, Mean
from derivations.mutants import campaign, recorded, totals
from derivations.proof import Derivation, Step
from derivations.rows import ROOT, ROWS

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True, positive=True)
v = sp.Symbol("v", positive=True)
x = sp.Symbol("x", real=True)


@pytest.mark.parametrize("row", ROWS)
def test_every_wrong_step_is_rejected_or_says_the_same(row: str) -> None:
    found = recorded(row)
    assert not found["survivors"]
    total = totals([found])["all"]
    assert total["made"] >= 10 * len(load(row).steps)
    seen = total["numbers rejected"] + total["numbers undefined"]
    assert seen + total["numbers accepted"] == total["made"]
    assert (
        total["numbers accepted"] <= total["same"]
    )  # the numbers of some that say the same have no value
    assert total["algebra rejected"] + total["same"] == total["made"]
    assert total["numbers undefined"] <= 0.1 * total["made"]
    assert all(one["why"] for one in found["same"])


def kinds(step: Step) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for mutant in wrong_steps.mutants(step):
        made.setdefault(mutant.kind, []).append(f"{mutant.step.lhs} = {mutant.step.rhs}")
    return made


def test_each_kind_is_made_where_it_applies() -> None:
    fan_in = sp.Symbol("fan_in", integer=True, positive=True)
    step = Step(
        "all", sp.Sum(x * v, (i, 1, fan_in)), fan_in * x * sp.sqrt(v) * sp.sqrt(v + 1), "why"
    )
    made = kinds(step)
    assert set(made) == set(wrong_steps.KINDS) - {"variance ↔ second moment"}
    assert "Sum(v*x, (i, 1, fan_in)) = fan_out*sqrt(v)*x*sqrt(v + 1)" in made["fan_in ↔ fan_out"]
    assert len(made["shifted bound"]) == 3
    law = Independent(x, {1: 0, 2: v})
    assert kinds(Step("square", Mean(x**2, law), v, "why"))["variance ↔ second moment"]


def test_a_lost_term_and_a_lost_root_are_made() -> None:
    made = kinds(Step("sum", sp.Derivative(x**2 + x, x), 2 * x + 1, "why"))
    right_sides = {text.split(" = ")[1] for text in made["lost term"]}
    assert {"1", "2*x"} <= right_sides
    made = kinds(Step("root", sp.Integral(1, (x, 0, sp.sqrt(v))), sp.sqrt(v), "why"))
    assert made["dropped square root"] == ["Integral(1, (x, 0, sqrt(v))) = v"]


def trial(monkeypatch: pytest.MonkeyPatch, step: Step) -> list[str]:
    derivation = Derivation("mine/trial", "Trial", (), "", "a trial", (step,))
    monkeypatch.setattr(mutants, "load", lambda row: derivation)
    monkeypatch.setattr(mutants, "_key", lambda row: "")
    return campaign("mine/trial")["survivors"]


GAUSS = Step("gauss", sp.Sum(i, (i, 1, n)), n * (n + 1) / 2, "pairs of equal sums")


def test_a_blind_road_lets_mutants_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trial(monkeypatch, GAUSS) == []
    with monkeypatch.context() as blind:
        blind.setattr(mutants, "compare", lambda *_: iter(()))
        assert len(trial(monkeypatch, GAUSS)) >= 10
    with monkeypatch.context() as blind:
        blind.setattr(mutants, "difference", lambda *_: None)
        assert len(trial(monkeypatch, GAUSS)) >= 10


def test_what_says_the_same_must_be_declared_and_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    even = Step("even", sp.Derivative(x**3 / 3 + v, x), x**2, "power rule")
    (survivor,) = trial(monkeypatch, even)
    assert survivor.startswith("even, lost term")
    declared = replace(even, same=(("lost term", 1, "v has no derivative"),))
    assert trial(monkeypatch, declared) == []
    too_many = replace(even, same=(("lost term", 2, "v has no derivative"),))
    assert any("2 declared the same, 1 are" in s for s in trial(monkeypatch, too_many))


def test_the_command_counts_by_kind_and_refuses_an_unknown_row() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "derivations.mutants", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)

    found = run("docs/examples/mended.py")
    assert found.returncode == 0, found.stderr
    assert "factor 2" in found.stdout
    unknown = run("init/kaimin")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("error: unknown row 'init/kaimin'")


def test_algebra_that_is_wrong_is_caught_by_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """SymPy sums C(n, k) / 2^n from k = 1 to n - 1 to what it is from k = 1 to n: both roads must agree."""
    k = sp.Symbol("k", integer=True, positive=True)
    size = sp.Symbol("n", integer=True, positive=True)
    tails = sp.Sum(sp.binomial(size, k) / 2**size, (k, 1, size - 1))
    false = Step("coins", tails, 1 - 2**-size, "neither none nor all of n coins are heads")
    assert mutants.numbers(false) == "rejected"
    true = Step("coins", tails, 1 - 2 * 2**-size, "neither none nor all of n coins are heads")
    assert mutants.numbers(true) == "accepted"
