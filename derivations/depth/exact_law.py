"""Exact law: what a layer does to the norms of both passes is told by a few random numbers, at any width."""

from __future__ import annotations

import sympy as sp
from sympy import Abs, Integral, Max, Min, Rational, Sum, binomial, exp, gamma, sqrt

from derivations.depth._logarithm import LOGARITHM
from derivations.expectation import GaussianMean, Independent, Mean, Normal
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step

units, depth, layer, active = symbols("hanin2018", "units depth layer active")
square, share, along, variance = symbols("hanin2018", "square share along sideways_variance")
argument, inner_units = symbols("hanin2018", "argument inner_units")
branch_scale, branch_std, readout_var = symbols("hanin2018", "branch_scale branch_std readout_var")
across, factor = symbols("hanin2018", "across factor")
negative_slope, weight_var, preactivation = symbols(
    "he2015", "negative_slope weight_var preactivation"
)
(kept,) = symbols("srivastava2014", "kept")
(width,) = symbols("saxe2013", "width")

z = sp.Symbol("z", real=True)
i = sp.Symbol("i", integer=True, positive=True)
u, w, x, v, e = (sp.IndexedBase(name) for name in ("u", "w", "x", "v", "e"))
q, b_square = sp.symbols("q b_square", real=True)
n, k, t, a, N, lam, h = units, active, square, negative_slope, width, argument, inner_units
alpha, b, g, y = branch_scale, branch_std, across, preactivation

SIZES = ((units, (1, 2, 3)),)
NONE_BEYOND = "of n coins, n + 1 are never heads"
NOTHING = "no unit adds nothing"


def leaky(number: sp.Expr) -> sp.Expr:
    """The rectifier: the number where it is positive, elsewhere the slope times it."""
    return Max(0, number) + a * Min(0, number)


def line_and_size(number: sp.Expr) -> sp.Expr:
    """The same, as a line and a share of the absolute value (row init/relu, step split)."""
    return (1 + a) / 2 * number + (1 - a) / 2 * Abs(number)


density = t ** (k * Rational(1, 2) - 1) * exp(-t / 2) / (2 ** (k * Rational(1, 2)) * gamma(k / 2))
positive, negative = 1 / sqrt(1 + 2 * lam), 1 / sqrt(1 + 2 * a**2 * lam)
coins = binomial(n, k) / 2**n
many_coins = binomial(N, k) / 2**N
leaky_square = 6 * (1 + a**4) / (1 + a**2) ** 2
above = sqrt(share) * along + sqrt(1 - share) * g
below = sqrt(1 - share) * along - sqrt(share) * g
ratio = (1 + alpha * b * g) ** 2 + (alpha * b) ** 2 * q
branch = (Normal(g, 1), Independent(q, {1: n - 1, 2: n**2 - 1}))
layer_inside = Independent(b_square, {1: 1 / n, 2: (1 + 5 / h) / n**2})

