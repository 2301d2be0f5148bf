"""The chain rule: the gradients of MSE, ReLU and linear layers, and the gradient's size in a deep stack."""

from __future__ import annotations

import sympy as sp
from sympy import Derivative, Heaviside, Max, Product, Rational, Subs, Sum

from derivations.expectation import Dependent, Independent, Mean, Normal, Signs
from derivations.notation import by_layer, symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction

batch, fan_in, fan_out, units = symbols("parr2018", "batch fan_in fan_out units")
output, target, weight, bias = symbols("parr2018", "output target weight bias")
activation, preactivation, cotangent = symbols("parr2018", "activation preactivation cotangent")
(weight_above,) = symbols("parr2018", "weight_above")
epsilon, weight_var = symbols("parr2018", "epsilon weight_var")
(gradient_second_moment,) = symbols("parr2018", "gradient_second_moment")
outs, variances = by_layer("he2015", "fan_out weight_var")
depth, layer = symbols("he2015", "depth layer")
square = sp.Function("gradient_second_moment", positive=True)

i, j = sp.symbols("i j", integer=True, positive=True)
rest, active = sp.symbols("rest active", positive=True)
xi, t, z, s1 = sp.symbols("xi t z s", real=True)
x, g, w, o, y, s = (sp.IndexedBase(name) for name in ("x", "g", "w", "o", "y", "s"))

relu = Max(0, preactivation)
WEIGHTS = Independent(w, {1: 0, 2: weight_var})
COTANGENT = Dependent(g, {2: gradient_second_moment})
BATCH = ((batch, (1, 2, 3)),)

DERIVATION = Derivation(
    row="backprop/chain_rule",
    title="The chain rule",
    papers=("parr2018", "he2015"),
    section="4.5",
    claim="The gradient of a composition is the product of its layers' gradients, and through a deep ReLU "
    "stack each layer multiplies its mean square by $\\tfrac12 \\hat n_l \\operatorname{Var}[w_l]$.",
    lines=(
        Step(
            "relu_active",
            Subs(Derivative(relu, preactivation), preactivation, active),
            sp.S.One,
            why="above zero a ReLU is the identity",
            ref="parr2018:§5",
        ),
        Step(
            "relu_inactive",
            Subs(Derivative(relu, preactivation), preactivation, -active),
            sp.S.Zero,
            why="below zero it is constant",
            ref="parr2018:§5",
        ),
        Given(
            "kink",
            "At zero a ReLU has no derivative; we take 0 there, as PyTorch does.",
            "parr2018:§5",
        ),
        Step(
            "neuron_active",
            Subs(Derivative((relu - target) ** 2, preactivation), preactivation, active),
            2 * (active - target),
            why="loss after rectifier: two factors, the rectifier's is 1 for an active unit",
            ref="parr2018:§6",
        ),
        Step(
            "neuron_inactive",
            Subs(Derivative((relu - target) ** 2, preactivation), preactivation, -active),
            sp.S.Zero,
            why="and 0 for an inactive one: nothing passes to what lies below",
            ref="parr2018:§6",
            same=(
                (
                    "lost term",
                    2,
                    "the output of an inactive unit does not move, whatever is done with it",
                ),
            ),
        ),
        Step(
            "neuron_weight",
            Derivative((weight * activation + bias - target) ** 2, weight),
            2 * (weight * activation + bias - target) * activation,
            why="below an active unit the last factor is what the weight multiplies",
            ref="parr2018:§6",
        ),
        Step(
            "two_layers",
            Derivative((weight_above * (weight * activation + bias) - target) ** 2, weight),
            2 * (weight_above * (weight * activation + bias) - target) * weight_above * activation,
            why="one path through two layers: a factor for the loss, one for the layer above, one for our own",
            ref="parr2018:§4.5.1",
        ),
        Step(
            "two_paths",
            Derivative(weight * (weight * activation + bias), weight),
            (weight * activation + bias) + weight * activation,
            why="a weight that two layers share has two paths to the output: their products add",
            ref="parr2018:§4.5.2",
        ),
        Given(
            "sign_symmetry",
            "The weights are independent, their law is symmetric around zero, there is one input and no bias, and "
            "the cotangent is independent of the network and sign-symmetric.",
        ),
        Step(
            "mask_is_fair",
            Mean(Heaviside(xi * t, 0), Signs(xi), Signs(t)),
            Rational(1, 2),
            why="write a row of weights as a fresh fair sign $\\xi$ times the row; the unit is active if $\\xi$ "
            "equals the sign $t$ of the preactivation",
        ),
        Step(
            "mask_fixes_sign",
            Mean((Heaviside(xi * t, 0) * xi - Heaviside(xi * t, 0) * t) ** 2, Signs(xi), Signs(t)),
            sp.S.Zero,
            why="where the unit is active, $\\xi = t$: what passes does not depend on $\\xi$ otherwise",
            same=(("variance ↔ second moment", 1, "the mean is zero"),),
        ),
        Step(
            "mask_is_independent",
            Mean(Heaviside(xi * t, 0) * t, Signs(xi), Signs(t)),
            sp.S.Zero,
            why="the mask tells nothing about $t$, which the next layer's symmetric weights absorb. So the "
            "masks may be replaced by fair coins that are independent of all weights",
        ),
        Step(
            "layer",
            Mean(
                Sum(w[i] * (1 + s[i]) / 2 * g[i], (i, 1, fan_out)) ** 2,
                WEIGHTS,
                Signs(s),
                COTANGENT,
            ),
            Rational(1, 2) * fan_out * weight_var * gradient_second_moment,
            why="with fair independent masks $(1 + s_i)/2$ the cross terms vanish with the weights' mean",
            ref="he2015:12",
            cases=((fan_out, (1, 2, 3)),),
            same=(("variance ↔ second moment", 1, "the mean is zero"),),
        ),
        *induction(
            "stack",
            recurrence=sp.Eq(square(layer), outs(layer) * variances(layer) / 2 * square(layer - 1)),
            closed=square(0) * Product(outs(layer) * variances(layer) / 2, (layer, 1, depth)),
            index=depth,
            start=0,
            why="one more layer, one more factor, counted from the output",
            ref="he2015:13",
        ),
        Given("gaussian", "For the sampling variance, the weights are Gaussian."),
        Step(
            "ratio_variance",
            (Mean(((1 + s1) * z**2) ** 2, Signs(s1), Normal(z, sp.S.One)) - 1) / units,
            5 / units,
            why="one unit contributes a mask times a squared normal: second moment 6, mean 1",
        ),
    ),
    predictions=(
        Prediction(
            "gradient_ratio",
            "layer",
            "Mean square of a gradient below a layer over the one above.",
            at=((gradient_second_moment, 1),),
            variance="gradient_ratio_variance",
        ),
        Prediction(
            "gradient_ratio_variance", "ratio_variance", "Relative variance of one layer's ratio."
        ),
    ),
)
