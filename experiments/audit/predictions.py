"""The rows' predictions, each fetched once: an audit asks for the same few hundreds of times."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from derivations import load


@cache
def prediction(row: str, name: str) -> Callable[..., Any]:
    """The prediction ``name`` of ``row``, whose derivation is then known to hold."""
    return load(row).predict(name)
