"""Kaiming initialisation: the weight variance that keeps the signal of a ReLU network, both ways."""

from __future__ import annotations

import sympy as sp
from sympy import Max, Min, Product, Rational, Subs, Sum, sqrt

from derivations.expectation import Dependent, GaussianMean, Independent, Mean, Symmetric, Variance
from derivations.notation import by_layer, symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction
from derivations.solve import Root

fan_in, fan_out, fan, units = symbols("he2015", "fan_in fan_out fan units")
kernel_size, channels, depth, layer = symbols("he2015", "kernel_size channels depth layer")
weight_var, bound, second_moment = symbols("he2015", "weight_var bound second_moment")
preactivation_var, previous = symbols("he2015", "preactivation_var previous_preactivation_var")
gradient_var, negative_slope = symbols("he2015", "gradient_var negative_slope")
weight, preactivation = symbols("he2015", "weight preactivation")
fans, outs, variances = by_layer("he2015", "fan_in fan_out weight_var")
signal, gradient = (sp.Function(n, positive=True) for n in ("preactivation_var", "gradient_var"))

i, r, s = sp.symbols("i r s", integer=True, positive=True)
w, x, delta = (sp.IndexedBase(name) for name in ("weight", "activation", "delta"))
y, z = preactivation, sp.Symbol("z", real=True)

WEIGHTS = Independent(w, {1: 0, 2: weight_var})
INPUTS = Dependent(x, {2: second_moment})
PREACTIVATION = Symmetric(y, {2: preactivation_var})
COTANGENT = Dependent(delta, {2: gradient_var / 2})

leaky = Max(0, y) + negative_slope * Min(0, y)
slope_factor = (1 + negative_slope**2) / 2
unit = 2 * (Max(0, z) + negative_slope * Min(0, z)) ** 2 / (1 + negative_slope**2)

