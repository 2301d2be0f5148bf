"""impl/tensors/compiled.py: what kernels share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numba import config

from impl.tensors import compiled

A = torch.rand(2, 2)
EXAMPLES = {
    "compiled": lambda: compiled.compiled(lambda: None),
    "operands": lambda: compiled.operands(A, A),
    "run": lambda: compiled.run(lambda a: None, A),
}


def divide(a: Any, b: Any) -> Any:
    return a / b


def test_what_is_compiled_is_kept_apart_for_every_state_of_the_sources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = compiled.cache_folder()
    assert folder.parent.name == "companion-kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", "elsewhere")
    other = compiled.cache_folder.__wrapped__()
    assert other.parts[0] == "elsewhere" and other.name == folder.name
    assert len(other.name) == 16 and other.parts[1:] == ("companion-kernels", other.name)
    monkeypatch.setattr(compiled.Path, "glob", lambda self, pattern: [])
    assert compiled.cache_folder.__wrapped__().name != folder.name


def test_the_cache_is_where_the_system_has_its_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for platform, caches in (("linux", ".cache"), ("darwin", "Library/Caches")):
        monkeypatch.setattr(compiled.sys, "platform", platform)
        folder = compiled.cache_folder.__wrapped__()
        assert folder.parent == tmp_path / caches / "companion-kernels"


def test_a_file_that_compiles_nothing_leaves_the_compiled_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "tensors" / "compiled.py"))
    names = []
    (tmp_path / "init").mkdir()
    for name, text in (("a", "COMPILED_BY = ()"), ("b", "x = 1"), ("c", "COMPILED_BY = (1,)")):
        (tmp_path / "init" / f"{name}.py").write_text(text, encoding="utf-8")
        names.append(compiled.cache_folder.__wrapped__().name)
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize("chosen", [None, "by the user"])
def test_a_kernel_is_kept_where_the_cache_is_and_numbas_own_setting_stays(
    chosen: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "by the user"
    monkeypatch.setattr(compiled, "cache_folder", lambda: ours)
    before = str(theirs) if chosen else ""
    monkeypatch.setattr(config, "CACHE_DIR", before)
    kernel = compiled.compiled(divide)
    assert before == config.CACHE_DIR
    kernel(1.0, 2.0)
    assert kernel.nopython_signatures
    kept = theirs if chosen else ours
    assert list(kept.rglob("*.nbc"))
    assert list(tmp_path.iterdir()) == [kept]


def test_a_kernel_divides_as_numpy_does_and_lets_threads_run() -> None:
    kernel = compiled.compiled(divide)
    assert kernel(1.0, 0.0) == math.inf and math.isnan(kernel(math.nan, 1.0))
    assert kernel.targetoptions["nogil"] is True
    # nothing but that a product and a sum may be rounded as one
    assert kernel.targetoptions["fastmath"] == {"contract"}


def test_numbers_that_no_kernel_takes_are_refused() -> None:
    good, meta = torch.ones(2, 2), torch.ones(2, 2, device="meta")
    for pair in ((good, meta), (meta, good), (meta, meta)):
        with pytest.raises(ValueError, match=r"on the CPU, got torch.float32 on \w+ and \w+: "):
            compiled.operands(*pair)
    half = good.bfloat16()
    with pytest.raises(ValueError, match=r"takes float32 or float64 .* torch.bfloat16 on cpu"):
        compiled.operands(half, half)
    with pytest.raises(ValueError, match="a must be"):
        compiled.operands(good, torch.ones(3, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_operands_come_without_gaps_and_without_history(dtype: torch.dtype) -> None:
    a, b = torch.rand(3, 2, dtype=dtype).T.requires_grad_(), torch.rand(3, 8, dtype=dtype)[:, ::2]
    for given, made in zip((a, b), compiled.operands(a, b), strict=True):
        assert made.is_contiguous() and not made.requires_grad
        assert torch.equal(made, given)


def test_a_kernel_writes_into_its_operands() -> None:
    product = torch.zeros(2, 2)
    compiled.run(lambda a, out: np.multiply(a, 2, out=out), A, product)
    assert torch.equal(product, 2 * A)
