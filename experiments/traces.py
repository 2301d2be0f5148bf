"""What runs of stacks give, with weights or without: log mean squares by network and layer."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """log2 of mean squares, shape (networks, L + 1, vectors); a vector of zeros has -inf.

    ``forward[:, l]`` is that of x_l. ``backward[:, l]`` is that of the gradient with respect to z_l
    = W_l x_{l-1}, and for l = 0 with respect to the input; it is empty if the stack was run
    forwards only.
    """

    forward: FloatArray
    backward: FloatArray


def worker_count(workers: int, device: str = "cpu") -> int:
    """How many threads: as asked for, or one a core; a GPU is kept busy by one."""
    return 1 if device != "cpu" else workers or os.cpu_count() or 1
