"""The other four breaks of He's assumption: many outputs, a gradient of ones, constant biases, batches."""

from __future__ import annotations

import sympy as sp
from sympy import Product, Subs, Sum, cos, erfc, exp, pi, sqrt

from derivations.expectation import GaussianMean, Independent, Mean, Normal
from derivations.notation import symbols
from derivations.proof import Given, Step, induction

units, depth, layer, inputs, outputs = symbols("hanin2018", "units depth layer inputs outputs")
batch, variance, threshold, angle = symbols("hanin2018", "batch variance threshold angle")
of_square, of_trace = symbols("hanin2018", "trace_of_square square_of_trace")
square, paired, differs, gap = (
    sp.Function(name, positive=True)
    for name in ("squared_gradient", "pair_sum", "pair_difference", "gap")
)

i = sp.Symbol("i", integer=True, positive=True)
z, phi, one = sp.symbols("z phi one", real=True)
c, g, h = map(sp.IndexedBase, ("c", "g", "h"))
n, L, m = units, depth, outputs

SIZES = ((units, (1, 2, 3)),)
CENTRED = {1: 0, 2: variance}

straight = 1 + (n - 1) / pi  # mean of f²/Q_L for a gradient of ones, over that of one unit
ones = n / 2 * straight - (n / 2 * straight - one) * (1 - 2 / n) ** (L - 1)  # from one at the top
grown, shrunk = (1 + 2 / inputs) * (1 + 5 / n) ** L, (1 - 1 / inputs) * (1 - 1 / n) ** L
density = exp(-(z**2) / 2) / sqrt(2 * pi)
active = 1 - erfc(threshold / sqrt(2)) / 2
edge = threshold * exp(-(threshold**2) / 2) / sqrt(2 * pi)

