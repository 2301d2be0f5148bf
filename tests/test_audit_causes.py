"""The audit names the true cause, and ``initialise_`` mends it."""

from __future__ import annotations

import pytest

from experiments.audit import audit
from tests.audited_models import CASES, WIDTH, normal, sound


@pytest.mark.parametrize("case", CASES)
def test_the_main_cause_is_the_true_one(case: str) -> None:
    factory, x, kind, row = CASES[case]
    found = audit(factory, x, draws=6)
    first = found.findings[0]
    assert (first.kind, first.row, first.grave) == (kind, row, True), first
    assert first.sentence in " ".join(str(found).split()) or first.sentence[:40] in str(found)


def test_a_sound_model_has_nothing_to_mend() -> None:
    found = audit(sound, normal(16, WIDTH), draws=10)
    assert not [f for f in found.findings if f.grave]
    assert "The signal is kept, both ways." in str(found)


@pytest.mark.parametrize("case", ["default", "xavier", "no norm", "transposed", "scores"])
def test_initialise_mends_it(case: str) -> None:
    factory, x, kind, _ = CASES[case]
    found = audit(factory, x, draws=6, fix=True)
    assert found.after is not None
    assert kind not in [f.kind for f in found.after.findings if f.grave]
    assert "After initialise_" in str(found)
