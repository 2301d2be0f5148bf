"""Training: a deep ReLU network begun with Xavier's weights is one of Kaiming's, with its output turned down."""

from __future__ import annotations

import sympy as sp
from sympy import Derivative, Max, Product, Rational, Subs, Sum, exp, log, sqrt

from derivations.expectation import Dependent, Mean
from derivations.notation import by_layer, symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction
from derivations.solve import Root

fan_in, fan_out, units, inputs = symbols("he2015", "fan_in fan_out units inputs")
classes, depth, layer, weight_var = symbols("he2015", "classes depth layer weight_var")
weight, activation, bias, preactivation = symbols("he2015", "weight activation bias preactivation")
scale, so_far, multiplier = symbols("he2015", "layer_scale scale_so_far multiplier")
rate, momentum, velocity, steps = symbols("he2015", "rate momentum velocity steps")
second_moment, gradient_var = symbols("he2015", "second_moment last_gradient_var")
(gradient,) = symbols("he2015", "weight_gradient")
(scales,) = by_layer("he2015", "layer_scale")
product = sp.Function("scale_so_far", positive=True)

i, j = sp.symbols("i j", integer=True, positive=True)
active, own = sp.symbols("active own", positive=True)
f, u, h = (sp.IndexedBase(name) for name in ("f", "u", "h"))
n, d, C, L, s, S = units, inputs, classes, depth, scale, so_far

xavier_var = 2 / (fan_in + fan_out)
INPUT = Dependent(h, {2: second_moment})
HIDDEN_GRADIENT = Dependent(u, {2: C * gradient_var / (2 * n)})
LAST_GRADIENT = Dependent(u, {2: gradient_var})
both = C * gradient_var * d * second_moment  # squared lengths of the loss's gradient and the input


def squares(rows: sp.Expr, columns: sp.Expr, upstream: Dependent) -> sp.Expr:
    """Mean sum of squares of the gradient u h of a weight matrix, over the squared lengths at both ends."""
    return Mean(Sum((u[i] * h[j]) ** 2, (i, 1, rows), (j, 1, columns)), upstream, INPUT) / both


def sizes(*names: sp.Symbol) -> tuple[tuple[sp.Symbol, tuple[int, ...]], ...]:
    """Each size up to three."""
    return tuple((name, (1, 2, 3)) for name in names)


