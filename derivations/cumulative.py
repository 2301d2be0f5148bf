"""Distribution functions that hold incomplete gammas, as fast numpy functions that do not overflow.

mpmath takes a millisecond a value, too long for samples of a million. Here γ(a, x) / Γ(a) becomes one function of
SciPy, and binomials and powers of whole numbers become one exponential: each alone would leave the range of a float.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

regularised, log_choices = sp.Function("regularised"), sp.Function("log_choices")


def cumulative(arguments: Sequence[sp.Symbol], expression: sp.Basic) -> Callable[..., Any]:
    """``expression`` as a function of whole numbers (integer symbols) and arrays (the others)."""
    from scipy.special import gammainc, gammaln  # only distribution functions need it

    known = {
        "regularised": gammainc,
        "log_choices": lambda n, k: gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1),
    }
    return sp.lambdify(arguments, tamed(expression), modules=[known, "scipy", "numpy"])


def tamed(expression: sp.Basic) -> sp.Basic:
    """The same, with regularised incomplete gammas, and with binomials and powers as one exponential."""
    expression = expression.replace(
        sp.lowergamma, lambda shape, x: sp.gamma(shape) * regularised(shape, x)
    ).replace(sp.binomial, lambda n, k: sp.exp(log_choices(n, k)))
    powers = [p for p in expression.atoms(sp.Pow) if p.base.is_Integer and p.base > 1]
    logs = {p: sp.exp(p.exp * sp.log(p.base).evalf(17)) for p in powers}
    return expression.xreplace(logs).replace(lambda part: part.is_Mul, _one_exponential)


def _one_exponential(product: sp.Mul) -> sp.Expr:
    """The product with its exponentials joined; SymPy keeps them apart where an exponent holds a float."""
    joined = [part.exp for part in product.args if isinstance(part, sp.exp)]
    rest = [part for part in product.args if not isinstance(part, sp.exp)]
    return sp.Mul(sp.exp(sp.Add(*joined)), *rest)
