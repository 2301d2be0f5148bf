"""The sampler's law is that of real weights: marginals, pairs and functionals, and no wrong constant passes.

How the tests work, and how often they err, is said in ``tests.two_samples``.
"""

from __future__ import annotations

import math
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from experiments import law
from experiments.law import Law, constant, gradients, log_mean_squares, sample
from experiments.law_passes import Gradients
from experiments.passes import Stack
from experiments.settings import Unusable
from experiments.stack import run
from experiments.statistics import FALSE_ALARM
from experiments.traces import FloatArray, Trace
from impl.init.kaiming import calculate_gain
from tests.two_samples import ZERO, Real, rejected, statistics

Networks = Callable[[str], dict[str, FloatArray]]

CASES = {  # widths, gain, slope
    "uneven": ((6, 8, 5, 9, 7), math.sqrt(2), 0.0),
    "wider": ((17, 30, 20, 45), math.sqrt(2), 0.0),
    "one unit": ((1, 1, 1, 1), math.sqrt(2), 0.0),
    "tiny": ((2, 3, 1, 2), math.sqrt(2), 0.0),
    "small": ((3, 2, 3, 3, 2), 1.0, 0.0),
    "leaky": ((4, 6, 3, 5), calculate_gain("leaky_relu", 0.25), 0.25),
    "leaky and tiny": ((2, 1, 3, 2, 1), 1.3, 0.5),
    "modulus": ((3, 4, 2, 5), 1.0, -1.0),
    "linear": ((5, 3, 1, 4), 1.0, 1.0),
}
REAL, DRAWN = 8000, 8000  # networks with weights, and without


def of_the_experiments(widths: tuple[int, ...], gain: float, slope: float, networks: int) -> Trace:
    """The same from the stacks that experiments run."""

    def fill(weights: torch.Tensor, stream: torch.Generator) -> object:
        return weights.normal_(0, gain / math.sqrt(weights.shape[1]), generator=stream)

    return run(
        Stack(widths, fill, slope),
        lambda units, stream: torch.ones(1, units),
        lambda units, stream: torch.randn(1, units, generator=stream),
        networks=networks,
        seed=5,
    )


def with_weights(the: Law, trace: Trace) -> Gradients:
    """A trace, and what it says of the gradients of the weights: |u_l|² |x_{l-1}|²."""
    forward, backward = trace.forward[:, :, 0], trace.backward[:, :, 0]
    n = np.asarray(the.widths)
    weights = np.full_like(backward, -np.inf)
    weights[:, 1:] = backward[:, 1:] + forward[:, :-1] + np.log2(n[1:] * n[:-1])
    readout = forward[:, -1:] + np.log2(n[-1])
    kernel = np.logaddexp2.reduce(np.concatenate([weights, readout], axis=1), axis=1)
    return Gradients(forward, backward, weights, kernel)


def drawn(
    widths: tuple[int, ...], gain: float, slope: float, networks: int = DRAWN
) -> dict[str, FloatArray]:
    return statistics(gradients(Law(widths, gain, slope), networks=networks, seed=7))


@pytest.fixture(scope="module")
def networks() -> Networks:
    known: dict[str, dict[str, FloatArray]] = {}

    def real(case: str) -> dict[str, FloatArray]:
        return known.setdefault(case, statistics(Real(REAL).run(Law(*CASES[case]))))

    return lambda case: known.get(case) or real(case)


@pytest.mark.parametrize("case", CASES)
def test_the_law_is_that_of_real_weights(case: str, networks: Networks) -> None:
    assert rejected(networks(case), drawn(*CASES[case]), FALSE_ALARM / len(CASES)) == []


@pytest.mark.parametrize("case", ["uneven", "leaky and tiny"])
def test_the_law_is_that_of_the_experiments_stacks(case: str) -> None:
    theirs = with_weights(Law(*CASES[case]), of_the_experiments(*CASES[case], networks=700))
    assert rejected(statistics(theirs), drawn(*CASES[case]), FALSE_ALARM / 2) == []


def test_forwards_alone_has_the_same_law() -> None:
    """Drawn from the bottom up, and from the top down."""
    for case in ("uneven", "leaky and tiny"):
        found = [
            sample(Law(*CASES[case]), networks=DRAWN, seed=seed, both=both).forward[:, 1:, 0]
            for seed, both in ((7, True), (8, False))
        ]
        columns = [{f"x_{i}": np.maximum(x[:, i], ZERO) for i in range(x.shape[1])} for x in found]
        assert rejected(*columns, FALSE_ALARM / 2) == []


