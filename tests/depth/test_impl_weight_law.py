"""Weights of other laws: torch and scipy as oracles."""

from __future__ import annotations

import math
import re
from functools import partial

import pytest
import torch
from scipy import stats

from derivations import load
from impl.depth.weight_law import KERAS, he_normal_, laplace_, rademacher_, trunc_normal_

W = torch.zeros(4, 3)
STREAM = torch.Generator().manual_seed(0)
EXAMPLES = {
    "rademacher_": lambda: rademacher_(W, 0.1, STREAM),
    "laplace_": lambda: laplace_(W, 0.1, STREAM),
    "trunc_normal_": lambda: trunc_normal_(W, 0.0, 1.0, -0.5, 0.5, STREAM),
    "he_normal_": lambda: he_normal_(W, STREAM),
}
DRAWS = 20_000


def drawn(fill, **given) -> torch.Tensor:  # type: ignore[no-untyped-def]
    w = torch.empty(DRAWS, dtype=torch.float64)
    assert fill(w, generator=torch.Generator().manual_seed(5), **given) is w
    return w


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0, 1, -2, 2), (0, 0.05, -2, 2), (0.5, 2, -1, 3), (0, 1, 0, math.inf), (1, 1, -0.5, 1.5)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_truncation_is_torchs_to_the_bit(
    mean: float, std: float, a: float, b: float, dtype: torch.dtype
) -> None:
    ours, theirs = torch.empty(2, 50, 40, dtype=dtype)
    trunc_normal_(ours, mean, std, a, b, torch.Generator().manual_seed(3))
    torch.nn.init.trunc_normal_(theirs, mean, std, a, b, torch.Generator().manual_seed(3))
    assert torch.equal(ours, theirs)
    assert ours.min() >= a and ours.max() <= b


def test_without_more_it_is_a_standard_normal_law() -> None:
    ours, theirs = torch.empty(2, 50, 40)
    trunc_normal_(ours, generator=torch.Generator().manual_seed(3))
    torch.nn.init.trunc_normal_(theirs, generator=torch.Generator().manual_seed(3))
    assert torch.equal(ours, theirs)
    assert ours.abs().max() > 1.9


@pytest.mark.parametrize("fill", [rademacher_, laplace_])
def test_without_more_the_deviation_is_one(fill) -> None:  # type: ignore[no-untyped-def]
    assert torch.equal(drawn(fill), drawn(fill, std=1.0))


@pytest.mark.parametrize("mean", [0.0, 1.5, -3.0])
@pytest.mark.parametrize("std", [0.25, 1.0, 8.0])
@pytest.mark.parametrize("start", [-2.0, 0.0, 1.7])
def test_one_percent_of_the_law_is_enough(mean: float, std: float, start: float) -> None:
    """In [a, b], which starts ``start`` deviations from the mean, lies as much as scipy says."""
    law = stats.norm(mean, std)
    a = mean + start * std
    few, enough = (law.ppf(law.cdf(a) + share) for share in (0.0099, 0.0101))
    w = trunc_normal_(torch.empty(50), mean, std, a, enough, torch.Generator().manual_seed(5))
    assert a <= w.min() and w.max() <= enough
    with pytest.raises(ValueError, match=re.escape("got 0.0099")):
        trunc_normal_(W.clone(), mean, std, a, few)


def test_a_narrow_interval_has_the_law_of_scipy() -> None:
    w = drawn(trunc_normal_, mean=0.0, std=1.0, a=1.5, b=2.5)
    assert stats.kstest(w, stats.truncnorm(1.5, 2.5).cdf).pvalue > 1e-3


@pytest.mark.parametrize("std", [1.0, 0.3])
def test_laplace_is_scipys(std: float) -> None:
    w = drawn(laplace_, std=std)
    assert stats.kstest(w, stats.laplace(scale=std / math.sqrt(2)).cdf).pvalue > 1e-3


def test_signs_are_fair_and_of_one_size() -> None:
    w = drawn(rademacher_, std=0.25)
    assert set(w.tolist()) == {0.25, -0.25}
    assert stats.binomtest(int((w > 0).sum()), DRAWS).pvalue > 1e-3


def test_the_law_of_keras_is_cut_off_and_has_hes_variance() -> None:
    w = torch.empty(100, 200)
    he_normal_(w, torch.Generator().manual_seed(1))
    scale = math.sqrt(2 / 200) / KERAS
    assert stats.kstest(w.flatten(), stats.truncnorm(-2, 2, scale=scale).cdf).pvalue > 1e-3
    assert w.square().mean().item() == pytest.approx(2 / 200, rel=0.05)


def test_the_constant_of_keras_is_the_derivations_and_scipys() -> None:
    predict = load("depth/weight_law").predict
    derived = predict("truncated_deviation")(left=predict("truncated_square")(cut=2))
    assert pytest.approx(derived, rel=1e-14) == KERAS
    assert stats.truncnorm(-2, 2).std() == pytest.approx(KERAS, rel=1e-12)


@pytest.mark.parametrize("fill", [rademacher_, laplace_, trunc_normal_, he_normal_])
def test_parameters_are_filled_and_streams_repeat(fill) -> None:  # type: ignore[no-untyped-def]
    first, second = (torch.nn.Parameter(torch.zeros(6, 5)) for _ in range(2))
    for w in (first, second):
        fill(w, generator=torch.Generator().manual_seed(2))
    assert torch.equal(first, second) and first.requires_grad
    assert first.detach().abs().min() > 0


@pytest.mark.parametrize(
    "given", [{"a": 5.0, "b": 6.0}, {"a": 1.0, "b": -1.0}, {"std": 0.0}, {"std": math.nan}]
)
def test_a_law_that_lies_elsewhere_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must lie within") as error:
        partial(trunc_normal_, W.clone())(**given)
    assert "\n" not in str(error.value)


def test_nothing_to_fill_is_filled() -> None:
    for fill in (rademacher_, laplace_, trunc_normal_):
        assert fill(torch.empty(0, 3)).shape == (0, 3)
