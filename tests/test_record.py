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
    assert (found["lines"][0]["ref"], found["lines"][0]["label"]) == ("ours", "load")
    assert (tmp_path / "init/kaiming.json").exists()


@pytest.mark.parametrize(
    "lie", [{"verified": False}, {"counts": {}}, {"lines": []}, {"claim": 3}, {"seconds": "0"}]
)
def test_a_record_that_contradicts_itself_is_none(
    lie: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("derivations.record.RESULTS", tmp_path)
    found = record(load("init/xavier"))
    assert is_record(found)
    assert read_record(tmp_path / "init/xavier.json") == found  # kept as it is
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


def test_a_record_says_what_the_derivation_says() -> None:
    derivation = load("depth/dying")
    found = record(derivation, seed=3, points=7)  # never kept
    assert (found["row"], found["paper"]) == ("depth/dying", derivation.papers[0])
    assert found["file"] == "derivations/depth/dying.py"
    for line, one in zip(derivation.lines, found["lines"], strict=True):
        assert (one["label"], one["ref"]) == (line.label, line.ref)
        if isinstance(line, Given):
            assert (one["statement"], one["status"]) == (line.statement, "assumed")
        else:
            assert (one["why"], one["text"]) == (line.why, f"{line.lhs} = {line.rhs}")
            assert one["points"] % 7 == 0  # 7 for each size
            assert one["digits"] in (10, 30)  # limits, and all else
            assert one["error"] is None
    numbers = [one["number"] for one in found["lines"] if one["kind"] == "step"]
    assert numbers == [*range(1, len(derivation.steps) + 1)]
    for prediction, one in zip(derivation.predictions, found["predictions"], strict=True):
        assert (one["name"], one["step"]) == (prediction.name, prediction.step)
        arguments = ", ".join(map(str, derivation.arguments(prediction)))
        assert one["signature"] == f"{prediction.name}({arguments})"
        assert (one["doc"], one["variance"]) == (prediction.doc, prediction.variance)
    assert found["symbols"]
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
