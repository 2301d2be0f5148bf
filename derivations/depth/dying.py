"""Narrow ReLU networks die: the probability that nothing is left of the signal, exactly for one input."""

from __future__ import annotations

import sympy as sp
from sympy import Integral, Product, Rational, Subs, Sum, log, pi

from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction

units, depth, layer, risk = symbols("lu2019", "units depth layer risk")
angle, shared = symbols("lu2019", "angle shared")
width = sp.Function("width", positive=True)
survival = sp.Function("survival", positive=True)

i = sp.Symbol("i", integer=True, positive=True)
turn = sp.Symbol("turn", positive=True)
one, both = sp.symbols("one both", positive=True)
n = units
alive = 1 - 2 ** (-n)  # the probability that a layer with a signal hands it on
NO_LAYER = (("lost term", 2, "a product of no factors does not look at them"),)

DERIVATION = Derivation(
    row="depth/dying",
    title="Dying networks",
    papers=("lu2019", "he2015"),
    section="abstract",
    claim="A ReLU layer of $n$ units is silent with probability $2^{-n}$, and then all that follows is zero, for good. "
    "A network of $L$ layers is dead for an input with probability $1 - (1 - 2^{-n})^L$: after some $2^n$ layers, "
    "most are.",
    lines=(
        Given(
            "symmetry",
            "Weights are independent, with a continuous law that is symmetric around zero; no biases. Given an "
            "input that is not zero, a unit's preactivation is then positive or negative with probability one half, "
            "and units are independent.",
            "he2015:§2.2",
        ),
        Given(
            "absorbing",
            "A layer whose units are all inactive hands on zeros, and without biases every later layer is zero, too.",
        ),
        Step(
            "silent",
            Product(Rational(1, 2), (i, 1, n)),
            2 ** (-n),
            why="all $n$ units of a layer are inactive at once",
        ),
        *induction(
            "surviving",
            recurrence=sp.Eq(survival(layer), (1 - 2 ** (-width(layer))) * survival(layer - 1)),
            closed=survival(0) * Product(1 - 2 ** (-width(layer)), (layer, 1, depth)),
            index=depth,
            start=0,
            same_base=NO_LAYER,
            why="each layer is passed with a probability that does not depend on those before",
            ref="lu2019:§abstract",
        ),
        Step(
            "death",
            1 - Product(alive, (layer, 1, depth)),
            1 - alive**depth,
            why="and with $s_0 = 1$ and layers of one width this is the probability that $x_L$ is zero",
        ),
        Step(
            "passed",
            Sum(alive**layer, (layer, 1, depth)),
            (2**n - 1) * (1 - alive**depth),
            why="the mean number of layers with a signal, which is the sum of the probabilities to survive each",
            cases=((units, (1, 2, 3)),),
        ),
        Step(
            "lifetime",
            Sum(alive**layer, (layer, 1, sp.oo)),
            2**n - 1,
            why="without an end: a layer in $2^n$ is fatal",
            cases=((units, (1, 2, 3)),),
        ),
        Step(
            "width_needed",
            Subs(1 - alive**depth, n, -log(1 - (1 - risk) ** (1 / depth)) / log(2)),
            risk,
            why="the width at which a network of $L$ layers dies with probability $p$: a logarithm of the depth",
        ),
        Given(
            "two",
            "Two inputs at an angle $\\theta$. What a unit makes of them depends on its weights' part in the plane "
            "of both alone, whose direction is uniform if the weights are Gaussian.",
        ),
        Step(
            "sector",
            Integral(1 / (2 * pi), (turn, pi / 2 + angle, 3 * pi / 2)),
            (pi - angle) / (2 * pi),
            why="it is inactive for both in a sector of $\\pi - \\theta$: for one half of the directions if the inputs "
            "are parallel, a quarter at a right angle, and never if they are opposite",
        ),
        Step(
            "both_silent",
            Product((pi - angle) / (2 * pi), (i, 1, n)),
            ((pi - angle) / (2 * pi)) ** n,
            why="a layer that is silent for both inputs",
        ),
        Step(
            "both_pass",
            Subs(1 - 2 * one + both, (one, both), (2 ** (-n), shared**n)),
            1 - 2 * 2 ** (-n) + shared**n,
            why="a layer that hands on both: silent for neither, by inclusion and exclusion",
        ),
        Step(
            "right_angle",
            Subs(1 - 2 * 2 ** (-n) + shared**n, shared, Rational(1, 4)),
            alive**2,
            why="at a right angle the two are independent. Behind a ReLU no two signals are further apart, so that $c "
            "\\ge 1/4$ and a layer hands on both at least as often; and at most as often as one, at $c = 1/2$",
        ),
        Step(
            "batch_least",
            1 - 2 * alive**depth + Product(alive**2, (layer, 1, depth)),
            (1 - alive**depth) ** 2,
            why="so a network is dead for both at least as often as two networks for one input each; and at most as "
            "often as one for one",
        ),
        Step(
            "batch_any",
            1 - Product(alive**2, (layer, 1, depth)),
            1 - alive ** (2 * depth),
            why="and dead for one of them, at the most, as often as one of two networks is",
        ),
    ),
    predictions=(
        Prediction("silent", "silent", "Probability that a layer kills a signal."),
        Prediction("death", "death", "Probability that x_L is zero, for one input."),
        Prediction("passed", "passed", "Mean number of layers with a signal, of L."),
        Prediction("lifetime", "lifetime", "The same without an end."),
        Prediction(
            "both_silent", "both_silent", "Probability that a layer kills two signals at once."
        ),
        Prediction(
            "batch_least", "batch_least", "The least probability to be dead for two inputs."
        ),
        Prediction(
            "batch_any", "batch_any", "The largest probability to be dead for one of two inputs."
        ),
    ),
)
