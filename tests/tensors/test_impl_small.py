"""impl/tensors/small.py: what is small and plain is multiplied where it lies, all else is left to others."""

from __future__ import annotations

import pytest
import torch

from impl.tensors import small

A, B = torch.rand(5, 7), torch.rand(7, 3)
EXAMPLES = {
    "matmul_small": lambda: small.matmul_small(A, B),
    "is_plain": lambda: small.is_plain(A),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_edge_of_a_tile_comes_out_exactly(dtype: torch.dtype) -> None:
    """All widths up to two tiles and one: at the end of B a tile may not read on. Beyond B and C nothing is touched."""
    for columns in range(35):
        for rows, terms in ((1, 1), (6, 3), (7, 20), (13, 2), (0, 4), (4, 0)):
            room = torch.full((terms * columns + 40,), torch.nan, dtype=dtype)
            b = room[20 : 20 + terms * columns].view(terms, columns)
            b.copy_(torch.randint(-8, 9, (terms, columns)))
            a = torch.randint(-8, 9, (rows, terms)).to(dtype)
            found = small.matmul_small(a, b)
            assert found is not None and torch.equal(found, a @ b)


def test_what_is_large_or_not_plain_is_left_to_others() -> None:
    turned = torch.ones(3, 2, dtype=torch.complex64).conj().imag.contiguous()
    assert turned.is_neg() == (not small.is_plain(turned))
    for a, b in (
        (torch.ones(65, 64), torch.ones(64, 64)),
        (A.T.contiguous().T, B),
        (A, B.T.contiguous().T),
        (A.bfloat16(), B.bfloat16()),
        (torch.ones(5, 7, device="meta"), B),
        (torch._neg_view(A), B),
    ):
        assert small.matmul_small(a, b) is None
    most = torch.ones(64, 64)
    assert small.LARGEST == 64**3 and small.matmul_small(most, most) is not None


def test_a_threads_room_is_kept_and_has_place_for_long_numbers_though_short_ones_came_first() -> (
    None
):
    vars(small.ROOM).clear()  # as in a new thread
    small.matmul_small(A, B)
    room = small.ROOM.spare
    assert room.numel() * room.itemsize >= 8 * small.SPARE
    small.matmul_small(A.double(), B.double())
    assert small.ROOM.spare is room
