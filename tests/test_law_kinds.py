"""Laws of orthogonal, residual and dropped-out layers, and of all gradients, are those of real weights.

And no wrong constant passes; how the tests work, and how often they err, is said in ``tests.two_samples``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from experiments import law, law_kinds
from experiments.law import Law, constant, gradients, sample
from experiments.law_kinds import Orthogonal, Residual
from experiments.law_passes import BLOCK, Gradients
from experiments.settings import Unusable
from experiments.statistics import FALSE_ALARM
from experiments.traces import FloatArray
from tests.two_samples import Real, orthogonal, rejected, statistics

HE = math.sqrt(2)
CASES: dict[str, Law | Residual] = {
    "all gradients": Law((4, 6, 3, 5), HE),
    "all gradients, leaky and tiny": Law((2, 1, 3, 2, 1), 1.3, 0.5),
    "dropout": Law((5, 6, 4, 7), math.sqrt(1.4), dropout=0.3),
    "dropout, tiny": Law((1, 2, 3, 1), 1.0, dropout=0.5),
    "orthogonal": Orthogonal((5, 5, 5, 5), HE),
    "orthogonal, uneven": Orthogonal((4, 6, 3, 5), HE),
    "orthogonal, leaky": Orthogonal((3, 4, 2, 2, 3), 1.2, 0.3),
    "orthogonal, tiny": Orthogonal((2, 1, 3, 2), 1.0),
    "orthogonal and linear": Orthogonal((3, 3, 2), 1.0, 1.0),
    "orthogonal, dropout": Orthogonal((4, 4, 6), 1.5, dropout=0.2),
    "residual": Residual(5, 3, 1.0),
    "residual, wide inside": Residual(3, 3, 0.5, hidden=7),
    "residual, one unit": Residual(1, 3, 0.8, hidden=2),
    "residual, leaky": Residual(2, 3, 1.2, 1.1, hidden=3, negative_slope=-0.4),
}
SHARE = FALSE_ALARM / len(CASES)
REAL, DRAWN = 6000, 3 * BLOCK  # networks with weights, and without


def real(the: Law | Residual) -> Gradients:
    if isinstance(the, Residual):
        return Real(REAL).run_blocks(the)
    return (Real(REAL, orthogonal) if isinstance(the, Orthogonal) else Real(REAL)).run(the)


def drawn(the: Law | Residual) -> dict[str, FloatArray]:
    return statistics(gradients(the, networks=DRAWN, seed=7))


@pytest.fixture(scope="module")
def weights() -> Callable[[str], dict[str, FloatArray]]:
    known: dict[str, dict[str, FloatArray]] = {}
    return lambda case: known.get(case) or known.setdefault(case, statistics(real(CASES[case])))


@pytest.mark.parametrize("case", CASES)
def test_the_law_is_that_of_real_weights(
    case: str, weights: Callable[[str], dict[str, FloatArray]]
) -> None:
    assert rejected(weights(case), drawn(CASES[case]), SHARE) == []


@pytest.mark.parametrize("case", ["dropout", "orthogonal, uneven", "residual, leaky"])
def test_forwards_alone_has_the_same_law(case: str) -> None:
    both = sample(CASES[case], networks=DRAWN, seed=3, both=True).forward[:, 1:, 0]
    alone = sample(CASES[case], networks=DRAWN, seed=4).forward[:, 1:, 0]
    columns = [
        {f"x_{i}": np.maximum(x[:, i], -1e4) for i in range(x.shape[1])} for x in (both, alone)
    ]
    assert rejected(*columns, FALSE_ALARM / 3) == []


# A sampler that is wrong in one constant, or knows one thing too little


def fewer(right: Any) -> Any:
    """Half a degree of freedom too few."""
    return lambda degrees, stream: right(degrees - 0.5, stream)


def undivided(right: Any) -> Any:
    """Noise that is not brought to length 1 but to what Gaussian noise has on average."""

    def wrong(noise: law.Noise) -> law.Noise:
        square = (noise.between**2 + noise.positive + noise.negative).mean()
        return law.Noise(
            noise.between / np.sqrt(square), noise.positive / square, noise.negative / square
        )

    return wrong


def forgetful(right: Any) -> Any:
    """The way back is not along x."""
    return lambda slope, parts, radial, noise, variance: right(
        slope, parts, radial * 0.5, noise, variance
    )


def changed(**to: Any) -> Callable[[Any], Any]:
    return lambda the: replace(the, **to)


MUTANTS: dict[str, tuple[str, Any, str, Any]] = {
    "half a degree of freedom too few": ("residual", law_kinds, "chi_square", fewer),
    "half a degree too few, orthogonal": ("orthogonal, uneven", law_kinds, "chi_square", fewer),
    "a direction of random length": ("orthogonal", law_kinds, "of_length_1", undivided),
    "half of the way along h": ("residual", law_kinds, "rectified", forgetful),
    "half of the way along x": ("orthogonal", law_kinds, "rectified", forgetful),
    "half of the way along x, dropout": ("dropout", law, "rectified", forgetful),
}
WRONG: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Gaussian for orthogonal": ("orthogonal", lambda the: Law(the.widths, the.gain)),
    "orthogonal for Gaussian": ("all gradients", lambda the: Orthogonal(the.widths, the.gain)),
    "a branch 10 % too large": ("residual", changed(scale=1.1)),
    "as many units inside as outside": ("residual, wide inside", changed(hidden=3)),
    "no slope": ("residual, leaky", changed(negative_slope=0.0)),
    "the dropout rate 0.25": ("dropout", changed(dropout=0.25)),
    "one unit more": ("orthogonal, uneven", changed(widths=(4, 6, 4, 5))),
    "one more input": ("orthogonal, uneven", changed(widths=(5, 6, 3, 5))),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_law_is_rejected(
    name: str, monkeypatch: pytest.MonkeyPatch, weights: Callable[[str], dict[str, FloatArray]]
) -> None:
    case, module, function, wrong = MUTANTS[name]
    monkeypatch.setattr(module, function, wrong(getattr(module, function)))
    assert rejected(weights(case), drawn(CASES[case]), SHARE)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_constant_is_rejected(
    name: str, weights: Callable[[str], dict[str, FloatArray]]
) -> None:
    case, wrong = WRONG[name]
    assert rejected(weights(case), drawn(wrong(CASES[case])), SHARE)


def test_the_readout_scales_what_goes_back() -> None:
    one, tenth = (gradients(CASES["dropout"], networks=9, seed=0, readout=r) for r in (1.0, 0.1))
    alive = np.isfinite(one.kernel)
    back = 2 * math.log2(0.1)
    np.testing.assert_allclose(tenth.weights[alive, 1:], one.weights[alive, 1:] + back)
    total = np.logaddexp2.reduce(
        np.concatenate([tenth.weights[:, 1:], tenth.forward[:, -1:] + math.log2(7)], axis=1), axis=1
    )
    np.testing.assert_allclose(tenth.kernel, total)


def test_the_kernel_needs_no_layer() -> None:
    for the in (CASES["orthogonal"], CASES["residual"]):
        every, none = (gradients(the, networks=5, seed=0, layers=kept) for kept in (None, ()))
        np.testing.assert_array_equal(every.kernel, none.kernel)
        trace = sample(the, networks=5, seed=0, both=True)
        np.testing.assert_array_equal(trace.backward[:, :, 0], every.backward)


@pytest.mark.parametrize(
    "the",
    [
        Orthogonal(constant(8, 500), 1e-90),
        Orthogonal(constant(8, 500), 1e90),
        Residual(8, 500, 30.0),
        Law(constant(50, 500), 1e80, dropout=0.5),
    ],
)
def test_no_depth_under_or_overflows(the: Any) -> None:
    found = gradients(the, networks=50, seed=0, start=-900.0)
    alive = np.isfinite(found.forward[:, -1])
    assert alive.any() and np.isfinite(found.kernel[alive]).all()
    assert np.isfinite(found.backward[alive]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Law((3, 4), 1.0, dropout=1.0), "less than 1, got 1.0"),
        (lambda: Law((3, 4), 1.0, 0.1, dropout=0.5), "dropout needs negative-slope 0"),
        (lambda: Residual(0, 1, 1.0), "width must be at least 1, got 0"),
        (lambda: Residual(1, 1, 0.0), "scale must be positive"),
        (lambda: Residual(1, 1, 1.0, math.inf), "gain must be positive and finite"),
        (lambda: Residual(1, 1, 1.0, negative_slope=math.nan), "negative-slope must be finite"),
        (lambda: gradients(Law((3, 4), 1.0), networks=1, seed=0, readout=0.0), "readout must be"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(Unusable, match=message):
        make()
