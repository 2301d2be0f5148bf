"""A convolution: one product of matrices in two pictures, its gradients, and what a border of zeros takes away."""

from __future__ import annotations

import sympy as sp
from sympy import Derivative, KroneckerDelta, Rational, Subs, Sum

from derivations.expectation import Dependent, Independent, Mean
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step

kernel_size, positions, bias = symbols("he2015", "kernel_size positions bias")
channels, filters, kernel_volume = symbols("he2015", "channels filters kernel_volume")
weight_var, image_size, angle = symbols("he2015", "weight_var image_size angle")

i, p, q, c = sp.symbols("i p q c", integer=True, nonnegative=True)
t = sp.Symbol("t", integer=True)
x, g, w, d, z, a = (sp.IndexedBase(name) for name in ("x", "g", "w", "d", "z", "a"))

POSITIONS, TAPS = (p, 0, positions - 1), (t, 0, kernel_size - 1)
PIXELS = (i, 0, positions + kernel_size - 2)
SHAPES = ((positions, (1, 2, 3)), (kernel_size, (1, 2, 3)))
AROUND = ((channels, (1, 2)), (kernel_volume, (1, 2, 3)))
BEYOND = tuple(
    (kind, 1, "a pixel beyond the last window meets no weight")
    for kind in ("lost term", "shifted bound")
)
CENTRED = Independent(w, {1: 0, 2: weight_var})

