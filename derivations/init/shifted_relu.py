"""A rectifier minus a constant: what the constant should be, and what many layers make of it."""

from __future__ import annotations

import sympy as sp
from sympy import Derivative, Max, Rational, Subs, pi, sqrt

from derivations.expectation import GaussianMean
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step
from derivations.solve import Root

gain, shift, units = symbols("arpit2016", "gain shift units")
second_moment, root_mean_square = symbols("arpit2016", "second_moment root_mean_square")
fan_in, fan_out, weight_var = symbols("he2015", "fan_in fan_out weight_var")

z = sp.Symbol("z", real=True)
g, s, m, u = gain, shift, second_moment, root_mean_square

shifted = Max(0, z) - s
before = g**2 * m  # the variance of the preactivations
mean = g * sqrt(m) / sqrt(2 * pi) - s
variance = (1 - 1 / pi) / 2 * g**2 * m
square = g**2 * m / 2 - 2 * s * g * sqrt(m) / sqrt(2 * pi) + s**2
kaiming_map = m - 2 * s * sqrt(m) / sqrt(pi) + s**2
unit_gain, unit_shift = sqrt(2) * sqrt(pi) / sqrt(pi - 1), 1 / sqrt(pi - 1)
unit_map = m + (sqrt(m) - 1) ** 2 / (pi - 1)

