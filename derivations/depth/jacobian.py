"""Singular values of a deep Jacobian: their mean square is 1 at every depth, and their spread grows layer by layer."""

from __future__ import annotations

import sympy as sp
from sympy import Integral, Limit, Product, Rational, Subs, Sum, cos, log, pi, sin
from sympy import digamma as psi

from derivations.depth.finite_width import DERIVATION as FINITE_WIDTH
from derivations.depth.finite_width import active
from derivations.expectation import Independent, Mean, Normal
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction

units, depth, layer, share = symbols("pennington2017", "units depth layer share")
turn, weight_std, directions = symbols("pennington2017", "turn weight_std directions")
variance, fourth, square = symbols("pennington2017", "variance fourth square")
n, L, p, t, v, a, b = units, depth, share, turn, variance, fourth, square

i, j = sp.symbols("i j", integer=True, positive=True)
w, x, m, q, c = (sp.IndexedBase(name) for name in ("w", "x", "m", "q", "c"))
grown, shrunk, orthogonal_grown = (
    sp.Function(name, positive=True) for name in ("grown", "shrunk", "orthogonal_grown")
)
SIZES = ((units, (1, 2, 3)),)
NO_FACTORS = "a product of no factors does not look at them"

sum_of_squares, squared_sum = Sum(x[j] ** 2, (j, 1, n)), Sum(x[j], (j, 1, n)) ** 2
form = Sum(w[j] ** 2 * x[j], (j, 1, n))  # what a row of weights makes of squared singular values x
MASKS = Independent(m, {1: p, 2: p})
FORMS = Independent(q, {1: sp.sqrt(b) / (p * n), 2: (b + 2 * a) / (p * n) ** 2})
BETWEEN = Independent(c, {2: a / (p * n) ** 2})
between_units = n * (n - 1) * Mean((m[1] * m[2] * c[1, 2]) ** 2, MASKS, BETWEEN)

next_fourth = (1 + (2 / p - 1) / n) * a + b / (p * n)
next_square = (1 + (1 / p - 1) / n) * b + 2 * a / (p * n)
growth, decay = 1 + (3 / p - 1) / n, 1 - 1 / n
own = (b + 2 * a) / (n + 2)  # the sum of squares on the diagonal, for orthogonal weights
excess = (1 / p - 1) * (2 * a + b) / (n + 2)
orthogonal_growth = 1 + 3 * (1 / p - 1) / (n + 2)
spread = (n + 2) * Rational(1, 3) * growth**L - (n - 1) * Rational(1, 3) * decay**L
orthogonal_spread = (n + 2) * Rational(1, 3) * orthogonal_growth**L - (n - 1) * Rational(1, 3)
exponent = (log(2 / n) + psi(directions / 2)) / 2


def quarter_circle(power: int) -> sp.Expr:
    """The mean of s**power under the density √(4 - s²) / π on (0, 2), with s = 2 sin t."""
    return Integral((2 * sin(t)) ** power * (2 * cos(t)) ** 2 / pi, (t, 0, pi / 2))


