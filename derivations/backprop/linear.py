"""A linear layer: its three gradients by indices and by the trace rule, their cost, and their size."""

from __future__ import annotations

import sympy as sp
from sympy import Derivative, Sum

from derivations.expectation import Dependent, Independent, Mean, Normal, Variance
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step

batch, fan_in, fan_out = symbols("parr2018", "batch fan_in fan_out")
activation, weight, bias, weight_var = symbols("parr2018", "activation weight bias weight_var")
input_square, cotangent_square = symbols("parr2018", "input_second_moment cotangent_second_moment")
square_sum, fourth_sum, eighth_sum = symbols("parr2018", "square_sum fourth_sum eighth_sum")

n, i, j = sp.symbols("n i j", integer=True, positive=True)
x, g, w, d, a, h = (sp.IndexedBase(name) for name in ("x", "g", "w", "d", "a", "h"))

second = 2 * cotangent_square**2 * fourth_sum  # cumulants of one unit's sum
fourth = 48 * cotangent_square**4 * eighth_sum
EXAMPLES, INPUTS, OUTPUTS = (n, 1, batch), (i, 1, fan_in), (j, 1, fan_out)
BATCH = ((batch, (1, 2, 3)),)
SHAPES = ((batch, (1, 2)), (fan_in, (1, 2)), (fan_out, (1, 2)))
CONSTANT = ("lost term", 1, "what does not contain the variable has no derivative")
CENTRED = ("variance ↔ second moment", 1, "the mean is zero")
COTANGENT = Independent(g, {1: 0, 2: cotangent_square})