DERIVATION = Derivation(
    row="depth/exact_law",
    title="Exact law",
    papers=("hanin2018", "he2015", "saxe2013", "srivastava2014", "jacot2018"),
    section="abstract",
    claim="A layer of a deep ReLU network can be drawn from a few random numbers, exactly: the norms of both passes, "
    "at any width, "
    "without a weight.",
    lines=(
        Given(
            "gaussian",
            "Weights are independent $\\mathcal N(0, \\cdot)$; one input; no biases. Given a layer's input $x$, its "
            "preactivations are then independent and normal, whatever the direction of $x$.",
        ),
        Step(
            "halves",
            GaussianMean(exp(-lam * leaky(z) ** 2), z, sp.S.One),
            positive / 2 + negative / 2,
            why="the Laplace transform of one rectified square: a fair coin says which half the unit is in, "
            "and its size is the same in both",
        ),
        Step(
            "chi_square",
            Integral(exp(-lam * t) * density, (t, 0, sp.oo)),
            positive**k,
            why="the transform of a sum of $k$ squares of standard normal numbers",
            least=((k, 1),),
        ),
        Step(
            "forward",
            (positive / 2 + negative / 2) ** n,
            Sum(coins * positive**k * negative ** (n - k), (k, 0, n)),
            why="the transform of a layer of $n$ units is that of $\\chi^2_K + a^2 \\chi^2_{n-K}$ with "
            "$K$ the heads of $n$ fair coins; equal transforms are equal laws. So the layer's square is two or three "
            "random numbers",
            cases=SIZES,
            same=(("shifted bound", 1, NONE_BEYOND),),
        ),
        Step(
            "leaky_unit_square",
            GaussianMean((2 * leaky(z) ** 2 / (1 + a**2)) ** 2, z, sp.S.One),
            leaky_square,
            why="with the gain of he2015 a unit's square has mean 1, and this second moment: 6 for ReLU, 3 for slope 1",
            ref="he2015:15",
        ),
        Step(
            "leaky_ratio_square",
            Mean((Sum(u[i], (i, 1, n)) / n) ** 2, Independent(u, {1: 1, 2: leaky_square})),
            1 + (leaky_square - 1) / n,
            why="an average over $n$ independent units",
            cases=SIZES,
        ),
        Step(
            "correlation",
            Mean(
                Sum(w[i] * x[i], (i, 1, n)) * Sum(w[i] * v[i], (i, 1, n)),
                Independent(w, {1: 0, 2: weight_var}),
            ),
            weight_var * Sum(x[i] * v[i], (i, 1, n)),
            why="what a row of weights gives for $v$ is correlated with what it gives for $x$ only as far as $v$ goes "
            "along $x$. Uncorrelated normal numbers are independent, so given $z = Wx$ the weights are "
            "$z x^\\top / |x|^2$ plus, at right angles to $x$, weights that never saw $x$",
            cases=SIZES,
            same=(("shifted bound", 2, "a weight more of one sum meets no partner in the other"),),
        ),
        Step(
            "homogeneous",
            line_and_size(factor * y),
            factor * line_and_size(y),
            why="a rectifier commutes with positive factors, so a network does: by Euler's theorem the gradient "
            "$\\delta_l$ at $x_l$ has $\\delta_l \\cdot x_l = f$, the same number in every layer",
        ),
        Given(
            "around",
            "So the gradient at $x_l$ is $f x_l / |x_l|^2$, and at right angles to it $W^\\top u$ with weights that "
            "never saw $x_l$: normal, with the same variance $S = \\operatorname{Var}[w]\\,|u|^2$ in all directions.",
        ),
        Step(
            "plane",
            above**2 + below**2,
            along**2 + g**2,
            why="the rectifier tells the two halves of $x_l$ apart, which have the shares $c$ and $1 - c$ "
            "of its square. In the plane of the two, let the gradient be $r$ along $x_l$ and $g$ across: this "
            "turns it to the directions of the halves",
        ),
        Step(
            "backward",
            GaussianMean(above**2 + a**2 * below**2, g, variance),
            (share + a**2 * (1 - share)) * along**2 + (1 - share + a**2 * share) * variance,
            why="and the rectifier keeps one and shrinks the other. All other directions lie within one half: "
            "$K - 1$ in the positive, $n - K - 1$ in the negative one. So a leaky layer takes one random number more "
            "on the way back than a ReLU, for which $c = 1$",
        ),
        Step(
            "backward_mean",
            2 / n * variance * Sum(coins * (1 + (k - 1)), (k, 0, n)),
            variance,
            why="ReLU: $r^2$ has mean $S$, and with $K - 1$ more of them $|u|^2$ has mean $S n/2$. Kaiming's weights "
            "hand the same mean on",
            ref="he2015:14",
            cases=SIZES,
            same=(("shifted bound", 2, NONE_BEYOND + "; " + NOTHING),),
        ),
        Step(
            "kernel",
            Sum(readout_var * n / 2 * n, (layer, 1, depth)) + n,
            n * (readout_var * n * depth / 2 + 1),
            why="the squared gradient of a layer's weights is $|u_l|^2 |x_{l-1}|^2$: the first is made of "
            "numbers drawn for layers from $l$ on, the second of those before, so the mean of the product is that "
            "of the means. The input's mean square is 1; the last term is the readout's",
            ref="jacot2018:§abstract",
        ),
        Given(
            "turned",
            "Orthogonal weights, drawn evenly from all rotations, turn $x$ into a uniform direction. The share of "
            "the square that lies in $k$ of $n$ entries is independent of the length of the normal vector that "
            "gives the direction.",
            "saxe2013:§abstract",
        ),
        Step(
            "chi_fourth",
            Mean(Sum(e[i] ** 2, (i, 1, n)) ** 2, Normal(e, 1)),
            n * (n + 2),
            why="the second moment of a sum of $n$ squares; so a share has the second moment "
            "$k(k + 2) / n(n + 2)$",
            cases=SIZES,
        ),
        Step(
            "orthogonal_mean",
            2 * Sum(many_coins * k / N, (k, 0, N)),
            sp.S.One,
            why="half of the units are positive, on average: twice their share has mean 1",
            cases=((width, (1, 2, 3)),),
            same=(("shifted bound", 2, NONE_BEYOND + "; " + NOTHING),),
        ),
        Step(
            "orthogonal_square",
            4 * Sum(many_coins * k * (k + 2) / (N * (N + 2)), (k, 0, N)),
            1 + 3 / (N + 2),
            why="the variance is $3/(N + 2)$, where Gaussian weights have $5/N$",
            cases=((width, (1, 2, 3)),),
            same=(("shifted bound", 2, NONE_BEYOND + "; " + NOTHING),),
        ),
        Given(
            "branch",
            "A residual block adds $\\alpha W_2 \\max(0, W_1 x)$. Given the $h$ units inside, the branch is normal "
            "with variance $b^2 |x|^2$ in each entry; $n b^2$ is the ratio of mean squares of a ReLU layer of $h$ "
            "units, of mean 1 and second moment $1 + 5/h$ (row depth/finite_width). One entry, $g$, is along $x$; "
            "the others' squares add up to $q \\sim \\chi^2_{n-1}$.",
        ),
        Step(
            "given_branch",
            Mean(ratio, *branch),
            1 + alpha**2 * b**2 * n,
            why="the cross term has mean zero: the branch's sign is random",
            same=(("lost term", 2, "a mean does not ask for the second moment of $q$"),),
        ),
        Step(
            "given_branch_square",
            Mean(ratio**2, *branch),
            1 + 2 * alpha**2 * b**2 * (n + 2) + alpha**4 * b**4 * n * (n + 2),
            why="the square of a normal vector around the identity's",
        ),
        Step(
            "residual_mean",
            Mean(1 + alpha**2 * b_square * n, layer_inside),
            1 + alpha**2,
            why="a block multiplies the mean square by this, at any width",
            same=(("lost term", 2, "a mean does not ask for the second moment of $b^2$"),),
        ),
        Step(
            "residual_square",
            Mean(
                1 + 2 * alpha**2 * b_square * (n + 2) + alpha**4 * b_square**2 * n * (n + 2),
                layer_inside,
            ),
            1 + 2 * alpha**2 * (1 + 2 / n) + alpha**4 * (1 + 5 / h) * (1 + 2 / n),
            why="and its second moment is larger by the noise of both matrices",
        ),
        Step(
            "leaky_residual_square",
            Mean(
                1 + 2 * alpha**2 * b_square * (n + 2) + alpha**4 * b_square**2 * n * (n + 2),
                Independent(b_square, {1: 1 / n, 2: (1 + (leaky_square - 1) / n) / n**2}),
            ),
            1 + 2 * alpha**2 * (1 + 2 / n) + alpha**4 * (1 + (leaky_square - 1) / n) * (1 + 2 / n),
            why="the same for a branch of any slope, with as many units inside as outside",
        ),
        Given(
            "dropped",
            "With dropout a unit is kept with probability $p$ and divided by $p$; weights are $\\mathcal N(0, 2p/n)$.",
            "srivastava2014:§4",
        ),
        Step(
            "dropout_mean",
            kept * GaussianMean(2 * Max(0, z) ** 2 / kept, z, sp.S.One),
            sp.S.One,
            why="so that a unit's square has mean 1 again",
        ),
        Step(
            "dropout_unit_square",
            kept * GaussianMean((2 * Max(0, z) ** 2 / kept) ** 2, z, sp.S.One),
            6 / kept,
            why="and a larger second moment",
        ),
        Step(
            "dropout_square",
            Mean((Sum(u[i], (i, 1, n)) / n) ** 2, Independent(u, {1: 1, 2: 6 / kept})),
            1 + (6 / kept - 1) / n,
            why="variance $(6/p - 1)/n$; a positive kept unit comes with probability $p/2$, so the law is "
            "$\\chi^2_K$ with $K$ the heads of coins that are not fair",
            cases=SIZES,
        ),
        *LOGARITHM,
    ),
    predictions=(
        Prediction(
            "leaky_square", "leaky_ratio_square", "Second moment of a (leaky) layer's ratio."
        ),
        Prediction("orthogonal_square", "orthogonal_square", "The same for orthogonal weights."),
        Prediction("residual_mean", "residual_mean", "Mean of a residual block's ratio."),
        Prediction("residual_square", "residual_square", "Its second moment."),
        Prediction(
            "leaky_residual_square", "leaky_residual_square", "The same, for any slope inside."
        ),
        Prediction("ratio_transform", "ratio_transform", "Laplace transform of a layer's ratio."),
        Prediction("alive_transform", "alive_transform", "The same for ReLU, if it is alive."),
        Prediction("log_variance", "log_variance", "Variance of a logarithm, from two integrals."),
        Prediction("small_drift", "small_drift", "Mean logarithm of a ratio that hardly varies."),
        Prediction("dropout_square", "dropout_square", "Second moment of a ratio with dropout."),
        Prediction(
            "kernel", "kernel", "Mean of the tangent kernel, for an input of mean square 1."
        ),
    ),
)
