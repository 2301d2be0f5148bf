"""The record of mutated code: what it counts, when it is stale, and what the page shows of it."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest

from derivations.rows import ROOT
from docs import doubt, tested

WHOLE = {"made": 40, "tried": 40, "killed": 38, "cpu time": 1, "explained": [["why", 2]]}
PART = {"made": 50, "tried": 10, "killed": 9, "cpu time": 0, "explained": []}
TEXT = """
def x_half__mutmut_orig(x):
    return x / 2

def x_half__mutmut_1(x):
    return x * 2
"""


def entry(file: str, counts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"key": tested.key(file), "unexplained": [], **counts, **more}


def test_every_implementation_and_its_tests_are_listed() -> None:
    files = list(tested.sources())
    assert {"impl/init/kaiming.py", "impl/rules.py", "derivations/numeric.py"} <= set(files)
    for file in files:
        assert tested.tests(file), file
        assert all((ROOT / name).exists() for name in (file, *tested.tests(file)))


def test_a_record_is_stale_where_a_file_or_its_tests_changed() -> None:
    first, second, *others = tested.sources()
    found = {first: entry(first, WHOLE), second: entry(second, WHOLE, key="of another day")}
    assert tested.stale(found) == [second, *others]


def test_counts_are_added_up() -> None:
    total = tested.totals({"a": entry("impl/rules.py", WHOLE), "b": entry("impl/rules.py", PART)})
    assert total == {"made": 90, "tried": 50, "killed": 47, "cpu time": 1, "explained": 2}


def test_a_part_is_shown_with_its_confidence() -> None:
    assert doubt.tried("a", WHOLE) == ["a", "40", "40", "38", "95 %"]
    assert doubt.tried("b", PART) == ["b", "50", "10", "9", "90 % (55 to 100 %)"]
    assert doubt.tried("c", {**PART, "tried": 0, "killed": 0})[-1] == ""


def test_the_page_shows_what_lives_what_is_left_and_what_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, *others = tested.sources()
    lives = {"key": "of another day", "unexplained": ["f: a -> b"]}
    files = {first: entry(first, WHOLE), second: {**entry(second, PART), **lives}}
    monkeypatch.setattr(doubt, "counts", lambda *_: {"files": files})
    page = doubt.wrong_tests("", "")
    assert '!!! warning "Not tried yet: 40"' in page
    assert f'!!! danger "No mutant tried"\n    `{others[0]}`' in page
    assert "- 2: why" in page
    assert f"- no reason known, `{second}`: `f: a -> b`" in page
    assert page.endswith(f"`make mutants`. Changed since: `{second}`.")


def mutation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutation", ROOT / "tests" / "mutation.py")
    assert spec
    assert spec.loader
    sys.modules["mutation"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_survivors_are_counted_and_shown_as_what_they_change() -> None:
    mutants = {"x_half__mutmut_1": "lives", "b": "killed: CPU time", "c": "killed: t", "d": None}
    found = mutation().count("impl/rules.py", {**mutants, "e": "not tried: busy"}, TEXT)
    assert found["unexplained"] == ["half: return x / 2 -> return x * 2"]
    numbers = {name: found[name] for name in ("made", "tried", "killed", "cpu time")}
    assert numbers == {"made": 5, "tried": 3, "killed": 2, "cpu time": 1}