def test_the_forward_half_alone_by_layer() -> None:
    widths, gain, slope = CASES["leaky"]
    found = log_mean_squares(widths, gain, 9, 3, key=(2,), negative_slope=slope)
    whole = sample(Law(widths, gain, slope), networks=9, seed=3, key=(2,))
    assert np.array_equal(found, whole.forward[:, :, 0].T)


# A sampler that is wrong in one constant, or knows one thing too little


def fewer(by: float) -> Callable[..., FloatArray]:
    right = law.chi_square
    return lambda degrees, stream: right(degrees - by, stream)


def biased(stream: Any, units: int, share: float, *, whole: bool) -> Any:
    """The positive units are 0.45 of all."""
    return RIGHT["halves"](stream, units, 0.45, whole=whole)


def unrooted(stream: Any, units: int, share: float, *, whole: bool) -> Any:
    """The slope, 0.25, is not squared."""
    parts = RIGHT["halves"](stream, units, share, whole=whole)
    return parts._replace(negative=parts.negative / 0.25)


def independent(stream: Any, units: int, active: Any, **how: bool) -> Any:
    """A mask of its own for the way back."""
    return RIGHT["noise"](stream, units, stream.permutation(active), **how)


def freely(stream: Any, units: int, active: Any, **how: bool) -> Any:
    """A direction too many: along x_l, too, the gradient is noise."""
    return RIGHT["noise"](stream, units, active + 1, **how)


def forgetful(slope: float, parts: Any, radial: FloatArray, noise: Any, variance: Any) -> Any:
    """The gradient does not know the direction of x_l: its f² is anyone's."""
    return RIGHT["rectified"](slope, parts, radial[::-1], noise, variance)


def apart(stream: Any, units: int, active: Any, **how: bool) -> Any:
    """The direction between the halves is left out."""
    parts = RIGHT["noise"](stream, units, active, **how)
    return parts._replace(between=np.zeros(law.BLOCK))


def frozen(seed: int, *key: int) -> Any:
    """Random numbers that begin anew at every call."""

    class Frozen:
        def __getattr__(self, name: str) -> Any:
            return getattr(RIGHT["random_numbers"](seed, *key), name)

    return Frozen()