DERIVATION = Derivation(
    row="depth/jacobian",
    title="Singular values of the Jacobian",
    papers=("pennington2017", "glorot2010"),
    section="abstract",
    claim="With Kaiming's weights the mean squared singular value of a square stack's Jacobian is 1 at every depth, "
    "and the stack still gets worse with every layer: the mean *fourth* power grows like $1 + 2L$.",
    lines=(
        Given(
            "quarter_circle",
            "The singular values of one wide square matrix of independent entries with variance $1/n$ have the density "
            "$\\sqrt{4 - s^2}/\\pi$ on $(0, 2)$: the quarter circle law, of Marchenko and Pastur. It is a limit.",
        ),
        Step(
            "mean_square",
            quarter_circle(2),
            sp.S.One,
            why="the mean of the squares is 1, with $s = 2 \\sin t$",
        ),
        Step(
            "mean",
            quarter_circle(1),
            8 / (3 * pi),
            why="the mean of the values themselves is below: Glorot and Bengio's normalised weights, where they "
            "report about 0.8",
            ref="glorot2010:§4.2.2",
        ),
        Step(
            "standard",
            Subs(weight_std * 8 / (3 * pi), weight_std, 1 / sp.sqrt(3)),
            8 / (3 * sp.sqrt(3) * pi),
            why="and their 0.5, for weights with $n \\operatorname{Var}[W] = \\frac13$",
            ref="glorot2010:15",
        ),
        Step(
            "mean_fourth",
            quarter_circle(4),
            sp.Integer(2),
            why="the fourth powers tell how unequal they are: 1 if all are alike, and 2 after one layer",
        ),
        Given(
            "layers",
            "From here on nothing is a limit. All layers have $n$ units, and $J_l = D_l W_l J_{l-1}$ with $J_0 = I$. "
            "The entries of $W_l$ are normal with variance $1/pn$. $D_l$ switches units on, each with probability $p$: "
            "$p = 1$ is a linear stack, $p = \\frac12$ a ReLU stack with Kaiming's weights.",
        ),
        Given(
            "even",
            "All that is computed of a layer does not change if a row of its weights changes its sign. So it does not "
            "matter that the same row decides whether its unit is active.",
        ),
        Given(
            "rotation",
            "Rotations do not change the law of $W_l$. So $J_{l-1}$ may be taken diagonal, with the squared singular "
            "values $x_1, \\dots, x_n$; their squares add up to $a$, and $b$ is the square of their sum.",
        ),
        Step(
            "one_row",
            Mean(form**2, Normal(w, v)),
            v**2 * (squared_sum + 2 * sum_of_squares),
            why="what one row makes of them: an entry of $J_l J_l^T$ on the diagonal",
            cases=SIZES,
        ),
        Step(
            "two_rows",
            Mean(Sum(w[1, j] * w[2, j] * x[j], (j, 1, n)) ** 2, Independent(w, {1: 0, 2: v})),
            v**2 * sum_of_squares,
            why="what two rows make of them: an entry off the diagonal",
            same=(
                (
                    "variance ↔ second moment",
                    1,
                    "two rows have no preferred sign: the mean is zero",
                ),
            ),
            cases=SIZES,
        ),
        Step(
            "next_fourth",
            Mean(Sum((m[i] * q[i]) ** 2, (i, 1, n)), MASKS, FORMS) + between_units,
            next_fourth,
            why="the new sum of fourth powers: all squared entries of $J_l J_l^T$, on the diagonal and off it, of "
            "active units",
            cases=SIZES,
        ),
        Step(
            "next_square",
            Mean(Sum(m[i] * q[i], (i, 1, n)) ** 2, MASKS, FORMS),
            next_square,
            why="the new square of the sum: of the diagonal alone",
            cases=SIZES,
        ),
        Step(
            "grows",
            2 * next_fourth + next_square,
            growth * (2 * a + b),
            why="one combination of the two only grows: the first eigenvalue of the layer",
        ),
        Step(
            "decays",
            next_square - next_fourth,
            decay * (b - a),
            why="another one only shrinks: the second eigenvalue",
        ),
        *induction(
            "grown",
            recurrence=sp.Eq(grown(layer), growth * grown(layer - 1)),
            closed=grown(0) * Product(growth, (layer, 1, L)),
            index=L,
            start=0,
            same_base=(("lost term", 4, NO_FACTORS),),
            why="so the first is a product over the layers",
        ),
        *induction(
            "shrunk",
            recurrence=sp.Eq(shrunk(layer), decay * shrunk(layer - 1)),
            closed=shrunk(0) * Product(decay, (layer, 1, L)),
            index=L,
            start=0,
            same_base=(("lost term", 2, NO_FACTORS),),
            why="and so is the second",
        ),
        Step(
            "spread",
            (
                (2 * n + n**2) * Product(growth, (layer, 1, L))
                - (n**2 - n) * Product(decay, (layer, 1, L))
            )
            / (3 * n),
            spread,
            why="the mean fourth power after $L$ layers: a third of their difference, over $n$. At the start all "
            "singular values are 1, $a = n$ and $b = n^2$",
        ),
        Step(
            "limit",
            Limit(spread, n, sp.oo),
            1 + L / p,
            why="in wide layers it grows by $1/p$ a layer: by 1 in a linear stack, by 2 with ReLU",
            ref="pennington2017:§abstract",
        ),
        Given(
            "orthogonal",
            "Now $\\sqrt p\\, W_l$ is a random orthogonal matrix. A row of it is a row of normal numbers over its "
            "length, which is independent of the direction.",
        ),
        Step(
            "orthogonal_row",
            Mean(form**2, Normal(w, 1)) / Mean(Sum(w[j] ** 2, (j, 1, n)) ** 2, Normal(w, 1)),
            (squared_sum + 2 * sum_of_squares) / (n * (n + 2)),
            why="so the mean fourth power of the length divides what a row of normal numbers makes",
            cases=SIZES,
        ),
        Step(
            "orthogonal_fourth",
            (p * own + p**2 * (a - own)) / p**2,
            a + excess,
            why="$n$ rows have the part $(2a+b)/(n+2)$ of all squared entries on the diagonal, where one unit must be "
            "active; the rest, where two must, makes it up to $a$, as a rotation keeps the sum of all",
        ),
        Step(
            "orthogonal_square",
            (p * own + p**2 * (b - own)) / p**2,
            b + excess,
            why="the square of the sum, the same way",
        ),
        Step(
            "orthogonal_grows",
            2 * (a + excess) + (b + excess),
            orthogonal_growth * (2 * a + b),
            why="so $2a + b$ grows again, and $b - a$ stays",
        ),
        *induction(
            "orthogonal_grown",
            recurrence=sp.Eq(
                orthogonal_grown(layer), orthogonal_growth * orthogonal_grown(layer - 1)
            ),
            closed=orthogonal_grown(0) * Product(orthogonal_growth, (layer, 1, L)),
            index=L,
            start=0,
            same_base=(("lost term", 6, NO_FACTORS),),
            why="a product over the layers",
        ),
        Step(
            "orthogonal_spread",
            ((2 * n + n**2) * Product(orthogonal_growth, (layer, 1, L)) - (n**2 - n)) / (3 * n),
            orthogonal_spread,
            why="the mean fourth power: 1 at every depth if $p = 1$, as all singular values are",
        ),
        Step(
            "orthogonal_limit",
            Limit(orthogonal_spread, n, sp.oo),
            1 + L * (1 / p - 1),
            why="orthogonal weights take away what the weights add, and leave what the rectifier does: 1 a layer",
            same=(("lost term", 1, "two units more do not count among infinitely many"),),
            ref="pennington2017:§abstract",
        ),
        Given(
            "frame",
            "Orthogonalise the images of a frame layer by layer, in a linear stack of normal weights. Whatever the "
            "frame, the part of an image at right angles to those before it has $k$ independent normal entries of "
            "variance $1/n$: $k = n$ for the first image, 1 for the last. Over many layers the products of these "
            "lengths grow like the singular values, from the largest to the smallest.",
        ),
        Step(
            "exponent",
            (log(1 / n) + Subs(FINITE_WIDTH.step("log_mean").rhs, active, directions)) / 2,
            exponent,
            why="the mean logarithm of such a length: half of that of a chi-square (row depth/finite_width)",
        ),
        Step(
            "condition",
            Subs(exponent, directions, n) - Subs(exponent, directions, 1),
            (psi(n / 2) - psi(Rational(1, 2))) / 2,
            why="so much a layer adds to the logarithm of the condition number, the largest singular value over the "
            "smallest",
            same=(("lost term", 1, "a factor of all weights does not count in a ratio"),),
        ),
    ),
    predictions=(
        Prediction("mean", "mean", "Mean singular value of a wide matrix of variance 1/n."),
        Prediction("standard", "standard", "The same for variance 1/3n."),
        Prediction(
            "next_fourth", "next_fourth", "Mean sum of fourth powers, given the layer before."
        ),
        Prediction("next_square", "next_square", "Mean square of the sum of squares, given it."),
        Prediction("spread", "spread", "Mean fourth power of the singular values after L layers."),
        Prediction("limit", "limit", "The same in wide layers."),
        Prediction(
            "orthogonal_fourth", "orthogonal_fourth", "As next_fourth, for orthogonal weights."
        ),
        Prediction(
            "orthogonal_square", "orthogonal_square", "As next_square, for orthogonal weights."
        ),
        Prediction("orthogonal_spread", "orthogonal_spread", "As spread, for orthogonal weights."),
        Prediction("orthogonal_limit", "orthogonal_limit", "The same in wide layers."),
        Prediction("exponent", "exponent", "Mean log of the length that a frame's image adds."),
        Prediction("condition", "condition", "Growth of the log of the condition number a layer."),
    ),
)
