"""Two inputs through one ReLU network: the angle between them shrinks like 3π/l, and they share the network's fate."""

from __future__ import annotations

import sympy as sp
from sympy import (
    Derivative,
    Eq,
    Integral,
    Limit,
    Rational,
    Subs,
    Sum,
    acos,
    cos,
    exp,
    factorial,
    log,
    pi,
    sin,
    sqrt,
)

from derivations.expectation import Independent, Variance
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step
from derivations.solve import Root

angle, degree, correlation = symbols("cho2009", "angle degree correlation")
polar_angle, radius = symbols("cho2009", "polar_angle radius")
units, depth = symbols("cho2009", "units depth")
chord, growth, offset = symbols("cho2009", "chord growth offset")
unit_product, mean_covariance, batch = symbols("cho2009", "unit_product mean_covariance batch")
t, f, r, p, K, L, n = angle, polar_angle, radius, correlation, unit_product, depth, units

i = sp.Symbol("i", integer=True, positive=True)
a, b, c = (sp.IndexedBase(name) for name in ("a", "b", "c"))
WEDGE = (f, t - pi / 2, pi / 2)
SIZES = ((units, (1, 2, 3)),)

cosine = (sin(t) + (pi - t) * cos(t)) / pi
cosine_map = (sqrt(1 - p**2) + (pi - acos(p)) * p) / pi
gap = 2 * sin(t / 2) ** 2 - (sin(t) - t * cos(t)) / pi
fourth = 2 * (3 * sin(t) * cos(t) + (pi - t) * (1 + 2 * cos(t) ** 2)) / pi
steps_back = L + Rational(3, 2) * log(L) + offset

