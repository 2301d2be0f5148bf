"""impl/tensors/compiled.py: what kernels share."""

from __future__ import annotations

import pytest
import torch

from impl.tensors import compiled

A = torch.rand(2, 2)
EXAMPLES = {
    "compiled": lambda: compiled.compiled(lambda: None),
    "operands": lambda: compiled.operands(A, A),
    "run": lambda: compiled.run(lambda a: None, A),
}


def test_what_is_compiled_is_kept_apart_for_every_state_of_the_sources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = compiled.cache_folder()
    assert folder.parent.name == "companion-kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", "elsewhere")
    other = compiled.cache_folder.__wrapped__()
    assert other.parts[0] == "elsewhere" and other.name == folder.name
    monkeypatch.setattr(compiled.Path, "glob", lambda self, pattern: [])
    assert compiled.cache_folder.__wrapped__().name != folder.name
