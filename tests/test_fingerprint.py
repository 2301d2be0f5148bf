"""What a result depends on: settings, sources, libraries; and what a verdict does not."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from derivations.rows import ROOT
from experiments import fingerprint
from experiments.init.kaiming import Settings

ROW = "init/kaiming"


def test_a_fingerprint_covers_all_that_a_result_depends_on() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in fingerprint.sources("init/kaiming")}
    assert {
        "experiments/init/kaiming.py",
        "experiments/passes.py",
        "experiments/statistics.py",
        "experiments/runner.py",
        "derivations/init/kaiming.py",
        "derivations/init/xavier.py",
        "impl/init/kaiming.py",
        "papers/he2015.md",
    } <= found
    assert "experiments/init/xavier.py" not in found


def test_a_fingerprint_changes_with_settings_and_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint.fingerprint("init/kaiming", {"depth": 50})
    assert before == fingerprint.fingerprint("init/kaiming", {"depth": 50})
    assert before != fingerprint.fingerprint("init/kaiming", {"depth": 51})
    extra = ROOT / "experiments" / "command.py"
    monkeypatch.setattr(fingerprint, "sources", lambda row: [extra])
    assert before != fingerprint.fingerprint("init/kaiming", {"depth": 50})


def test_workers_do_not_decide_and_everything_else_does() -> None:
    settings = Settings(workers=3, depth=7)
    values = fingerprint.deciding(settings)
    assert values["depth"] == 7
    assert set(vars(settings)) - set(values) == {"workers"}


def test_the_order_of_settings_does_not_matter() -> None:
    one, other = {"depth": 3, "seed": 1}, {"seed": 1, "depth": 3}
    assert fingerprint.fingerprint(ROW, one) == fingerprint.fingerprint(ROW, other)


def test_versions_are_those_of_python_and_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    found = fingerprint.versions()
    assert set(found) == {"python", *fingerprint.LIBRARIES}
    assert found["numpy"] == numpy.__version__
    before = [make(ROW, {}) for make in (fingerprint.fingerprint, fingerprint.code_fingerprint)]
    monkeypatch.setattr(fingerprint, "versions", lambda: {**found, "numpy": "0"})
    assert fingerprint.fingerprint(ROW, {}) != before[0]
    assert fingerprint.code_fingerprint(ROW, {}) == before[1]  # a verdict is the code's


def test_a_verdict_is_decided_by_what_computes_it_and_not_by_what_shows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed: list[list[Path]] = []

    def kept(values: object, sources: list[Path]) -> str:
        hashed.append(sources)
        return str(values)

    monkeypatch.setattr(fingerprint, "_hash", kept)
    assert fingerprint.code_fingerprint(ROW, {"depth": 3}) == "[{'depth': 3}]"
    names = {path.relative_to(ROOT).as_posix() for path in hashed[0]}
    decide = {"experiments/init/kaiming.py", "experiments/statistics.py", "papers/he2015.md"}
    assert decide | {"impl/init/kaiming.py"} <= names
    assert not {"experiments/command.py", "experiments/runner.py"} & names


def test_imports_are_followed_wherever_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy\n\n\ndef f():\n    from experiments import statistics\n"
        "    import impl.init.fans\n    from derivations.init import kaiming\n",
        encoding="utf-8",
    )
    names = {path.relative_to(ROOT).as_posix() for path in fingerprint._imports(file)}
    assert {
        "experiments/statistics.py",
        "impl/init/fans.py",
        "derivations/init/kaiming.py",
    } <= names
    assert not any("numpy" in name for name in names)
