"""The sampler without weights has the law of stacks with real ones; with one wrong constant it has not."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy import stats

from experiments import law
from experiments.data import input_vectors
from experiments.law import log_mean_squares
from experiments.passes import Stack
from experiments.stack import run
from experiments.statistics import holm

NETWORKS = 3000
WIDTHS = {
    "equal": (16, 16, 16, 16),
    "rectangular": (17, 30, 20, 45, 25),
    "tiny": (1, 2, 3, 1, 2),
    "one": (5, 1),
    "leaky": (8, 3, 12, 6),
}
SLOPES = {"leaky": 0.3}
FALSE_ALARM = 1e-3  # of all tests of one comparison together


def real(widths: tuple[int, ...], slope: float) -> np.ndarray:
    """log2 of mean squares over the input's, with real weights, shape (L + 1, networks)."""

    def fill(w: torch.Tensor, stream: torch.Generator) -> object:
        return w.normal_(0, math.sqrt(2 / w.shape[1]), generator=stream)

    stack = Stack(widths, fill, slope)
    found = run(stack, input_vectors(("gaussian",)), None, networks=NETWORKS, seed=7).forward[
        ..., 0
    ]
    return (found - found[:, :1]).T


def p_values(ours: np.ndarray, theirs: np.ndarray) -> Iterator[float]:
    """Two-sample tests of marginals, of pairs of layers, and of functionals of whole networks."""
    depth = len(ours) - 1
    for layer in range(1, depth + 1):
        alive = [np.isfinite(logs[layer]) for logs in (ours, theirs)]
        table = [[a.sum(), (~a).sum()] for a in alive]
        if min(map(sum, zip(*table, strict=True))):
            yield stats.fisher_exact(table).pvalue
        yield stats.ks_2samp(ours[layer][alive[0]], theirs[layer][alive[1]]).pvalue
    living = [logs[:, np.isfinite(logs[-1])] for logs in (ours, theirs)]
    for layer in range(2, depth + 1):  # a sum and a difference see how layers depend on each other
        for sign in (1, -1):
            pair = [logs[layer] + sign * logs[layer - 1] for logs in living]
            yield stats.ks_2samp(*pair).pvalue
    yield stats.ks_2samp(*(logs.max(axis=0) for logs in living)).pvalue
    yield stats.ks_2samp(*(np.abs(np.diff(logs, axis=0)).sum(axis=0) for logs in living)).pvalue


def differs(name: str) -> bool:
    widths, slope = WIDTHS[name], SLOPES.get(name, 0.0)
    drawn = log_mean_squares(widths, math.sqrt(2), NETWORKS, 11, negative_slope=slope)
    return bool(holm(np.array(list(p_values(drawn, real(widths, slope)))), FALSE_ALARM).any())


@pytest.mark.parametrize("name", WIDTHS)
def test_the_law_is_that_of_real_weights(name: str) -> None:
    assert not differs(name)


@pytest.mark.parametrize("name", WIDTHS)
def test_one_wrong_constant_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chi-square 10 % too large; of one to three degrees of freedom, which scatter widely, twice too large."""
    right, factor = law.chi_square, 2.0 if max(WIDTHS[name][1:]) <= 3 else 1.1
    monkeypatch.setattr(law, "chi_square", lambda k, numbers: right(k, numbers) * factor)
    assert differs(name)


def test_layers_that_share_their_numbers_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def shared(
        widths: object, gain: float, slope: float, numbers: np.random.Generator
    ) -> np.ndarray:
        first = right((16, 16), gain, slope, numbers)[1]
        return np.outer(np.arange(4), first)

    right = law._block
    monkeypatch.setattr(law, "_block", shared)
    assert differs("equal")


def test_what_is_drawn_does_not_depend_on_how_many_are_asked_for() -> None:
    few, many = (log_mean_squares((8, 8, 8), 1.4, n, 0) for n in (5, 3000))
    assert np.array_equal(few, many[:, :5])
    other = log_mean_squares((8, 8, 8), 1.4, 5, 0, key=(1,))
    assert not np.array_equal(few, other)


def test_a_layer_that_dies_ends_its_network() -> None:
    logs = log_mean_squares((4, 2, 2, 2), math.sqrt(2), 20_000, 0)
    dead = np.isneginf(logs)
    assert not dead[0].any()
    assert (dead[1:] >= dead[:-1]).all()  # for good
    share = 1 - (1 - 2.0**-2) ** 3
    assert abs(dead[-1].mean() - share) < 4 * math.sqrt(share * (1 - share) / 20_000)
    assert not np.isnan(logs).any()


def test_ten_thousand_layers_neither_under_nor_overflow() -> None:
    logs = log_mean_squares((512,) * 10_001, 3.0, 3, 0)
    assert np.isfinite(logs).all()
    assert logs[-1].mean() / 10_000 == pytest.approx(math.log2(4.5), rel=0.01)
