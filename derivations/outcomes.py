"""Random finite laws that have exactly the declared moments, for expectations by enumeration.

If an identity follows from what is declared, it holds for every law with these moments, so also for
the one drawn here; if it needs more than was declared (a Gaussian, independence inside a layer, a
zero mean), a random law breaks it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import mpmath as mp
import sympy as sp

from derivations.expectation import Dependent, Law, Normal, Signs, Symmetric

Number = Any
Outcome = tuple[Number, dict[sp.Expr, Number]]  # its probability, and the value of each variable


def draw_outcomes(
    law: Law,
    variables: Sequence[sp.Expr],
    value: Callable[[sp.Expr], Number],
    seed: int,
    atoms: int = 3,
) -> list[Outcome]:
    """Every outcome of ``variables`` under a random law with the moments of ``law``.

    ``value`` evaluates a moment at the current point; an independent entry has ``atoms`` values (twice that, if it is
    symmetric). Raises NotImplementedError for moments that no rule here can match.
    """
    rng = Random(f"{seed} {law.base}")
    if isinstance(law, Dependent):
        return _joint(rng, variables, _moments(law, value))
    single = _single(law, rng, value, atoms)
    return [
        (
            mp.fprod(p for p, _ in chosen),
            dict(zip(variables, (v for _, v in chosen), strict=True)),
        )
        for chosen in itertools.product(single, repeat=len(variables))
    ]


def _single(
    law: Law, rng: Random, value: Callable[[sp.Expr], Number], atoms: int
) -> list[tuple[Number, Number]]:
    """Probabilities and values of one entry."""
    half = mp.mpf(1) / 2
    if isinstance(law, Signs):
        return [(half, mp.mpf(1)), (half, mp.mpf(-1))]
    if isinstance(law, Normal):
        scale = mp.sqrt(value(law.moments[2]))
        return [(p, scale * x) for p, x in _gauss_hermite()]
    moments = _moments(law, value)
    if set(moments) == {1, 2, 3}:
        return _four_points(rng, moments)
    weights, values = _probabilities(rng, atoms), [_real(rng) for _ in range(atoms)]
    if isinstance(law, Symmetric) and set(moments) == {2, 4}:
        return _three_points(moments[2], moments[4])
    if isinstance(law, Symmetric):
        weights = [w / 2 for w in weights for _ in range(2)]
        values = [side * v for v in values for side in (1, -1)]
    return list(zip(weights, _fit(weights, values, moments), strict=True))


def _three_points(square: Number, fourth: Number) -> list[tuple[Number, Number]]:
    """The only symmetric law on zero and two other points that has these moments, by Jensen fourth >= square²."""
    share, size = square**2 / fourth, mp.sqrt(fourth / square)
    return [(1 - share, mp.mpf(0)), (share / 2, size), (share / 2, -size)]


def _four_points(rng: Random, moments: dict[int, Number]) -> list[tuple[Number, Number]]:
    """Four random points with weights for the first three moments; one may be negative: a mean needs only the sum."""
    points = [_real(rng) for _ in range(4)]
    powers = mp.matrix([[point**power for point in points] for power in range(4)])
    weights = mp.lu_solve(powers, mp.matrix([1, moments[1], moments[2], moments[3]]))
    return list(zip(weights, points, strict=True))


def _joint(rng: Random, variables: Sequence[sp.Expr], moments: dict[int, Number]) -> list[Outcome]:
    """A law on three points of the joint space: about as dependent as variables can be."""
    weights = _probabilities(rng, 3)
    columns = [_fit(weights, [_real(rng) for _ in weights], moments) for _ in variables]
    return [
        (w, {v: column[k] for v, column in zip(variables, columns, strict=True)})
        for k, w in enumerate(weights)
    ]


def _fit(
    weights: Sequence[Number], values: Sequence[Number], moments: dict[int, Number]
) -> list[Number]:
    """Shift and stretch ``values`` so that they have the declared mean and second moment."""
    mean = mp.fdot(weights, values)
    if set(moments) - {1, 2}:
        raise NotImplementedError(f"no finite law is known for the moments {sorted(moments)}")
    if 1 not in moments:
        square = mp.fdot(weights, [v * v for v in values])
        stretch = mp.sqrt(moments[2] / square) if 2 in moments else 1
        return [stretch * v for v in values]
    spread = mp.sqrt(mp.fdot(weights, [(v - mean) ** 2 for v in values]))
    stretch = mp.sqrt(moments[2] - moments[1] ** 2) / spread if 2 in moments else 1
    return [moments[1] + stretch * (v - mean) for v in values]


def _moments(law: Law, value: Callable[[sp.Expr], Number]) -> dict[int, Number]:
    return {int(power): value(moment) for power, moment in law.moments.items()}


def _probabilities(rng: Random, count: int) -> list[Number]:
    parts = [mp.mpf(rng.uniform(0.2, 1.0)) for _ in range(count)]
    return [part / mp.fsum(parts) for part in parts]


def _real(rng: Random) -> Number:
    return mp.mpf(rng.choice((-1, 1)) * rng.uniform(0.2, 3.0))


def _gauss_hermite() -> list[tuple[Number, Number]]:
    """Five points that have the moments of N(0, 1) up to the ninth."""
    nodes = [0, *(s * mp.sqrt(5 + r * mp.sqrt(10)) for s in (1, -1) for r in (1, -1))]
    hermite4 = [x**4 - 6 * x**2 + 3 for x in nodes]
    return [(mp.mpf(120) / (25 * h * h), mp.mpf(x)) for h, x in zip(hermite4, nodes, strict=True)]
