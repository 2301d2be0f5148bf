"""impl/tensors/simd.py beside what every rung is tried on (test_impl_kernels.py): threads, and their room."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch

from impl.tensors import simd

A, B = torch.rand(256, 256), torch.rand(256, 64)


def alone() -> None:
    """As in a new thread, which has no room yet."""
    vars(simd.ROOM).clear()
    simd.matmul_simd(A, B)


EXAMPLES = {"matmul_simd": alone, "matmul_threads": lambda: simd.matmul_threads(A, B, threads=2)}


def test_threads_share_the_rows_and_callers_do_not_share_their_room() -> None:
    a, b = torch.randn(1024, 70), torch.randn(70, 90)
    one = simd.matmul_threads(a, b, threads=1)
    assert simd.FEW <= 1024 * 70 * 90  # else only one would work
    for threads in (2, 3, 100):
        assert torch.equal(simd.matmul_threads(a, b, threads=threads), one)
    with ThreadPoolExecutor(4) as pool:
        assert all(
            torch.equal(found, one) for found in pool.map(simd.matmul_simd, [a] * 9, [b] * 9)
        )
