"""Settings that cannot be used are refused in one line that names them; the smallest that can be are not."""

from __future__ import annotations

import math
import re

import pytest

from experiments.settings import (
    FEWEST_UNITS,
    StackSettings,
    Unusable,
    at_least,
    check_device,
    check_rectified,
    check_widths,
)


def test_the_smallest_is_allowed() -> None:
    at_least(3, draws=3, depth=3.5)
    at_least(0, seed=0)


@pytest.mark.parametrize("value", [2, -1, math.inf, math.nan, -math.inf])
def test_what_is_too_small_or_no_number_is_named(value: float) -> None:
    said = f"negative-slope must be at least 3, got {value}"
    with pytest.raises(Unusable, match=f"^{re.escape(said)}$"):
        at_least(3, fine=4, negative_slope=value)


def test_widths_are_of_a_stack_that_fits_into_a_computer() -> None:
    check_widths([1, 1])
    check_widths([2**15, 2**15, 3])  # 2³⁰ weights
    for widths, said in (
        ([5], "widths must name the input and at least one layer, got [5]"),
        ([], "got []"),
        ([5, 0], "widths must be at least 1, got 0"),
        (
            [3, 2**15, 2**15 + 1],
            "a layer of 1,073,774,592 weights is too large (at most 1,073,741,824)",
        ),
    ):
        with pytest.raises(Unusable, match=re.escape(said)):
            check_widths(widths)


def test_a_relu_layer_has_units_enough_and_the_input_need_not() -> None:
    check_rectified([1, FEWEST_UNITS, 20])
    with pytest.raises(Unusable, match="a ReLU layer needs at least 10 units, got 9"):
        check_rectified([50, 9, 20])
    with pytest.raises(Unusable, match="got 2"):
        check_rectified([50, 20, 2])


def test_a_device_is_there_or_it_is_said_in_one_line() -> None:
    check_device("cpu")
    check_device("meta")  # torch's own, without memory
    for device in ("mars", "cuda:99"):
        with pytest.raises(Unusable, match=f"device '{device}' is not there: ") as error:
            check_device(device)
        assert "\n" not in str(error.value)


def test_settings_of_a_stack() -> None:
    usual = StackSettings()
    assert (usual.networks, usual.inputs, usual.seed, usual.workers) == (
        64,
        ("digit", "gaussian"),
        0,
        0,
    )
    StackSettings(networks=1, inputs=("gaussian",))
    for wrong, said in (
        ({"networks": 0}, "networks must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"workers": -1}, "workers must be at least 0, got -1"),
        ({"inputs": ()}, "inputs must be different, and at least one, got ()"),
        ({"inputs": ("digit", "digit")}, "inputs must be different, and at least one"),
        ({"device": "mars"}, "device 'mars' is not there"),
    ):
        with pytest.raises(Unusable, match=re.escape(said)):
            StackSettings(**wrong)  # type: ignore[arg-type]