DERIVATION = Derivation(
    row="init/shifted_relu",
    title="The shifted ReLU",
    papers=("arpit2016", "he2015"),
    section="1",
    claim="The constant that centres a ReLU after Kaiming's weights is $1/\\sqrt\\pi \\approx 0.564$, for inputs of "
    "mean square 1. It cannot change the variance, and no constant centres a second layer: in depth the mean "
    "settles at minus half of any constant.",
    lines=(
        Given(
            "gaussian",
            "The weights are $\\mathcal N(0, g^2/n)$ with $n$ the fan-in. So, given the layer's input, "
            "its preactivations are independent $\\mathcal N(0, g^2 m)$. Kaiming's gain is $g = \\sqrt 2$.",
            "arpit2016:§1",
        ),
        Step(
            "mean",
            GaussianMean(shifted, z, before),
            mean,
            why="the mean of a rectified Gaussian (row init/relu), less the constant",
        ),
        Step(
            "variance",
            GaussianMean(shifted**2, z, before) - GaussianMean(shifted, z, before) ** 2,
            variance,
            why="no $s$ is left in it: a constant moves all numbers alike, and cannot change their variance",
            same=(("lost term", 1, "that $s$ does not count is what the step says"),),
        ),
        Step(
            "second_moment",
            GaussianMean(shifted**2, z, before),
            square,
            why="what the constant does change is the mean square, which is what the next layer sees",
        ),
        Step(
            "centre",
            Root(sp.Eq(mean, 0), s),
            g * sqrt(m) / sqrt(2 * pi),
            why="the constant that makes the mean zero",
            ref="arpit2016:§1",
        ),
        Step(
            "kaiming_centre",
            Subs(g * sqrt(m) / sqrt(2 * pi), g, sqrt(2)),
            sqrt(m) / sqrt(pi),
            why="with Kaiming's gain, for $m = 1$: $0.564$, not $0.5$ (and $0.399$ with the gain 1)",
            ref="he2015:10",
        ),
        Step(
            "lesson_mean",
            Subs(mean, (g, s), (sqrt(2), Rational(1, 2))),
            sqrt(m) / sqrt(pi) - Rational(1, 2),
            why="the lesson's constant leaves a mean of $0.064$ for $m = 1$",
        ),
        Step(
            "centred",
            Subs(square, s, g * sqrt(m) / sqrt(2 * pi)),
            (1 - 1 / pi) / 2 * g**2 * m,
            why="centred, the mean square is the variance: with Kaiming's gain $0.682\\,m$. Centre each layer "
            "anew and keep that gain, and the signal fades by this factor every time",
        ),
        Step(
            "unit_gain",
            Root(sp.Eq((1 - 1 / pi) / 2 * g**2, 1), g),
            unit_gain,
            why="so a centred layer wants another gain, $1.713$, if it is to keep its mean square",
        ),
        Step(
            "unit_shift",
            Subs(g * sqrt(m) / sqrt(2 * pi), (g, m), (unit_gain, 1)),
            unit_shift,
            why="and with that gain another constant, $0.683$",
        ),
        Given(
            "wide",
            "For what follows the layers are wide: each has the mean square that the last one's leads to "
            "expect. In a layer of $n$ units it strays from that, as the step *spread* says.",
        ),
        Step(
            "kaiming_map",
            Subs(square, g, sqrt(2)),
            kaiming_map,
            why="what one layer with Kaiming's weights makes of the mean square",
        ),
        Step(
            "fixed_point",
            Root(sp.Eq(kaiming_map.subs(m, u**2), u**2), u),
            s * sqrt(pi) / 2,
            why="the only root mean square that a layer leaves as it is. In a stationary state it is also the "
            "mean of $\\sqrt m$ at every width, as the map is linear in $m$ and $\\sqrt m$",
        ),
        Step(
            "fixed_second_moment",
            Subs(u**2, u, s * sqrt(pi) / 2),
            pi * s**2 / 4,
            why="$\\pi/16 = 0.196$ for the lesson's constant: a fifth of what came in",
        ),
        Step(
            "fixed_mean",
            Subs(mean, (g, m), (sqrt(2), pi * s**2 / 4)),
            -s / 2,
            why="deep layers are not centred but have a negative mean, whatever the constant",
        ),
        Step(
            "fixed_variance",
            Subs(variance, (g, m), (sqrt(2), pi * s**2 / 4)),
            (pi - 1) * s**2 / 4,
            why="a standard deviation of $0.366$ for the lesson's constant, where $0$ would have kept $0.826$",
        ),
        Step(
            "rate",
            Subs(Derivative(kaiming_map, m), m, pi * s**2 / 4),
            1 - 2 / pi,
            why="near it, a layer leaves $0.363$ of a deviation: five layers forget what came in",
            same=(("lost term", 1, "a constant has no derivative"),),
        ),
        Step(
            "unit_map",
            Subs(square, (g, s), (unit_gain, unit_shift)),
            unit_map,
            why="centred with mean square 1, a layer never makes the mean square smaller. The map touches the "
            "diagonal at 1: from below the mean square creeps up to it, from above it runs away",
        ),
        Step(
            "gradient",
            Subs(fan_out * weight_var / 2, weight_var, g**2 / fan_in),
            g**2 * fan_out / (2 * fan_in),
            why="backwards a constant has no derivative: the factor of he2015 holds with or without it. "
            "With Kaiming's gain and equal widths it is 1",
            ref="he2015:12",
        ),
        Step(
            "unit_gradient",
            Subs(g**2 * fan_out / (2 * fan_in), (g, fan_out), (unit_gain, fan_in)),
            pi / (pi - 1),
            why="with the gain that keeps a centred signal, and equal widths, the gradient grows by $1.467$ a layer",
        ),
        Step(
            "spread",
            (
                GaussianMean(shifted**4, z, before)
                - (g**2 * m / 2 - 2 * s * g * sqrt(m) / sqrt(2 * pi) + s**2) ** 2
            )
            / units,
            (
                Rational(5, 4) * g**4 * m**2
                - 6 * s * g**3 * m ** Rational(3, 2) / sqrt(2 * pi)
                + 2 * (1 - 1 / pi) * s**2 * g**2 * m
            )
            / units,
            why="how far the mean square of $n$ units strays, as a variance, given the layer before",
        ),
    ),
    predictions=(
        Prediction(
            "mean", "mean", "Mean of a layer's outputs, given the mean square of its inputs."
        ),
        Prediction("variance", "variance", "Their variance."),
        Prediction("second_moment", "second_moment", "Their mean square."),
        Prediction("centre", "centre", "The constant that makes the mean zero."),
        Prediction("kaiming_centre", "kaiming_centre", "The same, with Kaiming's weights."),
        Prediction("unit_gain", "unit_gain", "The gain of a centred layer that keeps its size."),
        Prediction("unit_shift", "unit_shift", "The constant that goes with it."),
        Prediction("fixed_mean", "fixed_mean", "Mean of a deep layer with Kaiming's weights."),
        Prediction("fixed_point", "fixed_point", "Its root mean square."),
        Prediction("fixed_second_moment", "fixed_second_moment", "Its mean square."),
        Prediction("fixed_variance", "fixed_variance", "Its variance."),
        Prediction("rate", "rate", "What a layer leaves of a small deviation from it."),
        Prediction("gradient", "gradient", "Factor of the gradient's mean square at a layer."),
        Prediction("unit_gradient", "unit_gradient", "The gradient's factor, with the unit gain."),
        Prediction(
            "spread", "spread", "Variance of the mean square of n units, given the layer before."
        ),
    ),
)
