"""The mean sixth power of a deep Jacobian's singular values, at every width: zonal polynomials of three numbers."""

from __future__ import annotations

import sympy as sp
from sympy import Limit, Product, Rational, Subs, Sum

from derivations.expectation import Independent, Mean, Normal
from derivations.notation import symbols
from derivations.proof import Given, Prediction, Step, induction

units, depth, layer, share = symbols("pennington2017", "units depth layer share")
cubed, mixed, sixth = symbols("pennington2017", "cubed mixed sixth")
variance, eigenvalue = symbols("pennington2017", "variance eigenvalue")
growth_3, growth_21, growth_111 = symbols("pennington2017", "growth_3 growth_21 growth_111")
slope_term, curve_term = symbols("pennington2017", "slope_term curve_term")
n, L, p, v, c, d, e = units, depth, share, variance, cubed, mixed, sixth

i, j = sp.symbols("i j", integer=True, positive=True)
alpha, beta, gamma = sp.symbols("alpha beta gamma", real=True)
a, b, m, q, w, x = (sp.IndexedBase(name) for name in "abmqwx")
kept = sp.Function("kept", positive=True)
SIZES = ((units, (1, 2, 3)),)

sum_1, sum_2, sum_3 = (Sum(x[j] ** power, (j, 1, n)) for power in (1, 2, 3))
form = Sum(w[j] ** 2 * x[j], (j, 1, n))  # what a row of weights makes of squared singular values x
scale, trace = 1 / (p * n), c ** Rational(1, 3)  # the trace is the sum of the x
own, pair = c + 6 * d + 8 * e, d + 2 * e
FORMS = Independent(  # what the row of a unit makes of x, or zero if the unit is not active
    q, {1: p * scale * trace, 2: p * scale**2 * (c + 2 * d) / trace, 3: p * scale**3 * own}
)
COINS = Independent(m, {1: p})
two_active = scale**3 * Mean(m[1] * m[2], COINS)
three_active = scale**3 * Mean(m[1] * m[2] * m[3], COINS)

one, two, three = 1 / (p * n) ** 2, (n - 1) / (p * n**2), (n - 1) * (n - 2) / n**2
next_cubed = (three + 3 * two + one) * c + 6 * (two + one) * d + 8 * one * e
next_mixed = (two + one) * c + (three + 4 * two + 6 * one) * d + (4 * two + 8 * one) * e
next_sixth = one * c + (3 * two + 6 * one) * d + (three + 6 * two + 8 * one) * e
first = ((n - 1) * (n - 2) * p**2 + 9 * (n - 1) * p + 15) / (p * n) ** 2
second = (n - 1) * ((n - 2) * p + 4) / (p * n**2)
sixth_power = (
    (n + 2) * (n + 4) * growth_3**L / 15
    - 3 * (n + 2) * (n - 1) * growth_21**L / 20
    + (n - 1) * (n - 2) * growth_111**L / 12
)
ORDERS = {  # the factors again, in powers of 1/n
    growth_3: (9 / p - 3, 15 / p**2 - 9 / p + 2),
    growth_21: (4 / p - 3, 2 - 4 / p),
    growth_111: (sp.Integer(-3), sp.Integer(2)),
}
power_curve = L * curve_term + L * (L - 1) * slope_term**2 / 2
GROWTHS = ((growth_3, first), (growth_21, second), (growth_111, three))


