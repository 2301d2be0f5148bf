"""Made from docs/literate/testing_notebook.py, which is where to change it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any


def test(a: Any, b: Any, compare: Callable[[Any, Any], Any], name: str = "") -> None:
    """Raise AssertionError, showing both values, unless ``compare(a, b)`` is true."""
    if not compare(a, b):
        raise AssertionError(f"{name or compare.__name__}:\n{a}\n{b}")


def test_eq(a: Any, b: Any) -> None:
    """Raise AssertionError unless ``a == b``."""
    test(a, b, operator.eq, "==")


def numbers(a: Any) -> Iterable[float]:
    """The numbers of a nested list, or of anything with ``tolist``, one after the other."""
    a = a.tolist() if hasattr(a, "tolist") else a
    if isinstance(a, (list, tuple)):
        for part in a:
            yield from numbers(part)
    else:
        yield float(a)


def near(a: Any, b: Any, *, rel: float = 1e-3, abs: float = 1e-5) -> bool:  # noqa: A002 - as math.isclose
    """Are all numbers of ``a`` near those of ``b``, and of one count? Nothing is near a NaN."""
    ours, theirs = list(numbers(a)), list(numbers(b))
    pairs = zip(ours, theirs, strict=False)
    return len(ours) == len(theirs) and all(
        x == y or math.isclose(x, y, rel_tol=rel, abs_tol=abs) for x, y in pairs
    )


def test_near(a: Any, b: Any) -> None:
    """Raise AssertionError unless ``near(a, b)``."""
    test(a, b, near)
