"""Xavier initialisation: the compromise of the linear network, and why it halves per layer under ReLU."""

from __future__ import annotations

import sympy as sp
from sympy import Max, Product, Rational, Subs, Sum, sqrt

from derivations.expectation import Dependent, GaussianMean, Independent, Mean, Symmetric, Variance
from derivations.notation import by_layer, symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction
from derivations.solve import Root

fan_in, fan_out, units = symbols("glorot2010", "fan_in fan_out units")
weight_var, bound, activation_var = symbols("glorot2010", "weight_var bound activation_var")
gradient_var, weight, preactivation = symbols("glorot2010", "gradient_var weight preactivation")
(preactivation_var,) = symbols("glorot2010", "preactivation_var")
depth, layer = symbols("glorot2010", "depth layer")
fans, outs, variances = by_layer("glorot2010", "fan_in fan_out weight_var")
signal, gradient = (sp.Function(n, positive=True) for n in ("activation_var", "gradient_var"))

i = sp.Symbol("i", integer=True, positive=True)
z = sp.Symbol("z", real=True)
w, x, delta = (sp.IndexedBase(name) for name in ("weight", "activation", "delta"))
WEIGHTS = Independent(w, {1: 0, 2: weight_var})

DERIVATION = Derivation(
    row="init/xavier",
    title="Xavier (Glorot) initialisation",
    papers=("glorot2010",),
    section="4.2.1",
    claim="In a linear network the variance $2/(n_i + n_{i+1})$ is the middle way between keeping the signal "
    "and keeping the gradient; under ReLU it halves the mean square at every layer of equal width.",
    lines=(
        Given(
            "independence",
            "Weights are independent, with zero mean and one variance per layer, and independent of the input.",
            "glorot2010:§4.2.1",
        ),
        Given(
            "linear",
            "The network works in the linear regime: $f'(s) \\approx 1$, so that activations equal preactivations.",
            "glorot2010:4",
        ),
        Step(
            "forward_layer",
            Variance(Sum(w[i] * x[i], (i, 1, fan_in)), WEIGHTS, Dependent(x, {2: activation_var})),
            fan_in * weight_var * activation_var,
            why="expand the square; only the diagonal survives the zero mean of the weights. Zero-mean "
            "activations make the second moment a variance",
            ref="glorot2010:5",
            cases=((fan_in, (1, 2, 3)),),
            same=(("variance ↔ second moment", 1, "the mean is zero"),),
        ),
        *induction(
            "forward",
            recurrence=sp.Eq(signal(layer), fans(layer) * variances(layer) * signal(layer - 1)),
            closed=signal(0) * Product(fans(layer) * variances(layer), (layer, 1, depth)),
            index=depth,
            start=0,
            why="one more layer, one more factor",
            ref="glorot2010:5",
        ),
        Step(
            "backward_layer",
            Variance(
                Sum(w[i] * delta[i], (i, 1, fan_out)), WEIGHTS, Dependent(delta, {2: gradient_var})
            ),
            fan_out * weight_var * gradient_var,
            why="the same sum over the units that a unit feeds",
            ref="glorot2010:6",
            cases=((fan_out, (1, 2, 3)),),
            same=(("variance ↔ second moment", 1, "the mean is zero"),),
        ),
        *induction(
            "backward",
            recurrence=sp.Eq(gradient(layer), outs(layer) * variances(layer) * gradient(layer - 1)),
            closed=gradient(0) * Product(outs(layer) * variances(layer), (layer, 1, depth)),
            index=depth,
            start=0,
            why="one more layer, one more factor, counted from the output",
            ref="glorot2010:6",
        ),
        Step(
            "forward_ratio",
            Subs(fan_in * weight_var * activation_var, activation_var, 2) / 2,
            fan_in * weight_var,
            why="the factor of one layer does not depend on the signal's size",
            ref="glorot2010:8",
        ),
        Step(
            "backward_ratio",
            Subs(fan_out * weight_var * gradient_var, gradient_var, 2) / 2,
            fan_out * weight_var,
            why="nor does the gradient's",
            ref="glorot2010:9",
        ),
        Step(
            "keep_signal",
            Root(sp.Eq(fan_in * weight_var, 1), weight_var),
            1 / fan_in,
            why="the signal asks for this variance",
            ref="glorot2010:10",
        ),
        Step(
            "keep_gradient",
            Root(sp.Eq(fan_out * weight_var, 1), weight_var),
            1 / fan_out,
            why="the gradient asks for this one: both only if the layer is square",
            ref="glorot2010:11",
        ),
        Step(
            "compromise",
            Root(sp.Eq((fan_in * weight_var + fan_out * weight_var) / 2, 1), weight_var),
            2 / (fan_in + fan_out),
            why="let the two factors be 1 on average",
            ref="glorot2010:12",
        ),
        Step(
            "both_ways",
            Subs(fan_in * weight_var * fan_out * weight_var, weight_var, 2 / (fan_in + fan_out)),
            1 - ((fan_in - fan_out) / (fan_in + fan_out)) ** 2,
            why="what a layer does to signal and gradient together is at most 1: the compromise only ever loses",
            same=(("fan_in ↔ fan_out", 1, "the product treats both fans alike"),),
        ),
        Step(
            "uniform",
            sp.Integral(weight**2 / (2 * bound), (weight, -bound, bound)),
            bound**2 / 3,
            why="the variance of a uniform law on $[-b, b]$",
        ),
        Step(
            "uniform_bound",
            Root(sp.Eq(bound**2 / 3, 2 / (fan_in + fan_out)), bound),
            sqrt(6) / sqrt(fan_in + fan_out),
            why="the half-width that has the compromise's variance",
            ref="glorot2010:16",
        ),
        Step(
            "standard",
            Subs(bound**2 / 3, bound, 1 / sqrt(fan_in)),
            1 / (3 * fan_in),
            why="the older rule $U[-1/\\sqrt n, 1/\\sqrt n]$ has a third of what the signal asks for",
            ref="glorot2010:15",
        ),
        Given(
            "symmetry",
            "For what follows: a ReLU follows each layer, whose preactivations are symmetric around zero.",
        ),
        Step(
            "half",
            Mean(Max(0, preactivation) ** 2, Symmetric(preactivation, {2: preactivation_var})),
            preactivation_var / 2,
            why="a rectifier keeps half of a symmetric second moment",
            ref="he2015:8",
        ),
        Step(
            "relu_forward",
            Subs(Rational(1, 2) * fan_in * weight_var, weight_var, 2 / (fan_in + fan_out)),
            fan_in / (fan_in + fan_out),
            why="the half that the linear regime does not have; at equal widths the factor is 1/2",
        ),
        Step(
            "relu_backward",
            Subs(Rational(1, 2) * fan_out * weight_var, weight_var, 2 / (fan_in + fan_out)),
            fan_out / (fan_in + fan_out),
            why="the mask halves the gradient too",
        ),
        Step(
            "vanishes",
            sp.Limit((fan_in / (fan_in + fan_in)) ** z, z, sp.oo),
            sp.S.Zero,
            why="with depth the signal of a square ReLU stack is lost",
        ),
        Given("gaussian", "For the sampling variance, the weights are Gaussian."),
        Step(
            "ratio_variance",
            (GaussianMean(z**4, z, sp.S.One) - GaussianMean(z**2, z, sp.S.One) ** 2) / units,
            2 / units,
            why="the ratio of two layers' mean squares is the average of $n$ squared normals",
        ),
    ),
    predictions=(
        Prediction("xavier_variance", "compromise", "Xavier's variance of a weight."),
        Prediction("xavier_bound", "uniform_bound", "Half-width of Xavier's uniform law."),
        Prediction(
            "linear_forward_ratio",
            "forward_ratio",
            "Mean square of a linear layer's output over its input's.",
            variance="linear_ratio_variance",
        ),
        Prediction(
            "linear_backward_ratio",
            "backward_ratio",
            "Mean square of the gradient below a linear layer over the one above.",
            variance="linear_ratio_variance",
        ),
        Prediction(
            "relu_forward_ratio",
            "relu_forward",
            "Forward ratio of a ReLU layer with Xavier's weights.",
        ),
        Prediction(
            "relu_backward_ratio",
            "relu_backward",
            "Backward ratio of a ReLU layer with Xavier's weights.",
        ),
        Prediction(
            "linear_ratio_variance",
            "ratio_variance",
            "Relative variance of a linear layer's ratio.",
        ),
        Prediction("standard_variance", "standard", "Variance of the older uniform rule."),
    ),
)
