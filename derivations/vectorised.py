"""A prediction as a function of numpy arrays, without overflow: not of integers, and not of gamma functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import mpmath as mp
import sympy as sp

from derivations.cumulative import cumulative


@lru_cache(maxsize=1024)
def vectorised(arguments: tuple[sp.Symbol, ...], expression: sp.Basic) -> Callable[..., Any]:
    """A numpy function of ``arguments``; through mpmath where gammas would overflow a float, and for sums."""
    import numpy as np  # only predictions need it

    if expression.has(sp.lowergamma):
        return cumulative(arguments, expression)
    if not expression.has(sp.gamma, sp.polygamma, sp.Sum):
        modules = ["scipy", "numpy"] if expression.has(sp.erf) else "numpy"
        plain: Callable[..., Any] = sp.lambdify(arguments, expression, modules)
        return lambda *values: plain(*map(_real, values))

    exact = sp.lambdify(arguments, expression, "mpmath")
    kinds = [
        int if symbol.is_integer else lambda value: mp.mpf(float(value)) for symbol in arguments
    ]
    return np.vectorize(
        lambda *values: float(exact(*(kind(v) for kind, v in zip(kinds, values, strict=True)))),
        otypes=[float],
    )


def _real(value: Any) -> Any:
    """Integers as floats: numpy's wrap around at 2⁶³, and have no negative powers."""
    import numpy as np

    return np.asarray(value, float)[()] if np.asarray(value).dtype.kind in "biu" else value
