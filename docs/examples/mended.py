"""Dropout, scaled to keep the mean: the second moment grows."""

import sympy as sp

from derivations.domains import bounded
from derivations.expectation import Dependent, Independent, Mean
from derivations.proof import Derivation, Given, Prediction, Step

keep = bounded("keep", 0, 1)
mean = sp.Symbol("mean", real=True)
second_moment = sp.Symbol("second_moment", positive=True)
mask, x = sp.IndexedBase("mask"), sp.IndexedBase("x")

MASK = Independent(mask, {1: keep, 2: keep})  # 1 with probability keep, else 0: so mask² = mask
DROPPED = mask[1] * x[1] / keep

DERIVATION = Derivation(
    row="mine/dropout",
    title="Dropout makes the signal larger",
    papers=(),
    section="",
    claim="Dropout, scaled by the probability to keep a unit, keeps the mean, and makes the second moment larger.",
    lines=(
        Given("independence", "A mask is drawn without looking at the activations."),
        Step(
            "mean",
            Mean(DROPPED, MASK, Dependent(x, {1: mean})),
            mean,
            why="the scale undoes the mask's mean",
        ),
        Step(
            "second_moment",
            Mean(DROPPED**2, MASK, Dependent(x, {2: second_moment})),
            second_moment / keep,
            why="the mask's second moment is keep, the squared scale is 1 / keep²",
        ),
    ),
    predictions=(Prediction("dropped", "second_moment", "Second moment after dropout."),),
)
