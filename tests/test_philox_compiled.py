"""What experiments/philox.py tells its compiler: afresh, as what is kept between runs was compiled before."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import config, njit, types

from experiments import philox


def divide(a: Any, b: Any) -> Any:
    return a / b


def test_what_is_compiled_is_kept_lets_threads_run_and_divides_as_numpy_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    kernel: Any = philox.compiled(divide)
    assert kernel(1.0, 0.0) == math.inf
    assert list(tmp_path.rglob("*.nbc"))
    assert kernel.targetoptions["nogil"] is True


def test_what_is_inlined_is_a_part_of_its_caller() -> None:
    inner: Any = philox.inlined(divide)
    assert inner.targetoptions["inline"] == "always"
    assert njit(lambda a: inner(a, 4.0))(1.0) == 0.25


def test_bits_are_taken_as_they_are() -> None:
    bits = philox.same_bits(types.int64, types.float64)
    assert njit(lambda x: bits(x))(-1.5) == np.float64(-1.5).view(np.int64)


def test_a_product_and_a_sum_are_rounded_once() -> None:
    """(1 + e)² - (1 + 2e) is e², where e² is less than float32 has beside 1."""
    e, fma = 2.0**-12, philox.fma
    found = njit(lambda x, y, z: fma(x, y, z))(
        np.float32(1 + e), np.float32(1 + e), np.float32(-1 - 2 * e)
    )
    assert found == e**2
