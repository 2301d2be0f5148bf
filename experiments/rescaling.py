"""Vectors brought to ordinary size by powers of two, with their mean squares: in one go over each row, in Numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types

from experiments.philox import compiled, same_bits

of_bits = same_bits(types.float32, types.int32)


@compiled
def _largest(bits: Any) -> Any:
    """The bits of the largest size: those of numbers without their signs are in the numbers' order, nan above all."""
    most = np.int32(0)
    for i in range(len(bits)):
        most = max(most, np.int32(bits[i] & np.int32(0x7FFFFFFF)))
    return most


# the order of a sum is left to the compiler, which is the same for all networks on one machine
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _scaled(row: Any, out: Any, factor: Any) -> Any:
    total = 0.0
    for i in range(len(row)):
        out[i] = row[i] * factor
        total += np.float64(out[i]) * np.float64(out[i])
    return total


@compiled
def rescaled(vectors: Any, out: Any, exponents: Any, squares: Any) -> None:
    """Fill ``out`` with each row times 2**-exponent, of size 1/2 to 1; ``squares`` with its mean squares.

    A row of zeros has the exponent 1; one with a number that is none, or infinite, becomes nan.
    """
    bits = vectors.view(np.int32)
    for row in range(len(vectors)):
        most = of_bits(_largest(bits[row]))
        mantissa, exponent = math.frexp(most if most != 0 else np.float32(1))
        factor = np.float32(mantissa) / (most if most != 0 else np.float32(1))
        exponents[row, 0] = exponent
        squares[row] = _scaled(vectors[row], out[row], factor) / vectors.shape[1]
