"""Singular values in wide layers: of one, a quarter circle; of many, Fuss and Catalan's moments, and an edge."""

from __future__ import annotations

import sympy as sp
from sympy import (
    Derivative,
    Integral,
    Subs,
    Sum,
    binomial,
    cos,
    log,
    pi,
    sin,
    sqrt,
)

from derivations.depth._sixth import at_large_width
from derivations.notation import symbols
from derivations.proof import Given, Prediction, Step

units, depth, share, turn = symbols("pennington2017", "units depth share turn")
weight_std, order, z = symbols("pennington2017", "weight_std order generating")
n, L, p, t, k = units, depth, share, turn, order

i = sp.Symbol("i", integer=True)
ORDERS = ((order, (1, 2, 3)),)
NONE_BEYOND = "of r things, r + 1 are never chosen"

wide_layer = (1 + p + 2 * sqrt(p) * cos(t)) / p
inverse = (1 + z) * (1 + z / p) ** L / z  # one over χ(z)
turning = (sqrt((L + 1) ** 2 - 4 * L * (1 - p)) - (L - 1)) / (2 * L)
third = 1 + 3 * L / p + L * (3 * L - 1) / (2 * p**2)


def quarter_circle(power: sp.Expr) -> sp.Expr:
    """The mean of s**power under the density √(4 - s²) / π on (0, 2), with s = 2 sin t."""
    return Integral((2 * sin(t)) ** power * (2 * cos(t)) ** 2 / pi, (t, 0, pi / 2))


def wide_moment(order: sp.Expr, layers: sp.Expr) -> sp.Expr:
    """Lagrange's inversion, written out: the coefficient of z^(k-1) in ((1 + z)(1 + z/p)^L)^k, over k."""
    term = binomial(order, i + 1) * binomial(layers * order, i) / p**i
    return Sum(term, (i, 0, order - 1)) / order


ONE_LAYER: tuple[Given | Step, ...] = (
    Given(
        "quarter_circle",
        "The singular values of one wide square matrix of independent entries with variance $1/n$ have the density "
        "$\\sqrt{4 - s^2}/\\pi$ on $(0, 2)$: the quarter circle law, of Marchenko and Pastur. It is a limit.",
    ),
    Step(
        "mean_square",
        quarter_circle(sp.Integer(2)),
        sp.S.One,
        why="the mean of the squares is 1, with $s = 2 \\sin t$",
    ),
    Step(
        "mean",
        quarter_circle(sp.S.One),
        8 / (3 * pi),
        why="the mean of the values themselves is below: Glorot and Bengio's normalised weights, where they "
        "report about 0.8",
        ref="glorot2010:§4.2.2",
    ),
    Step(
        "standard",
        Subs(weight_std * 8 / (3 * pi), weight_std, 1 / sp.sqrt(3)),
        8 / (3 * sp.sqrt(3) * pi),
        why="and their 0.5, for weights with $n \\operatorname{Var}[W] = \\frac13$",
        ref="glorot2010:15",
    ),
    Step(
        "mean_fourth",
        quarter_circle(sp.Integer(4)),
        sp.Integer(2),
        why="the fourth powers tell how unequal they are: 1 if all are alike, and 2 after one layer",
    ),
    Step(
        "catalan",
        quarter_circle(2 * k),
        binomial(2 * k, k) / (k + 1),
        why="and so on: the mean even powers are Catalan's numbers, 1, 2, 5, 14",
        cases=ORDERS,
    ),
)

