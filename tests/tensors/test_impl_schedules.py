"""impl/tensors/schedules.py beside what every rung is tried on (test_impl_kernels.py): with Halide, and without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.testing import assert_close

from impl.tensors import schedules

HALIDE = pytest.mark.skipif(
    not schedules.has_halide(), reason='Halide is an extra: pip install -e ".[halide]"'
)
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


@HALIDE
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_product_described_afresh_is_exact(dtype: torch.dtype) -> None:
    schedules._pipeline.cache_clear()
    stream = torch.Generator().manual_seed(1)
    for rows, terms, columns in ((15, 7, 70), (1, 1, 1), (40, 3, 128)):
        a, b = (
            torch.randint(-8, 9, shape, generator=stream).to(dtype)
            for shape in ((rows, terms), (terms, columns))
        )
        product = schedules.matmul_halide(a, b)
        assert_close(product, a @ b, rtol=0, atol=0)
        assert product.is_contiguous()
    assert schedules.matmul_halide(A[:, :0].to(dtype), B[:0].to(dtype)).tolist() == [[0] * 5] * 2


@HALIDE
def test_a_schedule_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = torch.randn(20, 30), torch.randn(30, 70)
    right = schedules.matmul_halide(a, b)
    monkeypatch.setattr(schedules, "_pipeline", schedules._pipeline.__wrapped__)
    monkeypatch.setattr(schedules, "schedule", lambda *args: None)
    assert_close(schedules.matmul_halide(a, b), right)