DERIVATION = Derivation(
    row="depth/training",
    title="Training a deep network",
    papers=("he2015", "glorot2010"),
    section="2.2",
    claim="With Xavier's weights a plain ReLU network is the one that Kaiming's weights begin, its output multiplied "
    "by $\\alpha \\approx 2^{-(L-2)/2}$, and it stays so through training, at learning rates of its own. All that "
    "Xavier costs is this number: weights have gradients as much smaller, in the last hidden layer as in the first.",
    lines=(
        Given(
            "network",
            "$L$ layers $y_l = w_l x_l + b_l$ with a ReLU between each and the next, biases 0 at the start, and "
            "cross-entropy. Kaiming's weights have variance $2/n_l$, in the last layer $1/n_L$, as no ReLU follows; "
            "Xavier's are the same random numbers, scaled.",
            "he2015:§2.2",
        ),
        Step(
            "hidden_scale",
            sqrt(Subs(weight_var / (2 / fan_in), weight_var, xavier_var)),
            sqrt(fan_in / (fan_in + fan_out)),
            why="Xavier's deviation over Kaiming's",
            ref="glorot2010:12",
        ),
        Step(
            "last_scale",
            sqrt(Subs(weight_var / (1 / fan_in), weight_var, xavier_var)),
            sqrt(2 * fan_in / (fan_in + fan_out)),
            why="in the last layer, whose weights are of variance $1/n_L$",
            ref="glorot2010:12",
        ),
        Step(
            "square",
            Subs(sqrt(fan_in / (fan_in + fan_out)), fan_out, fan_in),
            1 / sqrt(2),
            why="layers as wide as the one before lose $\\sqrt 2$ each",
        ),
        Step(
            "layer",
            (s * weight) * (S * activation) + s * S * bias,
            s * S * (weight * activation + bias),
            why="weights times $s$, inputs times $S$, and a bias times both: so is the response",
        ),
        Step(
            "active",
            Subs(Max(0, s * preactivation), preactivation, active),
            s * active,
            why="a rectifier lets positive factors pass",
        ),
        Step(
            "inactive",
            Subs(Max(0, s * preactivation), preactivation, -active),
            sp.S.Zero,
            why="and which units are active stays the same",
        ),
        *induction(
            "so_far",
            recurrence=sp.Eq(product(layer), scales(layer) * product(layer - 1)),
            closed=product(0) * Product(scales(layer), (layer, 1, depth)),
            index=depth,
            start=0,
            why="one more layer, one more factor. So Xavier's network computes what Kaiming's does, times the product "
            "of all scales. This is no average: it holds for each network, each input, each unit",
        ),
        Step(
            "multiplier",
            sqrt(d / (d + n)) * Product(1 / sqrt(2), (layer, 2, L - 1)) * sqrt(2 * n / (n + C)),
            2 ** (1 - L / 2) * sqrt(2 * d * n / ((d + n) * (n + C))),
            why="the factor of the output, for $n_0$ inputs, hidden layers of $n$ units and $C$ classes",
            least=((L, 2),),
        ),
        Step(
            "chain",
            Derivative(log(1 + exp(-weight * activation / s)), weight),
            -activation / (s * (1 + exp(weight * activation / s))),
            why="a weight $w$ of Xavier's is $w/s$ in Kaiming's units, so its gradient has the factor $1/s$, "
            "whatever the loss does with it; here that of two classes",
        ),
        Step(
            "linear_loss",
            Subs(
                Derivative(
                    log(Sum(exp(multiplier * f[i]), (i, 1, C))) - multiplier * f[1], multiplier
                ),
                multiplier,
                0,
            ),
            Sum(f[i], (i, 1, C)) / C - f[1],
            why="while $\\alpha$ is small, the loss is $\\log C$ and $\\alpha$ times something linear in Kaiming's "
            "outputs (class 1 is the right one), whose gradient there is $1/C - 1$, and $1/C$ elsewhere",
            cases=sizes(C),
        ),
        Step(
            "weight_ratio",
            Subs(multiplier * gradient / s, gradient, 2) / 2,
            multiplier / s,
            why="so a weight's gradient is $\\alpha/s_l$ of Kaiming's: in all square layers alike, first or "
            "last. What the gradient loses on its way down, the signal has lost on its way up",
        ),
        Step(
            "bias_ratio",
            Subs(multiplier * gradient / S, gradient, 2) / 2,
            multiplier / S,
            why="a bias counts $S_l$ times as much: its gradient is $\\alpha/S_l$ of Kaiming's, near "
            "the output hardly smaller",
        ),
        Given(
            "descent",
            "Gradient descent with momentum: $v \\leftarrow \\mu v + \\Delta w$, $w \\leftarrow w - \\eta v$.",
        ),
        Step(
            "velocity",
            momentum * (velocity / s) + gradient / s,
            (momentum * velocity + gradient) / s,
            why="a sum of gradients has the factor of a gradient",
        ),
        Step(
            "weight_rate",
            Root(sp.Eq(s * own, rate / s), own),
            rate / s**2,
            why="Xavier's weight is $s$ times Kaiming's, and its velocity $1/s$ times: one path needs two rates, and "
            "Xavier's $\\eta$ is twice as much in the units of Kaiming's square layers",
        ),
        Step(
            "bias_rate",
            Root(sp.Eq(S * own, rate / S), own),
            rate / S**2,
            why="and for a bias at $\\eta/S_l^2$, which doubles from layer to layer. After one step all "
            "is again as it was before, and so through all of training: two networks, one path",
        ),
        Step(
            "waiting",
            Root(sp.Eq(own * (rate / s**2) * multiplier, steps * rate), own),
            steps * s**2 / multiplier,
            why="as long as the loss is linear in the outputs, only steps times rate times $\\alpha$ counts. "
            "Without biases and at the same rate Xavier needs this many steps for what takes Kaiming's start $T$",
        ),
        Given(
            "independent",
            "For the size of the gradients: one input, Gaussian weights, and a gradient at the output that is "
            "independent of the network. Then $\\Delta y_l$ and $x_l$ are independent (rows backprop/chain_rule, "
            "depth/exact_law), and the hidden layers keep both in the mean.",
            "he2015:14",
        ),
        Step(
            "last_back",
            Subs(Rational(1, 2) * C * weight_var * gradient_var, weight_var, 1 / n),
            C * gradient_var / (2 * n),
            why="what comes back through the last layer and a mask, in the mean square: $C$ classes share it out to "
            "$n$ units",
            ref="he2015:12",
        ),
        Step(
            "kept",
            Subs(Rational(1, 2) * n * weight_var * gradient_var, weight_var, 2 / n),
            gradient_var,
            why="and every hidden layer keeps it",
            ref="he2015:14",
        ),
        Step(
            "first_square",
            squares(n, d, HIDDEN_GRADIENT),
            Rational(1, 2),
            why="the gradient of a weight is $\\Delta y_i x_j$; squares over a whole matrix, here the first layer's, "
            "relative to $\\|\\Delta y_L\\|^2 \\|x_1\\|^2$",
            cases=sizes(n, d),
        ),
        Step(
            "hidden_square",
            squares(n, n, HIDDEN_GRADIENT),
            n / (2 * d),
            why="a hidden layer's: the same for all of them",
            cases=sizes(n),
        ),
        Step(
            "last_square",
            squares(C, n, LAST_GRADIENT),
            n / d,
            why="the last layer's. One network has its own: each of these, times $L - 1$ independent ratios of layers "
            "(row depth/finite_width), in every layer as many",
            cases=sizes(C, n),
        ),
        Step(
            "guess",
            (1 - 1 / C) ** 2 + Sum(1 / C**2, (i, 2, C)),
            1 - 1 / C,
            why="the squared length of the loss's gradient while all classes are held equally likely",
        ),
        Step(
            "first_change",
            sqrt(
                Subs(
                    n / (2 * d) * (1 - 1 / C) * (d * second_moment) / (n**2 * weight_var),
                    weight_var,
                    2 / n,
                )
            ),
            sqrt((1 - 1 / C) * second_moment) / 2,
            why="a hidden layer's first step over its weights, per unit of the rate: with Kaiming's start it "
            "depends on neither width nor depth",
        ),
    ),
    predictions=(
        Prediction(
            "hidden_scale", "hidden_scale", "Xavier's deviation over Kaiming's, hidden layers."
        ),
        Prediction("last_scale", "last_scale", "The same for the last layer."),
        Prediction(
            "multiplier", "multiplier", "Output of Xavier's network over that of Kaiming's."
        ),
        Prediction(
            "weight_ratio", "weight_ratio", "Gradient of a weight, Xavier's over Kaiming's."
        ),
        Prediction("bias_ratio", "bias_ratio", "Gradient of a bias, Xavier's over Kaiming's."),
        Prediction("weight_rate", "weight_rate", "Xavier's rate for a weight, in Kaiming's units."),
        Prediction("bias_rate", "bias_rate", "Xavier's rate for a bias, in Kaiming's units."),
        Prediction("waiting", "waiting", "Steps that Xavier needs, without biases."),
        Prediction(
            "first_square", "first_square", "Squared gradient of the first layer's weights."
        ),
        Prediction("hidden_square", "hidden_square", "That of a hidden layer's weights."),
        Prediction("last_square", "last_square", "That of the last layer's weights."),
        Prediction("guess", "guess", "Squared length of the loss's gradient at equal odds."),
        Prediction("first_change", "first_change", "A hidden layer's first relative change."),
    ),
)
