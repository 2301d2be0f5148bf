"""He's backward assumption: the masks may be taken for independent coins; when, and the five ways to break it."""

from __future__ import annotations

import sympy as sp
from sympy import Product, Subs, Sum

from derivations.depth._breaks import BREAKS, grown
from derivations.expectation import Mean, Normal, Signs
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction

units, depth, layer, inputs, variance = symbols("hanin2018", "units depth layer inputs variance")
square = sp.Function("squared_gradient", positive=True)

i = sp.Symbol("i", integer=True, positive=True)
z, one = sp.symbols("z one", real=True)
a, b, g, s, t, u, xi = map(sp.IndexedBase, ("a", "b", "g", "s", "t", "u", "xi"))
n, L = units, depth

SIZES = ((units, (1, 2, 3)),)
mask = (1 + xi[i] * t[i]) / 2
factor = Sum((1 + s[i]) * g[i] ** 2, (i, 1, n)) / n  # one layer's, with the coins (1 + s) / 2

DERIVATION = Derivation(
    row="depth/independence",
    title="He's independence",
    papers=("hanin2018", "he2015"),
    section="abstract",
    claim="He et al. take the masks of the rectifiers for coins that are independent of the gradient. At every "
    "width that is *exact* for one input, symmetric weights and a gradient from outside. A loss that "
    "looks at the output "
    "breaks it.",
    lines=(
        Given(
            "symmetry",
            "One input. The weights of different layers are independent, and their law does not change "
            "if the signs of "
            "a row or a column are flipped. Biases are zero, or symmetric like the weights of their row. "
            "The gradient at the "
            "output is independent of the network, and its signs may be flipped, too.",
            "he2015:§2.2",
        ),
        Given(
            "flipped",
            "So a row of weights may be written as $\\xi_i V_i$ with a fresh fair sign $\\xi_i$. Let "
            "$t_i$ be the sign of "
            "$V_i x$: the unit is active where $\\xi_i t_i = 1$, and its mask is $(1 + \\xi_i t_i)/2$.",
        ),
        Step(
            "masks_are_coins",
            Mean(Product(1 + a[i] * mask, (i, 1, n)), Signs(xi)),
            Product(1 + a[i] / 2, (i, 1, n)),
            why="the mean of every product of masks, collected by the coefficients $a_i$: that of fair "
            "independent coins, whatever the $t_i$ are. So the masks tell nothing about $V$ and the layers below",
            ref="he2015:12",
            cases=SIZES,
            same=(("lost term", 1, "a fair sign has mean zero"),),
        ),
        Step(
            "passes",
            Mean(Sum(u[i] * mask * (xi[i] - t[i]), (i, 1, n)) ** 2, Signs(xi), Signs(t)),
            sp.S.Zero,
            why="where a mask is 1, $\\xi_i = t_i$: the gradient that goes on is $\\sum_i u_i m_i t_i V_i$. The "
            "coin $\\xi_i$ is used up",
            cases=SIZES,
            same=(
                ("variance ↔ second moment", 1, "the mean is zero"),
                ("shifted bound", 3, "every term is zero by itself"),
            ),
        ),
        Step(
            "absorbed",
            Mean((1 + a[1] * s[1] * t[1]) * (1 + b[1] * t[1]), Signs(s), Signs(t)),
            sp.S.One,
            same=(("lost term", 2, "a fair sign has mean zero"),),
            why="what is left of the layer's input, $t_i$, meets $u_i$, whose sign $s_i$ is fair: for every "
            "$a$ and $b$ the mean is that of two independent fair signs, so $s_i t_i$ knows nothing of "
            "$t_i$, which may "
            "be dropped. From the top down, layer by layer, all masks become coins",
        ),
        Given(
            "gaussian",
            "For the sizes below the weights are $\\mathcal N(0, 2/n)$, $n$ the fan-in, all layers have "
            "$n$ units, and "
            "the input $n_0$. Given what comes from above, the entries of a gradient are then "
            "independent and normal.",
            "he2015:10",
        ),
        Step(
            "layer",
            Mean(factor, Signs(s), Normal(g, sp.S.One)),
            sp.S.One,
            same=(("lost term", 1, "a fair sign has mean zero"),),
            why="He's factor for one layer: exact",
            ref="he2015:14",
            cases=SIZES,
        ),
        Step(
            "layer_square",
            Mean(factor**2, Signs(s), Normal(g, sp.S.One)),
            1 + 5 / n,
            why="the second moment of that factor: backwards as forwards",
            cases=SIZES,
        ),
        *induction(
            "gradient_square",
            recurrence=sp.Eq(square(depth), (1 + 5 / n) * square(depth - 1)),
            closed=square(0) * Product(1 + 5 / n, (layer, 1, depth)),
            index=depth,
            start=0,
            same_base=(("lost term", 2, "a product of no factors does not look at them"),),
            why="so $\\mathbb E[A_1^2]/\\mathbb E[A_1]^2 = (1 + 5/n)^L$ for a normal gradient at the output",
        ),
        Step(
            "along_the_input",
            Mean(g[1] ** 2 * Sum(g[i] ** 2, (i, 1, inputs)), Normal(g, variance))
            / (inputs * variance**2),
            1 + 2 / inputs,
            why="the first break: the loss is $\\tfrac12 f^2$, so that the gradient is multiplied by the "
            "output $f$. "
            "The gradient at the input is normal given those above, and $f$ is its part along the input: "
            "the two grow together",
            cases=((inputs, (1, 2, 3)),),
        ),
        Step(
            "loss",
            Subs(one * (1 + 5 / n) ** L, one, 1 + 2 / inputs),
            grown,
            why="$\\mathbb E[f^2 \\Delta_0]$ over what independence says, $\\mathbb E[f^2]\\,\\mathbb "
            "E[\\Delta_0]$",
        ),
        Step(
            "weights",
            Product(1 + 5 / n, (layer, 1, depth)),
            (1 + 5 / n) ** depth,
            why="the gradient of $W_l$ has the squared length $f^2 A_l Q_{l-1}$. Given $A_l$ from above "
            "and $Q_{l-1}$ from "
            "below, $f$ is normal with variance $\\tfrac2n A_l Q_{l-1}$: layers above and below $l$ give a "
            "factor each, so the excess is the same for every layer",
        ),
        Step(
            "output_fourth",
            Mean(z**4, Normal(z, sp.S.One)) * (1 + 5 / n) ** L,
            3 * (1 + 5 / n) ** L,
            why="$\\mathbb E[f^4]/\\mathbb E[f^2]^2$: three for a normal number, the rest for its random variance",
        ),
        *BREAKS,
    ),
    predictions=(
        Prediction("kept", "layer", "Mean of one layer's factor, for a gradient from outside."),
        Prediction(
            "gradient_square",
            "weights",
            "E[A_1²]/E[A_1]², and the excess of every weight's gradient for ½f².",
        ),
        Prediction(
            "loss", "loss", "E|∇|² at the input for the loss ½f², over what independence says."
        ),
        Prediction("output_fourth", "output_fourth", "E[f⁴]/E[f²]² of one output."),
        Prediction("many_outputs", "many_outputs", "The same as loss, for m outputs."),
        Prediction(
            "ones",
            "ones",
            "E|∇|² at the input for a gradient of ones at x_L, over what independence says.",
        ),
        Prediction("constant_bias", "constant_bias", "One layer with a constant bias: the same."),
        Prediction(
            "batch", "batch", "Squared length of the batch's gradient, over what independence says."
        ),
    ),
)
