"""What holds for the derivation of every row."""

from __future__ import annotations

import re

import pytest

from derivations import load
from derivations.record import record
from derivations.rows import ROOT, ROWS


@pytest.mark.parametrize("row", ROWS)
def test_every_step_of_the_row_holds(row: str) -> None:
    found = record(load(row))  # verified now, unless neither the row nor the engine changed since
    assert {line["label"]: line["error"] for line in found["lines"] if line.get("error")} == {}
    assert found["verified"]
    assert sum(found["counts"].values()) == len(found["lines"]) > 0


@pytest.mark.parametrize("row", ROWS)
def test_the_code_of_a_step_is_the_steps_own(row: str) -> None:
    """Its call in the row's own file; parts beside it (``_breaks.py``) are not looked into, and have none."""
    own = (ROOT / "derivations" / f"{row}.py").read_text(encoding="utf-8")
    for line in record(load(row))["lines"]:
        called = rf'\b(Step|induction|product)\(\s*"{re.escape(line["label"].split("/")[0])}"'
        if line["kind"] == "step" and re.search(called, own):
            assert line["code"].startswith(("Step(", "induction(", "product(")), line["label"]
