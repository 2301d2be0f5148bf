"""backprop/linear: the experiment agrees with theory, for other numbers, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.backprop.linear import Settings, compare, measure, tables
from experiments.settings import Unusable
from experiments.statistics import judge

FEW = Settings(shapes=10, draws=60, batch_sizes=(1, 8))


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    "settings", [FEW, replace(FEW, units=3, cotangent_std=20.0, batch_sizes=(30,))]
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


def test_only_outer_products_write_every_product_down() -> None:
    samples = measure(FEW, quiet)
    written = tables(samples, FEW)["written.csv"].set_index("quantity")["measured"]
    products = 8 * 784 * FEW.units
    assert written["numbers, outer, N = 8"] == products
    assert written["numbers, einsum, N = 8"] == written["numbers, matmul, N = 8"] == products / 8


@pytest.mark.parametrize(
    "wrong", [{"batch_sizes": ()}, {"batch_sizes": (2, 2)}, {"batch_sizes": (9999,)}, {"units": 0}]
)
def test_unusable_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)  # type: ignore[arg-type]