WIDE: tuple[Given | Step, ...] = (
    Given(
        "wide_layer",
        "Wide layers again. The squared singular values of one layer $D W$ have the law of Marchenko and Pastur: with "
        "$\\lambda = (1 + p + 2\\sqrt p \\cos t)/p$, their mean $r$-th power is the mean of $\\lambda^{r-1}$ under "
        "the density $\\frac2\\pi \\sin^2 t$ on $(0, \\pi)$.",
    ),
    Given(
        "free",
        "Layers are asymptotically free, and then their S-transforms multiply (Voiculescu, *Multiplication of certain "
        "non-commuting random variables*, Journal of Operator Theory 18, 1987). That of a layer is $p/(p + z)$. "
        "So the generating function $\\psi$ of the moments is the inverse of "
        "$\\chi(z) = \\frac{z}{1 + z}\\bigl(\\frac{p}{p + z}\\bigr)^L$.",
        "pennington2017:§abstract",
    ),
    Step(
        "lagrange",
        Subs(Derivative(z * (z * inverse) ** k, (z, k)), z, 0) / (k * sp.factorial(k)),
        wide_moment(k, L),
        why="Lagrange's inversion: the moment is the coefficient of $z^r$ in $z\\,(z/\\chi(z))^r$, over $r$",
        same=(
            ("lost term", 1, NONE_BEYOND),
            ("shifted bound", 1, NONE_BEYOND),
        ),
        cases=ORDERS,
    ),
    Step(
        "one_wide_layer",
        Integral(2 / pi * sin(t) ** 2 * wide_layer**2, (t, 0, pi)),
        1 + 3 / p + 1 / p**2,
        why="one layer's third moment, by the law",
    ),
    Step(
        "same_layer",
        wide_moment(sp.Integer(3), sp.S.One),
        1 + 3 / p + 1 / p**2,
        why="and by its S-transform",
        same=(("shifted bound", 1, NONE_BEYOND),),
    ),
    Step(
        "fuss_catalan",
        wide_moment(k, L).subs(p, 1),
        binomial((L + 1) * k, k) / (L * k + 1),
        why="linear layers: the numbers of Fuss and Catalan",
        same=(
            ("lost term", 1, NONE_BEYOND),
            ("shifted bound", 1, NONE_BEYOND),
        ),
        cases=ORDERS,
    ),
    Step(
        "second_moment",
        wide_moment(sp.Integer(2), L),
        1 + L / p,
        why="the second moment is what the exact one tends to, above",
        same=(("shifted bound", 1, NONE_BEYOND),),
    ),
    Step(
        "third_moment",
        wide_moment(sp.Integer(3), L),
        third,
        why="the third one",
        same=(("shifted bound", 1, NONE_BEYOND),),
    ),
    *at_large_width(third),
    Step(
        "slope",
        Derivative(log(inverse), z),
        (L * z**2 + (L - 1) * z - p) / (z * (1 + z) * (p + z)),
        why="$\\psi$ is the inverse of $\\chi$, and ends where $\\chi$ turns",
    ),
    Step(
        "turning",
        Subs(L * z**2 + (L - 1) * z, z, turning),
        p,
        why="so there",
    ),
    Step(
        "edge",
        1 / (z / (1 + z) * (p / (p + z)) ** L),
        inverse,
        why="the largest squared singular value tends to one over $\\chi$ at this $z$",
    ),
    Step(
        "linear_edge",
        Subs(inverse, (p, z), (1, 1 / L)),
        (L + 1) ** (L + 1) / L**L,
        why="in linear layers at $z = 1/L$: nearly $e(L + 1)$, 4 for one layer, as in the quarter circle, 6.75 for two",
    ),
)

PREDICTIONS = (
    Prediction("mean", "mean", "Mean singular value of a wide matrix of variance 1/n."),
    Prediction("standard", "standard", "The same for variance 1/3n."),
    Prediction("sixth_limit", "sixth_limit", "The same in wide layers."),
    Prediction(
        "wide_moment", "lagrange", "Mean 2r-th power of the singular values in wide layers."
    ),
    Prediction(
        "fuss_catalan", "fuss_catalan", "The same for linear layers: Fuss and Catalan's numbers."
    ),
    Prediction(
        "edge",
        "edge",
        "Largest squared singular value in wide layers.",
        at=((z, turning),),
    ),
    Prediction("linear_edge", "linear_edge", "The same for linear layers."),
)
