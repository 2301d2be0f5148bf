"""Moments of activations of Gaussian numbers, by quadrature: what has no closed form, or none that a row derives.

Each activation is a SymPy expression in z; its derivative is SymPy's. ``moments`` integrates both against a Gaussian
density, ``similarity`` gives the mean product of two correlated ones by Hermite coefficients (Mehler's formula).
These are *mean-field* values: that a preactivation is Gaussian is exact for Gaussian weights given the layer's input,
and that all units share one variance is an approximation at finite width. :func:`expectation` states the same mean
as an unevaluated ``GaussianMean``, for the numeric road.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp
from scipy import special

from derivations.expectation import GaussianMean
from derivations.vectorised import vectorised

z = sp.Symbol("z", real=True)
slope = sp.Symbol("slope", real=True)
logistic = 1 / (1 + sp.exp(-z))
ALPHA = sp.Rational(
    "1.6732632423543772848170429916717"
)  # SELU's, chosen so that N(0, 1) is a fixed point
SCALE = sp.Rational("1.0507009873554804934193349852946")
exponential = sp.Piecewise((z, z > 0), (sp.exp(z) - 1, True))
clipped = sp.Piecewise((0, z < 0), (z, z < 6), (6, True))

ACTIVATIONS: dict[str, sp.Expr] = {
    "leaky_relu": sp.Piecewise((z, z > 0), (slope * z, True)),
    "tanh": sp.tanh(z),
    "sigmoid": logistic,
    "gelu": z * (1 + sp.erf(z / sp.sqrt(2))) / 2,
    "quick_gelu": z / (1 + sp.exp(-sp.Rational(851, 500) * z)),
    "silu": z * logistic,
    "elu": exponential,
    "celu": exponential,
    "selu": SCALE * sp.Piecewise((z, z > 0), (ALPHA * (sp.exp(z) - 1), True)),
    "softplus": sp.log(1 + sp.exp(z)),
    "softsign": z / (1 + sp.Abs(z)),
    "mish": z * sp.tanh(sp.log(1 + sp.exp(z))),
    "relu6": clipped,
    "hardtanh": sp.Piecewise((-1, z < -1), (z, z < 1), (1, True)),
    "hardsigmoid": clipped.subs(z, z + 3) / 6,
    "hardswish": z * clipped.subs(z, z + 3) / 6,
}
NODES, WEIGHTS = special.roots_legendre(96)
END = 9.0  # standard deviations; what lies beyond is less than a rounding error
KINKS: dict[str, tuple[float, ...]] = {
    "relu6": (0.0, 6.0),
    "hardtanh": (-1.0, 1.0),
    "hardsigmoid": (-3.0, 3.0),
}
KINKS |= {"hardswish": (-3.0, 3.0), "tanh": (0.0,)}  # the others' is at 0, if they have one
TERMS = 48  # of Mehler's series

Array = npt.NDArray[np.float64]


def expectation(name: str, power: int, variance: Any) -> sp.Expr:
    """E[f(z)^power] for z ~ N(0, variance), unevaluated."""
    return GaussianMean(ACTIVATIONS[name] ** power, z, variance)


@lru_cache(maxsize=64)
def _functions(name: str) -> tuple[Any, Any]:
    """The activation and its derivative, as numpy functions of z and the slope."""
    f = ACTIVATIONS[name]
    derivative = sp.Piecewise((1, z > 0), (slope, True)) if name == "leaky_relu" else f.diff(z)
    return vectorised((z, slope), f), vectorised((z, slope), derivative)


def evaluated(name: str, at: Array, negative_slope: float, derivative: bool = False) -> Array:
    """The activation, or its derivative, at numbers; far out, exponentials would overflow."""
    with np.errstate(all="ignore"):
        found = _functions(name)[derivative](np.clip(at, -500, 500), negative_slope)
    return np.nan_to_num(np.broadcast_to(np.asarray(found, float), np.shape(at)))


def _standard(name: str, mean: Array, deviation: Array) -> tuple[Array, Array]:
    """Points and weights for the standard normal law, in panels that meet where the activation has a kink."""
    kinks = [np.clip((k - mean) / deviation, -END, END) for k in KINKS.get(name, (0.0,))]
    edges = [np.full_like(kinks[0], -END), *kinks, np.full_like(kinks[0], END)]
    points, weights = [], []
    for low, high in zip(edges, edges[1:], strict=False):
        half = (high - low)[..., None] / 2
        t = low[..., None] + half * (NODES + 1)
        points.append(t)
        weights.append(half * WEIGHTS * np.exp(-t * t / 2) / math.sqrt(2 * math.pi))
    return np.concatenate(points, -1), np.concatenate(weights, -1)


def moments(
    name: str, variance: npt.ArrayLike, mean: npt.ArrayLike = 0.0, negative_slope: float = 0.0
) -> tuple[Array, Array, Array]:
    """E[f], E[f²] and E[f'²] for z ~ N(mean, variance), each of the arguments' common shape."""
    v, m = np.broadcast_arrays(np.asarray(variance, float), np.asarray(mean, float))
    deviation = np.sqrt(np.maximum(v, 1e-300))
    t, w = _standard(name, m, deviation)
    at = m[..., None] + deviation[..., None] * t
    f = evaluated(name, at, negative_slope)
    slopes = evaluated(name, at, negative_slope, derivative=True)
    return (w * f).sum(-1), (w * f * f).sum(-1), (w * slopes * slopes).sum(-1)


def similarity(
    name: str,
    correlation: npt.ArrayLike,
    variance: float,
    mean: float = 0.0,
    negative_slope: float = 0.0,
) -> Array:
    """E[f(z) f(z')] for two such numbers with this correlation: a series in it, by Hermite coefficients."""
    deviation = math.sqrt(max(variance, 1e-300))
    t, w = _standard(name, np.asarray(mean), np.asarray(deviation))
    f = evaluated(name, mean + deviation * t, negative_slope)
    rho = np.asarray(correlation, float)
    total, left = np.zeros_like(rho), float((w * f * f).sum())
    before, now = np.zeros_like(t), np.ones_like(t)  # normalised Hermite polynomials
    for k in range(TERMS):
        square = float((w * f * now).sum()) ** 2
        total, left = total + square * rho**k, left - square
        before, now = now, (t * now - math.sqrt(k) * before) / math.sqrt(k + 1)
    return total + max(left, 0.0) * rho**TERMS


def gain(name: str, negative_slope: float = 0.0) -> float:
    """The deviation g of a preactivation for which E[f(g z)²] = 1; NaN if no deviation reaches it."""
    low, high = 1e-3, 1e3
    if (
        moments(name, high**2, 0, negative_slope)[1] < 1
        or moments(name, low**2, 0, negative_slope)[1] > 1
    ):
        return math.nan
    for _ in range(80):
        middle = math.sqrt(low * high)
        below = moments(name, middle**2, 0, negative_slope)[1] < 1
        low, high = (middle, high) if below else (low, middle)
    return low


@lru_cache(maxsize=256)
def largest(count: int, correlation: float, rectified: bool) -> tuple[float, float, float, float]:
    """Of the largest of ``count`` standard normals, or of its positive part: four numbers.

    Mean, mean square, the chance to be positive, and the mean square of the mean given what the normals share. Each
    pair has this correlation, at least 0.
    """
    rho = min(max(correlation, 0.0), 1.0)
    t, w = _standard("", np.asarray(0.0), np.asarray(1.0))
    share = w if count == 1 else w * count * special.ndtr(t) ** (count - 1)
    at = math.sqrt(rho) * t[:, None] + math.sqrt(1 - rho) * t[None, :]
    positive = float(w @ (at > 0) @ share)
    at = np.maximum(at, 0) if rectified else at
    given = at @ share
    return float(w @ given), float(w @ (at * at) @ share), positive, float(w @ given**2)
