"""What holds for the derivation of every row."""

from __future__ import annotations

import pytest

from derivations import load
from derivations.record import record
from derivations.rows import ROWS


@pytest.mark.parametrize("row", ROWS)
def test_every_step_of_the_row_holds(row: str) -> None:
    found = record(load(row))  # verified now, unless neither the row nor the engine changed since
    assert {line["label"]: line["error"] for line in found["lines"] if line.get("error")} == {}
    assert found["verified"]
    assert sum(found["counts"].values()) == len(found["lines"]) > 0


@pytest.mark.parametrize("row", ROWS)
def test_the_code_of_a_step_is_the_steps_own(row: str) -> None:
    for line in record(load(row))["lines"]:
        if line["kind"] == "step":
            assert line["code"].startswith(("Step(", "induction(")), line["label"]
