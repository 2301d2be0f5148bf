"""A vector times one random matrix after another: how its length grows, and when a format overflows."""

from __future__ import annotations

import sympy as sp
from sympy import (
    Derivative,
    Integral,
    KroneckerDelta,
    Product,
    Subs,
    Sum,
    erf,
    exp,
    log,
    pi,
    polygamma,
)

from derivations.depth import finite_width
from derivations.expectation import Dependent, Independent, Mean
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step

units, step, weight_var = symbols("cohen1984", "units step weight_var")
limit, deviation, power = symbols("cohen1984", "limit deviation power")

z, change = sp.symbols("z change", real=True)
i, j, k, h, q, r = sp.symbols("i j k h q r", integer=True, positive=True)
A, x, u = (sp.IndexedBase(name) for name in ("A", "x", "u"))
n, t, v = units, step, weight_var

MATRIX = Independent(A, {1: 0, 2: v})
VECTOR = Dependent(x, {2: sp.S.One})  # of mean square 1, and any law
TERMS = ((units, (1, 2, 3)),)
SMALL = ((units, (1, 2)),)
powers = finite_width.power_mean.subs({finite_width.active: n, finite_width.power: power})
digamma, trigamma = polygamma(0, n / 2), polygamma(1, n / 2)


def pairings(factors: list[tuple[sp.Symbol, sp.Symbol]]) -> sp.Expr:
    """The mean of a product of N(0, 1) entries at these places: how many ways pair each one with itself."""
    if not factors:
        return sp.S.One
    (row, column), *others = factors
    total = sp.S.Zero
    for place, (other_row, other_column) in enumerate(others):
        same = KroneckerDelta(row, other_row) * KroneckerDelta(column, other_column)
        total += same * pairings(others[:place] + others[place + 1 :])
    return total


def paths(*indices: sp.Symbol) -> list[tuple[sp.Symbol, sp.Symbol]]:
    """The entries of A that a path through these indices meets."""
    return list(zip(indices, indices[1:], strict=False))


