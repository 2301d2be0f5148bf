"""Fixup: a residual network that begins as the identity, with a first step that no depth enlarges."""

from __future__ import annotations

import sympy as sp
from sympy import Max, Product, Subs, Sum

from derivations.expectation import Dependent, GaussianMean, Independent, Mean, Normal, Variance
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction
from derivations.solve import Root

branches, branch_layers, branch, inner = symbols(
    "zhang2019", "branches branch_layers branch inner_layer"
)
units, scale, weight_var, weight = symbols("zhang2019", "units scale weight_var last_weight")
activation, branch_input, upstream = symbols("zhang2019", "activation branch_input upstream")
input_square, branch_square, upstream_square = symbols(
    "zhang2019", "input_square branch_square upstream_square"
)
gain, ratio = symbols("zhang2019", "branch_gain branch_ratio")
signal, inside, product = (
    sp.Function(name, positive=True) for name in ("input_square", "branch_square", "branch_ratio")
)

i, j = sp.symbols("i j", integer=True, positive=True)
z, a = sp.symbols("z a", real=True)
w, h, u, g, p = (sp.IndexedBase(name) for name in ("w", "h", "u", "g", "p"))
n, L, m = units, branches, branch_layers

WEIGHTS = Independent(w, {1: 0, 2: weight_var})
INPUTS = Dependent(h, {2: branch_square})
UPSTREAM = Dependent(u, {2: upstream_square})
RATIO = Dependent(ratio, {1: 1, 2: 1 + 5 / n})
SIZES = ((n, (1, 2, 3)),)
relative = scale ** (2 * (m - 1))  # mean square of h over that of x
block_square = 1 + 2 * gain * (1 + 2 / n) + gain**2 * (1 + 2 / n) * (1 + 5 / n)

