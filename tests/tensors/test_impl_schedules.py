"""impl/tensors/schedules.py beside what every rung is tried on (test_impl_kernels.py): with Halide, and without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.testing import assert_close

from impl.tensors import schedules

A, B = torch.rand(2, 3), torch.rand(3, 5)


def product() -> object:
    """Afresh, so that it is described and scheduled once more."""
    schedules._pipeline.cache_clear()
    return schedules.matmul_halide(A, B)


EXAMPLES: dict[str, Callable[[], object]] = {
    **dict.fromkeys(("matmul_halide", "algorithm", "schedule"), product),
    "has_halide": schedules.has_halide,
    "NoHalide": schedules.NoHalide,
}


def test_without_halide_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "find_spec", lambda name: None)
    assert not schedules.has_halide()
    with pytest.raises(schedules.NoHalide, match=r"not installed: pip install -e \"\.\[halide\]\""):
        schedules.matmul_halide(A, B)


def test_a_schedule_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    if not schedules.has_halide():
        pytest.skip('Halide is an extra: pip install -e ".[halide]"')
    a, b = torch.randn(20, 30), torch.randn(30, 70)
    right = schedules.matmul_halide(a, b)
    monkeypatch.setattr(schedules, "_pipeline", schedules._pipeline.__wrapped__)
    monkeypatch.setattr(schedules, "schedule", lambda *args: None)
    assert_close(schedules.matmul_halide(a, b), right)
