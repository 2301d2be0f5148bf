"""Losses: the gradients of MSE and of softmax cross-entropy, and what they are before any training."""

from __future__ import annotations

import sympy as sp
from sympy import Derivative, KroneckerDelta, Subs, Sum, exp, log

from derivations.expectation import Mean, Normal
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step
from derivations.solve import Root

(batch,) = symbols("parr2018", "batch")
output, target = symbols("parr2018", "output target")
classes, logit, other_logit, onehot = symbols("goodfellow2016", "classes logit other_logit onehot")
shift, step, logit_std, largest = symbols("goodfellow2016", "shift step logit_std largest")
probability, other, collision = symbols("goodfellow2016", "probability other_probability collision")

i, j, k = sp.symbols("i j k", integer=True, positive=True)
rest, total = sp.symbols("r S", positive=True)
square, second, fourth = sp.symbols("q kappa_2 kappa_4", real=True)
z = sp.IndexedBase("z")

CLASSES = ((classes, (1, 2, 3)),)
EACH = (j, 1, classes)
TOTAL = exp(logit) + Sum(exp(z[j]), EACH)  # over one class by name, and others
SOFTMAX = exp(z[j]) / Sum(exp(z[i]), (i, 1, classes))
LOGITS = Normal(z, logit_std**2)


def mean(power: int) -> sp.Expr:
    """The mean of the logits' powers over the classes."""
    return Sum(z[j] ** power, EACH) / classes


VARIANCE = mean(2) - mean(1) ** 2
CUMULANT = mean(4) - 4 * mean(3) * mean(1) - 3 * mean(2) ** 2
CUMULANT += 12 * mean(2) * mean(1) ** 2 - 6 * mean(1) ** 4
LOG_MEAN_EXP = log(Sum(exp(step * z[j]), EACH) / classes)
CONSTANT = ("lost term", 1, "what does not contain the variable has no derivative")

