"""depth/independence: autograd as oracle, the formulas' special cases, other settings, and refusals."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

from derivations import load
from experiments.depth.independence import Settings, compare, expected, measure
from experiments.settings import Unusable
from experiments.statistics import judge
from impl.depth.independence import (
    activations,
    active,
    gradients,
    squared_length,
    weight_gradient_square,
)

STREAM = torch.Generator().manual_seed(0)
X = torch.randn(3, 2, 5, dtype=torch.float64, generator=STREAM)
WEIGHTS = [torch.randn(3, n, m, dtype=torch.float64, generator=STREAM) for m, n in ((5, 7), (7, 4))]
BIASES = [torch.randn(3, n, dtype=torch.float64, generator=STREAM) for n in (7, 4)]
TOP = torch.randn(3, 2, 4, dtype=torch.float64, generator=STREAM)
MASKS = [active(x) for x in activations(X, WEIGHTS, BIASES)[1:]]
EXAMPLES = {
    "activations": lambda: activations(X, WEIGHTS, BIASES),
    "gradients": lambda: gradients(WEIGHTS, MASKS, TOP),
    "active": lambda: active(X),
    "squared_length": lambda: squared_length(X),
    "weight_gradient_square": lambda: weight_gradient_square(X, TOP),
}


def quiet(items: Any, **_: Any) -> Any:
    return items


def predict(name: str, **given: float) -> float:
    return float(load("depth/independence").predict(name)(**given))


@pytest.mark.parametrize("biases", [None, BIASES])
def test_gradients_are_those_of_autograd(biases: list[torch.Tensor] | None) -> None:
    x, weights = X.clone().requires_grad_(), [w.clone().requires_grad_() for w in WEIGHTS]
    signal = activations(x, weights, biases)
    theirs = torch.autograd.grad(signal[-1], [x, *weights], TOP)
    ours = gradients(WEIGHTS, [active(each) for each in signal[1:]], TOP)
    torch.testing.assert_close(ours[0], theirs[0])
    for layer, gradient in enumerate(theirs[1:]):
        square = weight_gradient_square(signal[layer].detach(), ours[layer + 1])
        torch.testing.assert_close(square, gradient.square().sum((1, 2)))


@pytest.mark.parametrize("call", [gradients, lambda w, some, x: activations(x, w, some)])
def test_lists_of_another_length_are_refused(call: Any) -> None:
    with pytest.raises(ValueError, match="for each of 2 layers, got 1"):
        call(WEIGHTS, [torch.ones(3, 4)], X)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(networks=1500, depth=2, width=40, outputs=3),
        Settings(networks=600, depth=1, width=20, outputs=1, bias=-1.0, seed=3),
        Settings(networks=800, depth=7, width=100, outputs=30, bias=2.0, seed=1),
    ],
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


def test_all_signs_of_a_network_of_two_units_and_two_layers_give_coins() -> None:
    """The lemma itself, without a machine for algebra: the joint law of masks and gradient, by counting."""
    x = torch.tensor([[[0.7, -1.3]]], dtype=torch.float64)
    first, second, top = (
        torch.randn(s, dtype=torch.float64, generator=STREAM) for s in ((2, 2), (2, 2), (2,))
    )
    signs = torch.tensor(list(itertools.product((1.0, -1.0), repeat=2)), dtype=torch.float64)
    own: Counter[tuple[float, ...]] = Counter()
    coins: Counter[tuple[float, ...]] = Counter()
    for rows, more, columns, flips in itertools.product(signs, repeat=4):
        weights = [(rows[:, None] * first)[None], (more[:, None] * second * columns)[None]]
        cotangent = (flips * top)[None, None]

        def below(
            masks: list[torch.Tensor], weights: Any = weights, cotangent: Any = cotangent
        ) -> tuple[float, ...]:
            gradient = gradients(weights, masks, cotangent)[0].flatten()
            return tuple(round(g, 9) + 0.0 for g in gradient.tolist())

        own[below([active(each) for each in activations(x, weights)[1:]])] += 16
        for one, other in itertools.product(signs > 0, repeat=2):
            coins[below([one[None, None], other[None, None]])] += 1
    assert own == coins


@pytest.mark.parametrize(
    ("width", "depth", "found"), [(32, 5, 3.483), (256, 5, 3.814), (256, 10, 6.83)]
)
def test_ones_grow_with_depth_at_any_width(width: int, depth: int, found: float) -> None:
    exact = predict("ones", units=width, inputs=width, depth=depth)
    assert exact == pytest.approx(found, rel=1e-3)
    wide = predict("ones", units=10**7, inputs=10**7, depth=depth)
    assert wide == pytest.approx(1 + (2 * depth - 1) / math.pi, rel=1e-5)


def test_one_output_is_the_loss_of_one_output() -> None:
    given = {"units": 30, "inputs": 17, "depth": 5}
    assert predict("many_outputs", **given, outputs=1) == pytest.approx(predict("loss", **given))
    many = predict("many_outputs", units=30, inputs=30, depth=5, outputs=10)
    assert many == pytest.approx(6.77, abs=0.01)


def test_many_outputs_break_it_at_infinite_width() -> None:
    wide = predict("many_outputs", units=10**6, inputs=10**6, depth=5, outputs=10**6)
    assert wide == pytest.approx(2 * (5 + 1), rel=1e-4)


def test_what_is_orthogonal_or_unbiased_breaks_nothing() -> None:
    assert predict("batch", batch=7, angle=math.pi / 2) == pytest.approx(1)
    assert predict("batch", batch=7, angle=0.0) == pytest.approx(7)
    assert predict("constant_bias", inputs=9, threshold=0.0) == pytest.approx(1)
    assert predict("constant_bias", inputs=10**6, threshold=9.0) == pytest.approx(2)


def test_every_statistic_has_a_prediction() -> None:
    settings = Settings(networks=100, depth=2, width=20, outputs=4)
    assert set(measure(settings, quiet)) == set(expected(settings))


@pytest.mark.parametrize(
    "wrong",
    [
        *({"width": 19}, {"networks": 1}, {"depth": 0}, {"outputs": 0}, {"seed": -1}),
        {"bias": math.nan},
    ],
)
def test_unusable_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        replace(Settings(), **wrong)


def test_a_mean_without_power_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(Unusable, match=r"5 · 50 / 64 = 3.9 > 1.* test logarithms"):
        Settings(depth=50)
