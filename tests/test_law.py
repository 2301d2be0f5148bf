"""The sampler's law is that of real weights: marginals, pairs and functionals, and no wrong constant passes.

Every comparison is a two-sample Kolmogorov–Smirnov test. Over all cases together a right sampler fails
once in 1,000 runs: each case has its share of that, within which Holm's method tests its statistics.
"""

from __future__ import annotations

import math
import tracemalloc
import warnings
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from experiments import law
from experiments.law import Law, constant, log_mean_squares, sample
from experiments.passes import FloatArray, Stack
from experiments.settings import Unusable
from experiments.stack import Trace, run
from experiments.statistics import FALSE_ALARM, holm
from impl.init.kaiming import calculate_gain

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


def real(widths: tuple[int, ...], gain: float, slope: float) -> Trace:
    """Networks with weights, all at once: one input of mean square 1, a Gaussian gradient at the end."""
    rng = np.random.default_rng(5)
    x, layers = np.ones((REAL, widths[0], 1)), []
    signals, gradients = [x], [np.empty(0)] * len(widths)
    for fan_in, fan_out in zip(widths, widths[1:], strict=False):
        w = rng.standard_normal((REAL, fan_out, fan_in)) * (gain / math.sqrt(fan_in))
        z = w @ signals[-1]
        layers.append((w, np.where(z > 0, 1.0, slope)))
        signals.append(z * layers[-1][1])
    gradient = rng.standard_normal((REAL, widths[-1], 1))
    for layer, (w, mask) in reversed(list(enumerate(layers, 1))):
        gradients[layer] = gradient * mask
        gradient = w.transpose(0, 2, 1) @ gradients[layer]
    gradients[0] = gradient
    with np.errstate(divide="ignore"):
        logs = [[np.log2((v**2).mean(axis=1)) for v in vectors] for vectors in (signals, gradients)]
    return Trace(*(np.stack(each, axis=1) for each in logs))


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


def drawn(widths: tuple[int, ...], gain: float, slope: float, networks: int = DRAWN) -> Trace:
    return sample(Law(widths, gain, slope), networks=networks, seed=7, both=True)


def statistics(trace: Trace) -> dict[str, FloatArray]:
    """Marginals, pairs, and functionals of the logs; -1e4 for a norm of zero."""
    logs = np.concatenate([trace.forward, trace.backward], axis=1)[:, :, 0]
    logs = np.where(np.isneginf(logs), -1e4, logs)
    assert np.isfinite(logs).all()
    count = trace.forward.shape[1]
    found = {f"{'xu'[i // count]}_{i % count}": logs[:, i] for i in range(1, logs.shape[1])}
    marginals = dict(found)
    for (a, first), (b, second) in combinations(marginals.items(), 2):
        found[f"{a} - {b}"] = first - second
    forward, backward = logs[:, :count], logs[:, count:]
    for layer in range(1, count - 1):  # which half is alive is the same for both passes
        step, back = (forward[:, layer] - forward[:, layer - 1], np.diff(backward)[:, layer])
        found[f"both steps at {layer}"] = (step + 0.3) * (0.3 - back)  # about their means
    return found | {
        "largest": logs.max(1),
        "range forwards": np.ptp(forward, axis=1),
        "range backwards": np.ptp(backward, axis=1),
        "layers alive": (forward > -1e3).sum(1).astype(float),
        "gradients of all weights": np.logaddexp2.reduce(forward[:, :-1] + backward[:, 1:], axis=1),
    }


def rejected(one: Trace, other: Trace, error_rate: float) -> list[str]:
    """The statistics in which two samples differ, if any; a right sampler has one with ``error_rate``."""
    pairs = {name: (a, statistics(other)[name]) for name, a in statistics(one).items()}
    p = [stats.ks_2samp(*pair, method="asymp").pvalue for pair in pairs.values()]
    wrong = holm(np.array(p), error_rate)
    return [name for name, out in zip(pairs, wrong, strict=True) if out]


@pytest.fixture(scope="module")
def networks() -> Callable[[str], Trace]:
    known: dict[str, Trace] = {}
    return lambda case: known.get(case) or known.setdefault(case, real(*CASES[case]))


@pytest.mark.parametrize("case", CASES)
def test_the_law_is_that_of_real_weights(case: str, networks: Callable[[str], Trace]) -> None:
    assert rejected(networks(case), drawn(*CASES[case]), FALSE_ALARM / len(CASES)) == []


@pytest.mark.parametrize("case", ["uneven", "leaky and tiny"])
def test_the_law_is_that_of_the_experiments_stacks(case: str) -> None:
    theirs = of_the_experiments(*CASES[case], networks=700)
    assert rejected(theirs, drawn(*CASES[case]), FALSE_ALARM / 2) == []


