"""PyTorch's default weights, kaiming_uniform_(a=√5): a sixth of the signal a layer, and what the biases leave."""

from __future__ import annotations

import sympy as sp
from sympy import Product, Rational, Subs, Sum, sqrt

from derivations.expectation import Dependent, Independent, Mean, Symmetric
from derivations.init.kaiming import DERIVATION as KAIMING
from derivations.notation import by_layer, symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction
from derivations.solve import Root

fan, fan_in, fan_out, units = symbols("he2015", "fan fan_in fan_out units")
weight, weight_var, bias_var = symbols("he2015", "weight weight_var bias_var")
bias, negative_slope, layer, depth = symbols("he2015", "bias negative_slope layer depth")
second_moment, preactivation_var = symbols("he2015", "second_moment preactivation_var")
(first,) = symbols("he2015", "first_preactivation_var")
(square,) = by_layer("he2015", "preactivation_var")

i = sp.Symbol("i", integer=True, positive=True)
w, x = (sp.IndexedBase(name) for name in ("weight", "activation"))
a, n, v = negative_slope, units, preactivation_var
GAIN, BOUND = (KAIMING.step(name).rhs for name in ("gain", "uniform_bound"))
ONE_LAYER = fan_in * weight_var * second_moment + bias_var
FLOOR = 2 / (5 * n)
END = 1 / sqrt(n)  # of the uniform law

DERIVATION = Derivation(
    row="init/conv_default",
    title="PyTorch's default weights",
    papers=("he2015", "glorot2010"),
    section="2.2",
    claim="$a = \\sqrt 5$ in `kaiming_uniform_` is no slope: it turns Kaiming's rule into the older "
    "$U[-1/\\sqrt n, 1/\\sqrt n]$, which divides the mean square by six at each ReLU layer, until only the biases "
    "are left.",
    lines=(
        Step(
            "gain",
            Subs(GAIN, a, sqrt(5)),
            1 / sqrt(3),
            why="put the slope $\\sqrt 5$ into Kaiming's gain: less than one, which no rectifier asks for",
            ref="he2015:15",
        ),
        Step(
            "bound",
            Subs(BOUND, a, sqrt(5)),
            1 / sqrt(fan),
            why="Kaiming's uniform law for that slope ends at $1/\\sqrt n$. That is what the number was chosen for",
            ref="glorot2010:1",
        ),
        Step(
            "variance",
            sp.Integral(weight**2 / (2 * END), (weight, -END, END)),
            1 / (3 * n),
            why="a third of what a linear layer needs, a sixth of what a ReLU layer needs",
            ref="glorot2010:15",
        ),
        Step(
            "spread",
            sp.Integral(weight**4 / (2 * END), (weight, -END, END)) * (3 * n) ** 2 - 1,
            Rational(4, 5),
            why="the relative variance of one squared weight: how well a sample of them tells their variance",
        ),
        Step(
            "root_six",
            Subs(BOUND, a, 0) / Subs(BOUND, a, sqrt(5)),
            sqrt(6),
            why="Kaiming's own weights are the default's, times $\\sqrt 6$, noise by noise",
        ),
        Given(
            "homogeneous",
            "A ReLU network without biases is homogeneous in each layer's weights: weights that are $c$ times as large "
            "make what follows, or the gradient below, $c$ times as large.",
        ),
        Step(
            "tower",
            Product(sqrt(6), (layer, 1, depth)),
            6 ** (depth / 2),
            why="so $L$ layers make a factor $\\sqrt 6^{\\,L}$ between the two, exactly, for the same noise",
        ),
        Given(
            "independence",
            "Weights and biases are independent, symmetric about zero, and independent of the layer's input, whose "
            "entries may depend on each other.",
            "he2015:§2.2",
        ),
        Step(
            "relu_ratio",
            Subs(fan_in * weight_var / 2, weight_var, 1 / (3 * fan_in)),
            Rational(1, 6),
            why="a rectifier halves, the weights keep a third",
            ref="he2015:9",
        ),
        Step(
            "layer",
            Mean(
                (Sum(w[i] * x[i], (i, 1, fan_in)) + bias) ** 2,
                Independent(w, {1: 0, 2: weight_var}),
                Dependent(x, {2: second_moment}),
                Symmetric(bias, {2: bias_var}),
            ),
            ONE_LAYER,
            why="a bias adds its variance, as its product with the rest has mean zero",
            ref="he2015:7",
            cases=((fan_in, (1, 2, 3)),),
            same=(("variance ↔ second moment", 1, "weights and biases have mean zero"),),
        ),
        Step(
            "map",
            Subs(
                ONE_LAYER,
                (weight_var, second_moment, bias_var),
                (1 / (3 * fan_in), v / 2, 1 / (3 * fan_in)),
            ),
            v / 6 + 1 / (3 * fan_in),
            why="the default's biases have the law of its weights. One ReLU layer, from preactivations to "
            "preactivations",
        ),
        Step(
            "floor",
            Root(sp.Eq(v / 6 + 1 / (3 * n), v), v),
            2 / (5 * n),
            why="the level that a layer keeps: it is made of biases, and does not know the input",
        ),
        Step(
            "floor_activation",
            Subs(v / 2, v, 2 / (5 * n)),
            1 / (5 * n),
            why="and half of it after the rectifier",
        ),
        *induction(
            "approach",
            recurrence=sp.Eq(square(layer), square(layer - 1) / 6 + 1 / (3 * n)),
            closed=FLOOR + (square(1) - FLOOR) * Product(Rational(1, 6), (layer, 2, depth)),
            index=depth,
            start=1,
            why="of what is not yet at the floor, a sixth is left after one more layer of $n$ units",
        ),
        Step(
            "approached",
            FLOOR + (square(1) - FLOOR) * Product(Rational(1, 6), (layer, 2, depth)),
            FLOOR + 6 * (square(1) - FLOOR) / 6**depth,
            why="and so after $L$ layers",
        ),
        Step(
            "crossing",
            Subs(square(1) / 6**depth, depth, sp.log(5 * n * square(1) / 2) / sp.log(6)),
            FLOOR,
            why="the input's part is as small as the floor after $\\log_6(\\tfrac52 n \\operatorname{Var}[y_1])$ more "
            "layers: three, for 256 units",
        ),
        Step(
            "backward_ratio",
            Subs(fan_out * weight_var / 2, weight_var, 1 / (3 * fan_in)),
            fan_out / (6 * fan_in),
            why="no bias helps a gradient: it falls by six for good",
            ref="he2015:13",
        ),
    ),
    predictions=(
        Prediction("default_gain", "gain", "The gain of kaiming_uniform_(a=√5)."),
        Prediction("variance", "variance", "Variance of a default weight, or bias."),
        Prediction("weight_spread", "spread", "Relative variance of one squared default weight."),
        Prediction(
            "relu_ratio", "relu_ratio", "Mean square after a layer without bias over before."
        ),
        Prediction("backward_ratio", "backward_ratio", "The same of the gradients."),
        Prediction("layer", "layer", "Mean square of a layer's preactivations."),
        Prediction(
            "approach",
            "approached",
            "Mean square of layer L's preactivations.",
            at=((square(1), first),),
        ),
        Prediction("floor", "floor", "Its level in deep stacks."),
        Prediction("floor_activation", "floor_activation", "That of the activations."),
        Prediction("tower", "tower", "Kaiming's output over the default's, without biases."),
    ),
)
