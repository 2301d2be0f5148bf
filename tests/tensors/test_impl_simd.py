"""impl/tensors/simd.py beside what every rung is tried on (test_impl_kernels.py): threads, and their room."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.testing import assert_close

from derivations.rows import ROOT
from impl.tensors import simd, small

A, B = torch.rand(256, 256), torch.rand(256, 64)


def alone() -> None:
    """As in a new thread, which has no room yet."""
    vars(simd.ROOM).clear()
    simd.matmul_simd(A, B)


EXAMPLES = {
    "matmul_simd": alone,
    "matmul_threads": lambda: simd.matmul_threads(A, B, threads=2),
    "height": lambda: simd.height(4),
}
SHAPES = [
    *((0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1), (5, 784, 10), (300, 3, 1), (7, 4, 32)),
    *((15, 9, 33), (2, 3, 2100), (173, 17, 70), (1, 70, 129), (145, 513, 5)),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_packed_comes_out_exactly_in_small_shapes_too(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small, "LARGEST", -1)
    for rows, terms, columns in SHAPES:
        a, b = (torch.randint(-8, 9, s).to(dtype) for s in ((rows, terms), (terms, columns)))
        assert torch.equal(simd.matmul_simd(a, b), a @ b)


def test_a_block_of_rows_is_whole_tiles_and_half_as_high_for_numbers_twice_as_long() -> None:
    for size in (4, 8):
        assert simd.height(size) % simd.ROWS == 0 < simd.height(size)
    assert simd.height(8) <= simd.height(4) / 2


FORKED = """
import os, torch
from impl.tensors import simd
a, b = torch.ones(200, 200), torch.ones(200, 200)
simd.matmul_threads(a, b, threads=2)
child = os.fork()
if child == 0:
    os._exit(0 if simd.matmul_threads(a, b, threads=2)[199, 199].item() == 200 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_process_has_threads_of_its_own() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", timeout=300)
    assert (done.stdout.strip(), done.returncode) == ("0", 0), done.stderr


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


def test_a_threads_room_is_kept() -> None:
    alone()
    room = vars(simd.ROOM)["torch.float32"]
    simd.matmul_simd(A.double(), B.double())
    simd.matmul_simd(A, B)
    assert vars(simd.ROOM)["torch.float32"] is room


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blocks_and_edges_come_out_exactly_in_a_thread_that_has_no_room_yet(
    dtype: torch.dtype,
) -> None:
    stream = torch.Generator().manual_seed(2)
    for rows, terms, columns in ((6 * simd.ROWS + 3, simd.DEPTH + 5, 40), (1, 3, 1), (3, 0, 2)):
        a, b = (
            torch.randint(-8, 9, shape, generator=stream).to(dtype)
            for shape in ((rows, terms), (terms, columns))
        )
        vars(simd.ROOM).clear()
        for rung in (simd.matmul_simd, simd.matmul_threads):
            assert_close(rung(a, b), a @ b, rtol=0, atol=0)


def test_few_products_are_one_threads_work_and_many_are_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strips = []
    monkeypatch.setattr(simd, "_multiply", lambda a, b, product: strips.append(len(a)))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    columns, terms = 64, simd.FEW // (64 * 16 * simd.ROWS)
    rows = -(-simd.FEW // (columns * terms))  # as few as are shared
    a, b = torch.zeros(rows, terms), torch.zeros(terms, columns)
    for given, threads in ((None, 4), (3, 3), (1, 1)):
        strips.clear()
        simd.matmul_threads(a, b, given)
        assert sum(strips) == rows and len(strips) == threads
        assert all(strip % simd.ROWS == 0 for strip in sorted(strips)[1:])
    strips.clear()
    simd.matmul_threads(a[1:], b)
    assert strips == [rows - 1]