DERIVATION = Derivation(
    row="depth/fixup",
    title="Fixup",
    papers=("zhang2019", "he2015"),
    section="3",
    claim="With a last layer of zeros in every branch a residual network begins as the identity, at any depth. With "
    "the other $m - 1$ layers scaled by $L^{-1/(2m-2)}$ its first step has the same size at any depth; "
    "with Kaiming's weights alone the step grows as $L$, and the signal, if no layer is zero, as $3^L$.",
    lines=(
        Given(
            "blocks",
            "A block is $x_{l+1} = x_l + W h_l$, where $h_l$ comes from $x_l$ through $m - 1$ layers with ReLU. All "
            "layers have $n$ units and no bias; weights are independent, with zero mean.",
            "zhang2019:§3",
        ),
        Step(
            "block",
            Mean((activation + Sum(w[i] * h[i], (i, 1, n))) ** 2, WEIGHTS, INPUTS),
            activation**2 + n * weight_var * branch_square,
            why="the cross term has a zero-mean weight as a factor: what a branch adds, it adds to the mean square",
            ref="zhang2019:§2",
            cases=SIZES,
        ),
        Step(
            "identity",
            Subs(activation + weight * branch_input, weight, 0),
            activation,
            why="a last layer of zeros: the block hands on what it was given, whatever is in $h_l$",
            ref="zhang2019:§3",
            same=(("lost term", 1, "that the branch does not count is what the step says"),),
        ),
        Step(
            "backward_identity",
            Subs(upstream + weight * upstream * ratio, weight, 0),
            upstream,
            why="backwards, too: what would go through the branch has to pass the zeros first. $r$ stands for the "
            "rest of the branch's derivative",
            ref="zhang2019:§3",
            same=(("lost term", 1, "that the branch does not count is what the step says"),),
        ),
        Given(
            "kaiming",
            "The $m - 1$ inner layers have Kaiming's weights times $s$. With $s = 1$ each keeps the mean square on "
            "average (row init/kaiming), so it multiplies it by $s^2$.",
            "he2015:10",
        ),
        *induction(
            "inner",
            recurrence=sp.Eq(inside(inner), scale**2 * inside(inner - 1)),
            closed=inside(0) * Product(scale**2, (i, 1, inner)),
            index=inner,
            start=0,
            why="one more layer of a branch, one more factor $s^2$; $h_l$ comes after $m - 1$ of them",
        ),
        Step(
            "block_ratio",
            Subs(
                (input_square + n * weight_var * branch_square) / input_square,
                (weight_var, branch_square),
                (gain / n, input_square),
            ),
            1 + gain,
            why="$s = 1$, and a last layer of variance $c/n$: $c = 2$ with Kaiming's weights everywhere makes 3; "
            "$c = 1$ without the rectifier's gain, as none follows, makes 2",
            ref="zhang2019:§2",
        ),
        *induction(
            "growth",
            recurrence=sp.Eq(signal(branch), (1 + gain) * signal(branch - 1)),
            closed=signal(0) * Product(1 + gain, (i, 1, branch)),
            index=branch,
            start=0,
            why="one more block, one more factor: the signal explodes with depth",
            ref="zhang2019:§2",
            same_base=(("lost term", 2, "an empty product is 1"),),
        ),
        Step(
            "kept",
            Subs((1 + gain) ** branch, gain, 0),
            sp.S.One,
            why="with last layers of zeros no depth changes anything",
            ref="zhang2019:§3",
            same=(("lost term", 1, "that the branch does not count is what the step says"),),
        ),
        Step(
            "bounded",
            sp.Limit(Subs((1 + gain) ** branch, gain, 1 / branch).doit(), branch, sp.oo),
            sp.E,
            why="branches divided by the root of their number grow together by less than $e$, which is a bound "
            "and not a constant: 2 for one branch, 2.6 for ten",
        ),
        Given(
            "first_step",
            "The loss is $u \\cdot x_{L+1}$ with a fixed $u$ (or any loss, to first order in the learning rate). "
            "A step of gradient descent lowers it by the learning rate times $K$, the sum of all squared gradients.",
            "zhang2019:§3",
        ),
        Step(
            "inner_gradient",
            Subs(weight * upstream * activation, weight, 0),
            sp.S.Zero,
            why="the gradient of an inner weight has to pass the last layer, and is zero: the first step changes last "
            "layers only",
        ),
        Step(
            "last_gradient",
            Mean(Sum((u[i] * h[j]) ** 2, (i, 1, n), (j, 1, n)), UPSTREAM, INPUTS),
            n**2 * upstream_square * branch_square,
            why="the gradient of $W_{ij}$ is $u_i h_j$, so their squares add up to $\\|u\\|^2 \\|h_l\\|^2$",
            cases=SIZES,
        ),
        Step(
            "change",
            Sum(relative, (branch, 1, L)),
            L * scale ** (2 * (m - 1)),
            why="every block has the same input $x$ and the same $u$, as all are the identity: $K$ over "
            "$\\|u\\|^2 \\|x\\|^2$ is a sum over branches",
            ref="zhang2019:§3",
        ),
        Step(
            "unscaled",
            Subs(L * scale ** (2 * (m - 1)), scale, 1),
            L,
            why="without a scale the first step is as many times too large as there are branches",
            same=(("lost term", 2, "1 to any power is 1"),),
        ),
        Step(
            "scale",
            Root(sp.Eq(L * scale ** (2 * (m - 1)), 1), scale),
            L ** (-1 / (2 * m - 2)),
            why="ask that the first step has one size at all depths",
            ref="zhang2019:§3",
        ),
        Step(
            "scaled",
            Subs(L * scale ** (2 * (m - 1)), scale, L ** (-1 / (2 * m - 2))),
            sp.S.One,
            why="put it in: one, for every $L$ and $m$",
            ref="zhang2019:§3",
            same=(
                (
                    "lost term",
                    2,
                    "what the exponent loses, the scale that answers to it loses as well",
                ),
            ),
        ),
        Given(
            "gaussian",
            "For the sampling variances the weights are Gaussian. Then the ratios of layers do not depend on each "
            "other or on the input (row depth/finite_width), and those of branches are independent as well.",
        ),
        Step(
            "layer_square",
            1 + (GaussianMean((2 * Max(0, z) ** 2) ** 2, z, sp.S.One) - 1) / n,
            1 + 5 / n,
            why="second moment of one layer's ratio: an average over $n$ independent units",
        ),
        *induction(
            "branch_moment",
            recurrence=sp.Eq(product(inner), (1 + 5 / n) * product(inner - 1)),
            closed=product(0) * Product(1 + 5 / n, (i, 1, inner)),
            index=inner,
            start=0,
            why="second moment of the product of $j$ ratios",
            same_base=(("lost term", 2, "an empty product is 1"),),
        ),
        Step(
            "change_variance",
            Variance(
                Sum(p[i] / L, (i, 1, L)),
                Independent(p, {1: 1, 2: (1 + 5 / n) ** (m - 1)}),
            ),
            ((1 + 5 / n) ** (m - 1) - 1) / L,
            why="$K$ is the average of the branches' ratios: $5/nL$ for $m = 2$. Deeper networks vary less",
            cases=((L, (1, 2, 3)),),
        ),
        Step(
            "sum_of_squares",
            Mean(((1 + a * g[1]) ** 2 + Sum((a * g[i]) ** 2, (i, 2, n))) ** 2, Normal(g, sp.S.One)),
            1 + (4 + 2 * n) * a**2 + n * (n + 2) * a**4,
            why="$\\|x + Wh\\|^2 / \\|x\\|^2$ squared, given $h$: $Wh$ is Gaussian with deviation $a\\|x\\|$ in each "
            "direction, one of which is that of $x$",
            cases=SIZES,
        ),
        Step(
            "block_square",
            Mean(1 + (4 + 2 * n) * gain * ratio / n + n * (n + 2) * (gain * ratio / n) ** 2, RATIO),
            block_square,
            why="$a^2 = c\\,r/n$ with the ratio $r$ of one inner layer ($m = 2$)",
        ),
        Step(
            "block_variance",
            (block_square - (1 + gain) ** 2) / (1 + gain) ** 2,
            gain * (4 + gain * (7 + 10 / n)) / (n * (1 + gain) ** 2),
            why="so the relative variance of a block's ratio",
        ),
    ),
    predictions=(
        Prediction("scale", "scale", "Factor on Kaiming's weights in all layers but the last."),
        Prediction("change", "change", "First-step change over its scale, for any factor."),
        Prediction("scaled_change", "scaled", "First-step change with Fixup.", variance="variance"),
        Prediction("unscaled_change", "unscaled", "First-step change without the factor."),
        Prediction("variance", "change_variance", "Relative variance of the first-step change."),
        Prediction(
            "block_ratio",
            "block_ratio",
            "Mean square after a block over that before, if the last layer has variance c/n.",
            variance="block_variance",
        ),
        Prediction("block_variance", "block_variance", "Its relative variance, for m = 2."),
        Prediction("kept", "kept", "Mean square after all blocks over the input's, with Fixup."),
        Prediction(
            "bound", "bounded", "Growth of many branches divided by the root of their number."
        ),
    ),
)
