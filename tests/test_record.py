"""What verification puts on record: what it says of each line, when it is believed, and whose source it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from derivations import load
from derivations.notation import NotationError
from derivations.proof import Derivation
from derivations.record import is_record, record, verify_row
from derivations.sources import source_file, source_of


def test_a_file_that_cannot_be_loaded_is_a_failed_derivation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(row: str) -> Derivation:
        raise NotationError("papers/nobody.md: missing")

    monkeypatch.setattr("derivations.record.load", broken)
    monkeypatch.setattr("derivations.record.RESULTS", tmp_path)
    found = verify_row(("init/kaiming", 0, 5, False))
    assert not found["verified"]
    assert "nobody.md" in found["lines"][0]["error"]
    assert (tmp_path / "init/kaiming.json").exists()


@pytest.mark.parametrize(
    "lie", [{"verified": False}, {"counts": {}}, {"lines": []}, {"claim": 3}, {"seconds": "0"}]
)
def test_a_record_that_contradicts_itself_is_none(lie: dict[str, object]) -> None:
    found = record(load("init/xavier"))
    assert is_record(found)
    assert not is_record({**found, **lie})
    failed = [{**found["lines"][0], "status": "failed"}, *found["lines"][1:]]
    assert not is_record({**found, "lines": failed})  # verified, and a line that failed


def test_a_module_that_imports_a_derivation_is_not_its_source() -> None:
    derivation = load("init/xavier")
    globals()["DERIVATION"] = derivation
    try:
        assert source_of(derivation) == source_file("init/xavier")
    finally:
        del globals()["DERIVATION"]
