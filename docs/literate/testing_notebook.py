# %% [markdown]
# # Tests in a notebook
#
# A test is a comparison that stops when it fails. This is all that is needed to begin; the cells marked `#export`
# become the module `docs/literate/testing.py`.

# %%
# export
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


# %% [markdown]
# It must be able to fail. A test that cannot is worse than none.

# %%
test_eq([1, 2], [1, 2])
try:
    test_eq([1, 2], [1, 3])
except AssertionError as error:
    print(error)
else:
    raise SystemExit("two different lists were called equal")

# %% [markdown]
# Floating-point numbers are seldom equal. How near is near? Relative to the size of the numbers: `1e-3` says that
# three digits agree. An absolute tolerance alone calls 0.0001 and 0.0002 near. Both are wanted: the relative one for
# numbers of any size, the absolute one for what should be zero.


# %%
# export
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


# %%
test_near([1.0, 2.0], [1.0005, 2.0])
test_eq(near(1.0, 1.01), False)
test_eq(near([1.0], [1.0, 1.0]), False)
test_eq(near(float("nan"), float("nan")), False)
test_eq(near(float("inf"), float("inf")), True)

# %% [markdown]
# And on what this repository rebuilds: our Frobenius norm against torch's.

# %%
import torch

from impl.tensors.frobenius import frobenius_norm

matrix = torch.arange(1.0, 10.0).reshape(3, 3)
test_near(frobenius_norm(matrix), torch.linalg.matrix_norm(matrix))
test_near(frobenius_norm(matrix), 285**0.5)
