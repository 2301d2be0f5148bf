"""The logarithm of a layer's ratio: its mean and variance, from the transform, for any slope of the rectifier."""

from __future__ import annotations

import sympy as sp
from sympy import EulerGamma, Integral, Rational, Subs, Sum, binomial, exp, log, sqrt

from derivations.expectation import Independent, Mean
from derivations.notation import symbols
from derivations.proof import Given, Step

units, active, argument, ratio = symbols("hanin2018", "units active argument ratio")
spread, log_mean, log_integral = symbols("hanin2018", "spread log_mean log_integral")
(negative_slope,) = symbols("he2015", "negative_slope")

change, squared = sp.symbols("change squared", real=True)
n, k, a, lam, r = units, active, negative_slope, argument, ratio
unit = 1 / (2 * sqrt(1 + 2 * lam)) + 1 / (2 * sqrt(1 + 2 * a**2 * lam))
alive = binomial(n, k) / (2**n - 1)  # of n fair coins, k heads, given that there is one

LOGARITHM: tuple[Given | Step, ...] = (
    Step(
        "ratio_transform",
        Subs(unit**n, lam, 2 * lam / ((1 + a**2) * n)),
        (
            1 / (2 * sqrt(1 + 4 * lam / ((1 + a**2) * n)))
            + 1 / (2 * sqrt(1 + 4 * a**2 * lam / ((1 + a**2) * n)))
        )
        ** n,
        why="the transform of a layer's ratio, over its mean: that of the square, which has mean $(1 + a^2) n/2$",
    ),
    Step(
        "alive_transform",
        Sum(alive * (1 + 4 * lam / n) ** (-k / 2), (k, 1, n)),
        ((Rational(1, 2) + 1 / (2 * sqrt(1 + 4 * lam / n))) ** n - 2 ** (-n)) / (1 - 2 ** (-n)),
        why="for ReLU, and given that one of the units is active: the rest of the transform is a layer's that is dead",
        cases=((units, (1, 2, 3)),),
        same=(("shifted bound", 1, "of n coins, n + 1 are never heads"),),
    ),
    Step(
        "log_slope",
        Integral(exp(-lam * r), (lam, 0, sp.oo)),
        1 / r,
        why="so $\\int_0^\\infty (e^{-\\lambda} - e^{-\\lambda r})\\,d\\lambda/\\lambda$, which is zero at $r = 1$, is "
        "$\\log r$ (Frullani's integral): with the transform for $e^{-\\lambda r}$, it is the mean of the logarithm",
    ),
    Step(
        "log_square_slope",
        Integral(log(lam) * exp(-lam * r), (lam, 0, sp.oo)),
        -(EulerGamma + log(r)) / r,
        why="and with another factor $\\log \\lambda$ under the integral its slope is this",
    ),
    Step(
        "log_square",
        sp.Derivative(-EulerGamma * log(r) - log(r) ** 2 / 2, r),
        -(EulerGamma + log(r)) / r,
        why="so the second integral, $J$ for short, is $-\\gamma\\,\\mathbb{E}\\log r - \\mathbb{E}\\log^2 r / 2$",
    ),
    Step(
        "log_variance",
        Subs(squared - log_mean**2, squared, -2 * log_integral - 2 * EulerGamma * log_mean),
        -2 * log_integral - 2 * EulerGamma * log_mean - log_mean**2,
        why="which gives the variance of the logarithm, without a sum over active units",
    ),
    Step(
        "small_drift",
        Mean(change - change**2 / 2, Independent(change, {1: 0, 2: spread})),
        -spread / 2,
        why="where no transform is at hand, to second order: a ratio with a small relative variance $v$ and mean 1",
        same=(("lost term", 1, "the mean of the change is zero"),),
    ),
    Given(
        "signs",
        "The gradient meets the same law on its way back. A row of weights is a sign times a row that makes its unit "
        "positive. The two are independent, and the next layer's symmetric weights forget the sign. So "
        "for a cotangent that is symmetric and does not look at the network, masks and weights are independent "
        "(row depth/independence).",
    ),
)
