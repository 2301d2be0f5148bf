"""Random numbers by counting and not by stepping: Philox4x32-10, and normal numbers from it, in Numba.

Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC11) enciphers a counter of four words of
32 bits with a key of two. So the numbers of any matrix can be made at once, anywhere, in any order, and loops over
counters become vector instructions. Two words make two normal numbers (Box and Muller 1958). Logarithm, sine and cosine
are polynomials, those of Cephes; no operation depends on the machine, hence all machines draw the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])
Counter = tuple[Any, Any, Any]  # the counter's last three words; the first one counts
Key = tuple[Any, Any]

LANES = 512  # counters side by side: their words stay in the first cache
FULL = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)  # of the key, from round to round
ROUNDS = 10

float32, int32 = np.float32, np.int32
LN2 = float32(math.log(2))
ROOT_HALF = int32(0x3F3504F3)  # the bits of √½
TURN = float32(2 * math.pi / 2**32)
LOG = tuple(  # ln(1 + m) = m - m²/2 + m³ · (this, highest power first), for √½ < 1 + m < √2
    map(
        float32,
        (
            *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1),
            *(1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1),
            3.3333331174e-1,
        ),
    )
)
SIN = tuple(map(float32, (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)))
COS = tuple(map(float32, (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)))


def compiled(function: Function) -> Function:
    """Compiled by Numba, once for this machine; it runs beside other threads."""
    made: Any = njit(cache=True, nogil=True, error_model="numpy")(function)
    return made


def inlined(function: Function) -> Function:
    """Compiled as a part of what calls it, so that its loop becomes vector instructions."""
    made: Any = njit(inline="always")(function)
    return made


def same_bits(to: Any, of: Any) -> Any:
    """A function of Numba's that takes the bits of a number of type ``of`` for a ``to``."""

    def bits(context: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(to))

        return to(of), generate

    return intrinsic(bits)


def _fma(context: Any, x: Any, y: Any, z: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


# x y + z, rounded once: an instruction where there is one, and the same bits where there is none
fma: Any = intrinsic(_fma)
bits_of = same_bits(types.int32, types.float32)
float_of = same_bits(types.float32, types.int32)


@inlined
def encipher(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Four random words for a counter and a key; all are below 2**32, and held in 64 bits."""
    for _ in range(ROUNDS):
        p, q = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (q >> HALF) ^ c1 ^ k0, q & FULL, (p >> HALF) ^ c3 ^ k1, p & FULL
        k0, k1 = (k0 + STEPS[0]) & FULL, (k1 + STEPS[1]) & FULL
    return c0, c1, c2, c3


@inlined
def radius(word: Any) -> Any:
    """√(-2 ln u) for u = (word's upper 31 bits + ½) / 2**31: the length of two normal numbers."""
    scaled = float32(int32(word >> np.uint32(1))) + float32(0.5)
    bits = bits_of(scaled)
    exponent = int32(int32(bits - ROOT_HALF) >> int32(23))
    m = float_of(int32(bits - int32(exponent << int32(23)))) - float32(1)
    tail = LOG[0]
    for i in range(1, len(LOG)):
        tail = fma(tail, m, LOG[i])
    log = fma(m * m, fma(tail, m, float32(-0.5)), m)
    log = fma(float32(int32(exponent - int32(31))), LN2, log)
    return math.sqrt(max(float32(-2) * log, float32(0)))


@inlined
def direction(word: Any) -> Any:
    """Cosine and sine of word / 2**32 of a turn: of what is left of it after quarters, which only swap them."""
    angle = int32(word)
    quarter = int32(int32(angle + int32(2**29)) >> int32(30))
    t = float32(int32(angle - int32(quarter << int32(30)))) * TURN
    z = t * t
    sine = fma(fma(fma(SIN[0], z, SIN[1]), z, SIN[2]) * z, t, t)
    cosine = fma(fma(fma(fma(COS[0], z, COS[1]), z, COS[2]), z, float32(-0.5)), z, float32(1))
    swapped = int32(quarter & int32(1)) != int32(0)
    x = bits_of(sine) if swapped else bits_of(cosine)
    y = bits_of(cosine) if swapped else bits_of(sine)
    left = int32(int32(int32(quarter + int32(1)) & int32(2)) << int32(30))  # the bit of the sign
    below = int32(int32(quarter & int32(2)) << int32(30))
    return float_of(int32(x ^ left)), float_of(int32(y ^ below))


@compiled
def four_rows(words: Any, first: Any, counter: Counter, key: Key) -> None:
    """The four words of each of the counters from ``first`` on, word by word: shape (4, LANES)."""
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    for i in range(LANES):
        a, b, c, d = encipher(
            np.uint64(first + i) & FULL, counter[0], counter[1], counter[2], key[0], key[1]
        )
        w0[i], w1[i], w2[i], w3[i] = np.uint32(a), np.uint32(b), np.uint32(c), np.uint32(d)


@compiled
def normal_pairs(lengths: Any, angles: Any, xs: Any, ys: Any, mean: Any, deviation: Any) -> None:
    """Two normal numbers for two words."""
    for i in range(len(lengths)):
        length = deviation * radius(lengths[i])
        x, y = direction(angles[i])
        xs[i], ys[i] = fma(length, x, mean), fma(length, y, mean)


@compiled
def evenly(words: Any, out: Any, low: Any, high: Any) -> None:
    """Numbers from ``low`` up to, but not, ``high``; 24 bits of each word count."""
    width = (high - low) * float32(2**-24)
    for i in range(len(words)):
        value = fma(float32(int32(words[i] >> np.uint32(8))), width, low)
        out[i] = value if value < high else low


@compiled
def _fill(
    out: Any, normal: Any, a: Any, b: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any
) -> None:
    counter, key = (np.uint64(c1), np.uint64(c2), np.uint64(c3)), (np.uint64(k0), np.uint64(k1))
    a, b = float32(a), float32(b)
    words = np.empty((4, LANES), np.uint32)
    flat, spare = words.reshape(-1), np.empty(4 * LANES, np.float32)
    for first in range(0, len(out), 4 * LANES):
        whole = first + 4 * LANES <= len(out)
        part = out[first : first + 4 * LANES] if whole else spare
        four_rows(words, first // 4, counter, key)
        if normal:
            half = 2 * LANES
            normal_pairs(flat[:half], flat[half:], part[:half], part[half:], a, b)
        else:
            evenly(flat, part, a, b)
        if not whole:
            out[first:] = spare[: len(out) - first]


def normal(
    out: npt.NDArray[np.float32],
    key: tuple[int, int],
    counter: tuple[int, int, int],
    mean: float = 0.0,
    deviation: float = 1.0,
) -> None:
    """Fill ``out``, flat and float32, with normal numbers; number i depends on i, key and counter alone.

    The largest that can come is 6.7 deviations from the mean; one of 4·10¹⁰ numbers would be beyond.
    """
    _fill(out, True, float(mean), float(deviation), *counter, *key)


def uniform(
    out: npt.NDArray[np.float32],
    key: tuple[int, int],
    counter: tuple[int, int, int],
    low: float = 0.0,
    high: float = 1.0,
) -> None:
    """Fill ``out``, flat and float32, evenly from ``low`` up to, but not, ``high``."""
    _fill(out, False, float(low), float(high), *counter, *key)