SIXTH: tuple[Given | Step, ...] = (
    Given(
        "third_order",
        "One power more, at every width still: the third moment of the squared singular values. Three numbers of the "
        "Jacobian are enough, $c = (\\sum_j x_j)^3$, $d = \\sum_j x_j \\sum_j x_j^2$ and $e = \\sum_j x_j^3$. "
        "James's zonal polynomials say in which combinations: $c + 6d + 8e$, $c + d - 2e$ and $c - 3d + 2e$. That "
        "they are right is checked below.",
    ),
    Step(
        "row_cubed",
        Mean(form**3, Normal(w, v)),
        v**3 * (sum_1**3 + 6 * sum_1 * sum_2 + 8 * sum_3),
        why="the cube of an entry of $J_l J_l^T$ on the diagonal",
        cases=SIZES,
    ),
    Step(
        "other_row",
        Mean(
            Sum(a[j] * w[j] * x[j], (j, 1, n)) * Sum(b[j] * w[j] * x[j], (j, 1, n)),
            Independent(w, {1: 0, 2: v}),
        ),
        v * Sum(a[j] * b[j] * x[j] ** 2, (j, 1, n)),
        why="two entries off the diagonal share a row of weights $w$: what its mean leaves of the other rows $a$, $b$",
        same=(("shifted bound", 2, "what one sum alone has meets nothing"),),
        cases=SIZES,
    ),
    Step(
        "row_and_pair",
        v * Mean(form * Sum(w[j] ** 2 * x[j] ** 2, (j, 1, n)), Normal(w, v)),
        v**3 * (sum_1 * sum_2 + 2 * sum_3),
        why="so the square of an entry off the diagonal, times one on the diagonal of the same row, with $a = b = w$",
        cases=SIZES,
    ),
    Step(
        "three_rows",
        v**2 * Mean(Sum(w[j] ** 2 * x[j] ** 3, (j, 1, n)), Normal(w, v)),
        v**3 * sum_3,
        why="and the product of the three entries off the diagonal of three rows, with $a = w$ and $b_j = w_j x_j$",
        cases=SIZES,
    ),
    Step(
        "next_cubed",
        Mean(Sum(q[i], (i, 1, n)) ** 3, FORMS),
        next_cubed,
        why="the new cube of the sum: of the diagonal alone",
        cases=SIZES,
    ),
    Step(
        "next_mixed",
        n * Mean(q[1] ** 3, FORMS)
        + n * (n - 1) * Mean(q[1] * q[2] ** 2, FORMS)
        + n * (n - 1) * (2 * two_active * pair + (n - 2) * three_active * d),
        next_mixed,
        why="the new trace times the sum of all squared entries: those on the diagonal, with their own unit or "
        "another, and those off it, with one of their two units or with a third",
    ),
    Step(
        "next_sixth",
        n * Mean(q[1] ** 3, FORMS)
        + 3 * n * (n - 1) * two_active * pair
        + n * (n - 1) * (n - 2) * three_active * e,
        next_sixth,
        why="the new trace of the cube: walks of three steps that return, over one unit, two, or three",
        same=(("lost term", 2, "only the cube of a form counts here, not its square"),),
    ),
    Step(
        "solved",
        Subs(
            alpha / 15 - 3 * beta / 20 + gamma / 12,
            (alpha, beta, gamma),
            (own, c + d - 2 * e, c - 3 * d + 2 * e),
        ),
        e,
        why="three combinations give back the sum of the sixth powers",
    ),
    Step(
        "first",
        next_cubed + 6 * next_mixed + 8 * next_sixth,
        first * own,
        why="and each of them is only multiplied by a layer. The first one grows",
    ),
    Step(
        "second",
        next_cubed + next_mixed - 2 * next_sixth,
        second * (c + d - 2 * e),
        why="so does the second, less",
    ),
    Step(
        "third",
        next_cubed - 3 * next_mixed + 2 * next_sixth,
        three * (c - 3 * d + 2 * e),
        why="the third one shrinks, whatever $p$: three rows span a volume",
    ),
    *induction(
        "kept",
        recurrence=sp.Eq(kept(layer), eigenvalue * kept(layer - 1)),
        closed=kept(0) * Product(eigenvalue, (layer, 1, L)),
        index=L,
        start=0,
        why="so each is a power",
    ),
    Step(
        "sixth_power",
        Subs(
            (
                own * growth_3**L / 15
                - 3 * (c + d - 2 * e) * growth_21**L / 20
                + (c - 3 * d + 2 * e) * growth_111**L / 12
            )
            / n,
            (c, d, e),
            (n**3, n**2, n),
        ),
        sixth_power,
        why="the mean sixth power after $L$ layers, with these factors. At the start all singular values are 1",
    ),
)


def expanded(growth: sp.Symbol) -> sp.Expr:
    """A factor in powers of 1/n; there are no further ones."""
    first_order, second_order = ORDERS[growth]
    return 1 + first_order / n + second_order / n**2


def power_expanded(growth: sp.Symbol) -> sp.Expr:
    """Its L-th power, without what is smaller than 1/n²."""
    terms = dict(zip((slope_term, curve_term), ORDERS[growth], strict=True))
    return 1 + L * terms[slope_term] / n + power_curve.subs(terms) / n**2


def at_large_width(third: sp.Expr) -> tuple[Given | Step, ...]:
    """The steps to the limit of the sixth power, ``third``."""
    powers = {growth**L: power_expanded(growth) for growth in ORDERS}
    return (
        Step("expanded_3", first, expanded(growth_3), why="the first factor in powers of $1/n$"),
        Step("expanded_21", second, expanded(growth_21), why="the second"),
        Step("expanded_111", three, expanded(growth_111), why="and the third"),
        Step(
            "power_expanded",
            Limit(
                n**2 * ((1 + slope_term / n + curve_term / n**2) ** L - 1 - L * slope_term / n),
                n,
                sp.oo,
            ),
            power_curve,
            why="what the $L$-th power of such a factor has of the order $1/n^2$",
        ),
        Step(
            "sixth_limit",
            Limit(sixth_power.xreplace(powers), n, sp.oo),
            third,
            why="the weights of the three powers grow like $n^2$, so what is smaller is lost. The exact sixth power "
            "tends to the third moment: free probability and plain algebra agree",
        ),
    )


PREDICTIONS = (
    Prediction("next_sixth", "next_sixth", "Mean sum of sixth powers, given the layer before."),
    Prediction(
        "next_mixed", "next_mixed", "As next_sixth: the sum of squares times that of fourth powers."
    ),
    Prediction("next_cubed", "next_cubed", "As next_sixth: the cube of the sum of squares."),
    Prediction(
        "sixth_power",
        "sixth_power",
        "Mean sixth power of the singular values after L layers.",
        at=GROWTHS,
    ),
)
