"""The matrix product: its gradient, the spread of its entries, what it costs, and how far its orders may differ."""

from __future__ import annotations

import sympy as sp
from sympy import KroneckerDelta, Product, Sum

from derivations.expectation import Independent, Mean, Normal
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step

rows, terms, product_columns = symbols("goodfellow2016", "rows terms product_columns")
left_var, right_var = symbols("goodfellow2016", "left_var right_var")
roundoff, roundings = symbols("goodfellow2016", "roundoff roundings")

i, j, k, h, s = sp.symbols("i j k h s", integer=True, positive=True)
A, B, D, E, G = (sp.IndexedBase(name) for name in ("A", "B", "D", "E", "G"))

SIZES = tuple((size, (1, 2)) for size in (rows, terms, product_columns))
TERMS = ((terms, (1, 2, 3)),)
ROWS, COLUMNS, INNER = (i, 1, rows), (j, 1, product_columns), (k, 1, terms)
SQUARES = (Independent(A, {1: 0, 2: left_var}), Independent(B, {1: 0, 2: right_var}))
FOURTH = Normal(A, left_var)  # where a normal law is needed
n, m, p, scale = terms, rows, product_columns, left_var**2 * right_var**2


def entry(row: int, column: int) -> sp.Expr:
    """An entry of the product, as a sum."""
    return Sum(A[row, k] * B[k, column], INNER)


def paired(left: sp.IndexedBase, right: sp.IndexedBase) -> sp.Expr:
    """Every entry of the product of two matrices times its gradient, added up."""
    return Sum(G[i, j] * left[i, k] * right[k, j], ROWS, COLUMNS, INNER)


pairs = Sum(
    KroneckerDelta(i, h) * KroneckerDelta(j, s) * (2 * n**2 + 2 * n)
    + KroneckerDelta(i, h) * 2 * n
    + KroneckerDelta(j, s) * 2 * n,
    ROWS,
    (h, 1, m),
    COLUMNS,
    (s, 1, p),
)

