"""Broadcasting: the gradient of what is stretched, and what the stretch nobody meant does to a loss."""

from __future__ import annotations

import sympy as sp
from sympy import Derivative, Subs, Sum

from derivations.expectation import Independent, Mean
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step

rows, columns, entry, batch = symbols("harris2020", "rows columns entry batch")
output, output_mean, target_mean = symbols("harris2020", "output output_mean target_mean")
(output_var,) = symbols("harris2020", "output_var")
target_var, noise_var, slope = symbols("harris2020", "target_var noise_var slope")

i, j = sp.symbols("i j", integer=True, positive=True)
output_square, target_square = sp.symbols("q_o q_t", nonnegative=True)
g, c, o, t, e = (sp.IndexedBase(n) for n in ("gradient", "other", "output", "target", "e"))

ROWS = ((rows, (1, 2, 3)),)
TABLE = ((rows, (1, 2, 3)), (columns, (1, 2, 3)))
PAIRS = ((batch, (1, 2, 3)),)
CENTRED = Independent(t, {1: 0, 2: target_var})
NOISE = Independent(e, {1: 0, 2: noise_var})
OUTPUT = output_mean + slope * t[i] + e[i]


def mean(x: sp.IndexedBase, power: int = 1) -> sp.Expr:
    """The mean of the N entries' powers."""
    return Sum(x[i] ** power, (i, 1, batch)) / batch


DERIVATION = Derivation(
    row="tensors/broadcasting",
    title="Broadcasting",
    papers=("harris2020",),
    section="NumPy arrays",
    claim="What broadcasting stretches is read many times, so the gradient with respect to it is the sum over the "
    "stretched axes; a column minus a row of $N$ numbers is a table, whose mean square compares all pairs.",
    lines=(
        Given(
            "linear_in_g",
            "A loss depends on the result through its entries; to first order it is $\\sum_{ij} g_{ij} y_{ij}$ "
            "with $g$ the gradient with respect to the result.",
        ),
        Step(
            "row",
            Derivative(Sum(g[i] * (entry + c[i]), (i, 1, rows)), entry),
            Sum(g[i], (i, 1, rows)),
            why="an entry of a row that is stretched over $m$ rows is added in each of them: its gradients add up",
            cases=ROWS,
            same=(("lost term", 1, "what does not contain the entry has no derivative"),),
        ),
        Step(
            "row_of_products",
            Derivative(Sum(g[i] * entry * c[i], (i, 1, rows)), entry),
            Sum(g[i] * c[i], (i, 1, rows)),
            why="the same for a product: the gradient of one copy is $g_{i} c_{i}$, and their sum is wanted",
            cases=ROWS,
        ),
        Step(
            "scalar",
            Derivative(Sum(g[i, j] * entry * c[i, j], (i, 1, rows), (j, 1, columns)), entry),
            Sum(g[i, j] * c[i, j], (i, 1, rows), (j, 1, columns)),
            why="a number that is stretched along both axes is summed over both",
            cases=TABLE,
        ),
        Step(
            "all_pairs",
            Sum((o[i] - t[j]) ** 2, (i, 1, batch), (j, 1, batch)) / batch**2,
            mean(o, 2) - mean(o) ** 2 + mean(t, 2) - mean(t) ** 2 + (mean(o) - mean(t)) ** 2,
            why="$(N,1)$ minus $(N,)$ is the table of all pairs. The mean of its squares knows both variances and both "
            "means, but not which target belongs to which output",
            cases=PAIRS,
        ),
        Step(
            "all_pairs_of_a_batch",
            Subs(
                output_square - 2 * output_mean * target_mean + target_square,
                (output_square, target_square),
                (output_var + output_mean**2, target_var + target_mean**2),
            ),
            output_var + target_var + (output_mean - target_mean) ** 2,
            why="the same in the batch's own means and variances (divided by $N$), for any $N$: a mean square $q$ is a "
            "variance plus a squared mean. Nothing here is random",
        ),
        Step(
            "trap_gradient",
            Derivative(Sum((output - t[j]) ** 2, (j, 1, batch)) / batch**2, output),
            2 * (output - mean(t)) / batch,
            why="so every output is drawn to the mean of the targets, and never to its own",
            cases=PAIRS,
        ),
        Given(
            "linear_relation",
            "An output is $o = \\mu_o + \\beta (t - \\mu_t) + e$: it follows the deviation of its own target, and "
            "adds noise of its own. Samples are independent of each other.",
        ),
        Step(
            "trap_loss",
            Mean(
                Sum((OUTPUT - target_mean - t[j]) ** 2, (i, 1, batch), (j, 1, batch)) / batch**2,
                CENTRED,
                NOISE,
            ),
            noise_var
            + (1 + slope**2) * target_var
            - 2 * slope * target_var / batch
            + (output_mean - target_mean) ** 2,
            why="of $N^2$ pairs, $N$ belong together; only through these does the loss notice $\\beta$ with its "
            "sign. For a large batch a perfect network and its contrary have the same loss",
            cases=PAIRS,
        ),
        Step(
            "paired_loss",
            Mean((OUTPUT.subs(i, 1) - target_mean - t[1]) ** 2, CENTRED, NOISE),
            noise_var + (1 - slope) ** 2 * target_var + (output_mean - target_mean) ** 2,
            why="with its own target (here as a deviation from the mean), an output that follows it, "
            "$\\beta = 1$, is left with its noise: the loss that was meant",
        ),
    ),
    predictions=(
        Prediction(
            "batch_trap_loss",
            "all_pairs_of_a_batch",
            "Mean square over all pairs of one batch, from its own means and variances.",
        ),
        Prediction("trap_loss", "trap_loss", "Expected mean square over all pairs of a batch."),
        Prediction("paired_loss", "paired_loss", "Mean square of an output minus its own target."),
    ),
)
