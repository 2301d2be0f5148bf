"""Einsum: the gradient of a sum of products is a sum of products, with the letters permuted."""

from __future__ import annotations

import sympy as sp
from sympy import Derivative, KroneckerDelta, Sum

from derivations.expectation import Independent, Variance
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step

rows, inner, columns, change = symbols("einstein1916", "rows inner columns change")
left_var, right_var = symbols("einstein1916", "left_var right_var")

i, j, k = sp.symbols("i j k", integer=True, positive=True)
A, B, x, y, g = (sp.IndexedBase(name) for name in ("left", "right", "x", "y", "gradient"))

SIZES = ((rows, (1, 2)), (inner, (1, 2)), (columns, (1, 2)))
TABLE = ((rows, (1, 2, 3)), (inner, (1, 2, 3)))
ROWS, INNER, COLUMNS = (i, 1, rows), (j, 1, inner), (k, 1, columns)
CONSTANT = ("lost term", 1, "what is not changed has no derivative")
ELSEWHERE = (
    "shifted bound",
    2,
    "the changed entry is in the last row; another row more or fewer is nothing to it",
)


def moved(entry: sp.Expr, *places: tuple[sp.Symbol, sp.Expr]) -> sp.Expr:
    """An entry of an operand of which one entry, at ``places``, is changed by t."""
    return entry + change * sp.Mul(*(KroneckerDelta(index, at) for index, at in places))


DERIVATION = Derivation(
    row="tensors/einsum",
    title="Einsum",
    papers=("einstein1916",),
    section="5",
    claim="Name the axes, multiply what has the same letters, sum over what the output does not name: the gradient "
    "with respect to an operand is an einsum again, in which the gradient of the output takes the operand's place.",
    lines=(
        Given(
            "one_entry",
            "The loss is, to first order, the sum of the output's entries times their gradients $g$. One entry of an "
            "operand is changed by $t$, at the last place of each of its axes, as no place is special.",
        ),
        Step(
            "product_left",
            Derivative(
                Sum(
                    g[i, k] * moved(A[i, j], (i, rows), (j, inner)) * B[j, k], ROWS, INNER, COLUMNS
                ),
                change,
            ),
            Sum(g[rows, k] * B[inner, k], COLUMNS),
            why="ij,jk->ik, with respect to the first: of all $i$ and $j$ the changed entry's are left, ik,jk->ij",
            cases=SIZES,
            same=(
                CONSTANT,
                ELSEWHERE,
            ),
        ),
        Step(
            "product_right",
            Derivative(
                Sum(
                    g[i, k] * A[i, j] * moved(B[j, k], (j, inner), (k, columns)),
                    ROWS,
                    INNER,
                    COLUMNS,
                ),
                change,
            ),
            Sum(g[i, columns] * A[i, inner], ROWS),
            why="with respect to the second: ij,ik->jk",
            cases=SIZES,
            same=(CONSTANT,),
        ),
        Step(
            "bilinear",
            Derivative(
                Sum(g[1] * x[i] * moved(A[i, j], (i, rows), (j, inner)) * y[j], ROWS, INNER), change
            ),
            g[1] * x[rows] * y[inner],
            why="i,ij,j-> has one number as its output: the gradient of the matrix is an outer product, i,j->ij",
            cases=TABLE,
            same=(
                CONSTANT,
                ELSEWHERE,
            ),
        ),
        Step(
            "elementwise",
            Derivative(
                Sum(g[i, j] * moved(A[i, j], (i, rows), (j, inner)) * B[i, j], ROWS, INNER), change
            ),
            g[rows, inner] * B[rows, inner],
            why="ij,ij->ij sums nothing, and neither does its gradient",
            cases=TABLE,
            same=(
                CONSTANT,
                ELSEWHERE,
            ),
        ),
        Step(
            "sum",
            Derivative(Sum(g[i] * moved(A[i, j], (i, rows), (j, inner)), ROWS, INNER), change),
            g[rows],
            why="ij->i sums over $j$: every entry of a row gets the row's gradient, stretched along $j$",
            cases=TABLE,
            same=(
                CONSTANT,
                ELSEWHERE,
            ),
        ),
        Step(
            "trace",
            Derivative(Sum(g[1] * moved(A[i, i], (i, rows)), ROWS), change),
            g[1],
            why="ii-> reads the diagonal alone: an entry on it gets the gradient, and those beside it get none",
            cases=((rows, (1, 2, 3)),),
            same=(CONSTANT, ELSEWHERE),
        ),
        Given(
            "random",
            "The entries of both operands are independent, with mean zero and one variance each.",
        ),
        Step(
            "contraction",
            Variance(
                Sum(A[1, j] * B[j, 1], INNER),
                Independent(A, {1: 0, 2: left_var}),
                Independent(B, {1: 0, 2: right_var}),
            ),
            inner * left_var * right_var,
            why="every term that is summed adds its variance, so an entry of the output grows with the number of "
            "terms: the product of the sizes of all letters that are summed",
            cases=((inner, (1, 2, 3)),),
            same=(("variance ↔ second moment", 1, "the mean is zero"),),
        ),
    ),
    predictions=(
        Prediction(
            "contraction_variance",
            "contraction",
            "Variance of an entry of the output; ``inner`` is the number of terms summed.",
        ),
    ),
)
