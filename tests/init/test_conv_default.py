"""init/conv_default: torch as oracle to the last bit, the floor, and an experiment that agrees with theory."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from derivations import load
from experiments.init import _lesson_cnn as cnn
from experiments.init._default_runs import digits
from experiments.init.conv_default import Settings, compare, measure, tables
from experiments.settings import Unusable
from experiments.statistics import judge
from impl.init.conv_default import default_bound, layer_squares, reset_parameters_

X, WEIGHT, BIAS = torch.linspace(-1, 1, 6), torch.empty(3, 4), torch.empty(3)
EXAMPLES = {
    "default_bound": lambda: default_bound(9),
    "reset_parameters_": lambda: reset_parameters_(WEIGHT, BIAS),
    "layer_squares": lambda: layer_squares(X, (4, 3), torch.Generator().manual_seed(0)),
}
ROW = load("init/conv_default")
SMALL = Settings(networks=30, depth=4, width=40, draws=30, images=8)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    "module",
    [
        lambda: nn.Linear(7, 5),
        lambda: nn.Linear(7, 5, bias=False),
        lambda: nn.Conv1d(3, 4, 2),
        lambda: nn.Conv2d(4, 6, 3, groups=2),
        lambda: nn.Conv3d(2, 3, (1, 2, 3)),
    ],
)
def test_it_is_torchs_own_to_the_last_bit(module: Any) -> None:
    torch.manual_seed(3)
    theirs = module()
    weight = torch.empty_like(theirs.weight)
    bias = None if theirs.bias is None else torch.empty_like(theirs.bias)
    reset_parameters_(weight, bias, torch.Generator().manual_seed(3))
    assert torch.equal(weight, theirs.weight)
    assert bias is None or torch.equal(bias, theirs.bias)


def test_a_fan_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="fan_in must be at least 1, got 0"):
        default_bound(0)
    with pytest.raises(ValueError, match="x must be a vector"):
        layer_squares(torch.ones(2, 2), (3,))


def test_one_input_has_the_bound_one() -> None:
    assert default_bound(1) == 1


def test_without_biases_nothing_is_added() -> None:
    nothing = torch.zeros(6)
    assert layer_squares(nothing, (4, 3), torch.Generator().manual_seed(5), bias=False) == [0, 0]
    assert min(layer_squares(nothing, (4, 3), torch.Generator().manual_seed(5))) > 0


def test_layers_are_those_of_torch() -> None:
    torch.manual_seed(5)
    x, expected = X, []
    for fan_in, width in ((6, 4), (4, 3)):
        z = nn.Linear(fan_in, width)(x).detach()
        expected.append(float(z.square().mean()))
        x = z.relu()
    ours = layer_squares(X, (4, 3), torch.Generator().manual_seed(5))
    assert ours == pytest.approx(expected, rel=1e-5)


def test_the_numbers_of_the_lesson() -> None:
    assert ROW.predict("default_gain")() == pytest.approx(0.57735, abs=5e-6)
    assert ROW.predict("variance")(units=25) ** 0.5 == pytest.approx(0.11547, abs=5e-6)
    assert ROW.predict("tower")(depth=4) == pytest.approx(36)
    assert ROW.predict("tower")(depth=3) == pytest.approx(14.697, abs=5e-4)


def test_the_floor_is_what_a_layer_keeps() -> None:
    floor = ROW.predict("floor")(units=256)
    assert floor == pytest.approx(7.8125e-4 * 2)
    assert ROW.predict("floor_activation")(units=256) == pytest.approx(7.8125e-4)
    one = ROW.predict("variance")(units=256)
    again = ROW.predict("layer")(fan_in=256, weight_var=one, bias_var=one, second_moment=floor / 2)
    assert again == pytest.approx(floor)


def test_the_lessons_network_reads_what_theory_says_it_reads() -> None:
    """With all weights and biases equal to their deviation times a sign, by hand at one position."""
    images = torch.zeros(1, 1, 28, 28)
    images[0, 0, 0, 0] = 3.0  # a corner, which the stride and the border let four positions see
    first = cnn.expected(images)[0]
    assert first == pytest.approx(
        1 / 75 + 9 / 75 * 4 / 196
    )  # 5 × 5, stride 2, padding 2: 2 × 2 positions


def test_theory_and_measurement_agree_at_other_sizes() -> None:
    for settings in (SMALL, replace(SMALL, seed=1, width=64, depth=7)):
        assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


def test_the_tables_show_the_floor_and_the_lesson() -> None:
    found = tables(measure(SMALL, quiet), SMALL)
    assert found["layers.csv"]["floor"].iloc[0] == pytest.approx(2 / 200)
    lesson = found["lesson.csv"].set_index("quantity")
    assert lesson.loc["Kaiming over default, each drawn anew", "lesson"] == pytest.approx(62.2)
    assert digits(SMALL).shape == (8, 1, 28, 28)
    assert math.isclose(lesson.loc["gain for a = 1", "measured"], 1)


@pytest.mark.parametrize(
    "wrong",
    [{"width": 19}, {"networks": 1}, {"draws": 1}, {"depth": 1}, {"seed": -1}, {"images": 1}],
)
def test_unusable_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        replace(SMALL, **wrong)
