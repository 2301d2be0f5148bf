"""The law of the weights: what it changes (how much the signal varies), and what it does not (its mean)."""

from __future__ import annotations

import sympy as sp
from sympy import Integral, Max, Product, Rational, Subs, Sum, erf, exp, pi, sqrt

from derivations.expectation import (
    GaussianMean,
    Independent,
    Mean,
    Normal,
    Signs,
    Symmetric,
    Variance,
)
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step

units, inputs, depth, layer = symbols("hanin2018", "units layer_inputs depth layer")
deviation, excess, concentration = symbols("hanin2018", "deviation excess concentration")
preactivation_square, bound, cut, left = symbols("hanin2018", "preactivation_square bound cut left")

n, m, b, c, kappa = units, inputs, bound, cut, excess
i = sp.Symbol("i", integer=True, positive=True)
y, sign, z = sp.symbols("y sign z", real=True)
size, length = sp.symbols("size length", positive=True)
fourths = sp.Symbol("fourths", positive=True)
w, x, u, g = (sp.IndexedBase(name) for name in "wxug")

ANY = Symmetric(w, {2: deviation**2, 4: (3 + kappa) * deviation**4})
RECTIFIED = Symmetric(y, {2: preactivation_square, 4: (3 + kappa) * preactivation_square**2})
SIZES = ((inputs, (1, 2, 3)),)
bell = exp(-(size**2) / 2)
fair = g[1] * g[2] + g[3] * g[4]

