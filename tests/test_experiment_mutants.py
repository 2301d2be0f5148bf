"""Every experiment notices what is wrong in the code it tests, or says why it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from derivations.record import read_record
from derivations.rows import ROWS
from experiments import mutants, passes
from experiments.mutants import Mutant, planted, trial
from experiments.runner import load

QUICK = {"init/kaiming": {"networks": 10}, "init/xavier": {"networks": 8}}
QUICK |= {"backprop/chain_rule": {"networks": 20, "depth": 12}}
QUICK |= {"backprop/loss": {"problems": 6}, "backprop/linear": {"shapes": 10}}
QUICK |= {"backprop/conv": {"networks": 100, "layers": 10}}
QUICK |= {"backprop/module": {"steps": 2, "draws": 40}}
QUICK |= {"tensors/frobenius": {"networks": 30, "depth": 5, "draws": 300}}
QUICK |= {"init/fans": {"networks": 30}}
QUICK |= {"init/shifted_relu": {"networks": 16, "depth": 24}}
QUICK |= {"depth/finite_width": {"networks": 400, "real": 30, "depth": 20}}
QUICK |= {"depth/fixup": {"networks": 20, "blocks": 50}}
QUICK |= {"depth/training": {"networks": 1, "steps": 1, "begun": 60}}
ALL = [(row, number) for row in ROWS for number in range(len(load(row).MUTANTS))]


@pytest.mark.parametrize(
    ("row", "number"), ALL, ids=[f"{r}:{load(r).MUTANTS[n].name}" for r, n in ALL]
)
def test_a_wrong_implementation_is_noticed_or_said_to_be_unseen(row: str, number: int) -> None:
    found = recorded(row, number) or trial(row, number, **QUICK.get(row, {}))
    if not found["expected"] or found["unseen"]:  # fewer networks see less
        found = recorded(row, number) or trial(row, number)
    assert found["expected"], found


def recorded(row: str, number: int) -> dict[str, Any] | None:
    """What ``make doubt`` found at the default size, if nothing that it depends on has changed since."""
    record = read_record(mutants.COUNTS)
    if record.get("fingerprints", {}).get(row) != mutants.current(row):
        return None
    mutant = load(row).MUTANTS[number]
    same = (row, mutant.kind, mutant.name)
    return next((f for f in record["found"] if (f["row"], f["kind"], f["name"]) == same), None)


@pytest.mark.parametrize("row", ROWS)
def test_the_names_of_mutants_are_their_own(row: str) -> None:
    named = [(mutant.kind, mutant.name) for mutant in load(row).MUTANTS]
    assert len(named) == len(set(named)) >= 3


def test_what_is_planted_is_taken_out_again_even_after_an_error() -> None:
    right = passes.mean_square
    mutant = Mutant("wrong statistic", "none", "experiments.passes:mean_square", lambda _: None)

    def fails() -> None:
        with planted(mutant):
            assert passes.mean_square is None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert passes.mean_square is right


@pytest.mark.parametrize(
    ("unseen", "change", "expected"),
    [("", lambda right: right, False), ("no reason", lambda _: lambda m: m.sum(), False)],
)
def test_the_campaign_can_fail(
    unseen: str, change: object, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mutant that changes nothing is not noticed; one declared unseen must not be noticed."""
    module = load("tensors/frobenius")
    mutant = Mutant("wrong norm", "trial", module.NORM, change, unseen)  # type: ignore[arg-type]
    monkeypatch.setattr(module, "MUTANTS", (mutant,))
    assert (
        mutants.trial("tensors/frobenius", 0, **QUICK["tensors/frobenius"])["expected"] is expected
    )


def test_without_a_mutant_the_experiment_agrees() -> None:
    assert trial("tensors/frobenius", None)["verdict"] == "agrees"
