"""Finite width: Kaiming's weights keep the mean of the signal at any depth, and lose the signal of most networks."""

from __future__ import annotations

import sympy as sp
from sympy import (
    Max,
    Product,
    Rational,
    Subs,
    Sum,
    binomial,
    exp,
    gamma,
    log,
    lowergamma,
    polygamma,
    sqrt,
)

from derivations.expectation import GaussianMean, Independent, Mean, Normal
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction

units, depth, layer, active = symbols("hanin2018", "units depth layer active")
square, power, spread, ratio = symbols("hanin2018", "square power spread ratio")
moment = sp.Function("square_moment", positive=True)

z, change = sp.symbols("z change", real=True)
i = sp.Symbol("i", integer=True, positive=True)
u, w = sp.IndexedBase("u"), sp.IndexedBase("w")
n, k, t, s = units, active, square, power

density = t ** (k * Rational(1, 2) - 1) * exp(-t / 2) / (2 ** (k * Rational(1, 2)) * gamma(k / 2))
square_cdf = lowergamma(k / 2, t / 2) / gamma(k / 2)
power_mean = 2**s * gamma(k / 2 + s) / gamma(k / 2)
log_mean, log_variance = log(2) + polygamma(0, k / 2), polygamma(1, k / 2)
alive = binomial(n, k) / (2**n - 1)  # of n fair coins, k heads, given that there is one
one = log_mean + log(2 / n)  # mean of the log ratio of a layer with k active units
digamma_mean = Sum(alive * polygamma(0, k / 2), (k, 1, n))
SIZES = ((units, (1, 2, 3)),)
coins = binomial(n, k) / 2**n  # of n fair coins, k heads
unit_transform = Rational(1, 2) + 1 / (2 * sqrt(1 + 2 * s))
square_transform = (1 + 2 * s) ** (-k / 2)
NONE_BEYOND = "of n coins, n + 1 are never heads"

