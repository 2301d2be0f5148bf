"""Modules: why one pass backwards is enough, what it costs, and how well a difference can check it."""

from __future__ import annotations

import sympy as sp
from sympy import Derivative, Product, Subs, Sum

from derivations.notation import by_layer, symbols
from derivations.proof import Derivation, Given, Prediction, Step, induction
from derivations.solve import Root

depth, layer, hidden = symbols("parr2018", "depth layer hidden")
batch, fan_in, fan_out = symbols("parr2018", "batch fan_in fan_out")
weight, activation, bias = symbols("parr2018", "weight activation bias")
epsilon, rounding = symbols("parr2018", "epsilon rounding")
value_size, third_derivative = symbols("parr2018", "value_size third_derivative")
(slopes,) = by_layer("parr2018", "slope")
upstream = sp.Function("upstream", real=True)

i, j, k = sp.symbols("i j k", integer=True, positive=True)
shift = sp.Symbol("s", real=True)
c, v, w = (sp.IndexedBase(name) for name in ("c", "v", "w"))
UNITS = ((hidden, (1, 2, 3)),)
USES = Sum(c[i, j] * weight**i * weight**j, (i, 1, hidden), (j, 1, hidden))
ERROR = epsilon**2 * third_derivative / 6 + rounding * value_size / epsilon
BEST = sp.cbrt(3 * rounding * value_size / third_derivative)

