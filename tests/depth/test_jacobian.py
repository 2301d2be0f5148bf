"""depth/jacobian: the experiment agrees with theory, and theory with a plain recursion and with torch."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from derivations import load
from experiments.depth.jacobian import Settings, compare, measure, tables
from experiments.settings import Unusable
from experiments.statistics import judge

DERIVATION = load("depth/jacobian")
FEW = Settings(networks=40, depth=4, width=12, frames=20, frame_depth=5, frame_width=3, draws=2)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    "settings", [FEW, replace(FEW, width=33, depth=1), replace(FEW, frame_width=1, draws=0, seed=1)]
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


@pytest.mark.parametrize("prefix", ["", "orthogonal_"])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.8])
@pytest.mark.parametrize("units", [2, 7, 200])
def test_the_closed_form_is_the_recursion(prefix: str, share: float, units: int) -> None:
    steps = "orthogonal" if prefix else "next"
    fourth, square = float(units), float(units) ** 2
    for depth in range(6):
        found = DERIVATION.predict(f"{prefix}spread")(depth=depth, units=units, share=share)
        assert found == pytest.approx(fourth / units, rel=1e-12)
        at = {"fourth": fourth, "square": square, "units": units, "share": share}
        fourth, square = (
            DERIVATION.predict(f"{steps}_{name}")(**at) for name in ("fourth", "square")
        )


def test_the_numbers_of_known_stacks() -> None:
    spread = DERIVATION.predict("spread")
    assert spread(depth=5, units=200, share=1) == pytest.approx(6.08, abs=0.005)
    assert spread(depth=5, units=200, share=0.5) == pytest.approx(11.49, abs=0.005)
    assert spread(depth=10, units=200, share=0.5) == pytest.approx(23.10, abs=0.005)
    assert [DERIVATION.predict("limit")(depth=5, share=p) for p in (1, 0.5)] == [6, 11]
    assert [DERIVATION.predict("orthogonal_limit")(depth=5, share=p) for p in (1, 0.5)] == [1, 6]


def test_two_units_of_an_orthogonal_relu_layer_by_hand() -> None:
    """Both, one or no unit is active, with chances 1, 2, 1 of 4: s² is 2 for each active one."""
    spread = DERIVATION.predict("orthogonal_spread")(depth=1, units=2, share=0.5)
    assert spread == pytest.approx((2 * 4 / 4 + 1 * 4 * 2 / 4) / 2)


def test_exponents_are_those_of_a_long_product() -> None:
    """The volume that a product of 3 x 3 matrices spans: the sum of all exponents, by torch's determinant."""
    exponent = DERIVATION.predict("exponent")
    total = sum(exponent(directions=k, units=3) for k in (1, 2, 3))
    stream = torch.Generator().manual_seed(0)
    m = torch.randn(20_000, 3, 3, dtype=torch.float64, generator=stream) / math.sqrt(3)
    logs = torch.linalg.slogdet(m).logabsdet
    assert float(logs.mean()) == pytest.approx(total, abs=5 * float(logs.std()) / math.sqrt(20_000))
    gap = exponent(directions=3, units=3) - exponent(directions=1, units=3)
    assert DERIVATION.predict("condition")(units=3) == pytest.approx(gap)


def test_one_layer_has_the_numbers_of_glorot_and_bengio() -> None:
    settings = replace(FEW, width=60, draws=3, depth=1)
    table = tables(measure(settings, quiet), settings)["one_layer.csv"]
    assert list(table["wide layers"]) == pytest.approx([0.8488, 0.4901], abs=1e-4)
    assert list(table["measured"]) == pytest.approx([0.8488, 0.4901], rel=0.02)
    assert list(table["mean square"]) == pytest.approx([1, 1 / 3], rel=0.02)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"networks": 1}, {"width": 9}, {"width": 5000}, {"depth": 0}, {"frames": 1}),
        *({"seed": -1}, {"draws": -1}, {"frame_width": 0}, {"frame_depth": 0}),
    ],
)
def test_unusable_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)