DERIVATION = Derivation(
    row="depth/finite_width",
    title="Finite width",
    papers=("hanin2018", "he2015"),
    section="abstract",
    claim="With Kaiming's weights the *mean* of the signal's mean square is the same after any number of layers, "
    "at any "
    "width. The typical network is not the mean: its mean square fades like $e^{-5L/2n}$.",
    lines=(
        Given(
            "gaussian",
            "Weights are $\\mathcal N(0, 2/n)$, $n$ the fan-in; one input; no biases. Given a layer's input, its "
            "preactivations are then independent and normal, with variance twice the input's mean square.",
            "he2015:10",
        ),
        Given(
            "free",
            "So the ratio of a layer's mean square to that of the layer before is $\\frac1n \\sum_i u_i$ with "
            "$u = 2\\max(0, z)^2$ for standard normal $z$: its law does not depend on the input. Ratios of "
            "different layers are "
            "independent, and the mean square after $L$ layers is the product of $L$ of them.",
        ),
        Step(
            "unit",
            GaussianMean(2 * Max(0, z) ** 2, z, sp.S.One),
            sp.S.One,
            why="the mean of a ratio is 1 at every width, and so the mean of a product of them",
        ),
        Step(
            "unit_square",
            GaussianMean((2 * Max(0, z) ** 2) ** 2, z, sp.S.One),
            sp.Integer(6),
            why="half of the four times three that the fourth moment gives",
        ),
        Step(
            "ratio_square",
            Mean((Sum(u[i], (i, 1, n)) / n) ** 2, Independent(u, {1: 1, 2: 6})),
            1 + 5 / n,
            why="an average over $n$ independent units: its variance is $5/n$",
            cases=SIZES,
        ),
        Step(
            "ratio_fourth",
            Mean((Sum(2 * Max(0, w[i]) ** 2, (i, 1, n)) / n) ** 4, Normal(w, 1)),
            1 + 30 / n + 251 / n**2 + 558 / n**3,
            why="and its fourth moment: it says how badly an average of squared ratios is known",
            cases=SIZES,
        ),
        *induction(
            "second_moment",
            recurrence=sp.Eq(moment(layer), (1 + 5 / n) * moment(layer - 1)),
            closed=moment(0) * Product(1 + 5 / n, (layer, 1, depth)),
            index=depth,
            start=0,
            same_base=(("lost term", 2, "a product of no factors does not look at them"),),
            why="one more independent factor. The second moment explodes while the mean stays at 1: a few "
            "networks are large",
        ),
        Step(
            "equal_widths",
            Product(1 + 5 / n, (layer, 1, depth)),
            (1 + 5 / n) ** depth,
            why="layers of one width: for $5L/n = 1$ about $e$, and growing fast from there",
        ),
        Step(
            "equal_widths_fourth",
            Product(1 + 30 / n + 251 / n**2 + 558 / n**3, (layer, 1, depth)),
            (1 + 30 / n + 251 / n**2 + 558 / n**3) ** depth,
            why="the fourth moments of independent factors multiply, too",
        ),
        Step(
            "unit_transform",
            GaussianMean(exp(-s * Max(0, z) ** 2), z, sp.S.One),
            unit_transform,
            why="the Laplace transform of one squared unit: half of the time it is zero",
        ),
        Step(
            "square_transform",
            sp.Integral(exp(-s * t) * density, (t, 0, sp.oo)),
            square_transform,
            why="and that of a chi-square, a sum of $k$ squares",
        ),
        Step(
            "mixture",
            Product(unit_transform, (i, 1, n)),
            Sum(coins * square_transform, (k, 0, n)),
            why="the transform of $n$ independent units is, by the binomial theorem, that of a chi-square whose "
            "degrees of freedom are the number of heads of $n$ fair coins. A transform tells the law",
            cases=SIZES,
            same=(("shifted bound", 1, NONE_BEYOND),),
        ),
        Step(
            "square_cdf",
            sp.Derivative(square_cdf, t),
            density,
            why="the distribution function of a chi-square: zero at zero, and its slope is the density",
        ),
        Step(
            "ratio_cdf",
            1 / 2**n + Sum(coins * Subs(square_cdf, t, n * ratio / 2), (k, 1, n)),
            1 / 2**n + Sum(coins * lowergamma(k / 2, n * ratio / 4) / gamma(k / 2), (k, 1, n)),
            why="so this is the distribution function of a ratio $r$, which is $\\frac2n$ of that chi-square: it "
            "starts at $2^{-n}$, no unit active. Put a ratio into its own distribution function, and the "
            "result is uniform",
            cases=SIZES,
            same=(("shifted bound", 2, NONE_BEYOND),),
        ),
        Step(
            "power_mean",
            sp.Integral(t**s * density, (t, 0, sp.oo)),
            power_mean,
            why="all moments of the sum of $k$ squares, of broken order, too",
        ),
        Step(
            "log_mean",
            Subs(sp.Derivative(power_mean, s), s, 0),
            log_mean,
            why="the logarithm is the derivative of a power with respect to its exponent, at zero",
        ),
        Step(
            "log_variance",
            Subs(sp.Derivative(log(power_mean), s, 2), s, 0),
            log_variance,
            why="its variance is the second derivative of the logarithm of the mean power",
        ),
        Given(
            "alive",
            "Each unit is active with probability one half. What follows is given that one of each layer's units "
            "is: all are "
            "inactive with probability $2^{-n}$, and the signal is gone.",
        ),
        Step(
            "drift",
            Sum(alive * one, (k, 1, n)),
            log(4 / n) + digamma_mean,
            why="the mean of the log ratio: over the number of active units. It is negative, by Jensen's inequality",
            cases=SIZES,
            same=(("shifted bound", 2, NONE_BEYOND),),
        ),
        Step(
            "log_ratio_variance",
            Sum(alive * (log_variance + one**2), (k, 1, n)) - Sum(alive * one, (k, 1, n)) ** 2,
            Sum(alive * (log_variance + polygamma(0, k / 2) ** 2), (k, 1, n)) - digamma_mean**2,
            why="the mean of the variance, and the variance of the mean",
            cases=SIZES,
            same=(
                ("lost term", 2, "a constant does not count in a variance"),
                ("shifted bound", 4, NONE_BEYOND),
            ),
        ),
        Given(
            "wide",
            "For wide layers a ratio is $1 + x$ with $x$ small, of mean 0 and variance $5/n$; its third and "
            "higher moments are "
            "of order $1/n^2$.",
        ),
        Step(
            "leading_drift",
            Mean(change - change**2 / 2, Independent(change, {1: 0, 2: 5 / n})),
            -Rational(5, 2) / n,
            why="the logarithm to second order: half of the variance, with the other sign",
            same=(("lost term", 1, "the mean of the change is zero"),),
        ),
        Step(
            "typical",
            Subs(exp(depth * change), change, -Rational(5, 2) / n),
            exp(-Rational(5, 2) * depth / n),
            why="after $L$ layers the logarithm is a sum of many, so nearly normal: half of all networks are "
            "below this",
            ref="hanin2018:§abstract",
        ),
        Step(
            "tilt",
            exp(z) * exp(-((z + spread / 2) ** 2) / (2 * spread)),
            exp(-((z - spread / 2) ** 2) / (2 * spread)),
            why="and no contradiction: let the logarithm $z$ be normal with mean $-v/2$ and variance $v = 5L/n$. "
            "Weighted "
            "with its size $e^z$, it is the same law around $+v/2$: the weights add up to 1, the mean, and most of "
            "it comes from networks at $e^{+v/2}$, which hardly occur",
        ),
    ),
    predictions=(
        Prediction("ratio_mean", "unit", "Mean of one layer's ratio of mean squares."),
        Prediction("ratio_square", "ratio_square", "Its second moment."),
        Prediction("ratio_fourth", "ratio_fourth", "Its fourth moment."),
        Prediction("ratio_cdf", "ratio_cdf", "Its distribution function."),
        Prediction("fourth_moment", "equal_widths_fourth", "Fourth moment after L layers."),
        Prediction("second_moment", "equal_widths", "Second moment after L layers of one width."),
        Prediction(
            "drift", "drift", "Mean of the natural log of one layer's ratio, if it is alive."
        ),
        Prediction("log_ratio_variance", "log_ratio_variance", "Variance of that logarithm."),
        Prediction("leading_drift", "leading_drift", "The drift, to first order in 1/n."),
        Prediction(
            "typical", "typical", "Median of the mean square after L layers, over the input's."
        ),
    ),
)