def test_forwards_alone_has_the_same_law() -> None:
    """Drawn from the bottom up, and from the top down."""
    for case in ("uneven", "leaky and tiny"):
        both, alone = drawn(*CASES[case]), sample(Law(*CASES[case]), networks=DRAWN, seed=8)
        nothing = np.zeros_like(both.backward)
        traces = [Trace(trace.forward, nothing) for trace in (both, alone)]
        assert rejected(*traces, FALSE_ALARM / 2) == []


def test_the_forward_half_alone_by_layer() -> None:
    widths, gain, slope = CASES["leaky"]
    found = log_mean_squares(widths, gain, 9, 3, key=(2,), negative_slope=slope)
    whole = sample(Law(widths, gain, slope), networks=9, seed=3, key=(2,))
    assert np.array_equal(found, whole.forward[:, :, 0].T)


# A sampler that is wrong in one constant, or knows one thing too little


def fewer(by: float) -> Callable[..., FloatArray]:
    right = law.chi_square
    return lambda degrees, stream: right(degrees - by, stream)


def biased(stream: Any, units: int, slope: float) -> Any:
    """The positive units are 0.45 of all."""
    active = stream.binomial(units, 0.45, law.BLOCK)
    one, other = (law.chi_square(count, stream) for count in (active, units - active))
    return active, one, slope**2 * other


def unrooted(stream: Any, units: int, slope: float) -> Any:
    """The slope is not squared."""
    active, positive, negative = RIGHT["halves"](stream, units, slope)
    return active, positive, negative / (slope or 1)


def independent(stream: Any, the: Law, units: int, parts: Any, radial: FloatArray) -> FloatArray:
    """A mask of its own for the way back."""
    fresh = stream.permutation(parts[0])  # of the other networks of the block
    return RIGHT["squared_gradient"](stream, the, units, (fresh, *parts[1:]), radial)


def freely(stream: Any, the: Law, units: int, parts: Any, radial: FloatArray) -> FloatArray:
    """A direction too many: along x_l, too, the gradient is noise."""
    return RIGHT["squared_gradient"](stream, the, units, (parts[0] + 1, *parts[1:]), radial)


def forgetful(stream: Any, the: Law, units: int, parts: Any, radial: FloatArray) -> FloatArray:
    """The gradient does not know the direction of x_l."""
    active = parts[0]
    one, other = (law.chi_square(count, stream) for count in (active, units - active))
    return one + the.negative_slope**2 * other + (active == 0)  # dead layers are not the point here


def apart(stream: Any, the: Law, units: int, parts: Any, radial: FloatArray) -> FloatArray:
    """The direction between the halves is left out."""

    class Silent:
        standard_normal = staticmethod(np.zeros)
        standard_gamma = stream.standard_gamma

    return RIGHT["squared_gradient"](Silent(), the, units, parts, radial)


def frozen(seed: int, *key: int) -> Any:
    """Random numbers that begin anew at every call."""

    class Frozen:
        def __getattr__(self, name: str) -> Any:
            return getattr(RIGHT["random_numbers"](seed, *key), name)

    return Frozen()


RIGHT = {
    name: getattr(law, name)
    for name in ("chi_square", "halves", "squared_gradient", "random_numbers")
}
MUTANTS: dict[str, tuple[str, str, Any]] = {
    "half a degree of freedom too few": ("uneven", "chi_square", fewer(0.5)),
    "0.45 of the units are positive": ("uneven", "halves", biased),
    "0.45 of the leaky units are positive": ("leaky", "halves", biased),
    "the slope is not squared": ("leaky", "halves", unrooted),
    "a mask of its own for the way back": ("uneven", "squared_gradient", independent),
    "a direction too many": ("uneven", "squared_gradient", freely),
    "the gradient does not know x": ("uneven", "squared_gradient", forgetful),
    "the leaky gradient does not know x": ("modulus", "squared_gradient", forgetful),
    "the same numbers in every layer": ("uneven", "random_numbers", frozen),
    "nothing between the halves": ("leaky and tiny", "squared_gradient", apart),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_law_is_rejected(
    name: str, monkeypatch: pytest.MonkeyPatch, networks: Callable[[str], Trace]
) -> None:
    case, function, wrong = MUTANTS[name]
    monkeypatch.setattr(law, function, wrong)
    assert rejected(networks(case), drawn(*CASES[case]), FALSE_ALARM / len(CASES))


def test_a_wrong_gain_or_width_is_rejected(networks: Callable[[str], Trace]) -> None:
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