DERIVATION = Derivation(
    row="backprop/conv",
    title="Convolution as a matrix product",
    papers=("he2015",),
    section="2.2",
    claim="A convolution is a product of matrices in two ways: the weights times windows laid out as columns, or a "
    "band of shared weights and zeros times the image. Its gradients follow from either. A border of zeros "
    "makes He's weights lose signal, at a rate that is known exactly.",
    lines=(
        Given(
            "correlation",
            "In one dimension and with one channel $z_p = \\sum_t w_t x_{p+t} + b$: the kernel is not turned round. "
            "More dimensions, channels and images add indices, and a stride $s$ writes $x_{sp+t}$.",
            "he2015:5",
        ),
        Given("linear_in_g", "To first order a loss changes by $\\sum_p g_p\\, dz_p$."),
        Step(
            "band",
            Sum(
                g[p] * Sum(w[t] * KroneckerDelta(p + t, i), TAPS) * x[i],
                PIXELS,
                POSITIONS,
            ),
            Sum(g[p] * w[t] * x[p + t], TAPS, POSITIONS),
            why="both pictures: row $p$ of the band holds $w_{i-p}$, the same weights one place further right, and "
            "zeros; row $p$ of the windows holds $x_{p+t}$",
            cases=SHAPES,
            same=BEYOND,
        ),
        Step(
            "weights",
            Sum(g[p] * Sum(d[t] * x[p + t], TAPS), POSITIONS),
            Sum(Sum(g[p] * x[p + t], POSITIONS) * d[t], TAPS),
            why="what stands beside a change of $w_t$: a shared weight has the sum of the gradients of its copies, "
            "which is again a correlation, of image and cotangent",
            cases=SHAPES,
        ),
        Step(
            "input",
            Sum(g[p] * w[t] * d[p + t], TAPS, POSITIONS),
            Sum(Sum(w[t] * KroneckerDelta(p, i - t) * g[p], POSITIONS, TAPS) * d[i], PIXELS),
            why="the transposed band: $\\sum_t w_t g_{i-t}$ over the positions that exist. Here the kernel is turned "
            "round: a convolution proper",
            cases=SHAPES,
            same=BEYOND,
        ),
        Step(
            "bias",
            Derivative(Sum(g[p] * (z[p] + bias), POSITIONS), bias),
            Sum(g[p], POSITIONS),
            why="one bias serves all positions",
            cases=((positions, (1, 2, 3)),),
            same=(("lost term", 1, "what does not contain the variable has no derivative"),),
        ),
        Step(
            "nonzeros",
            Sum(1, TAPS, POSITIONS),
            kernel_size * positions,
            why="entries of the band that are weights, of $P(P + k - 1)$. A row has $k$, over $k^2 c$ in two "
            "dimensions and $c$ channels: the fan-in (row init/kaiming, convolution)",
        ),
        Given(
            "signs",
            "A ReLU halves the second moment exactly, at any number of channels: to flip a filter's sign flips its "
            "whole output, so each response is symmetric. Responses at two positions share their filter and are not "
            "independent, which a mean does not ask for. Backwards, from an independent cotangent that is white "
            "(uncorrelated from place to place), it stays white on average: flipping a filter's sign leaves "
            "$w_t w_{t'}$ alone and swaps the mask.",
            "he2015:§2.2",
        ),
        Step(
            "position",
            Mean(
                Sum(w[c, t] * a[t] * x[c, t], (c, 1, channels), (t, 1, kernel_volume)) ** 2,
                CENTRED,
                Dependent(x, {2: Rational(1, 2)}),
            ),
            Sum(channels * weight_var / 2 * a[t] ** 2, (t, 1, kernel_volume)),
            why="one response: its $K$ pixels have mean squares $a_t^2$ before the ReLU, and 0 beyond the border. "
            "However pixels depend on each other, centred independent weights take cross terms away",
            ref="he2015:7",
            cases=AROUND,
            same=(("variance ↔ second moment", 1, "the mean is zero"),),
        ),
        Step(
            "share",
            Subs(channels * weight_var / 2, weight_var, 2 / (kernel_size**2 * channels)),
            kernel_size**-2,
            why="with He's variance a response is the mean of its window, zeros included. For $3 \\times 3$ the "
            "field of second moments obeys $v_{l+1} = K v_l K$, with $K$ a third of the matrix with three "
            "diagonals of ones",
            ref="he2015:10",
        ),
        Step(
            "backward_share",
            Subs(filters * weight_var / 2, weight_var, 2 / (kernel_size**2 * channels)),
            filters / (kernel_size**2 * channels),
            why="a gradient adds up $d$ filters over the positions that exist: the same $K$, which is symmetric, times "
            "$d/c$",
            ref="he2015:12",
        ),
        Step(
            "inside",
            Sum(
                KroneckerDelta(p + t - 1, q),
                (t, 0, 2),
                (p, 1, image_size),
                (q, 1, image_size),
            ),
            3 * image_size - 2,
            why="neighbours that a line of $H$ pixels has, itself included: three each, but two at the ends",
            cases=((image_size, (1, 2, 3, 4)),),
        ),
        Step(
            "first_mean",
            Subs((p / (3 * image_size)) ** 2, p, 3 * image_size - 2),
            ((3 * image_size - 2) / (3 * image_size)) ** 2,
            why="what the first layer leaves of a field of ones, on average: a factor for rows, one for columns",
        ),
        Step(
            "eigenvector",
            (sp.sin(angle * (p - 1)) + sp.sin(angle * p) + sp.sin(angle * (p + 1))) / 3,
            (1 + 2 * sp.cos(angle)) / 3 * sp.sin(angle * p),
            why="a sine that is zero just outside both ends is an eigenvector of $K$",
        ),
        Step(
            "last_row",
            Subs(
                (sp.sin(angle * (image_size - 1)) + sp.sin(angle * image_size)) / 3,
                angle,
                sp.pi / (image_size + 1),
            ),
            (1 + 2 * sp.cos(sp.pi / (image_size + 1)))
            / 3
            * sp.sin(sp.pi * image_size / (image_size + 1)),
            why="at the last pixel the neighbour is missing and the sine is zero there anyway, for "
            "$\\theta = \\pi/(H + 1)$. It is positive inside, so its eigenvalue is the largest",
            cases=((image_size, (1, 2, 3)),),
        ),
        Step(
            "decay",
            Subs(((1 + 2 * sp.cos(angle)) / 3) ** 2, angle, sp.pi / (image_size + 1)),
            (1 + 2 * sp.cos(sp.pi / (image_size + 1))) ** 2 / 9,
            why="in the long run each layer keeps this much: one factor for rows, one for columns",
        ),
    ),
    predictions=(
        Prediction("share", "share", "Weight of each pixel of a window in a second moment."),
        Prediction("backward_share", "backward_share", "The same for a gradient."),
        Prediction("nonzeros", "nonzeros", "Entries of the band that are weights."),
        Prediction("first_mean", "first_mean", "Mean of the field after one layer on ones."),
        Prediction("decay", "decay", "Factor of the mean square a layer, in the long run."),
    ),
)
