"""impl/tensors/tile.py: a tile alone, and on a machine without wide registers."""

from __future__ import annotations

import os
import subprocess
import sys

from derivations.rows import ROOT

EXAMPLES: dict[str, object] = {}  # the tile is for kernels, and those of simd.py call it


PLAIN = """
import torch
from impl.tensors import kernels, simd, small, tile
assert not tile.WIDE and tile.VECTOR == 32, "the features of another machine are not taken"
a, b = torch.arange(77.0).view(7, 11), torch.arange(341.0).view(11, 31)
assert torch.equal(simd.matmul_simd(a, b), a @ b)  # unpacked
small.LARGEST = -1
for rung in (simd.matmul_simd, kernels.matmul_registers, kernels.matmul_tiles):
    assert torch.equal(rung(a, b), a @ b)
asm = "".join(simd.multiply.inspect_asm().values())
assert asm
print(any(word in asm for word in ("ymm", "vfmadd")))
"""


def test_a_machine_without_wide_registers_gets_the_same_product() -> None:
    """Numba and the tile are told of no feature: LLVM makes narrow instructions, without fused ones."""
    env = os.environ | {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", PLAIN], env=env, cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"
