"""What holds for the derivation of every row."""

from __future__ import annotations

from pathlib import Path

import pytest

from derivations import load
from derivations.record import content_key, record
from derivations.rows import ROOT, ROWS
from derivations.sources import sources_of


@pytest.mark.parametrize("row", ROWS)
def test_every_step_of_the_row_holds(row: str) -> None:
    found = record(load(row))  # verified now, unless neither the row nor the engine changed since
    assert {line["label"]: line["error"] for line in found["lines"] if line.get("error")} == {}
    assert found["verified"]
    assert sum(found["counts"].values()) == len(found["lines"]) > 0


@pytest.mark.parametrize("row", ROWS)
def test_the_code_of_a_step_is_the_steps_own(row: str) -> None:
    found = record(load(row))
    for line in found["lines"]:
        if line["kind"] == "step":
            assert line["code"].startswith(("Step(", "induction(")), line["label"]
            written = (ROOT / line.get("file", found["file"])).read_text(encoding="utf-8")
            assert line["code"] in written, line["label"]


def test_a_row_depends_on_its_parts_and_on_the_rows_it_takes_from() -> None:
    def names(row: str) -> list[str]:
        return [f"{path.parent.name}/{path.name}" for path in sources_of(load(row))]

    assert names("init/kaiming") == ["init/kaiming.py"]
    assert names("depth/independence") == ["depth/independence.py", "depth/_breaks.py"]
    assert names("init/repeated_product") == ["init/repeated_product.py", "depth/finite_width.py"]


def test_a_change_of_a_part_is_a_change_of_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = load("depth/independence")
    before = content_key(row)
    whole = Path.read_bytes

    def changed(path: Path) -> bytes:
        return whole(path) + (b"# more" if path.name == "_breaks.py" else b"")

    monkeypatch.setattr(Path, "read_bytes", changed)
    assert content_key(row) != before