DERIVATION = Derivation(
    row="depth/correlation",
    title="Two inputs",
    papers=("cho2009", "he2015"),
    section="2",
    claim="Depth makes all inputs of a ReLU network parallel: the cosine $\\rho$ of the angle between two of "
    "them rises in every layer, in the end like $\\rho_l \\approx 1 - 9\\pi^2/2l^2$, and so slowly that a fit to a "
    "hundred layers finds another law.",
    lines=(
        Given(
            "gaussian",
            "Weights are $\\mathcal N(0, 2/n)$, $n$ the fan-in; no biases. Given two inputs of a layer with the angle "
            "$\\theta$ between them, a unit's two preactivations, over their standard deviations, are $z$ and "
            "$z \\cos\\theta + w \\sin\\theta$ with independent standard normal $z = r\\cos\\varphi$ and "
            "$w = r\\sin\\varphi$. Different units are independent.",
            "he2015:10",
        ),
        Step(
            "area",
            Derivative(r * cos(f), r) * Derivative(r * sin(f), f)
            - Derivative(r * cos(f), f) * Derivative(r * sin(f), r),
            r,
            why="an area in polar coordinates; the density $e^{-r^2/2}/2\\pi$ does not depend on the direction",
        ),
        Step(
            "projection",
            r * cos(f) * cos(t) + r * sin(f) * sin(t),
            r * cos(f - t),
            why="the second preactivation is the first one's, turned by the angle between the inputs",
        ),
        Given(
            "wedge",
            "Both are positive for directions $\\varphi$ between $\\theta - \\pi/2$ and $\\pi/2$, where both "
            "cosines are.",
        ),
        Step(
            "radial",
            Integral(r ** (2 * degree) * r * exp(-(r**2) / 2), (r, 0, sp.oo)),
            2**degree * factorial(degree),
            why="the mean over the lengths, if each preactivation occurs $k$ times: 1, 2 and 8",
        ),
        Step(
            "both_active",
            2 * Integral(1 / (2 * pi), WEDGE),
            1 - t / pi,
            why="$\\kappa_0$, twice the probability that a unit is active for both inputs: 1 for equal ones",
            ref="cho2009:§2",
        ),
        Step(
            "cosine",
            2 * 2 * Integral(cos(f) * cos(f - t) / (2 * pi), WEDGE),
            cosine,
            why="$\\kappa_1$, twice the mean product of the two rectified numbers: the mean inner product of a layer's "
            "outputs over the product of its inputs' lengths",
            ref="cho2009:§2",
        ),
        Step(
            "half",
            cos(f) * cos(f - t),
            (cos(t) + cos(2 * f - t)) / 2,
            why="a product of cosines is a sum of them",
        ),
        Step(
            "fourth",
            4 * 8 * Integral(((cos(t) + cos(2 * f - t)) / 2) ** 2 / (2 * pi), WEDGE),
            fourth,
            why="the mean product of the squares $u = 2\\max(0, z)^2$ that a unit makes of either input: 6 for equal "
            "inputs, 1 at a right angle, 0 for opposite ones",
            ref="cho2009:§2",
        ),
        Step(
            "map",
            Subs(cosine, t, acos(p)),
            cosine_map,
            why="the same as a map of the cosine $\\rho$",
        ),
        Step(
            "slope",
            Derivative(cosine_map, p),
            1 - acos(p) / pi,
            why="its slope is $\\kappa_0$: below 1, and 1 for parallel inputs",
        ),
        Step(
            "excess",
            Derivative(cosine_map - p, p),
            -acos(p) / pi,
            why="what a layer adds to the cosine falls as the cosine grows",
        ),
        Step(
            "fixed_point",
            Subs(cosine_map, p, 1),
            sp.S.One,
            why="and reaches zero at $\\rho = 1$. So it is positive below: the cosine rises in every layer, and only "
            "parallel inputs stay as they are",
            same=(("lost term", 2, "at 1 the root and the arc cosine are zero"),),
        ),
        Given(
            "wide",
            "In wide layers the cosine is that of the means, $\\rho_l = \\kappa_1(\\rho_{l-1})$: its spread over "
            "networks is of order $1/\\sqrt n$, its bias of order $1/n$.",
        ),
        Step(
            "gap",
            1 - cosine,
            gap,
            why="what is lacking from 1, without the difference of two nearly equal numbers",
        ),
        Step(
            "growth",
            Limit(1 / sqrt(2 * gap) - 1 / (2 * sin(t / 2)), t, 0),
            1 / (3 * pi),
            why="inputs of length 1 are $s = 2\\sin\\frac\\theta2 = \\sqrt{2(1-\\rho)}$ apart. One over this chord "
            "grows by $1/3\\pi$ a layer, once it is short",
        ),
        Given(
            "mean_growth",
            "If what a sequence grows by has a limit, the sequence over its number of terms has the same (Stolz and "
            "Cesàro): $1/s_l \\sim l/3\\pi$.",
        ),
        Step(
            "asymptote",
            Subs(chord**2 / 2, chord, 3 * pi / L),
            9 * pi**2 / (2 * L**2),
            why="back to the cosine: $1 - \\rho = s^2/2$. Where the inputs began has no part in it",
        ),
        Step(
            "next_growth",
            Limit(
                (1 / sqrt(2 * gap) - 1 / (2 * sin(t / 2)) - 1 / (3 * pi)) / (2 * sin(t / 2)), t, 0
            ),
            1 / (6 * pi**2),
            why="what comes after: with $y = 1/s$, a layer adds $1/6\\pi^2 y$ more",
        ),
        Step(
            "harmonic",
            Subs(1 / (6 * pi**2 * growth), growth, L / (3 * pi)),
            1 / (2 * pi * L),
            why="which is a harmonic series: its sum grows like a logarithm",
        ),
        Step(
            "logarithm",
            Limit(L * Rational(3, 2) * (log(L + 1) - log(L)) / (3 * pi), L, sp.oo),
            1 / (2 * pi),
            why="that of $\\frac32\\log l$, over $3\\pi$",
        ),
        Given(
            "rest",
            "What is left adds up to a constant: $3\\pi/s_l = l + \\frac32\\log l + C + \\dots$, where $C$ is all "
            "that is remembered of the first angle.",
        ),
        Step(
            "corrected",
            Subs(chord**2 / 2, chord, 3 * pi / steps_back),
            9 * pi**2 / (2 * steps_back**2),
            why="so the asymptote is reached late: at a hundred layers $\\frac32\\log l$ is still 7, and $C$ is 4 for "
            "inputs that began at a right angle",
        ),
        Step(
            "product_variance",
            Variance(Sum(a[i], (i, 1, n)) / n, Independent(a, {1: cosine, 2: fourth})),
            (fourth - cosine**2) / n,
            why="at width $n$ the inner product is an average over $n$ independent units: its mean is exact, this is "
            "its variance",
            cases=SIZES,
        ),
        Step(
            "polarised",
            (
                Variance(Sum(b[i], (i, 1, n)) / n, Independent(b, {1: 2, 2: 12 + 2 * K}))
                - Variance(Sum(c[i], (i, 1, n)) / n, Independent(c, {1: 0, 2: 12 - 2 * K}))
            )
            / 4,
            (K - 1) / n,
            why="the covariance of the two inputs' ratios of mean squares, from sum and difference: a unit's squares "
            "have the means 1, 1, the second moments 6, 6, and the mean product $K$",
            cases=SIZES,
            same=(("variance ↔ second moment", 1, "the difference has mean zero"),),
        ),
        Step(
            "covariance",
            Subs((K - 1) / n, K, fourth),
            (fourth - 1) / n,
            why="one network treats two inputs alike, the more the smaller the angle",
        ),
        Step(
            "same_input",
            Subs((fourth - 1) / n, t, 0),
            5 / n,
            why="an input with itself: the variance of its ratio",
            same=(("lost term", 2, "at angle 0 the sine and the angle are zero"),),
        ),
        Step(
            "opposite",
            Subs((fourth - 1) / n, t, pi),
            -1 / n,
            why="opposite inputs share no active unit, and take units from each other",
            same=(
                ("lost term", 5, "at angle π all terms but the last are zero, in pairs or alone"),
            ),
        ),
        Given(
            "batch",
            "The variance of a batch's mean ratio is the mean of the covariances of all pairs of its inputs, each "
            "with itself included.",
        ),
        Step(
            "effective_size",
            Root(Eq(5 / (n * batch), mean_covariance), batch),
            5 / (n * mean_covariance),
            why="so many independent inputs, in as many networks, would average as well",
        ),
    ),
    predictions=(
        Prediction("both_active", "both_active", "Twice the share of units active for both."),
        Prediction("cosine", "cosine", "Mean inner product of outputs over the inputs' lengths."),
        Prediction("product_variance", "product_variance", "Its variance at finite width."),
        Prediction("fourth", "fourth", "Mean product of a unit's squares, each of mean 1."),
        Prediction("gap", "gap", "One minus the cosine after a wide layer."),
        Prediction("asymptote", "asymptote", "One minus the cosine after many wide layers."),
        Prediction("corrected", "corrected", "The same with its slow correction."),
        Prediction("covariance", "covariance", "Covariance of two inputs' ratios of mean squares."),
        Prediction("effective_size", "effective_size", "Independent inputs that a batch is worth."),
    ),
)
