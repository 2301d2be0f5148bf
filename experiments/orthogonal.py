"""X = Q R for many matrices of few columns: by Cholesky's factor of XᵀX, and by QR where that would lose digits.

XᵀX = RᵀR takes a matrix product and k³ / 3 steps, and Q = X R⁻¹ another product: several times faster than reflections.
But R's last digits are lost as 1 / pivot, the share of a column that those before it do not explain. So a matrix with a
pivot below LEAST, as of inputs that are nearly parallel, goes to LAPACK's QR, and loses none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.philox import compiled
from experiments.traces import FloatArray

LEAST = 1e-5  # of a column's square: at most 1e-10 of R is lost


def triangle(x: FloatArray) -> FloatArray:
    """R of x = Q R, for x of shape (matrices, rows, k): (matrices, rank, k); the rank is the less of rows and k."""
    if x.shape[1] < x.shape[2]:
        return np.asarray(np.linalg.qr(x, mode="r"))
    factor, _, fits = _cholesky(x)
    if not fits.all():
        factor[~fits] = np.linalg.qr(x[~fits], mode="r")
    return factor


def basis_and_triangle(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Q, of orthonormal columns, and R, the same as that of :func:`triangle`."""
    if x.shape[1] < x.shape[2]:
        q, r = np.linalg.qr(x)
        return np.asarray(q), np.asarray(r)
    factor, inverse, fits = _cholesky(x)
    basis = x @ inverse
    if not fits.all():
        basis[~fits], factor[~fits] = np.linalg.qr(x[~fits])
    return basis, factor


def _cholesky(x: FloatArray) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """R and its inverse, and for which matrices they can be trusted; else they are zeros."""
    gram = x.transpose(0, 2, 1) @ x
    factor, inverse = np.zeros_like(gram), np.zeros_like(gram)
    fits = np.ones(len(x), dtype=np.bool_)
    _factorise(np.ascontiguousarray(gram), factor, inverse, fits, LEAST)
    return factor, inverse, fits


@compiled
def _factorise(grams: Any, factors: Any, inverses: Any, fits: Any, least: float) -> None:
    for number in range(len(grams)):
        left, factor, inverse = grams[number], factors[number], inverses[number]
        k = len(left)
        squares = np.array([left[i, i] for i in range(k)])
        for i in range(k):
            if not left[i, i] > least * squares[i]:  # nor if it is not a number
                fits[number] = False
                factor[:], inverse[:] = 0.0, 0.0
                break
            factor[i, i:] = left[i, i:] / np.sqrt(left[i, i])
            for j in range(i + 1, k):
                left[j, j:] -= factor[i, j] * factor[i, j:]
        if fits[number]:
            for i in range(k - 1, -1, -1):
                inverse[i, i] = 1.0
                for j in range(i + 1, k):
                    inverse[i, j:] -= factor[i, j] * inverse[j, j:]
                inverse[i, i:] /= factor[i, i]
