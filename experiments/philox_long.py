"""Normal numbers of 53 bits from Philox, as :mod:`experiments.philox` has those of 24: two for four words.

For what asks where a number's sign changes, to many digits: angles of 1e-12 between two inputs of a network. Logarithm,
sine and cosine are those of Sun's fdlibm.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from experiments.philox import LANES, compiled, four_rows, inlined, same_bits

LN2 = math.log(2)
TURN = 2 * math.pi / 2**64
ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)  # the bits of √½
LOG = (  # of s² = (m / (2 + m))², highest power first
    *(1.479819860511658591e-1, 1.531383769920937332e-1, 1.818357216161805012e-1),
    *(2.222219843214978396e-1, 2.857142874366239149e-1, 3.999999999940941908e-1),
    6.666666666666735130e-1,
)
SIN = (
    *(1.58969099521155010221e-10, -2.50507602534068634195e-8, 2.75573137070700676789e-6),
    *(-1.98412698298579493134e-4, 8.33333333332248946124e-3, -1.66666666666666324348e-1),
)
COS = (
    *(-1.13596475577881948265e-11, 2.08757232129817482790e-9, -2.75573143513906633035e-7),
    *(2.48015872894767294178e-5, -1.38888888888741095749e-3, 4.16666666666666019037e-2),
)

bits_of = same_bits(types.int64, types.float64)
float_of = same_bits(types.float64, types.int64)


@inlined
def radius(high: Any, low: Any) -> Any:
    """√(-2 ln u) for u = (the upper 53 of 64 bits + ½) / 2**53."""
    word = (np.uint64(high) << np.uint64(32)) | np.uint64(low)
    scaled = float(np.int64(word >> np.uint64(11))) + 0.5
    bits = bits_of(scaled)
    exponent = (bits - ROOT_HALF) >> np.int64(52)
    m = float_of(bits - (exponent << np.int64(52))) - 1.0
    s = m / (2.0 + m)
    z = s * s
    tail = LOG[0]
    for i in range(1, len(LOG)):
        tail = tail * z + LOG[i]
    half = 0.5 * m * m
    log = (exponent - 53) * LN2 - ((half - s * (half + tail * z)) - m)
    return math.sqrt(max(-2.0 * log, 0.0))


@inlined
def direction(high: Any, low: Any) -> Any:
    """Cosine and sine of 64 bits of a turn."""
    angle = np.int64((np.uint64(high) << np.uint64(32)) | np.uint64(low))
    quarter = (angle + np.int64(2**61)) >> np.int64(62)
    t = float(angle - (quarter << np.int64(62))) * TURN
    z = t * t
    sine, cosine = SIN[0], COS[0]
    for i in range(1, len(SIN)):
        sine, cosine = sine * z + SIN[i], cosine * z + COS[i]
    sine, cosine = t + t * z * sine, 1.0 - 0.5 * z + z * z * cosine
    swapped = (quarter & np.int64(1)) != 0
    x = bits_of(sine) if swapped else bits_of(cosine)
    y = bits_of(cosine) if swapped else bits_of(sine)
    left = ((quarter + np.int64(1)) & np.int64(2)) << np.int64(62)  # the bit of the sign
    below = (quarter & np.int64(2)) << np.int64(62)
    return float_of(x ^ left), float_of(y ^ below)


@compiled
def _pairs(a: Any, b: Any, c: Any, d: Any, xs: Any, ys: Any) -> None:
    for i in range(len(a)):
        length = radius(a[i], b[i])
        x, y = direction(c[i], d[i])
        xs[i], ys[i] = length * x, length * y


@compiled
def _fill(out: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> None:
    counter, key = (np.uint64(c1), np.uint64(c2), np.uint64(c3)), (np.uint64(k0), np.uint64(k1))
    words, spare = np.empty((4, LANES), np.uint32), np.empty(2 * LANES, np.float64)
    for first in range(0, len(out), 2 * LANES):
        whole = first + 2 * LANES <= len(out)
        part = out[first : first + 2 * LANES] if whole else spare
        four_rows(words, first // 2, counter, key)
        _pairs(words[0], words[1], words[2], words[3], part[:LANES], part[LANES:])
        if not whole:
            out[first:] = spare[: len(out) - first]


def normal(
    out: npt.NDArray[np.float64], key: tuple[int, int], counter: tuple[int, int, int]
) -> None:
    """Fill ``out``, flat and float64, with standard normal numbers; number i depends on i, key and counter alone."""
    _fill(out, *counter, *key)