DERIVATION = Derivation(
    row="backprop/linear",
    title="The linear layer",
    papers=("parr2018",),
    section="5",
    claim="The gradients of $Z = XW + b$ are $G W^\\top$, $X^\\top G$ and $\\mathbf 1^\\top G$: sums of products, "
    "whose cost depends on what is written down on the way.",
    lines=(
        Given(
            "linear_in_g",
            "To first order a loss changes by $\\langle G, dZ \\rangle = \\sum_{nj} g_{nj}\\, dz_{nj}$, where $G$ is "
            "its gradient with respect to the layer's output.",
        ),
        Step(
            "linear_weight",
            Derivative(Sum(g[n] * (x[n] * weight + bias), EXAMPLES), weight),
            Sum(x[n] * g[n], EXAMPLES),
            why="by indices: a weight meets every example once, with that example's input, $X^\\top G$",
            cases=BATCH,
            same=(CONSTANT,),
        ),
        Step(
            "linear_bias",
            Derivative(Sum(g[n] * (x[n] * weight + bias), EXAMPLES), bias),
            Sum(g[n], EXAMPLES),
            why="the bias meets every example with factor 1",
            cases=BATCH,
            same=(CONSTANT,),
        ),
        Step(
            "linear_input",
            Derivative(Sum(g[j] * (w[j] * activation + bias), OUTPUTS), activation),
            Sum(g[j] * w[j], OUTPUTS),
            why="an input reaches the loss through every unit that it feeds: $G W^\\top$",
            cases=((fan_out, (1, 2, 3)),),
            same=(CONSTANT,),
        ),
        Step(
            "trace_rule_weight",
            Sum(g[n, j] * Sum(x[n, i] * d[i, j], INPUTS), EXAMPLES, OUTPUTS),
            Sum(Sum(x[n, i] * g[n, j], EXAMPLES) * d[i, j], INPUTS, OUTPUTS),
            why="the same at once: $\\langle G, X\\, dW\\rangle = \\operatorname{tr} G^\\top X\\, dW = "
            "\\langle X^\\top G, dW\\rangle$, and what stands beside $dW$ is the gradient",
            cases=SHAPES,
        ),
        Step(
            "trace_rule_input",
            Sum(g[n, j] * Sum(d[n, i] * w[i, j], INPUTS), EXAMPLES, OUTPUTS),
            Sum(Sum(g[n, j] * w[i, j], OUTPUTS) * d[n, i], EXAMPLES, INPUTS),
            why="$\\operatorname{tr} G^\\top dX\\, W = \\operatorname{tr} W G^\\top dX = \\langle G W^\\top, "
            "dX\\rangle$: a trace lets its factors go round",
            cases=SHAPES,
        ),
        Step(
            "multiplications",
            Sum(1, EXAMPLES, INPUTS, OUTPUTS),
            batch * fan_in * fan_out,
            why="products in the gradient of the weights, in whatever order. Outer products write all of them down "
            "before they are summed; a matrix product keeps the sums alone, $n \\hat n$ numbers",
        ),
        Given(
            "independent_cotangents",
            "For the size of the gradients: the entries of $G$ are independent of each other and of $X$ and $W$, with "
            "mean zero. The inputs may be anything.",
        ),
        Step(
            "weight_gradient",
            Mean(Sum(x[n] * g[n], EXAMPLES) ** 2, Dependent(x, {2: input_square}), COTANGENT),
            batch * input_square * cotangent_square,
            why="the examples' contributions have random signs: the mean square grows as $N$ and not as $N^2$",
            cases=BATCH,
            same=(CENTRED,),
        ),
        Step(
            "input_gradient",
            Mean(Sum(w[j] * g[j], OUTPUTS) ** 2, Independent(w, {1: 0, 2: weight_var}), COTANGENT),
            fan_out * weight_var * cotangent_square,
            why="the same sum over units: the backward half of Kaiming's condition",
            cases=((fan_out, (1, 2, 3)),),
            same=(CENTRED,),
        ),
        Step(
            "bias_gradient",
            Mean(Sum(g[n], EXAMPLES) ** 2, COTANGENT),
            batch * cotangent_square,
            why="as a weight's, with an input of 1",
            cases=BATCH,
            same=(CENTRED,),
        ),
        Given(
            "gaussian_cotangents",
            "For the spread, $G$ is Gaussian. Rotated to the axes of $X X^\\top$, with eigenvalues $a_n$, it is "
            "Gaussian again, and $\\lVert X^\\top G\\rVert^2 = \\sum_{nj} a_n g_{nj}^2$.",
        ),
        Step(
            "spread_of_one_unit",
            Variance(Sum(a[n] * g[n] ** 2, EXAMPLES), Normal(g, cotangent_square)),
            2 * cotangent_square**2 * Sum(a[n] ** 2, EXAMPLES),
            why="a squared normal number has variance 2; one unit has one such sum",
            cases=BATCH,
        ),
        Step(
            "relative_variance",
            Sum(2 * cotangent_square**2 * fourth_sum, OUTPUTS)
            / Sum(cotangent_square * square_sum, OUTPUTS) ** 2,
            2 * fourth_sum / (fan_out * square_sum**2),
            why="over the units, which are independent given $X$. For alike examples it is $2/\\hat n$, "
            "however many there are",
        ),
        Step(
            "fourth_moment_of_one_unit",
            Mean(
                (Sum(a[n] * g[n] ** 2, EXAMPLES) - cotangent_square * Sum(a[n], EXAMPLES)) ** 4,
                Normal(g, cotangent_square),
            ),
            3 * (2 * cotangent_square**2 * Sum(a[n] ** 2, EXAMPLES)) ** 2
            + 48 * cotangent_square**4 * Sum(a[n] ** 4, EXAMPLES),
            why="three times the squared variance, as for a normal law, and a fourth cumulant",
            cases=BATCH,
        ),
        Step(
            "stray_variance",
            (3 * Sum(second, OUTPUTS) ** 2 + Sum(fourth, OUTPUTS)) / Sum(second, OUTPUTS) ** 2 - 1,
            2 + 12 * eighth_sum / (fan_out * fourth_sum**2),
            why="variances and fourth cumulants of independent units add up: how much a squared deviation of "
            "$\\lVert X^\\top G\\rVert^2$ strays from its mean, the variance",
        ),
    ),
    predictions=(
        Prediction(
            "multiplications", "multiplications", "Products in the gradient of the weights."
        ),
        Prediction("outer_numbers", "multiplications", "Numbers that the outer products take."),
        Prediction(
            "weight_gradient",
            "weight_gradient",
            "Mean square of the gradient of a weight.",
            variance="relative_variance",
        ),
        Prediction("input_gradient", "input_gradient", "Mean square of the gradient of an input."),
        Prediction("bias_gradient", "bias_gradient", "Mean square of the gradient of a bias."),
        Prediction(
            "relative_variance",
            "relative_variance",
            "Variance of the mean square over all weights, over its square.",
        ),
        Prediction(
            "stray_variance",
            "stray_variance",
            "Relative variance of a squared deviation from the mean.",
        ),
    ),
)
