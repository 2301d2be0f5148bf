"""How the kernels are compiled, kept between runs, and given their operands.

Numba compiles Python as it is written, loop for loop; it brings no product of its own (see impl/rules.py). A kernel is
compiled when it is first called, once for each type, and kept in the user's cache under a name that says which sources
it came from: a change of one kernel's file makes all of them new, so none is ever older than what it calls.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import config, njit, types
from numba.extending import intrinsic
from torch import Tensor

from impl.tensors.matmul import _sizes

USES = ("torch.Tensor.detach", "torch.Tensor.contiguous", "torch.Tensor.numpy")
COMPILED_BY = ("numba",)


def compiled(kernel: Callable[..., Any]) -> Any:
    """``kernel`` as machine code, which lets other threads run; a product and a sum may be rounded as one.

    Nothing else that would change a result is allowed: no sum is reordered, and infinities and NaN stay.
    """
    before, config.CACHE_DIR = config.CACHE_DIR, config.CACHE_DIR or str(cache_folder())
    try:
        return njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(kernel)
    finally:
        config.CACHE_DIR = before


@intrinsic  # type: ignore[untyped-decorator]
def widest_vectors(_: Any) -> Any:
    """Within a kernel: use the widest vectors there are. LLVM takes half of them on many machines with AVX-512."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        attributes = builder.function.attributes  # a set that knows fewer names than LLVM does
        set.add(attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


@cache
def cache_folder() -> Path:
    """Where compiled kernels are kept; NUMBA_CACHE_DIR comes first."""
    caches = "Library/Caches" if sys.platform == "darwin" else ".cache"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / caches)
    impl = Path(__file__).parents[1]
    texts = (path.read_bytes() for path in sorted(impl.glob("*/*.py")))
    sources = [text for text in texts if b"COMPILED_BY" in text]
    return home / "companion-kernels" / hashlib.sha256(b"".join(sources)).hexdigest()[:16]


def operands(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both without gaps, row after row, and without their history: gradients do not flow through a kernel.

    Raises as :func:`impl.tensors.matmul.matmul`, and ValueError for what is neither float32 nor float64 in memory.
    """
    _sizes(a, b)
    if a.dtype.itemsize not in (4, 8) or a.device.type != "cpu" or b.device.type != "cpu":
        raise ValueError(
            "a kernel takes float32 or float64 on the CPU, "
            f"got {a.dtype} on {a.device} and {b.device}: matmul takes all"
        )
    return a.detach().contiguous(), b.detach().contiguous()


def run(kernel: Callable[..., Any], *tensors: Tensor) -> None:
    """Call ``kernel`` with the memory of ``tensors``, which it reads and writes in place."""
    kernel(*(tensor.numpy() for tensor in tensors))