BREAKS: tuple[Given | Step, ...] = (
    Step(
        "quadratic",
        Mean(Sum(c[i] * g[i] ** 2, (i, 1, n)) ** 2, Normal(g, variance)),
        variance**2 * (Sum(c[i], (i, 1, n)) ** 2 + 2 * Sum(c[i] ** 2, (i, 1, n))),
        why="the second break: $m$ outputs, and the loss $\\tfrac12 |f|^2$. Then "
        "$\\mathbb E|\\nabla|^2$ is the trace of a squared Gram matrix $C = M M^{\\mathsf T}$. For one "
        "row of weights and "
        "the eigenvalues $c_i$ of the last $C$:",
        cases=SIZES,
    ),
    Step(
        "bilinear",
        Mean(Sum(c[i] * g[i] * h[i], (i, 1, n)) ** 2, *(Independent(e, CENTRED) for e in (g, h))),
        variance**2 * Sum(c[i] ** 2, (i, 1, n)),
        why="and for two rows",
        cases=SIZES,
        same=(("variance ↔ second moment", 1, "the mean is zero"),),
    ),
    Step(
        "trace_of_square",
        Subs(
            variance**2 * (n / 2 * (of_trace + 2 * of_square) + n * (n - 1) / 4 * of_square),
            variance,
            2 / n,
        ),
        (1 + 3 / n) * of_square + 2 / n * of_trace,
        why="$n$ rows, each kept by a fair coin: diagonal entries of the new $C$ with probability $\\tfrac12$, "
        "the others with $\\tfrac14$. The trace of its square",
    ),
    Step(
        "square_of_trace",
        Subs(
            variance**2 * (n / 2 * (of_trace + 2 * of_square) + n * (n - 1) / 4 * of_trace),
            variance,
            2 / n,
        ),
        (1 + 1 / n) * of_trace + 4 / n * of_square,
        why="and the square of its trace",
    ),
    Step(
        "pair_sum_factor",
        (1 + 1 / n) * of_trace
        + 4 / n * of_square
        + 2 * ((1 + 3 / n) * of_square + 2 / n * of_trace),
        (1 + 5 / n) * (of_trace + 2 * of_square),
        why="one combination of the two keeps to itself",
    ),
    Step(
        "pair_difference_factor",
        (1 + 1 / n) * of_trace + 4 / n * of_square - ((1 + 3 / n) * of_square + 2 / n * of_trace),
        (1 - 1 / n) * (of_trace - of_square),
        why="and so does another, which *falls*",
    ),
    *induction(
        "pair_sum",
        recurrence=sp.Eq(paired(depth), (1 + 5 / n) * paired(depth - 1)),
        closed=paired(0) * Product(1 + 5 / n, (layer, 1, depth)),
        index=depth,
        start=0,
        same_base=(("lost term", 2, "a product of no factors does not look at them"),),
        why="it starts at $n_0^2 + 2 n_0$, the identity's",
    ),
    *induction(
        "pair_difference",
        recurrence=sp.Eq(differs(depth), (1 - 1 / n) * differs(depth - 1)),
        closed=differs(0) * Product(1 - 1 / n, (layer, 1, depth)),
        index=depth,
        start=0,
        same_base=(("lost term", 2, "a product of no factors does not look at them"),),
        why="it starts at $n_0^2 - n_0$",
    ),
    Step(
        "many_outputs",
        Subs(
            of_trace + (m + 1) * of_square,
            (of_trace, of_square),
            ((grown + 2 * shrunk) / 3, (grown - shrunk) / 3),
        ),
        grown + (m - 1) / 3 * (grown - shrunk),
        why="a readout of $m$ rows without masks multiplies by $m\\,[(\\operatorname{tr} C)^2 + (m + 1) "
        "\\operatorname{tr} C^2]$. Over what independence says; one output gives *loss* again",
    ),
    Step(
        "many_outputs_square",
        Subs(grown + (n - 1) / 3 * (grown - shrunk), (inputs, depth), (n, 1)),
        4 + 7 / n + 7 / n**2,
        why="one layer with as many inputs and outputs as units: four times He's, however wide the "
        "network. Each further layer adds 2: $2(L + 1)$",
    ),
    Given(
        "alive",
        "The third break: a gradient of ones at $x_L$, as `x.sum().backward()` sends back. It is not symmetric: "
        "active units all pull the same way. We leave out that a layer is all zero (once in $2^n$).",
    ),
    Step(
        "straight",
        2
        / n
        * (
            n * GaussianMean(sp.Max(0, z) ** 2, z, sp.S.One)
            + n * (n - 1) * GaussianMean(sp.Max(0, z), z, sp.S.One) ** 2
        ),
        straight,
        why="a gradient $\\delta_l$ has the part $f/|x_l|$ along $x_l$, as $\\delta_l \\cdot x_l = f = "
        "\\sum_i x_{L,i}$ "
        "at every layer. Its mean square: $n$ squares, and $n(n-1)$ products of means that are not zero",
    ),
    Step(
        "ones_factor",
        n / 2 * straight - (straight + (1 - 2 / n) * square(layer)),
        (1 - 2 / n) * (n / 2 * straight - square(layer)),
        why="$x_l$ lies within the active units, so that part passes whole. Of the directions at "
        "right angles to it, $n/2 - 1$ are within them on average, and have $\\tfrac2n A_l$ each. So the "
        "distance to "
        "where it settles shrinks by one factor",
    ),
    *induction(
        "ones_stack",
        recurrence=sp.Eq(gap(depth), (1 - 2 / n) * gap(depth - 1)),
        closed=gap(1) * Product(1 - 2 / n, (layer, 2, depth)),
        index=depth,
        start=1,
        same_base=(("lost term", 2, "a product of no factors does not look at them"),),
        why="counted from the top, where half of the ones are left: $A = n/2$",
    ),
    Step(
        "ones",
        straight / inputs + 2 / n * (1 - 1 / inputs) * Subs(ones, one, n / 2),
        straight / inputs + (1 - 1 / inputs) * (straight - (straight - 1) * (1 - 2 / n) ** (L - 1)),
        why="the input has one direction along it and $n_0 - 1$ others; over what independence says",
    ),
    Step(
        "ones_square",
        straight / n + (1 - 1 / n) * (straight - (straight - 1) * (1 - 2 / n)),
        1 + (n - 1) / (pi * n) * (3 - 2 / n),
        why="two layers of one width: $1 + 3/\\pi$ if they are infinitely wide. Each further one adds $2/\\pi$: "
        "$1 + (2L - 1)/\\pi$",
    ),
    Given(
        "constant",
        "The fourth break: the same bias for all units, $\\beta$ standard deviations of what it is added "
        "to. A unit is active "
        "if a standard normal $z$ is above $-\\beta$. One layer, and an independent gradient above it. For more "
        "layers we know no exact formula.",
    ),
    Step(
        "active",
        sp.Integral(density, (z, -threshold, sp.oo)),
        active,
        why="no fair coin any more",
    ),
    Step(
        "active_square",
        sp.Integral(z**2 * density, (z, -threshold, sp.oo)),
        active - edge,
        why="and the weights along the input know of it",
    ),
    Step(
        "constant_bias",
        2 / inputs * (active - edge + (inputs - 1) * active),
        2 * active - 2 / inputs * edge,
        why="one direction along the input, $n_0 - 1$ others; over what independence says",
    ),
    Given(
        "summed",
        "The fifth break: gradients of $W_1$ added up over a batch of $B$ inputs of one length, every "
        "two of them at the angle "
        "$\\theta$, under one symmetric readout.",
    ),
    Step(
        "both_active",
        sp.Integral(1 / (2 * pi), (phi, angle - pi / 2, pi / 2)),
        (pi - angle) / (2 * pi),
        why="two inputs see a row of weights through its direction in their plane, which is uniform: each is "
        "active for half of the circle, and both where the halves overlap",
    ),
    Step(
        "batch",
        Subs(
            (batch / 2 + batch * (batch - 1) * one * cos(angle)) / (batch / 2),
            one,
            (pi - angle) / (2 * pi),
        ),
        1 + (batch - 1) * cos(angle) * (pi - angle) / pi,
        why="$B$ squares and $B(B-1)$ products $(u \\cdot u')(x \\cdot x')$ over the squares alone. If each input "
        "had a readout of its own, the products would vanish",
    ),
)