DERIVATION = Derivation(
    row="backprop/module",
    title="Modules",
    papers=("parr2018",),
    section="4.5.3",
    claim="Each module needs to know its own derivative alone: gradients come back through it, add up where a tensor "
    "was read twice, and one pass gives all of them for twice the products of the forward pass.",
    lines=(
        Step(
            "one_module",
            Derivative(Sum(v[k] * (w[k] * activation + c[k]) ** 2, (k, 1, hidden)), activation),
            Sum(2 * v[k] * (w[k] * activation + c[k]) * w[k], (k, 1, hidden)),
            why="what comes back, $2 v_k h_k$ for hidden unit $k$, times the module's own derivative $w_k$, summed "
            "over all ways through the module",
            ref="parr2018:§4.5.3",
            cases=UNITS,
        ),
        *induction(
            "backwards",
            recurrence=sp.Eq(upstream(layer), slopes(layer) * upstream(layer - 1)),
            closed=upstream(0) * Product(slopes(layer), (layer, 1, depth)),
            index=depth,
            start=0,
            why="one more module, one more factor; layers are counted from the loss, so each factor meets what has "
            "come back already, and no module sees another",
            ref="parr2018:§4.5.1",
        ),
        Step(
            "two_paths",
            Derivative(USES, weight),
            Sum(i * c[i, j] * weight ** (i - 1) * weight**j, (i, 1, hidden), (j, 1, hidden))
            + Sum(j * c[i, j] * weight**i * weight ** (j - 1), (i, 1, hidden), (j, 1, hidden)),
            why="a weight that is used twice, $f(w, w)$: the gradient of the first use, plus that of the second. Hence "
            "a module adds to what is there",
            ref="parr2018:§4.5.2",
            cases=UNITS,
        ),
        Step(
            "forward_products",
            Sum(fan_in * hidden, (k, 1, batch)) + Sum(hidden * fan_out, (k, 1, batch)),
            batch * (fan_in + fan_out) * hidden,
            why="a product for every example and weight",
        ),
        Step(
            "backward_products",
            2 * Sum(fan_in * hidden, (k, 1, batch)) + 2 * Sum(hidden * fan_out, (k, 1, batch)),
            2 * batch * (fan_in + fan_out) * hidden,
            why="each layer makes two products of matrices, $G W^\\top$ and $X^\\top G$, as large as the one forwards",
        ),
        Step(
            "without_the_input",
            Sum(fan_in * hidden, (k, 1, batch)) + 2 * Sum(hidden * fan_out, (k, 1, batch)),
            batch * (fan_in + 2 * fan_out) * hidden,
            why="nobody needs the gradient of the data. Without it the first layer, the largest, makes one product",
        ),
        Step(
            "saved",
            Sum(2 * (fan_in + fan_out) * hidden, (k, 1, batch))
            / Sum((fan_in + 2 * fan_out) * hidden, (k, 1, batch)),
            2 * (fan_in + fan_out) / (fan_in + 2 * fan_out),
            why="nearly 2 where the input is wide and the output narrow",
        ),
        Step(
            "from_the_loss",
            2 * hidden + Sum(2 * hidden**2, (layer, 1, depth - 1)),
            2 * (depth - 1) * hidden**2 + 2 * hidden,
            why="one example, $L - 1$ layers of width $h$ and a last one with a single output: backwards, a vector "
            "meets each matrix, once for the input and once for the weights",
        ),
        Step(
            "from_the_input",
            Sum(hidden**3, (layer, 1, depth - 1)) + hidden**2,
            (depth - 1) * hidden**3 + hidden**2,
            why="from the input forwards, the derivatives by all $h$ inputs are a matrix until the last layer: $h/2$ "
            "times as many products, and no weight has its gradient yet",
        ),
        Step(
            "quadratic",
            (
                weight * (activation + epsilon) ** 2
                + bias * (activation + epsilon)
                - weight * (activation - epsilon) ** 2
                - bias * (activation - epsilon)
            )
            / (2 * epsilon),
            2 * weight * activation + bias,
            why="a central difference of a parabola is its derivative, for any $\\varepsilon$. The mean squared error "
            "of a ReLU network is a parabola in each single parameter, between kinks",
        ),
        Step(
            "cubic",
            ((activation + epsilon) ** 3 - (activation - epsilon) ** 3) / (2 * epsilon),
            3 * activation**2 + epsilon**2,
            why="elsewhere it errs by $\\varepsilon^2 f'''/6$, which for a cubic is $\\varepsilon^2$",
        ),
        Given(
            "rounding_error",
            "Both values of $f$ are computed to a relative error of at most $u$, so their difference errs by at most "
            "$2u\\lvert f\\rvert$, and the quotient by $u\\lvert f\\rvert/\\varepsilon$.",
        ),
        Step(
            "error",
            sp.Integral(third_derivative * shift**2 / 2, (shift, -epsilon, epsilon)) / (2 * epsilon)
            + rounding * value_size / epsilon,
            (epsilon**3 * third_derivative + 6 * rounding * value_size) / (6 * epsilon),
            why="the quotient is the mean of $f'$ over the interval; there it differs from $f'$ in the middle by "
            "$s f''$, which cancels, and by no more than $s^2 \\lvert f'''\\rvert / 2$",
        ),
        Step(
            "best_step",
            Root(Derivative(ERROR, epsilon), epsilon),
            BEST,
            why="the sum of both errors is least where its derivative vanishes",
        ),
        Step(
            "least_error",
            Subs(ERROR, epsilon, BEST),
            third_derivative * BEST**2 / 2,
            why="a third of it is the formula's error, two thirds are rounding",
        ),
    ),
    predictions=(
        Prediction("forward_products", "forward_products", "Products of a network's forward pass."),
        Prediction("backward_products", "backward_products", "Products of its backward pass."),
        Prediction(
            "without_the_input", "without_the_input", "The same without the gradient of the input."
        ),
        Prediction("saved", "saved", "How many times fewer products that are."),
        Prediction("from_the_loss", "from_the_loss", "Products of a chain of layers, backwards."),
        Prediction("from_the_input", "from_the_input", "Products of the same chain, forwards."),
        Prediction(
            "best_step", "best_step", "The step with the least error of a central difference."
        ),
        Prediction("least_error", "least_error", "The largest error at the best step."),
        Prediction("error", "error", "The largest error of a central difference."),
    ),
)
