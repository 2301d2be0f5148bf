"""depth/jacobian: the experiment agrees with theory, and theory with a plain recursion and with torch."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import torch
from scipy.integrate import quad

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


def gaussian_mean_of_traces(n: int, share: Fraction, x: list[int]) -> list[Fraction]:
    """E of (tr M)³, tr M tr M² and tr M³ for M = D W X Wᵀ D, by Wick's theorem: every way to pair six weights."""
    pairings = [
        [(0, a), (first, c), (rest[0], rest[1])]
        for a in range(1, 6)
        for left in [[k for k in range(1, 6) if k != a]]
        for first in left[:1]
        for c in left[1:]
        for rest in [[k for k in left if k not in (first, c)]]
    ]
    ends = {  # which rows the three entries of M join
        "cubed": lambda i, j, k: (i, i, j, j, k, k),
        "mixed": lambda i, j, k: (i, i, j, k, k, j),
        "sixth": lambda i, j, k: (i, j, j, k, k, i),
    }
    found = []
    for rows in ends.values():
        total = Fraction(0)
        for units in itertools.product(range(n), repeat=3):
            at, active = rows(*units), share ** len(set(units))
            for pairs in pairings:
                if all(at[one] == at[other] for one, other in pairs):
                    total += active * _columns(pairs, x)
        found.append(total / (share * n) ** 3)
    return found


def _columns(pairs: list[tuple[int, int]], x: list[int]) -> int:
    """The sum over three columns, of which two are one if a pair joins them: weights 2k and 2k + 1 share column k."""
    group = list(range(3))
    for one, other in pairs:
        a, b = group[one // 2], group[other // 2]
        group = [a if g == b else g for g in group]
    return math.prod(sum(v ** group.count(g) for v in x) for g in set(group))


@pytest.mark.parametrize("share", [Fraction(1), Fraction(1, 2), Fraction(4, 5)])
@pytest.mark.parametrize("x", [[3], [1, 4], [2, 1, 5], [1, 1, 2, 7]])
def test_the_third_order_is_that_of_all_pairings(share: Fraction, x: list[int]) -> None:
    one, two, three = (float(sum(v**k for v in x)) for k in (1, 2, 3))
    before = {"cubed": one**3, "mixed": one * two, "sixth": three}
    exact = gaussian_mean_of_traces(len(x), share, x)
    for name, mean in zip(before, exact, strict=True):
        found = DERIVATION.predict(f"next_{name}")(**before, share=float(share), units=len(x))
        assert found == pytest.approx(float(mean), rel=1e-12)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.8])
@pytest.mark.parametrize("units", [1, 2, 7, 200])
def test_the_sixth_power_is_the_recursion(share: float, units: int) -> None:
    now = {"cubed": units**3, "mixed": units**2, "sixth": units}
    for depth in range(6):
        found = DERIVATION.predict("sixth_power")(depth=depth, units=units, share=share)
        assert found == pytest.approx(now["sixth"] / units, rel=1e-9)
        now = {k: DERIVATION.predict(f"next_{k}")(**now, share=share, units=units) for k in now}


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_exact_sixth_power_itself_tends_to_the_limit(share: float) -> None:
    exact, limit = DERIVATION.predict("sixth_power"), DERIVATION.predict("sixth_limit")
    for depth in (1, 4, 9):
        near, far = (
            exact(depth=depth, units=units, share=share) / limit(depth=depth, share=share) - 1
            for units in (10_000, 40_000)
        )
        assert 0 < far < 0.01
        assert near / far == pytest.approx(4, rel=0.02)


def test_one_linear_layer_has_the_third_moment_of_wishart() -> None:
    for n in (1, 2, 3, 50):  # E tr S³ / n of S with n degrees of freedom, over n³
        found = DERIVATION.predict("sixth_power")(depth=1, units=n, share=1)
        assert found == pytest.approx(5 + 6 / n + 4 / n**2)


def test_moments_of_wide_layers() -> None:
    catalan = DERIVATION.predict("fuss_catalan")
    assert [catalan(depth=1, order=k) for k in range(1, 6)] == [1, 2, 5, 14, 42]
    assert [catalan(depth=2, order=k) for k in range(1, 5)] == [1, 3, 12, 55]
    moment, limit = DERIVATION.predict("wide_moment"), DERIVATION.predict("sixth_limit")
    for depth in (1, 2, 7):
        assert moment(depth=depth, order=3, share=0.5) == pytest.approx(
            limit(depth=depth, share=0.5)
        )
        assert moment(depth=depth, order=4, share=1) == pytest.approx(catalan(depth=depth, order=4))


@pytest.mark.parametrize("share", [1.0, 0.5, 0.3])
def test_one_wide_layer_has_all_its_moments(share: float) -> None:
    """Marchenko and Pastur's density itself, by quadrature; the rest of the values is zero."""
    low, high = ((1 + side * math.sqrt(share)) ** 2 / share for side in (-1, 1))
    for order in range(1, 7):
        found, _ = quad(
            lambda s, order=order: s ** (order - 1) * math.sqrt((high - s) * (s - low)), low, high
        )
        exact = DERIVATION.predict("wide_moment")(depth=1, order=order, share=share)
        assert found * share / (2 * math.pi) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(("depth", "share"), [(1, 1.0), (3, 1.0), (1, 0.5), (4, 0.5)])
def test_the_edge_is_where_moments_grow_to(depth: int, share: float) -> None:
    """m_(k+1) / m_k is about edge (1 - 3/2k): a law that ends like a root."""
    moment, order = DERIVATION.predict("wide_moment"), 150
    ratio = math.exp(
        math.log(moment(depth=depth, order=order + 1, share=share))
        - math.log(moment(depth=depth, order=order, share=share))
    )
    edge = DERIVATION.predict("edge")(depth=depth, share=share)
    assert ratio / (1 - 1.5 / order) == pytest.approx(edge, rel=0.001)
    if share == 1:
        assert DERIVATION.predict("linear_edge")(depth=depth) == pytest.approx(edge)


def test_the_largest_singular_value_goes_to_the_edge() -> None:
    stream = torch.Generator().manual_seed(0)
    edge, away = DERIVATION.predict("edge")(depth=2, share=1), []
    for n in (20, 500):
        pair = torch.randn(2, n, n, dtype=torch.float64, generator=stream) / math.sqrt(n)
        away.append(abs(float(torch.linalg.svdvals(pair[1] @ pair[0])[0]) ** 2 / edge - 1))
    assert away[1] < 0.05 < away[0]


def test_the_table_of_sixth_powers_is_near_the_exact_ones() -> None:
    table = tables(measure(FEW, quiet), FEW)["sixth.csv"]
    away = (table["measured"] - table["exact"]) / table["standard error"]
    assert (away.abs() < 5).all()
    assert list(table["layers"]) == [1, 2, 4, 1, 2, 4]