RIGHT = {
    name: getattr(law, name)
    for name in ("chi_square", "halves", "noise", "rectified", "random_numbers")
}
MUTANTS: dict[str, tuple[str, str, Any]] = {
    "half a degree of freedom too few": ("uneven", "chi_square", fewer(0.5)),
    "0.45 of the units are positive": ("uneven", "halves", biased),
    "0.45 of the leaky units are positive": ("leaky", "halves", biased),
    "the slope is not squared": ("leaky", "halves", unrooted),
    "a mask of its own for the way back": ("uneven", "noise", independent),
    "a direction too many": ("uneven", "noise", freely),
    "the gradient does not know x": ("uneven", "rectified", forgetful),
    "the leaky gradient does not know x": ("modulus", "rectified", forgetful),
    "the same numbers in every layer": ("uneven", "random_numbers", frozen),
    "nothing between the halves": ("leaky and tiny", "noise", apart),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_law_is_rejected(
    name: str, monkeypatch: pytest.MonkeyPatch, networks: Networks
) -> None:
    case, function, wrong = MUTANTS[name]
    monkeypatch.setattr(law, function, wrong)
    assert rejected(networks(case), drawn(*CASES[case]), FALSE_ALARM / len(CASES))


def test_a_wrong_gain_or_width_is_rejected(networks: Networks) -> None:
    widths, gain, slope = CASES["uneven"]
    for wrong in ((widths, 1.05 * gain, slope), (widths, gain, 0.1)):
        assert rejected(networks("uneven"), drawn(*wrong), FALSE_ALARM / len(CASES))
    fan_out = drawn((*widths[:2], 6, *widths[3:]), gain, slope)
    assert rejected(networks("uneven"), fan_out, FALSE_ALARM / len(CASES))


# Streams, memory, dead layers, and what cannot be used


def same_bits(a: Trace, b: Trace) -> bool:
    return (
        a.forward.tobytes() == b.forward.tobytes() and a.backward.tobytes() == b.backward.tobytes()
    )


@pytest.mark.parametrize("both", [False, True])
def test_the_bits_do_not_depend_on_how_the_work_is_divided(both: bool) -> None:
    the, many = Law((5, 9, 4, 7), 1.2, 0.1), 2 * law.BLOCK + 5
    one = sample(the, networks=many, seed=3, both=both, workers=1)
    for workers in (2, 8):
        assert same_bits(one, sample(the, networks=many, seed=3, both=both, workers=workers))
    few = sample(the, networks=law.BLOCK + 1, seed=3, both=both)
    assert same_bits(few, Trace(*(x[: law.BLOCK + 1] for x in (one.forward, one.backward))))
    assert not same_bits(one, sample(the, networks=many, seed=4, both=both))
    assert not same_bits(one, sample(the, networks=many, seed=3, key=(1,), both=both))


def test_gradients_of_fewer_networks_are_the_first_of_more() -> None:
    the = Law((5, 9, 4, 7), 1.2, 0.1)
    many = vars(gradients(the, networks=law.BLOCK + 3, seed=3))
    few = vars(gradients(the, networks=6, seed=3))
    assert len(few) == 4
    assert {len(found) for found in few.values()} == {6}
    assert all(np.array_equal(found, many[name][:6]) for name, found in few.items())


@pytest.mark.parametrize("both", [False, True])
def test_kept_layers_are_those_of_all(both: bool) -> None:
    the = Law((2, 3, 2, 4), 1.5)
    everything = sample(the, networks=9, seed=0, both=both, start=3.0)
    some = sample(the, networks=9, seed=0, both=both, start=3.0, layers=(3, 0, 1))
    np.testing.assert_array_equal(some.forward, everything.forward[:, [3, 0, 1]])
    np.testing.assert_array_equal(some.backward, everything.backward[:, [3, 0, 1] if both else []])
    assert (everything.forward[:, 0] == 3.0).all()


def test_memory_does_not_grow_with_the_depth() -> None:
    peaks = []
    for depth in (10, 2000):
        tracemalloc.start()
        sample(Law(constant(8, depth), 1.4), networks=10, seed=0, both=True, layers=(0,), workers=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] < 2e6


@pytest.mark.parametrize("gain", [1e-100, 1e100])
def test_no_depth_under_or_overflows(gain: float) -> None:
    the = Law(constant(50, 300), gain)
    trace = sample(the, networks=100, seed=0, both=True)
    plain = sample(Law(the.widths, 1.0), networks=100, seed=0, both=True)
    scale = 2 * np.log2(gain) * np.arange(301.0)
    np.testing.assert_allclose(
        trace.forward[:, :, 0] - scale, plain.forward[:, :, 0], rtol=0, atol=1e-9
    )
    back = 2 * np.log2(gain) * np.minimum(300.0 - np.arange(301), 300)
    back[0] = 2 * np.log2(gain) * 300
    np.testing.assert_allclose(
        trace.backward[:, 1:, 0] - back[1:], plain.backward[:, 1:, 0], rtol=0, atol=1e-9
    )


def test_two_thousand_layers_neither_under_nor_overflow() -> None:
    logs = log_mean_squares((512,) * 2001, 3.0, 3, 0)
    assert np.isfinite(logs).all()
    assert logs[-1].mean() / 2000 == pytest.approx(math.log2(4.5), rel=0.02)


@pytest.mark.parametrize("both", [False, True])
def test_a_dead_layer_is_zero_from_there_on_without_a_warning(both: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trace = sample(Law((1, 2, 1, 1, 3), 1.0), networks=4000, seed=0, both=both)
    assert not np.isnan(trace.forward).any() and not np.isnan(trace.backward).any()
    dead = np.isneginf(trace.forward[:, :, 0])
    assert (dead[:, 1:] >= dead[:, :-1]).all() and not dead[:, 0].any()
    alive = np.cumprod([1, 3 / 4, 1 / 2, 1 / 2, 7 / 8])
    error = np.sqrt(alive * (1 - alive) / 4000)
    assert (abs(1 - dead.mean(0) - alive) <= 4.5 * error).all()
    if both:
        assert (np.isneginf(trace.backward[:, :, 0]) == dead[:, -1:]).all()


@pytest.mark.parametrize("slope", [0.3, -1.0])
def test_a_leaky_layer_does_not_die(slope: float) -> None:
    trace = sample(Law((1, 1, 2, 1), 1.0, slope), networks=2000, seed=0, both=True)
    assert np.isfinite(trace.forward).all() and np.isfinite(trace.backward).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"widths": (3,)}, "at least one layer"),
        ({"widths": (3, 0, 2)}, "widths must be at least 1, got 0"),
        ({"gain": 0.0}, "gain must be positive"),
        ({"gain": math.nan}, "gain must be positive"),
        ({"negative_slope": math.inf}, "negative-slope must be finite"),
    ],
)
def test_unusable_laws_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(Unusable, match=message):
        Law(**{"widths": (3, 4), "gain": 1.0, **wrong})


def test_unusable_samples_are_refused() -> None:
    for wrong, message in (({"layers": (0, 4)}, "0 to 3, got 4"), ({"networks": 0}, "networks")):
        with pytest.raises(Unusable, match=message):
            sample(Law((3, 4, 2, 2), 1.0), **{"networks": 5, "seed": 0, **wrong})
