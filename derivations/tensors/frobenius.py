"""The Frobenius norm: its gradient, its mean over random matrices, and the Jacobian of a deep ReLU stack."""

from __future__ import annotations

import sympy as sp
from sympy import Product, Rational, Subs, Sum, gamma, sqrt

from derivations.expectation import Dependent, Independent, Mean, Signs
from derivations.notation import by_layer, symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction

rows, columns, entry, weight_var = symbols("goodfellow2016", "rows columns entry weight_var")
weight_std, input_square = symbols("goodfellow2016", "weight_std input_square")
fan_in, fan_out, size = symbols("goodfellow2016", "fan_in fan_out size")
depth, layer = symbols("goodfellow2016", "depth layer")
outs, variances = by_layer("goodfellow2016", "fan_out weight_var")
jacobian = sp.Function("jacobian", positive=True)

i, j, k = sp.symbols("i j k", integer=True, positive=True)
rest, r = sp.symbols("rest r", positive=True)
A, B, w, x, m, s = (sp.IndexedBase(name) for name in ("A", "B", "W", "x", "M", "s"))

WEIGHTS = Independent(w, {1: 0, 2: weight_var})
SIZES = ((rows, (1, 2, 3)), (columns, (1, 2, 3)))
chi = 2 * r ** (size - 1) * sp.exp(-(r**2) / 2) / (2 ** (size * Rational(1, 2)) * gamma(size / 2))

DERIVATION = Derivation(
    row="tensors/frobenius",
    title="The Frobenius norm",
    papers=("goodfellow2016", "he2015"),
    section="2.5",
    claim="The Frobenius norm $\\lVert A\\rVert_F = \\sqrt{\\sum_{i,j} A_{i,j}^2}$ is the length of a matrix as "
    "one long vector; the mean square of a deep ReLU stack's Jacobian in it is a product over the layers.",
    lines=(
        Step(
            "trace",
            Sum(
                A[k, i] * A[k, j] * sp.KroneckerDelta(i, j),
                (k, 1, rows),
                (i, 1, columns),
                (j, 1, columns),
            ),
            Sum(A[i, j] ** 2, (i, 1, rows), (j, 1, columns)),
            why="the trace of $A^T A$ meets every entry once, with itself",
            ref="goodfellow2016:2.49",
            cases=SIZES,
        ),
        Step(
            "gradient_of_square",
            sp.Derivative(entry**2 + rest**2, entry),
            2 * entry,
            why="of all squares in the sum, one depends on the entry; the others are $\\text{rest}^2$",
            same=(("lost term", 1, "what does not contain the variable has no derivative"),),
        ),
        Step(
            "gradient",
            sp.Derivative(sqrt(entry**2 + rest**2), entry),
            entry / sqrt(entry**2 + rest**2),
            why="the chain rule for the square root: the gradient of $\\lVert A\\rVert_F$ is $A / \\lVert A\\rVert_F$",
        ),
        Step(
            "cauchy_schwarz",
            Sum(A[1, i] ** 2, (i, 1, columns)) * Sum(B[1, j] ** 2, (j, 1, columns))
            - Sum(A[1, i] * B[1, i], (i, 1, columns)) ** 2,
            Sum((A[1, i] * B[1, j] - A[1, j] * B[1, i]) ** 2, (i, 1, columns), (j, 1, columns)) / 2,
            why="Lagrange's identity: a sum of squares, so each row obeys Cauchy and Schwarz, and "
            "$\\lVert Ax\\rVert \\le \\lVert A\\rVert_F \\lVert x\\rVert$",
            cases=((columns, (1, 2, 3)),),
        ),
        Given("weights", "The entries of $W$ are independent, with mean zero and one variance."),
        Step(
            "expected_square",
            Mean(Sum(w[i, j] ** 2, (i, 1, rows), (j, 1, columns)), WEIGHTS),
            rows * columns * weight_var,
            why="every entry contributes its variance",
            cases=SIZES,
        ),
        Step(
            "expected_output",
            Mean(
                Sum(Sum(w[i, j] * x[j], (j, 1, columns)) ** 2, (i, 1, rows)),
                WEIGHTS,
                Dependent(x, {2: input_square / columns}),
            ),
            rows * weight_var * input_square,
            why="only the diagonal of each square survives: the output's length depends on the input's alone",
            cases=SIZES,
        ),
        Given("gaussian", "For the mean of the norm itself, the entries are Gaussian."),
        Step(
            "expected_norm",
            weight_std * sp.Integral(r * chi, (r, 0, sp.oo)),
            weight_std * sqrt(2) * gamma((size + 1) / 2) / gamma(size / 2),
            why="the length of a vector of normal numbers has the chi distribution",
        ),
        Given(
            "masks",
            "In a stack of ReLU layers with sign-symmetric weights, each unit is active with probability 1/2, "
            "independently of the weights (row backprop/chain_rule).",
            "he2015:§2.2",
        ),
        Step(
            "jacobian_layer",
            Mean(
                Sum(((1 + s[i]) / 2 * Sum(w[i, j] * m[j], (j, 1, fan_in))) ** 2, (i, 1, fan_out)),
                WEIGHTS,
                Signs(s),
                Dependent(m, {2: 1 / fan_in}),
            ),
            Rational(1, 2) * fan_out * weight_var,
            why="a layer multiplies each column $M$ of the Jacobian below by its weights and its mask "
            "$(1 + s_i)/2$; a column of length 1 comes out with this mean square",
            cases=((fan_in, (1, 2, 3)), (fan_out, (1, 2))),
        ),
        *induction(
            "jacobian_stack",
            recurrence=sp.Eq(
                jacobian(layer), outs(layer) * variances(layer) / 2 * jacobian(layer - 1)
            ),
            closed=jacobian(0) * Product(outs(layer) * variances(layer) / 2, (layer, 1, depth)),
            index=depth,
            start=0,
            why="column by column, layer by layer; at the input the Jacobian is the identity, with "
            "$\\lVert I\\rVert_F^2 = n_0$",
        ),
        Step(
            "jacobian_kaiming",
            Subs(Rational(1, 2) * fan_out * weight_var, weight_var, 2 / fan_in),
            fan_out / fan_in,
            why="with Kaiming's variance the product telescopes to $n_L$: the mean squared singular value is "
            "1 at every depth of a square stack",
            ref="he2015:10",
        ),
    ),
    predictions=(
        Prediction("expected_square", "expected_square", "Mean of the squared Frobenius norm."),
        Prediction("expected_output", "expected_output", "Mean squared length of W x."),
        Prediction("expected_norm", "expected_norm", "Mean Frobenius norm of a Gaussian matrix."),
        Prediction(
            "jacobian_ratio",
            "jacobian_layer",
            "Squared norm of the Jacobian over the layer before's.",
        ),
    ),
)