DERIVATION = Derivation(
    row="tensors/matmul",
    title="The matrix product",
    papers=("goodfellow2016",),
    section="2.2",
    claim="Loops, broadcasting, einsum and one call add up the same products, so they may differ by rounding and no "
    "more. The variance of each entry grows with the number $n$ of its terms, and the gradient is two more products: "
    "$GB^\\top$ and $A^\\top G$.",
    lines=(
        Step(
            "blocks",
            Sum(A[1, k] * B[k, 1], (k, 1, 2 * n)),
            Sum(A[1, k] * B[k, 1], INNER) + Sum(A[1, k + n] * B[k + n, 1], INNER),
            why="the terms of an entry may be added in any order and in blocks: that is all that the rungs of the "
            "ladder do, and all that fast kernels do",
            ref="goodfellow2016:§2.2",
            cases=TERMS,
        ),
        Given(
            "loss",
            "A loss is, to first order, $\\sum_{ij} G_{ij} C_{ij}$ with $C = AB$. How one entry acts on it is derived "
            "in the row tensors/einsum; here all entries change at once, by $D$ and by $E$.",
        ),
        Step(
            "left_gradient",
            paired(D, B),
            Sum(D[i, k] * Sum(G[i, j] * B[k, j], COLUMNS), ROWS, INNER),
            why="a change $D$ of $A$ meets the matrix $GB^\\top$, entry by entry: that is the gradient",
            cases=SIZES,
        ),
        Step(
            "right_gradient",
            paired(A, E),
            Sum(E[k, j] * Sum(A[i, k] * G[i, j], ROWS), COLUMNS, INNER),
            why="and a change $E$ of $B$ meets $A^\\top G$",
            cases=SIZES,
        ),
        Step(
            "both",
            Sum(
                G[i, j] * ((A[i, k] + D[i, k]) * (B[k, j] + E[k, j]) - A[i, k] * B[k, j]),
                ROWS,
                COLUMNS,
                INNER,
            ),
            paired(D, B) + paired(A, E) + paired(D, E),
            why="if both change, the two gradients account for all but the product of the changes, which is of "
            "second order",
            cases=SIZES,
        ),
        Step(
            "multiplications",
            Sum(1, ROWS, COLUMNS, INNER),
            m * n * p,
            why="what has to be computed, on every rung. Each gradient takes as many again: backwards costs twice "
            "as much as forwards",
        ),
        Step(
            "entries",
            Sum(1, ROWS, INNER) + Sum(1, INNER, COLUMNS) + Sum(1, ROWS, COLUMNS),
            m * n + n * p + m * p,
            why="what has to be read and written, once each. Square matrices of size $n$ have $n/3$ multiplications "
            "for each of these, so large ones wait for arithmetic, and small or narrow ones for memory",
        ),
        Given(
            "gaussian",
            "The entries of $A$ and $B$ are independent and normal with mean zero. An entry of the product then has "
            "variance $n \\sigma_A^2 \\sigma_B^2$ (row tensors/einsum, step contraction; it needs no normal law).",
        ),
        Step(
            "row_length",
            Mean(Sum(A[1, k] ** 2, INNER) ** 2, FOURTH),
            (n**2 + 2 * n) * left_var**2,
            why="the second moment of the squared length of a row of $A$",
            cases=TERMS,
        ),
        Step(
            "square_variance",
            3 * right_var**2 * (n**2 + 2 * n) * left_var**2 - (n * left_var * right_var) ** 2,
            (2 * n**2 + 6 * n) * scale,
            why="given that row $a$, an entry is normal with variance $\\sigma_B^2\\lVert a\\rVert^2$, and its fourth "
            "moment three times the square of that. So its square strays a little more than a normal number's $2n^2$",
        ),
        Step(
            "same_row",
            Mean(entry(1, 1) ** 2 * entry(1, 2) ** 2, FOURTH, SQUARES[1])
            - (n * left_var * right_var) ** 2,
            2 * n * scale,
            why="two entries of a row share a row of $A$, so their squares vary together; so do those of a column",
            cases=((terms, (1, 2)),),
        ),
        Step(
            "disjoint",
            Mean(entry(1, 1) ** 2 * entry(2, 2) ** 2, *SQUARES),
            (n * left_var * right_var) ** 2,
            why="entries of different rows and columns share nothing",
            cases=((terms, (1, 2)),),
        ),
        Step(
            "mean_square_variance",
            pairs / (m * p) ** 2 / n**2,
            2 * (m + n + p + 1) / (m * n * p),
            why="added over all pairs of entries: the relative variance of the mean square of a whole product. The "
            "entries are not independent, and for $m, p \\gg n$ they count as few",
            cases=tuple((size, (1, 2, 3)) for size in (rows, product_columns)),
        ),
        Given(
            "rounding",
            "Every multiplication and addition returns the exact result times $1 + \\delta$, with "
            "$\\lvert\\delta\\rvert \\le u$: no over- or underflow.",
        ),
        Step(
            "worst",
            Product(1 + roundoff, (k, 1, roundings)) - 1,
            (1 + roundoff) ** roundings - 1,
            why="each rounding keeps an error, adds $u$, and $u$ times the error: after $r$ of them a term is wrong by "
            "this share of itself at most",
        ),
        Step(
            "bound",
            (1 + roundoff) ** terms - 1,
            roundoff * Sum((1 + roundoff) ** (k - 1), INNER),
            why="in any order a term is multiplied once and takes part in at most $n - 1$ additions. So an entry is "
            "off by at most this share of $\\sum_k \\lvert A_{ik} B_{kj}\\rvert$, a little more than $nu$",
        ),
    ),
    predictions=(
        Prediction("multiplications", "multiplications", "Multiplications in a product."),
        Prediction("entries", "entries", "Numbers that are read or written."),
        Prediction("square_variance", "square_variance", "Variance of the square of one entry."),
        Prediction(
            "mean_square_variance",
            "mean_square_variance",
            "Relative variance of the mean square of all entries.",
        ),
        Prediction("bound", "bound", "Largest rounding error, over the sum of the terms' sizes."),
    ),
)
