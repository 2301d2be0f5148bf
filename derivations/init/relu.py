"""What a rectifier does to a random number: mean, variance, second and fourth moment, for any slope."""

from __future__ import annotations

import sympy as sp
from sympy import Abs, Max, Min, Rational, Subs, pi, sqrt

from derivations.expectation import GaussianMean, Mean, Symmetric
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step

preactivation, preactivation_var = symbols("he2015", "preactivation preactivation_var")
negative_slope, second_moment = symbols("he2015", "negative_slope second_moment")
weight, weight_var = symbols("he2015", "weight weight_var")

z = sp.Symbol("z", real=True)
a, v, y = negative_slope, preactivation_var, preactivation

ANY_SYMMETRIC, SYMMETRIC = Symmetric(y, {}), Symmetric(y, {2: v})
AT_ZERO = "a term in the slope is zero where the slope is"


def leaky(number: sp.Expr) -> sp.Expr:
    """The rectifier: the number where it is positive, elsewhere the slope times it."""
    return Max(0, number) + a * Min(0, number)


mean = (1 - a) * sqrt(v) / sqrt(2 * pi)
square = (1 + a**2) * v / 2
variance = ((1 + a**2) / 2 - (1 - a) ** 2 / (2 * pi)) * v

DERIVATION = Derivation(
    row="init/relu",
    title="Moments of a rectifier",
    papers=("he2015",),
    section="2.2",
    claim="A ReLU halves the second moment of a symmetric input. It does not halve the variance: for a "
    "Gaussian input that falls to $(1 - 1/\\pi)/2 \\approx 0.341$ of what it was.",
    lines=(
        Given(
            "symmetry",
            "The preactivation $y_l$ is symmetric around zero. Nothing else is asked of its law.",
            "he2015:§2.2",
        ),
        Step(
            "split",
            leaky(y),
            (1 + a) / 2 * y + (1 - a) / 2 * Abs(y),
            why="a rectifier of any slope is a straight line plus a share of the absolute value",
        ),
        Step(
            "symmetric_mean",
            Mean(leaky(y), ANY_SYMMETRIC),
            (1 - a) / 2 * Mean(Abs(y), ANY_SYMMETRIC),
            why="the line averages to zero. What is left depends on the law, through its mean size",
        ),
        Step(
            "covariance",
            Mean(y * leaky(y), SYMMETRIC) - Mean(y, SYMMETRIC) * Mean(leaky(y), SYMMETRIC),
            (1 + a) / 2 * v,
            why="$y\\lvert y\\rvert$ averages to zero: output and input vary together as the line does. The "
            "second moment needs no more than symmetry either (row init/kaiming, step leaky half)",
            same=(("lost term", 1, "the mean of the input is zero"),),
        ),
        Given(
            "gaussian",
            "From here on the preactivation is Gaussian: $y_l \\sim \\mathcal N(0, \\operatorname{Var}[y_l])$, as "
            "it is, given the input, if the weights are.",
        ),
        Step(
            "size",
            GaussianMean(Abs(z), z, v),
            sqrt(2) * sqrt(v) / sqrt(pi),
            why="the mean size of a Gaussian, which the symmetric mean asked for",
        ),
        Step(
            "mean",
            GaussianMean(leaky(z), z, v),
            mean,
            why="$0.399$ standard deviations for ReLU, not a half",
        ),
        Step(
            "second_moment",
            GaussianMean(leaky(z) ** 2, z, v),
            square,
            why="for ReLU exactly half of the input's: the half of he2015, again as an integral",
            ref="he2015:15",
        ),
        Step(
            "variance",
            GaussianMean(leaky(z) ** 2, z, v) - GaussianMean(leaky(z), z, v) ** 2,
            variance,
            why="the second moment less the squared mean",
        ),
        Step(
            "relu_variance",
            Subs(variance, a, 0),
            (1 - 1 / pi) / 2 * v,
            why="so the variance of a ReLU falls to $0.341$, its standard deviation to $0.584$",
            same=(("lost term", 2, AT_ZERO),),
        ),
        Step(
            "variance_share",
            variance / square,
            1 - (1 - a) ** 2 / (pi * (1 + a**2)),
            why="what a layer seems to keep, if one takes the variance for the second moment in he2015's dot "
            "product: $0.682$ for ReLU, and $10^{-5}$ after thirty layers",
            ref="he2015:7",
        ),
        Step(
            "absolute",
            GaussianMean(Abs(leaky(z)), z, v),
            (1 + Abs(a)) * sqrt(v) / sqrt(2 * pi),
            why="the mean size of the output: that of each half, the negative one shrunk by $\\lvert a\\rvert$",
        ),
        Step(
            "fourth_moment",
            GaussianMean(leaky(z) ** 4, z, v),
            Rational(3, 2) * (1 + a**4) * v**2,
            why="half of a Gaussian's $3 \\operatorname{Var}[y_l]^2$ for ReLU, which is six times its squared "
            "second moment: why one layer's mean square has relative variance $5/n$",
        ),
        Step(
            "kaiming_mean",
            Subs(mean, (a, v), (0, 2 * second_moment)),
            sqrt(second_moment) / sqrt(pi),
            why="Kaiming's weights make preactivations of variance $2\\,\\mathbb{E}[x_l^2]$: a mean of $0.564$ for "
            "inputs of mean square 1",
            ref="he2015:10",
            same=(("lost term", 1, AT_ZERO),),
        ),
        Step(
            "kaiming_variance",
            Subs(variance, (a, v), (0, 2 * second_moment)),
            (1 - 1 / pi) * second_moment,
            why="and a variance of $0.682$: Kaiming's weights keep the second moment, not the variance",
            ref="he2015:10",
            same=(("lost term", 2, AT_ZERO),),
        ),
        Given(
            "product",
            "Last, one weight and one input alone, independent and Gaussian. Given the weight, their product is "
            "$\\mathcal N(0, w_l^2\\,\\mathbb{E}[x_l^2])$; over both it is symmetric, but not Gaussian.",
        ),
        Step(
            "product_mean",
            GaussianMean(Abs(weight) * sqrt(second_moment) / sqrt(2 * pi), weight, weight_var),
            sqrt(weight_var) * sqrt(second_moment) / pi,
            why="the mean above with a random deviation $\\lvert w_l\\rvert$: $1/\\pi = 0.318$, not $0.399$",
        ),
        Step(
            "product_second_moment",
            GaussianMean(weight**2 * second_moment / 2, weight, weight_var),
            weight_var * second_moment / 2,
            why="the half holds all the same: the product is symmetric",
        ),
        Step(
            "product_deviation",
            sqrt(
                weight_var * second_moment / 2 - (sqrt(weight_var) * sqrt(second_moment) / pi) ** 2
            ),
            sqrt(weight_var) * sqrt(second_moment) * sqrt(Rational(1, 2) - 1 / pi**2),
            why="a standard deviation of $0.631$; one half is the second moment",
        ),
    ),
    predictions=(
        Prediction("mean", "mean", "Mean of the rectified preactivation."),
        Prediction("variance", "variance", "Variance of the rectified preactivation."),
        Prediction("second_moment", "second_moment", "Its second moment."),
        Prediction("absolute", "absolute", "Mean of its absolute value."),
        Prediction("fourth_moment", "fourth_moment", "Its fourth moment."),
        Prediction("covariance", "covariance", "Its covariance with the preactivation."),
        Prediction("size", "size", "Mean of the absolute preactivation."),
        Prediction("relu_variance", "relu_variance", "Variance after a ReLU."),
        Prediction("variance_share", "variance_share", "Variance over second moment."),
        Prediction("kaiming_mean", "kaiming_mean", "Mean after a ReLU, with Kaiming's weights."),
        Prediction(
            "kaiming_variance", "kaiming_variance", "Variance after it, with Kaiming's weights."
        ),
        Prediction("product_mean", "product_mean", "Mean of a rectified product of Gaussians."),
        Prediction("product_second_moment", "product_second_moment", "Its second moment."),
        Prediction("product_deviation", "product_deviation", "Its standard deviation."),
    ),
)
