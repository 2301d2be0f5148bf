"""Draws from a law whose distribution function is a table: its inverse at random shares, in Numba.

A guide (Chen and Asau 1974) tells for each of as many equal parts of 0 to 1 as there are points where to begin: from
there it is a step or two, however long the table is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.philox import compiled
from experiments.traces import FloatArray


def guide(below: FloatArray) -> npt.NDArray[np.int64]:
    """For each part of 0 to 1 the last point that is surely not beyond a share in it; ``below`` rises."""
    parts = np.arange(len(below)) / len(below)
    return np.maximum(np.searchsorted(below, parts, side="right") - 1, 0)


@compiled
def inverse(shares: Any, points: Any, below: Any, starts: Any, alive: float) -> None:
    """Put in the place of each share the number below which it is, or -inf from ``alive`` on.

    Between the ``points`` the distribution function is a straight line.
    """
    last = len(below) - 2
    for i in range(len(shares)):
        if shares[i] >= alive:
            shares[i] = -np.inf
            continue
        share = min(shares[i] / alive, 1.0)
        at = min(starts[min(int(share * len(starts)), len(starts) - 1)], last)
        while at < last and below[at + 1] < share:
            at += 1
        along = (share - below[at]) / (below[at + 1] - below[at])
        shares[i] = points[at] + min(max(along, 0.0), 1.0) * (points[at + 1] - points[at])