DERIVATION = Derivation(
    row="init/kaiming",
    title="Kaiming initialisation",
    papers=("he2015",),
    section="2.2",
    claim="Weights of variance $2/n_l$, with $n_l$ the fan-in, keep the mean square of the signal of a "
    "ReLU network the same from layer to layer, at every width; with the fan-out they keep the gradient's.",
    lines=(
        Given(
            "independence",
            "The weights of a layer are independent, with zero mean and one variance, and independent of "
            "the layer's input. The entries of the input may depend on each other in any way.",
            "he2015:§2.2",
        ),
        Step(
            "centred",
            Mean(Sum(w[i] * x[i], (i, 1, fan_in)), WEIGHTS, INPUTS),
            sp.S.Zero,
            why="every term has a zero-mean weight as a factor, independent of the input",
            ref="he2015:6",
            cases=((fan_in, (1, 2, 3)),),
            same=(("shifted bound", 3, "the mean is zero for any number of terms"),),
        ),
        Step(
            "dot_product",
            Variance(Sum(w[i] * x[i], (i, 1, fan_in)), WEIGHTS, INPUTS),
            fan_in * weight_var * second_moment,
            why="expand the square: the cross terms vanish with the mean of a weight, whatever the inputs' "
            "dependence; what is left are $n_l$ terms $\\mathbb{E}[w^2]\\,\\mathbb{E}[x^2]$. It is the second "
            "moment of $x$, not its variance: after a ReLU the mean is not zero (row init/relu)",
            ref="he2015:7",
            cases=((fan_in, (1, 2, 3)),),
            same=(("variance ↔ second moment", 1, "the mean is zero"),),
        ),
        Given(
            "symmetry",
            "The previous preactivation $y_{l-1}$ is symmetric around zero: its weights are, and its bias is zero.",
            "he2015:§2.2",
        ),
        Step(
            "half",
            Mean(Max(0, y) ** 2, PREACTIVATION),
            preactivation_var / 2,
            why="a rectifier keeps the positive half of a symmetric law; a square has equal halves. "
            "No Gaussian is needed",
            ref="he2015:8",
        ),
        Step(
            "layer",
            Subs(fan_in * weight_var * second_moment, second_moment, previous / 2),
            Rational(1, 2) * fan_in * weight_var * previous,
            why="put the halved second moment into the dot product",
            ref="he2015:8",
        ),
        *induction(
            "stack",
            recurrence=sp.Eq(signal(layer), fans(layer) * variances(layer) / 2 * signal(layer - 1)),
            closed=signal(1) * Product(fans(layer) * variances(layer) / 2, (layer, 2, depth)),
            index=depth,
            start=1,
            why="induction over the layers: one more layer, one more factor",
            ref="he2015:9",
        ),
        Step(
            "kaiming",
            Root(sp.Eq(fan_in * weight_var / 2, 1), weight_var),
            2 / fan_in,
            why="ask that every factor of the product is 1: then no depth can make it vanish or explode",
            ref="he2015:10",
        ),
        Step(
            "first_layer",
            Root(sp.Eq(fan_in * weight_var, 1), weight_var),
            1 / fan_in,
            why="the network's input is not rectified, so the half is absent there; one factor 2 at one "
            "layer does not grow with depth, and the paper keeps $2/n$ everywhere",
            ref="he2015:§2.2",
        ),
        Step(
            "leaky_half",
            Mean(leaky**2, PREACTIVATION),
            slope_factor * preactivation_var,
            why="the negative half now counts too, with weight $a^2$",
            ref="he2015:15",
        ),
        Step(
            "leaky_layer",
            Subs(fan_in * weight_var * second_moment, second_moment, slope_factor * previous)
            / previous,
            slope_factor * fan_in * weight_var,
            why="the factor of one layer; $a = 0$ is ReLU, $a = 1$ is linear",
            ref="he2015:15",
        ),
        Step(
            "leaky",
            Root(sp.Eq(slope_factor * fan * weight_var, 1), weight_var),
            2 / ((1 + negative_slope**2) * fan),
            why="ask again that the factor is 1",
            ref="he2015:15",
        ),
        Step(
            "gain",
            sqrt(Subs(fan * weight_var, weight_var, 2 / ((1 + negative_slope**2) * fan))),
            sqrt(2) / sqrt(1 + negative_slope**2),
            why="the gain is the standard deviation of a weight in units of $1/\\sqrt{n}$: $\\sqrt 2$ for ReLU",
        ),
        Step(
            "uniform",
            sp.Integral(weight**2 / (2 * bound), (weight, -bound, bound)),
            bound**2 / 3,
            why="the variance of a uniform law on $[-b, b]$",
        ),
        Step(
            "uniform_bound",
            Root(sp.Eq(bound**2 / 3, 2 / ((1 + negative_slope**2) * fan)), bound),
            sqrt(6) / sqrt((1 + negative_slope**2) * fan),
            why="the half-width that has Kaiming's variance",
        ),
        Step(
            "convolution",
            Sum(1, (i, 1, channels), (r, 1, kernel_size), (s, 1, kernel_size)),
            kernel_size**2 * channels,
            why="a unit of a convolution sums over $c$ channels of a $k \\times k$ window; that is its fan-in",
            ref="he2015:§2.2",
        ),
        Given(
            "backward_independence",
            "The mask $f'(y_l)$ is independent of the gradient $\\Delta x_{l+1}$, and the gradient is independent "
            "of the weights it meets. This is exact for one input and an independent, sign-symmetric cotangent "
            "(row backprop/chain_rule); a loss that looks at the output breaks it.",
            "he2015:§2.2",
        ),
        Step(
            "mask",
            Mean(sp.Heaviside(y, 0) ** 2 * gradient_var, Symmetric(y, {})),
            gradient_var / 2,
            why="the mask is 1 for half of a symmetric law",
            ref="he2015:12",
        ),
        Step(
            "backward_layer",
            Variance(Sum(w[i] * delta[i], (i, 1, fan_out)), WEIGHTS, COTANGENT),
            Rational(1, 2) * fan_out * weight_var * gradient_var,
            why="the same dot product, now over the $\\hat n_l$ units that a unit feeds",
            ref="he2015:12",
            cases=((fan_out, (1, 2, 3)),),
            same=(("variance ↔ second moment", 1, "the mean is zero"),),
        ),
        *induction(
            "backward_stack",
            recurrence=sp.Eq(
                gradient(layer), outs(layer) * variances(layer) / 2 * gradient(layer - 1)
            ),
            closed=gradient(0) * Product(outs(layer) * variances(layer) / 2, (layer, 1, depth)),
            index=depth,
            start=0,
            why="induction, counting layers from the output backwards",
            ref="he2015:13",
        ),
        Step(
            "backward_ratio",
            Subs(fan_out * weight_var * gradient_var, gradient_var, slope_factor),
            slope_factor * fan_out * weight_var,
            why="with a leaky slope the mask is 1 or $a$, and its square has mean $(1 + a^2)/2$",
            ref="he2015:15",
        ),
        Step(
            "backward_kaiming",
            Root(sp.Eq(fan_out * weight_var / 2, 1), weight_var),
            2 / fan_out,
            why="the gradient asks for the fan-out. Either choice is enough: with one of them the other's "
            "product is $n_0/n_L$ or its inverse, which does not grow with depth",
            ref="he2015:14",
        ),
        Given(
            "gaussian",
            "For what follows the weights are Gaussian, so that the preactivations of one layer are, given its "
            "input, independent $\\mathcal N(0, \\operatorname{Var}[y_l])$.",
        ),
        Step(
            "unit_mean",
            GaussianMean(unit, z, sp.S.One),
            sp.S.One,
            why="one unit's share of the layer's ratio has mean 1",
        ),
        Step(
            "ratio_variance",
            (GaussianMean(unit**2, z, sp.S.One) - 1) / units,
            (6 * (1 + negative_slope**4) / (1 + negative_slope**2) ** 2 - 1) / units,
            why="the ratio of two layers' mean squares is an average over $n$ independent units: "
            "its variance is $5/n$ for ReLU, $2/n$ for a linear layer",
        ),
    ),
    predictions=(
        Prediction(
            "forward_ratio",
            "leaky_layer",
            "Mean square of a layer's activations over the one before.",
            variance="ratio_variance",
        ),
        Prediction(
            "backward_ratio",
            "backward_ratio",
            "Mean square of a layer's gradient over the one above.",
            variance="ratio_variance",
        ),
        Prediction(
            "ratio_variance",
            "ratio_variance",
            "Relative variance of one layer's ratio, one input, Gaussian weights.",
        ),
        Prediction("kaiming_variance", "leaky", "Kaiming's variance of a weight."),
        Prediction(
            "kaiming_bound",
            "uniform_bound",
            "Half-width of the uniform law with Kaiming's variance.",
        ),
        Prediction("gain", "gain", "Standard deviation of a weight, in units of 1/sqrt(fan)."),
        Prediction("conv_fan", "convolution", "Fan-in of a convolution with square kernels."),
        Prediction(
            "linear_second_moment", "dot_product", "Second moment of a linear layer's output."
        ),
    ),
)
