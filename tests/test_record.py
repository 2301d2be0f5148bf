"""What verification puts on record: what it says of each line, when it is believed, and whose source it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from derivations import load
from derivations.notation import NotationError
from derivations.proof import Derivation, Given
from derivations.record import is_record, read_record, record, verify_row, write_record
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
    assert is_record(found)
    assert (tmp_path / "init/kaiming.json").exists()


@pytest.mark.parametrize(
    "lie", [{"verified": False}, {"counts": {}}, {"lines": []}, {"claim": 3}, {"seconds": "0"}]
)
def test_a_record_that_contradicts_itself_is_none(lie: dict[str, object]) -> None:
    found = record(load("init/xavier"))
    assert is_record(found)
    assert not is_record({**found, **lie})
    assert is_record(record(load("init/xavier"), fresh=True))
    failed = [{**found["lines"][0], "status": "failed"}, *found["lines"][1:]]
    assert not is_record({**found, "lines": failed})  # verified, and a line that failed


def test_a_module_that_imports_a_derivation_is_not_its_source() -> None:
    derivation = load("init/xavier")
    globals()["DERIVATION"] = derivation
    try:
        assert source_of(derivation) == source_file("init/xavier")
    finally:
        del globals()["DERIVATION"]


def test_a_record_says_what_the_derivation_says() -> None:
    derivation = load("init/kaiming")
    found = record(derivation, seed=3, points=7)  # never kept
    assert (found["row"], found["paper"]) == ("init/kaiming", "he2015")
    assert found["file"] == "derivations/init/kaiming.py"
    for line, one in zip(derivation.lines, found["lines"], strict=True):
        assert (one["label"], one["ref"]) == (line.label, line.ref)
        if isinstance(line, Given):
            assert (one["statement"], one["status"]) == (line.statement, "assumed")
        else:
            assert (one["why"], one["text"]) == (line.why, f"{line.lhs} = {line.rhs}")
            assert one["points"] % 7 == 0  # 7 for each size
            assert one["digits"] == 30
            assert one["error"] is None
    numbers = [one["number"] for one in found["lines"] if one["kind"] == "step"]
    assert numbers == [*range(1, len(derivation.steps) + 1)]
    told = {one["name"]: one for one in found["predictions"]}
    assert told["forward_ratio"]["step"] in {step.label for step in derivation.steps}
    assert told["forward_ratio"]["signature"].startswith("forward_ratio(fan_in, ")
    assert all(one["paper"] in derivation.papers for one in found["symbols"])


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff", "[" * 100_000, "3"])
def test_what_is_no_object_is_read_as_an_empty_one(text: str, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    assert read_record(path) == {}
    path.write_text(text, encoding="latin-1")
    assert read_record(path) == {}


def test_a_record_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "record.json"
    write_record(path, {"a": "≤", "b": [1.5, None]})
    assert read_record(path) == {"a": "≤", "b": [1.5, None]}
    assert "≤" in path.read_text(encoding="utf-8")
    with pytest.raises(TypeError):
        write_record(path, {"a": object()})
    assert read_record(path)["a"] == "≤"
