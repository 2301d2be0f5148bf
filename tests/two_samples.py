"""Networks with weights, many at once, and the tests that a sampler's law is theirs.

Every comparison is a two-sample Kolmogorov–Smirnov test. Over all cases of a test file together a right
sampler fails once in 1,000 runs: each case has its share of that, within which Holm's method tests its
statistics.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import stats

from experiments.law import Law
from experiments.law_kinds import Residual
from experiments.law_passes import Gradients
from experiments.statistics import holm
from experiments.traces import FloatArray

ZERO = -1e4  # stands for the logarithm of 0


def log_squares(x: FloatArray) -> FloatArray:
    """log2 of the mean square of each network's vector, (networks, k)."""
    with np.errstate(divide="ignore"):
        return np.log2((x**2).mean(axis=1))


def gaussian(rng: np.random.Generator, networks: int, shape: tuple[int, int]) -> FloatArray:
    return rng.standard_normal((networks, *shape)) / math.sqrt(shape[1])


def orthogonal(rng: np.random.Generator, networks: int, shape: tuple[int, int]) -> FloatArray:
    """As ``torch.nn.init.orthogonal_``: the Q of a Gaussian matrix, with R's signs put right."""
    rows, columns = shape
    q, r = np.linalg.qr(rng.standard_normal((networks, max(shape), min(shape))))
    q = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    return q if rows >= columns else q.transpose(0, 2, 1)


@dataclass
class Real:
    """``networks`` with weights after ``law``: forwards, backwards, and the squares of weights' gradients."""

    networks: int
    weights: Callable[[np.random.Generator, int, tuple[int, int]], FloatArray] = gaussian
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    def run(self, law: Law, readout: float = 1.0) -> Gradients:
        """One input of mean square 1, and a Gaussian gradient at the end."""
        x, layers = np.ones((self.networks, law.widths[0], 1)), []
        signals = [x]
        for fan_in, fan_out in zip(law.widths, law.widths[1:], strict=False):
            w = law.gain * self.weights(self.rng, self.networks, (fan_out, fan_in))
            z = w @ signals[-1]
            mask = np.where(z > 0, 1.0, law.negative_slope) / (1 - law.dropout)
            if law.dropout:
                mask = mask * (self.rng.random(mask.shape) >= law.dropout)
            layers.append((w, mask))
            signals.append(z * mask)
        gradient = readout * self.rng.standard_normal((self.networks, law.widths[-1], 1))
        gradients = [np.empty(0)] * len(signals)
        for layer, (w, mask) in reversed(list(enumerate(layers, 1))):
            gradients[layer] = gradient * mask
            gradient = w.transpose(0, 2, 1) @ gradients[layer]
        gradients[0] = gradient
        squares = [
            (u**2).sum((1, 2)) * (x**2).sum((1, 2))
            for u, x in zip(gradients[1:], signals, strict=False)
        ]
        return found(signals, gradients, squares)

    def run_blocks(self, law: Residual) -> Gradients:
        """The same for residual blocks."""
        signals, layers = [np.ones((self.networks, law.width, 1))], []
        for _ in range(law.depth):
            w1 = law.gain * gaussian(self.rng, self.networks, (law.between, law.width))
            w2 = gaussian(self.rng, self.networks, (law.width, law.between))
            z = w1 @ signals[-1]
            mask = np.where(z > 0, 1.0, law.negative_slope)
            layers.append((w1, w2, mask, z * mask))
            signals.append(signals[-1] + law.scale * w2 @ (z * mask))
        gradients = [self.rng.standard_normal(signals[0].shape)]
        squares = []
        for (w1, w2, mask, inside), x in zip(layers[::-1], signals[-2::-1], strict=True):
            upstream = gradients[0]
            inner = law.scale * mask * (w2.transpose(0, 2, 1) @ upstream)
            outer = law.scale**2 * (upstream**2).sum((1, 2)) * (inside**2).sum((1, 2))
            squares.insert(0, outer + (inner**2).sum((1, 2)) * (x**2).sum((1, 2)))
            gradients.insert(0, upstream + w1.transpose(0, 2, 1) @ inner)
        return found(signals, gradients, squares)


def found(
    signals: list[FloatArray], gradients: list[FloatArray], squares: list[FloatArray]
) -> Gradients:
    """The same as what a law's sample says."""
    forward, backward = (
        np.stack([log_squares(v)[:, 0] for v in vectors], 1) for vectors in (signals, gradients)
    )
    readout = (signals[-1] ** 2).sum((1, 2))
    with np.errstate(divide="ignore"):
        weights = np.log2(np.stack([0 * readout, *squares], 1))
        return Gradients(forward, backward, weights, np.log2(sum(squares) + readout))


def statistics(trace: Gradients) -> dict[str, FloatArray]:
    """Marginals, pairs, and functionals of the logs."""
    parts = {"x": trace.forward, "u": trace.backward, "w": trace.weights[:, 1:]}
    columns = {
        f"{name}_{i}": np.where(np.isneginf(values[:, i]), ZERO, values[:, i])
        for name, values in parts.items()
        for i in range(values.shape[1])
    }
    del columns["x_0"]
    every = {name: values for name, values in columns.items() if name[0] != "w"}
    for (a, first), (b, second) in combinations(every.items(), 2):
        columns[f"{a} - {b}"] = first - second
        if a[0] != b[0]:
            columns[f"{a} + {b}"] = first + second
    forward, backward = (np.where(np.isneginf(v), ZERO, v) for v in (trace.forward, trace.backward))
    for layer in range(1, forward.shape[1] - 1):  # which half is alive is the same for both passes
        step, back = (forward[:, layer] - forward[:, layer - 1], np.diff(backward)[:, layer])
        columns[f"both steps at {layer}"] = (step + 0.3) * (0.3 - back)  # about their means
    columns["range forwards"] = np.ptp(forward, axis=1)
    columns["range backwards"] = np.ptp(backward, axis=1)
    columns["kernel"] = np.where(np.isneginf(trace.kernel), ZERO, trace.kernel)
    return columns


def rejected(
    one: dict[str, FloatArray], other: dict[str, FloatArray], error_rate: float
) -> list[str]:
    """The statistics in which two samples differ, if any; a right sampler has one with ``error_rate``."""
    assert one.keys() == other.keys()
    assert all(np.isfinite(values).all() for values in (*one.values(), *other.values()))
    p = [smirnov(values, other[name]) for name, values in one.items()]
    wrong = holm(np.array(p), error_rate)
    return [name for name, out in zip(one, wrong, strict=True) if out]


def smirnov(one: FloatArray, other: FloatArray) -> float:
    """The p-value of the two-sample Kolmogorov–Smirnov test, for large samples (conservative with ties)."""
    ordered = [np.sort(np.round(each, 6)) for each in (one, other)]  # what is certain has no noise
    points: npt.NDArray[np.float64] = np.concatenate(ordered)
    below = [np.searchsorted(each, points, side="right") / len(each) for each in ordered]
    n, m = map(len, ordered)
    return float(stats.kstwobign.sf(np.abs(below[0] - below[1]).max() * math.sqrt(n * m / (n + m))))