DERIVATION = Derivation(
    row="backprop/loss",
    title="Losses",
    papers=("goodfellow2016", "parr2018"),
    section="6.2.2.3",
    claim="Both losses send back what is wrong: MSE $2(\\hat y - y)/N$, softmax cross-entropy $p - y$; an untrained "
    "classifier starts at $\\log C$ only if its logits are small.",
    lines=(
        Step(
            "mse",
            Derivative((output - target) ** 2 / batch + rest, output),
            2 * (output - target) / batch,
            why="one term of the mean depends on this output",
            ref="parr2018:§6",
            same=(CONSTANT,),
        ),
        Step(
            "log_sum_exp",
            shift + log(Sum(exp(z[j] - shift), EACH)),
            log(Sum(exp(z[j]), EACH)),
            why="what is taken away from every logit comes out of the logarithm again; with the largest logit taken "
            "away no exponential is above 1, and one of them is 1",
            ref="goodfellow2016:§4.1",
            cases=CLASSES,
        ),
        Step(
            "overflow",
            Root(exp(logit) - largest, logit),
            log(largest),
            why="without it, the first logit whose exponential leaves the type's range is the logarithm of its largest "
            "number",
            ref="goodfellow2016:§4.1",
        ),
        Step(
            "cross_entropy",
            Derivative(log(TOTAL) - onehot * logit, logit),
            exp(logit) / TOTAL - onehot,
            why="the loss is $\\log\\sum e^{z} - z_{\\text{right}}$: the gradient is the probability given, minus the "
            "one wanted",
            ref="goodfellow2016:§6.2.2.3",
            cases=CLASSES,
        ),
        Step(
            "hessian_diagonal",
            Subs(
                Derivative(exp(logit) / (exp(logit) + rest), logit),
                logit,
                log(rest * probability / (1 - probability)),
            ),
            probability - probability**2,
            why="the derivative of $p$ by its own logit, where the logit is the one that gives $p$",
        ),
        Step(
            "hessian_entry",
            Subs(
                Derivative(exp(logit) / (exp(logit) + exp(other_logit) + rest), other_logit),
                (logit, other_logit, rest),
                (log(probability * total), log(other * total), total * (1 - probability - other)),
            ),
            -probability * other,
            why="and by another one. So the Hessian is $\\operatorname{diag}(p) - p p^\\top$: it knows no label",
        ),
        Step(
            "square_of_gradient",
            Sum(Sum((SOFTMAX - KroneckerDelta(j, k)) ** 2, EACH), (k, 1, classes)) / classes,
            Sum(SOFTMAX**2, EACH) + 1 - 2 / classes,
            why="averaged over the label $k$, for any logits: the cross term is $-2 p_k$, and all $p$ sum to 1",
            cases=CLASSES,
        ),
        Given(
            "random_logits",
            "Before training, the logits of an example are independent $N(0, s^2)$, whatever its label is.",
        ),
        Step(
            "squared_gradient",
            Subs(square + 1 - 2 / classes, square, collision),
            1 - 2 / classes + collision,
            why="all labels are alike then, so the average over labels is what each of them expects",
        ),
        Step(
            "alignment",
            logit_std**2 * Sum(SOFTMAX - SOFTMAX**2, EACH),
            logit_std**2 * (1 - Sum(SOFTMAX**2, EACH)),
            why="Stein: $\\mathbb{E}[z f(z)] = s^2\\, \\mathbb{E}[f'(z)]$ for normal $z$, so $\\mathbb{E}\\sum z p$ "
            "is $s^2$ times the trace of the Hessian: how far the softmax follows its largest logit",
            cases=CLASSES,
        ),
        Step(
            "mean_alignment",
            Subs(logit_std**2 * (1 - square), square, collision),
            logit_std**2 * (1 - collision),
            why="the same in expectation, with the probability that two draws from the softmax agree",
        ),
        Step(
            "second_order",
            Subs(Derivative(LOG_MEAN_EXP, (step, 2)), step, 0),
            VARIANCE,
            why="for small logits, $\\log\\sum e^{t z}$ is a cumulant generating function over the classes: its second "
            "derivative at 0 is the variance of the logits",
            cases=CLASSES,
        ),
        Step(
            "fourth_order",
            Subs(Derivative(LOG_MEAN_EXP, (step, 4)), step, 0),
            CUMULANT,
            why="and its fourth the fourth cumulant (odd ones have mean zero)",
            cases=CLASSES,
        ),
        Step(
            "mean_variance",
            Mean(VARIANCE, LOGITS),
            logit_std**2 * (1 - 1 / classes),
            why="the variance of $C$ normal logits, about their own mean",
            cases=CLASSES,
        ),
        Step(
            "mean_cumulant",
            Mean(CUMULANT, LOGITS),
            -6 * logit_std**4 * (classes - 1) / classes**2,
            why="a normal law has no fourth cumulant; $C$ draws from it have a little less",
            cases=CLASSES,
            same=(("shifted bound", 1, "an extra logit is independent of the sum that it meets"),),
        ),
        Step(
            "initial_loss",
            log(classes)
            + Subs(
                second * step**2 / 2 + fourth * step**4 / 24,
                (second, fourth, step),
                (
                    logit_std**2 * (1 - 1 / classes),
                    -6 * logit_std**4 * (classes - 1) / classes**2,
                    1,
                ),
            ),
            log(classes)
            + logit_std**2 * (classes - 1) / (2 * classes)
            - logit_std**4 * (classes - 1) / (4 * classes**2),
            why="Taylor to fourth order; the logit of the right class has mean zero. Left out is what grows as $s^6$",
        ),
    ),
    predictions=(
        Prediction("mse_gradient", "mse", "Gradient of the mean squared error by one output."),
        Prediction("overflow", "overflow", "Logit whose exponential is the type's largest number."),
        Prediction("hessian_diagonal", "hessian_diagonal", "Second derivative by one logit."),
        Prediction("hessian_entry", "hessian_entry", "Second derivative by two logits."),
        Prediction(
            "squared_gradient",
            "squared_gradient",
            "Expected squared length of p - y for random logits, from their expected Σp².",
        ),
        Prediction(
            "alignment",
            "mean_alignment",
            "Expected Σ z p for random logits, from their expected Σp².",
        ),
        Prediction("initial_loss", "initial_loss", "Expected loss for random logits, to s⁴."),
    ),
)
