"""Several inputs without weights: their joint law is that of real weights, and no wrong constant passes.

How the tests work, and how often they err, is said in ``tests.two_samples``.
"""

from __future__ import annotations

import math
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import fields
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from experiments import law_inputs
from experiments.law import Law, constant, gradients
from experiments.law_inputs import Joint, sample_inputs
from experiments.law_kinds import Orthogonal
from experiments.settings import Unusable
from experiments.statistics import FALSE_ALARM
from experiments.traces import FloatArray
from tests.two_samples import ZERO, gaussian, log_squares, rejected

HE = math.sqrt(2)
CASES = {  # law, number of inputs, whether they share the readout
    "three": (Law((4, 6, 5, 7), HE), 3, True),
    "leaky": (Law((3, 5, 2, 4), 1.2, 0.3), 2, True),
    "a gradient each": (Law((3, 4, 6), HE), 2, False),
    "more inputs than units": (Law((2, 3, 1, 2), HE), 4, True),
    "deep": (Law(constant(6, 8), HE), 2, True),
}
SHARE = FALSE_ALARM / len(CASES)
REAL, DRAWN = 5000, 5000  # networks with weights, and without
Columns = dict[str, FloatArray]


def points(k: int, units: int) -> FloatArray:
    """Inputs at all angles; the last two are near each other."""
    x = np.random.default_rng(1).standard_normal((k, units))
    x[-1] = x[-2] + 0.3 * x[-1]
    return x


def real(law: Law, x: FloatArray, shared: bool) -> tuple[Any, ...]:
    """Logs and cosines of signals and gradients, and the kernel, of networks with weights."""
    rng = np.random.default_rng(5)
    signals, layers = [np.broadcast_to(x.T, (REAL, *x.T.shape))], []
    for fan_in, fan_out in zip(law.widths, law.widths[1:], strict=False):
        w = law.gain * gaussian(rng, REAL, (fan_out, fan_in))
        z = w @ signals[-1]
        layers.append((w, np.where(z > 0, 1.0, law.negative_slope)))
        signals.append(z * layers[-1][1])
    gradient = rng.standard_normal((REAL, law.widths[-1], 1 if shared else len(x)))
    gradients, kernel = [], gram(signals[-1])
    for (w, mask), below in zip(layers[::-1], signals[-2::-1], strict=True):
        gradients.insert(0, gradient * mask)
        kernel = kernel + gram(gradients[0]) * gram(below)
        gradient = w.transpose(0, 2, 1) @ gradients[0]
    return signals, [gradient, *gradients], kernel


def gram(x: FloatArray) -> FloatArray:
    return x.transpose(0, 2, 1) @ x