DERIVATION = Derivation(
    row="init/repeated_product",
    title="Repeated products",
    papers=("cohen1984", "hanin2018"),
    section="abstract",
    claim="Each multiplication by a fresh $n \\times n$ matrix of $\\mathcal N(0, 1)$ numbers makes a vector about "
    "$\\sqrt n$ times as long. With $n = 512$ a number of 32 bits overflows at the 28th or 29th; with $1/\\sqrt n$ the "
    "vector stays. One matrix a hundred times is another matter.",
    lines=(
        Given(
            "fresh",
            "Every step has a matrix of its own, of independent $\\mathcal N(0, s^2)$ entries; the first vector has "
            "independent $\\mathcal N(0, 1)$ entries. So, given a vector, the next has independent normal entries of "
            "variance $s^2$ times its squared length: that is multiplied by $s^2$ and a chi-square with $n$ degrees "
            "of freedom.",
        ),
        Step(
            "mean",
            Mean(Sum(Sum(A[i, k] * x[k], (k, 1, n)) ** 2, (i, 1, n)), MATRIX, VECTOR) / n,
            n * v,
            why="the mean square of the entries grows by $n s^2$ a step, on average",
            cases=SMALL,
        ),
        Step(
            "keeping",
            Subs(n * v, v, 1 / n),
            sp.S.One,
            why="and $1/\\sqrt n$ keeps it",
        ),
        Step(
            "log_growth",
            Subs(Derivative(v**power * powers, power), power, 0),
            log(2 * v) + digamma,
            why="the mean of the *logarithm* is what adds up, so what is typical. Half of it is the logarithm of the "
            "paper's rate, $\\frac12(\\log 2 + \\psi(\\frac n2))$ for $s = 1$",
            ref="cohen1984:§abstract",
        ),
        Step(
            "log_variance",
            Subs(Derivative(log(v**power * powers), power, 2), power, 0),
            trigamma,
            why="the variance of a step's logarithm, whatever $s$",
        ),
        Step(
            "log_mean_square",
            log(2) + digamma + Sum(log(2 * v) + digamma, (r, 1, t)) - log(n),
            (t + 1) * (log(2) + digamma) + t * log(v) - log(n),
            why="$t$ steps and the first vector: the mean logarithm of the mean square of the entries",
        ),
        Step(
            "log_spread",
            trigamma + Sum(trigamma, (r, 1, t)),
            (t + 1) * trigamma,
            why="and its variance: the steps are independent",
        ),
        Given(
            "large",
            "For large $n$ a step with $s^2 = 1/n$ multiplies the squared length by $1 + x$, where $x$ has mean 0 and "
            "variance $2/n$; higher moments are of order $1/n^2$.",
        ),
        Step(
            "drift",
            Mean(change - change**2 / 2, Independent(change, {1: 0, 2: 2 / n})),
            -1 / n,
            why="so a typical vector loses $1/n$ of its logarithm a step while the mean is kept: after 100 steps of "
            "512 numbers its length is 0.91 of what it was, give or take a third",
            same=(("lost term", 1, "the mean of the change is zero"),),
        ),
        Step(
            "second_moment",
            Product(Mean((Sum(u[i], (i, 1, n)) / n) ** 2, Independent(u, {1: 1, 2: 3})), (r, 1, t)),
            (1 + 2 / n) ** t,
            why="the second moment of the mean square, for $s^2 = 1/n$: squares of normal numbers have mean 1 and "
            "second moment 3",
            cases=TERMS,
        ),
        Step(
            "all_below",
            Integral(
                exp(-(z**2) / (2 * deviation**2)) / sp.sqrt(2 * pi * deviation**2),
                (z, -limit, limit),
            )
            ** n,
            erf(limit / (sp.sqrt(2) * deviation)) ** n,
            why="no entry is beyond $\\pm M$ if none of $n$ independent normal ones is. With $M$ the largest number of "
            "a format, and over the law of the deviation $\\sigma = s \\lVert x_{t-1} \\rVert$, this is the chance "
            "that step $t$ does not overflow",
        ),
        Given(
            "one",
            "From here on it is *one* matrix at every step, $s = 1$. It and the vector are no longer independent, and "
            "what is said above does not hold. The mean of a product of normal numbers is the sum, over all ways to "
            "pair them, of the products of their covariances (Isserlis' theorem, quoted); two paths through the matrix "
            "end at the same entry of the first vector.",
        ),
        Step(
            "twice",
            Sum(pairings(paths(i, j, k) + paths(i, h, k)), *((at, 1, n) for at in (i, j, h, k)))
            / n,
            n**2 + 2,
            why="terms in which a path meets itself do not vanish. Two fresh matrices would give $n^2$",
            cases=SMALL,
        ),
        Step(
            "thrice",
            Sum(
                pairings(paths(i, j, h, k) + paths(i, r, q, k)),
                *((at, 1, n) for at in (i, j, h, r, q, k)),
            )
            / n,
            n**3 + 10 * n + 4,
            why="and for three, where fresh ones would give $n^3$. The surplus falls as $1/n^2$, but grows with the "
            "number of steps, and lies in few matrices",
            cases=SMALL,
        ),
        Given(
            "circle",
            "After many steps the largest eigenvalues decide. Those of a large matrix fill a disc of radius "
            "$\\sqrt n$ (the circular law, quoted), with the largest a little outside it, at a place that differs "
            "from matrix to matrix. We have no closed form for the vector's size then, and measure it.",
        ),
    ),
    predictions=(
        Prediction("mean_growth", "mean", "Mean square after one step, for one of 1."),
        Prediction("log_growth", "log_growth", "Mean logarithm of a step's growth of the square."),
        Prediction("log_variance", "log_variance", "Its variance."),
        Prediction("log_mean_square", "log_mean_square", "Mean log of the mean square at step t."),
        Prediction("log_spread", "log_spread", "Variance of that logarithm."),
        Prediction("drift", "drift", "Mean log growth for large n, with variance 1/n."),
        Prediction("second_moment", "second_moment", "Second moment of the mean square."),
        Prediction("all_below", "all_below", "Chance that no entry of the next vector is beyond."),
        Prediction("twice", "twice", "Mean square after one matrix twice."),
        Prediction("thrice", "thrice", "The same after three times."),
    ),
)
