"""depth/exact_law: the experiment agrees with theory at other sizes, and theory with known numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from derivations import load
from experiments.depth._last_layer import BINS, LEFT_OUT, densities
from experiments.depth.exact_law import Settings, compare, measure
from experiments.law import Law, constant, gradients, sample
from experiments.law_kinds import Orthogonal, Residual
from experiments.settings import Unusable
from experiments.statistics import judge, mean_of_squares, mean_value

ROW = "depth/exact_law"
FEW = Settings(real=40, drawn=20, depth=3, width=10)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    "settings", [FEW, replace(FEW, width=24, depth=2, seed=1), Settings(real=60, drawn=20, depth=3)]
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


def test_the_pictures_densities_are_of_the_same_law() -> None:
    """The curve holds all but its ends, and every bar is as high as the curve on average within it."""
    data = densities(measure(FEW, quiet), FEW)
    exact, law = (data[data["source"] == source] for source in ("exact", "law"))
    whole = np.trapezoid(exact["density"], exact["x"])
    assert whole == pytest.approx(1 - 2 * LEFT_OUT, abs=1e-4)
    width = law["x"].iloc[1] - law["x"].iloc[0]
    inside = law["x"].to_numpy()[:, None] + width * (np.arange(101) - 50) / 100
    mean = np.interp(inside, exact["x"], exact["density"]).mean(axis=1)
    error = np.sqrt(mean / (FEW.real * FEW.drawn * width))
    assert len(law) == BINS and (np.abs(law["density"] - mean) < 4.5 * error).all()
    assert (data[data["source"] == "weights"]["density"] * width).sum() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("width", [2, 64, 10**6])
def test_ratios_have_the_predicted_variance_at_every_width(width: int) -> None:
    """A layer's ratio, in 20,000 networks, also at widths that no computer holds the weights of."""
    predict, he, widths, found = load(ROW).predict, 2**0.5, constant(width, 1), []
    for law, second, mean in (
        (Law(widths, he), predict("leaky_square")(units=width, negative_slope=0), 1),
        (Law(widths, 1.0, -1.0), predict("leaky_square")(units=width, negative_slope=-1), 1),
        (Orthogonal(widths, he), predict("orthogonal_square")(width=width), 1),
        (Law(widths, 1.0, dropout=0.5), predict("dropout_square")(units=width, kept=0.5), 1),
        (
            Residual(width, 1, 0.5, hidden=3),
            predict("residual_square")(units=width, inner_units=3, branch_scale=0.5),
            predict("residual_mean")(branch_scale=0.5),
        ),
    ):
        ratios = np.exp2(sample(law, networks=20_000, seed=0, layers=(1,)).forward[:, 0, 0])
        variance = float(second) - float(mean) ** 2
        found.append(
            mean_of_squares(ratios, float(mean), variance / float(mean) ** 2, statistic="r")
        )
        found.append(mean_value((ratios - float(mean)) ** 2, variance, statistic="variance"))
    assert judge(found)["agrees"].all()


def test_the_kernels_mean_and_a_known_variance() -> None:
    kernel = np.exp2(
        gradients(
            Law(constant(100, 10), 2**0.5), networks=50_000, seed=0, layers=(), readout=0.1
        ).kernel
    )
    mean = float(load(ROW).predict("kernel")(depth=10, units=100, readout_var=0.01))
    assert mean == pytest.approx(600)
    assert judge([mean_value(kernel, mean, statistic="kernel")])["agrees"].all()
    assert kernel.var() / 600**2 == pytest.approx(0.4214, rel=0.1)


def test_predictions_agree_where_kinds_meet() -> None:
    predict, finite = load(ROW).predict, load("depth/finite_width").predict
    relu = predict("leaky_square")(units=40, negative_slope=0)
    assert relu == pytest.approx(finite("ratio_square")(units=40))
    assert predict("dropout_square")(units=40, kept=1) == pytest.approx(relu)
    assert predict("orthogonal_square")(width=32) - 1 == pytest.approx(3 / 34)


@pytest.mark.parametrize(
    "wrong",
    [{"width": 7}, {"real": 29}, {"drawn": 0}, {"depth": 1}, {"seed": -1}, {"real": 10**8}],
)
def test_unusable_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)
