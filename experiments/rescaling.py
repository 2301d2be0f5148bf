"""Vectors brought to ordinary size by powers of two, and their mean squares: each in one go over a row, in Numba."""

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


@compiled
def rescaled(vectors: Any, out: Any, exponents: Any) -> None:
    """Fill ``out`` with each row times 2**-exponent, of size 1/2 to 1.

    A row of zeros has the exponent 1; one with a number that is none, or infinite, becomes nan.
    """
    bits = vectors.view(np.int32)
    for row in range(len(vectors)):
        most = of_bits(_largest(bits[row]))
        most = most if most != 0 else np.float32(1)
        mantissa, exponents[row, 0] = math.frexp(most)
        factor = np.float32(mantissa) / most
        for i in range(vectors.shape[1]):
            out[row, i] = vectors[row, i] * factor


# the order of a sum is left to the compiler, which is the same for all networks on one machine
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
def mean_squares(vectors: Any, out: Any) -> None:
    """Fill ``out`` with the mean square of each row, summed in float64."""
    for row in range(len(vectors)):
        total = 0.0
        for i in range(vectors.shape[1]):
            total += np.float64(vectors[row, i]) * np.float64(vectors[row, i])
        out[row] = total / vectors.shape[1]