def angles(matrix: FloatArray) -> FloatArray:
    diagonal = np.diagonal(matrix, axis1=1, axis2=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return matrix / np.sqrt(diagonal[:, :, None] * diagonal[:, None, :])


def of_real(law: Law, x: FloatArray, shared: bool) -> Columns:
    signals, gradients, kernel = real(law, x, shared)
    with np.errstate(divide="ignore"):
        return statistics(
            *(np.stack([log_squares(v) for v in each], 1) for each in (signals, gradients)),
            *(np.stack([angles(gram(v)) for v in each], 1) for each in (signals, gradients)),
            np.log2(np.diagonal(kernel, axis1=1, axis2=2)),
            angles(kernel),
        )


def of_law(law: Law, x: FloatArray, shared: bool) -> Columns:
    j = sample_inputs(law, x, networks=DRAWN, seed=3, both=True, shared=shared)
    cosines = 1 - j.angles, 1 - j.backward_angles
    return statistics(j.forward, j.backward, *cosines, j.kernel, j.kernel_cosines)


def statistics(
    forward: FloatArray,
    backward: FloatArray,
    cosines: FloatArray,
    back_cosines: FloatArray,
    kernel: FloatArray,
    kernel_cosines: FloatArray,
) -> Columns:
    """Marginals, pairs and functionals; a norm of zero is ZERO, an angle with it -2."""
    logs = {
        f"{name}_{layer} of {i}": np.maximum(values[:, layer, i], ZERO)
        for name, values in (("x", forward), ("u", backward), ("K", kernel[:, None]))
        for layer in range(values.shape[1])
        for i in (0, values.shape[2] - 1)
    }
    found = {name: values for name, values in logs.items() if not name.startswith("x_0")}
    for i, j in combinations(range(forward.shape[2]), 2):
        for name, values in (("x", cosines), ("u", back_cosines), ("K", kernel_cosines[:, None])):
            for layer in range(name == "x", values.shape[1]):
                found[f"{name}_{layer} of {i} and {j}"] = np.nan_to_num(
                    values[:, layer, i, j], nan=-2
                )
    last = forward.shape[1] - 1
    for a, b in combinations((f"x_{last} of 0", "u_0 of 0", "K_0 of 0", "u_1 of 0"), 2):
        found[f"{a} - {b}"], found[f"{a} + {b}"] = logs[a] - logs[b], logs[a] + logs[b]
    cosine = found[f"x_{last} of 0 and 1"]
    found["norm and angle"] = np.maximum(logs[f"x_{last} of 0"], -30) * cosine
    found["both angles"] = cosine * found["u_0 of 0 and 1"]
    found["apart"] = logs[f"x_{last} of 0"] - logs[f"x_{last} of {forward.shape[2] - 1}"]
    return found


@pytest.fixture(scope="module")
def weights() -> Callable[[str], Columns]:
    known: dict[str, Columns] = {}

    def find(case: str) -> Columns:
        law, k, shared = CASES[case]
        return known.setdefault(case, of_real(law, points(k, law.widths[0]), shared))

    return lambda case: known.get(case) or find(case)


def drawn(case: str, **changed: Any) -> Columns:
    law, k, shared = CASES[case]
    return of_law(changed.get("law", law), points(k, law.widths[0]), shared)


@pytest.mark.parametrize("case", CASES)
def test_the_law_is_that_of_real_weights(case: str, weights: Callable[[str], Columns]) -> None:
    assert rejected(weights(case), drawn(case), SHARE) == []


def test_one_input_has_the_law_of_one() -> None:
    law, many = Law((5, 8, 3, 6), HE), 6 * 1024
    one = gradients(law, networks=many, seed=1)
    j = sample_inputs(law, np.ones((1, 5)), networks=many, seed=2, both=True)
    columns = []
    for forward, backward, kernel in (
        (one.forward, one.backward, one.kernel),
        (j.forward[:, :, 0], j.backward[:, :, 0], j.kernel[:, 0]),
    ):
        parts = np.concatenate([forward[:, 1:], backward, kernel[:, None]], axis=1)
        columns.append({str(i): np.maximum(parts[:, i], ZERO) for i in range(parts.shape[1])})
    assert rejected(*columns, FALSE_ALARM) == []


# Wrong constants


def wrong_below(noise: float, known: float) -> Any:
    """The way back with too much noise, or too little of what is known of W."""

    def make(self: Any, layer: int, gradient: Any, above: Any, basis: FloatArray) -> FloatArray:
        _, rank, _ = above.factor.shape
        fresh = self.normal(layer, law_inputs.NOISE, basis.shape[1], rank) @ above.factor
        along = self.weights(layer).transpose(0, 2, 1) @ gradient
        inside = basis @ (known * along - basis.transpose(0, 2, 1) @ fresh)
        return self.deviation(layer) * (noise * fresh + inside)

    return make


@pytest.mark.parametrize(("noise", "known"), [(1.1, 1.0), (1.0, 0.9)])
def test_a_wrong_way_back_is_rejected(
    noise: float,
    known: float,
    monkeypatch: pytest.MonkeyPatch,
    weights: Callable[[str], Columns],
) -> None:
    monkeypatch.setattr(law_inputs._Block, "below", wrong_below(noise, known))
    assert rejected(weights("deep"), drawn("deep"), SHARE)


def test_a_wrong_gain_slope_or_width_is_rejected(weights: Callable[[str], Columns]) -> None:
    for case, wrong in (
        ("three", Law((4, 6, 5, 7), 1.05 * HE)),
        ("leaky", Law((3, 5, 2, 4), 1.2, 0.4)),
        ("three", Law((4, 6, 6, 7), HE)),
    ):
        assert rejected(weights(case), drawn(case, law=wrong), SHARE)


def test_the_same_noise_for_every_layer_is_rejected(
    monkeypatch: pytest.MonkeyPatch, weights: Callable[[str], Columns]
) -> None:
    right = law_inputs._Block.normal
    monkeypatch.setattr(law_inputs._Block, "normal", lambda s, _, *a: right(s, 1, *a))
    assert rejected(weights("deep"), drawn("deep"), SHARE)


# Degenerate inputs, precision, streams, memory


def test_equal_opposite_and_zero_inputs() -> None:
    x = np.random.default_rng(0).standard_normal((5, 8))
    x[1], x[2], x[3] = x[0], -x[0], 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        j = sample_inputs(Law((8, 9, 7, 8), HE), x, networks=300, seed=0, both=True)
    np.testing.assert_allclose(j.forward[:, :, 0], j.forward[:, :, 1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(j.backward[:, :, 0], j.backward[:, :, 1], rtol=0, atol=1e-12)
    equal = j.angles[:, :, 0, 1]  # nan in dead networks
    assert np.nanmedian(equal) < 1e-30  # rounding weighs more where but small numbers survive
    assert np.nanmax(equal) < 1e-20
    opposite = j.angles[:, 1, 0, 2]  # no unit sees both
    np.testing.assert_allclose(opposite[~np.isnan(opposite)], 1, atol=1e-12)
    assert np.isneginf(j.forward[:, :, 3]).all() and np.isneginf(j.kernel[:, 3]).all()
    alive = np.isfinite(j.kernel[:, 0])
    np.testing.assert_allclose(j.kernel_cosines[alive, 0, 1], 1)


def test_tiny_angles_keep_their_digits() -> None:
    """As they are in real weights of long numbers, that ReLU masks do not tell apart, either."""
    x = np.array([[1.0, 0, 0], [1, 1e-12, 0]])
    j = sample_inputs(Law((3, 50), 1.0, 1.0), x, networks=2000, seed=0)
    ratio = j.angles[:, 1, 0, 1] / 0.5e-24
    f = ratio * np.exp2(j.forward[:, 1, 0]) * 3  # |W e_2|² less its part along W e_1, over |W e_1|²
    expected = (50 - 1) / 50
    assert abs(f.mean() - expected) < 4.5 * expected * math.sqrt(2 / 49 / 2000)


def test_no_depth_under_or_overflows() -> None:
    x = points(2, 5)
    small, large = (
        sample_inputs(Law(constant(5, 40), gain, 0.1), x, networks=20, seed=0, both=True)
        for gain in (2.0**-70, 2.0**70)
    )
    layers = np.arange(41)
    scale = 2 * 140 * layers[None, :, None]
    np.testing.assert_allclose(large.forward - scale, small.forward, atol=1e-9)
    np.testing.assert_allclose(large.angles, small.angles)
    np.testing.assert_allclose(large.backward_angles, small.backward_angles)
    assert np.isfinite(large.kernel).all() and np.isfinite(small.kernel).all()


def test_the_bits_do_not_depend_on_how_the_work_is_divided() -> None:
    def bits(j: Joint, upto: int) -> list[bytes]:
        return [getattr(j, field.name)[:upto].tobytes() for field in fields(Joint)]

    law, x = Law((4, 6, 3), HE), points(3, 4)
    one = sample_inputs(law, x, networks=600, seed=0, both=True, workers=1)
    for workers, networks in ((2, 600), (8, 600), (2, 300)):
        other = sample_inputs(law, x, networks=networks, seed=0, both=True, workers=workers)
        assert bits(one, networks) == bits(other, networks)
    other = sample_inputs(law, x, networks=600, seed=0, key=(1,), both=True)
    assert bits(one, 600) != bits(other, 600)


def test_kept_layers_are_those_of_all() -> None:
    law, x = Law((4, 6, 3, 5), HE), points(2, 4)
    every = sample_inputs(law, x, networks=5, seed=0, both=True)
    some = sample_inputs(law, x, networks=5, seed=0, both=True, layers=(3, 0))
    for name in ("forward", "angles", "backward", "backward_angles"):
        np.testing.assert_array_equal(getattr(some, name), getattr(every, name)[:, [3, 0]])
    np.testing.assert_array_equal(some.kernel, every.kernel)
    alone = sample_inputs(law, x, networks=5, seed=0, layers=(3,))
    np.testing.assert_array_equal(alone.forward[:, 0], every.forward[:, 3])
    assert alone.backward.size == 0 and alone.kernel.size == 0


def test_memory_does_not_grow_with_the_depth_but_for_a_few_numbers() -> None:
    peaks = []
    for depth in (4, 200):
        tracemalloc.start()
        the, x = Law(constant(2000, depth), HE), np.ones((2, 2000))
        sample_inputs(the, x, networks=1, seed=0, both=True, layers=(), workers=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"inputs": np.ones(4)}, r"of shape \(k, 4\), got \(4,\)"),
        ({"inputs": np.ones((2, 3))}, r"got \(2, 3\)"),
        ({"inputs": np.full((1, 4), np.nan)}, "must be finite"),
        ({"networks": 0}, "networks must be at least 1"),
        ({"layers": (3,)}, "from 0 to 2, got 3"),
        ({"law": Law((4, 3, 2), 1.0, dropout=0.5)}, "no dropout"),
        ({"law": Orthogonal((4, 3, 2), 1.0)}, "need Gaussian weights"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong: dict[str, Any], message: str) -> None:
    right = {"law": Law((4, 3, 2), 1.0), "inputs": np.ones((1, 4)), "networks": 1, "seed": 0}
    asked = right | wrong
    with pytest.raises(Unusable, match=message):
        sample_inputs(asked.pop("law"), asked.pop("inputs"), **asked)
