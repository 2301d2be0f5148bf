"""What the site says where a derivation does not hold: every page is made, and says so in red."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from derivations.proof import Derivation, DerivationError
from derivations.rows import ROOT, ROWS
from docs import audit, explorer, extension, formulas, front, printed, records
from docs.records import Missing
from experiments.settings import Unusable

DOCS = ROOT / "docs"
# All but the list of commands, which asks each of them for its help.
PAGES = [p for p in sorted(DOCS.rglob("*.md")) if not {"node_modules", "commands.md"} & {*p.parts}]
RED = '!!! danger "Not verified or not measured"\n    This part needs the derivation of '


def forget() -> None:
    """Empty the caches of all that computes from derivations."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("docs", "experiments"):
            for thing in vars(module).values():
                if callable(getattr(thing, "cache_clear", None)):
                    thing.cache_clear()


@pytest.fixture
def nothing_holds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No derivation is verified, and nothing made from one is kept from before."""

    def predict(derivation: Derivation, name: str) -> NoReturn:
        raise DerivationError(f"{derivation.row} is not verified: {name}\n  left 1\n  right 2")

    def worked() -> NoReturn:
        raise Unusable("the model fails: init/kaiming is not verified")

    monkeypatch.setattr(Derivation, "predict", predict)
    monkeypatch.setattr(formulas, "record", lambda derivation: {"verified": False})
    monkeypatch.setattr(audit, "worked", worked)  # what it measures before it predicts takes long
    forget()
    yield
    monkeypatch.undo()
    forget()


@pytest.mark.usefixtures("nothing_holds")
@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_every_page_is_made_though_no_derivation_holds(path: Path) -> None:
    page = path.relative_to(DOCS).as_posix()
    text = extension.expand(path.read_text(encoding="utf-8"), page)
    assert "Traceback" not in text
    if page in ("explorer.md", "audit.md"):
        assert (
            RED in text or "which is refused: the model fails: init/kaiming is not verified" in text
        )


@pytest.mark.usefixtures("nothing_holds")
def test_what_is_made_from_a_derivation_is_missing() -> None:
    with pytest.raises(
        Missing, match=r"the derivation of \S+, which does not hold: run `make verify`"
    ):
        explorer.script()
    with pytest.raises(Missing, match="which is refused: the model fails"):
        audit.files()
    inline = "<!-- value: kaiming_variance(fan=512, negative_slope=0) | .3g -->"
    assert printed.fill(inline, "init/kaiming.md") == "(not verified or not measured)"


def test_a_result_of_other_code_is_not_green(monkeypatch: pytest.MonkeyPatch) -> None:
    def older(row: str) -> dict[str, Any]:
        return {**records._result(row, "settings.json"), "fingerprint": "of another day"}

    assert not any(records.outdated(row) for row in ROWS)
    assert 'class="mark bad"' not in front.grid("", "")
    assert "Measured with other code" not in extension.expand(
        "<!-- experiment: init/kaiming -->", "init/kaiming.md"
    )
    monkeypatch.setattr(records, "settings", older)
    forget()
    assert front.grid("", "").count("measured with other code") == 2 * len(ROWS)
    assert '!!! danger "Measured with other code"' in extension.expand(
        "<!-- experiment: init/kaiming -->", "init/kaiming.md"
    )
    monkeypatch.undo()
    forget()
