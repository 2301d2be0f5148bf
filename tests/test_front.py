"""The front page: every row has its card, and what does not hold is not green."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from derivations.rows import ROWS
from docs import front
from docs.records import Missing
from experiments.depth import _four_fans


def test_every_row_has_a_card_with_what_holds() -> None:
    text = front.grid("", "")
    for row in ROWS:
        assert f'href="page:{row}.md"' in text
    assert text.count('class="mark ') == 2 * len(ROWS)


@pytest.mark.parametrize("missing", [True, False])
def test_what_does_not_hold_is_not_green(missing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(row: str) -> dict[str, object]:
        raise Missing(row)

    wrong = {"title": "t", "verified": False, "lines": [], "agrees": False, "comparisons": 3}
    for name in ("proof", "verdict"):
        monkeypatch.setattr(front, name, absent if missing else lambda row: wrong)
    text = front.grid("", "")
    assert 'class="mark ok"' not in text
    assert text.count('class="mark bad"') == 2 * len(ROWS)


def test_surprises_are_told_once() -> None:
    rows = [row for row, _ in front.SURPRISES]
    assert len(set(rows)) == len(rows)


def test_four_fans_are_one_tilted() -> None:
    names = ["q05", "q25", "median", "q75", "q95", "network 0"]
    fan = pd.DataFrame({"layer": [0, 1, 2], **{name: [0.0, -0.1, -0.3] for name in names}})
    found = _four_fans.table(fan, 64).set_index(["initialiser", "layer"])["median"]
    assert found["Kaiming", 2] == -0.3
    assert found["Xavier", 2] == pytest.approx(-0.3 - 2 * math.log10(2))
    assert found["PyTorch's default", 2] == pytest.approx(-0.3 - 2 * math.log10(6))
    assert found["Kaiming, 10 % too large", 2] == pytest.approx(-0.3 + 4 * math.log10(1.1))