DERIVATION = Derivation(
    row="depth/weight_law",
    title="The law of the weights",
    papers=("hanin2018", "he2015"),
    section="abstract",
    claim="Uniform, random signs, Laplace or Gaussian: with the same variance, all keep the mean of the signal alike. "
    "The law shows in how much the signal varies, and after one wide rectified layer hardly even there.",
    lines=(
        Given(
            "symmetry",
            "Weights are independent, symmetric around zero, with standard deviation $\\sigma$ and fourth moment "
            "$(3 + \\kappa) \\sigma^4$; one input; no biases. Nothing else is asked of their law.",
            "he2015:§2.2",
        ),
        Step(
            "square",
            Mean(Sum(w[i] * x[i], (i, 1, m)) ** 2, Symmetric(w, {2: deviation**2})),
            deviation**2 * Sum(x[i] ** 2, (i, 1, m)),
            why="the second moment of a preactivation: of the weights' law only the variance enters",
            ref="he2015:7",
            cases=SIZES,
            same=(("variance ↔ second moment", 1, "the mean of a weight is zero"),),
        ),
        Step(
            "half",
            Mean(Max(0, y) ** 2, Symmetric(y, {2: preactivation_square})),
            preactivation_square / 2,
            why="a rectifier keeps half of it, as the preactivation is symmetric. So the mean of the signal is kept by "
            "$\\sigma^2 = 2/m$ whatever the law",
            ref="he2015:8",
        ),
        Step(
            "fourth",
            Mean(Sum(w[i] * x[i], (i, 1, m)) ** 4, ANY),
            deviation**4 * (3 * Sum(x[i] ** 2, (i, 1, m)) ** 2 + kappa * Sum(x[i] ** 4, (i, 1, m))),
            why="the fourth moment: pairs of inputs give the Gaussian's three, each input alone adds $\\kappa$",
            cases=SIZES,
        ),
        Step(
            "half_fourth",
            Mean(Max(0, y) ** 4, RECTIFIED),
            (3 + kappa) * preactivation_square**2 / 2,
            why="the rectifier halves that as well",
        ),
        Step(
            "unit_square",
            Subs(
                (2 / (deviation**2 * length)) ** 2
                * deviation**4
                * (3 * length**2 + kappa * fourths)
                / 2,
                fourths,
                concentration * length**2,
            ),
            6 + 2 * kappa * concentration,
            why="the second moment of a unit's share $u_i$ of the ratio, which is its square over the mean of that; "
            "$S_4$ is 1 if one input is all, and $1/m$ if all inputs are equal",
        ),
        Step(
            "ratio_variance",
            Variance(
                Sum(u[i], (i, 1, n)) / n, Independent(u, {1: 1, 2: 6 + 2 * kappa * concentration})
            ),
            (5 + 2 * kappa * concentration) / n,
            why="units are independent given the input, as they share no weights: the variance of a layer's ratio",
            cases=((units, (1, 2, 3)),),
        ),
        Step(
            "rectified_concentration",
            GaussianMean(Max(0, z) ** 4, z, sp.S.One)
            / GaussianMean(Max(0, z) ** 2, z, sp.S.One) ** 2,
            sp.Integer(6),
            why="what a wide rectified layer hands on has $S_4 \\approx 6/n$: its mean fourth power over its "
            "squared mean square, by the law of large numbers",
        ),
        Step(
            "wide_variance",
            Subs((5 + 2 * kappa * concentration) / n, concentration, 6 / n),
            5 / n + 12 * kappa / n**2,
            why="so within a network the law of its weights is a correction of order $1/n^2$, and only the first layer "
            "may see more of it",
        ),
        Step(
            "uniform_square",
            Integral(size**2 / b, (size, 0, b)),
            b**2 / 3,
            why="a uniform weight within $\\pm b$ has deviation $b/\\sqrt 3$",
        ),
        Step(
            "uniform_excess",
            Integral(size**4 / b, (size, 0, b)) / Integral(size**2 / b, (size, 0, b)) ** 2 - 3,
            -Rational(6, 5),
            why="and lighter tails than a Gaussian one",
        ),
        Step(
            "sign_excess",
            Mean((deviation * sign) ** 4, Signs(sign))
            / Mean((deviation * sign) ** 2, Signs(sign)) ** 2
            - 3,
            -sp.Integer(2),
            why="random signs (Rademacher's law) have none: the least that is possible",
        ),
        Step(
            "laplace_excess",
            Integral(size**4 * exp(-size / b) / b, (size, 0, sp.oo))
            / Integral(size**2 * exp(-size / b) / b, (size, 0, sp.oo)) ** 2
            - 3,
            sp.Integer(3),
            why="Laplace weights have heavier ones",
        ),
        Step(
            "laplace_products",
            Mean(fair**4, Normal(g, 1)) / Mean(fair**2, Normal(g, 1)) ** 2 - 3,
            sp.Integer(3),
            why="as has a sum of two products of standard normal numbers, which is how our code draws one",
            same=(("variance ↔ second moment", 1, "the mean of a weight is zero"),),
        ),
        Step(
            "truncated_square",
            Integral(size**2 * bell, (size, 0, c)) / Integral(bell, (size, 0, c)),
            1 - sqrt(2) * c * exp(-(c**2) / 2) / (sqrt(pi) * erf(c / sqrt(2))),
            why="a normal law that is cut off at $c$ of its deviations loses variance: at 2, $\\tau = 0.774$ is left",
        ),
        Step(
            "parts",
            sp.Derivative(-(size**3) * bell, size),
            size**4 * bell - 3 * size**2 * bell,
            why="its fourth moment by parts is three times the second, less what the edge takes: $c^2$ times what it "
            "took from the second",
        ),
        Step(
            "truncated_excess",
            Subs(fourths / left**2 - 3, fourths, 3 * left - c**2 * (1 - left)),
            3 / left - c**2 * (1 - left) / left**2 - 3,
            why="which makes the excess $-0.634$ at 2",
        ),
        Step(
            "truncated_deviation",
            sqrt(Variance(w[1], Symmetric(w, {2: left}))),
            sqrt(left),
            why="the deviation that is left, $0.87962566103423978$ at 2: Keras and JAX divide by it",
            same=(("variance ↔ second moment", 1, "the mean of a weight is zero"),),
        ),
        Step(
            "faded",
            Product(left, (layer, 1, depth)),
            left**depth,
            why="who does not loses that factor of the signal at every layer: $2.7 \\cdot 10^{-6}$ are left "
            "after fifty",
        ),
    ),
    predictions=(
        Prediction(
            "ratio_variance", "ratio_variance", "Variance of a layer's ratio of mean squares."
        ),
        Prediction("wide_variance", "wide_variance", "The same behind a wide rectified layer."),
        Prediction("uniform_square", "uniform_square", "Variance of a uniform weight."),
        Prediction("uniform_excess", "uniform_excess", "Its excess kurtosis."),
        Prediction("sign_excess", "sign_excess", "That of random signs."),
        Prediction("laplace_excess", "laplace_excess", "That of a Laplace weight."),
        Prediction("truncated_excess", "truncated_excess", "That of a truncated normal weight."),
        Prediction("truncated_square", "truncated_square", "Variance left by a truncation."),
        Prediction("truncated_deviation", "truncated_deviation", "Its root."),
        Prediction("faded", "faded", "Mean square after L truncated layers, over the input's."),
    ),
)
