"""The language of einsum: what it reads, and where it points when it cannot."""

from __future__ import annotations

import pytest
import torch

from impl.tensors.subscripts import parse, sizes_of

A, B = torch.zeros(2, 3), torch.zeros(3, 4)
EXAMPLES = {
    "parse": lambda: parse("ij,jk->ik", (A, B)),
    "sizes_of": lambda: sizes_of([("i", "j")], [A]),
}


@pytest.mark.parametrize(
    ("equation", "shapes", "inputs", "output"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)], [("i", "j"), ("j", "k")], ("i", "k")),
        (" i j , j k ", [(2, 3), (3, 4)], [("i", "j"), ("j", "k")], ("i", "k")),
        ("ba", [(2, 3)], [("b", "a")], ("a", "b")),
        ("aB", [(2, 3)], [("a", "B")], ("B", "a")),  # capitals first, as in torch and numpy
        ("ii", [(2, 2)], [("i", "i")], ()),
        ("...j,jk", [(5, 2, 3), (3, 4)], [(-2, -1, "j"), ("j", "k")], (-2, -1, "k")),
        ("i...->...", [(5, 2, 3)], [("i", -2, -1)], (-2, -1)),
        ("...->", [()], [()], ()),
        ("->", [()], [()], ()),
    ],
)
def test_labels(equation: str, shapes: object, inputs: object, output: object) -> None:
    operands = [torch.zeros(shape) for shape in shapes]  # type: ignore[attr-defined]
    assert parse(equation, operands) == (inputs, output)


@pytest.mark.parametrize(
    ("equation", "operands", "why", "finger"),
    [
        ("ij,jk->il", (A, B), "'l' is in no operand", 8),
        ("ij,j1", (A, B), "'1' is no letter, comma, arrow or '...'", 4),
        ("ij,jé", (A, B), "'é' is no letter, comma, arrow or '...'", 4),
        ("ij,jk,k", (A, B), "3 terms for 2 operands", 6),
        ("ij", (A, B), "1 terms for 2 operands", 1),
        ("", (A, B), "1 terms for 2 operands", 0),
        ("", (), "1 terms for 0 operands", 0),
        ("ij,", (A,), "2 terms for 1 operands", 3),
        ("ij,jkl,k", (A,), "3 terms for 1 operands", 3),
        ("", (A,), "0 letters for 2 dimensions of operand 0", 0),
        ("->ij", (A,), "0 letters for 2 dimensions of operand 0", 0),
        (",ij", (A, B), "0 letters for 2 dimensions of operand 0", 0),
        ("ij,,k", (A, B, A), "0 letters for 2 dimensions of operand 1", 3),
        ("ijk,jk", (A, B), "3 letters for 2 dimensions of operand 0", 2),
        ("i,jk", (A, B), "1 letters for 2 dimensions of operand 0", 0),
        ("...ijk", (A,), "3 letters for 2 dimensions of operand 0", 5),
        ("ij,kj", (A, B), "'j' has size 3 before and 4 here", 4),
        ("...i,...i", (A, B.T), "dimension -1 under '...' has size 2 before and 4 here", 5),
        ("ii", (A,), "'i' has the sizes [2, 3] in operand 0", 0),
        ("ij->ii", (A,), "'i' is twice in the output", 5),
        ("i->j->k", (A,), "a second arrow", 4),
        ("ij.", (A,), "'.' is no letter, comma, arrow or '...'", 2),
        ("......", (A,), "a term may have '...' once", 3),
        ("ij->i,j", (A,), "the output is one term", 5),
        ("i j ->  x", (A,), "'x' is in no operand", 8),
    ],
)
def test_complaints_point_at_the_place(
    equation: str, operands: tuple[torch.Tensor, ...], why: str, finger: int
) -> None:
    with pytest.raises(ValueError, match=r"^einsum: ") as caught:
        parse(equation, operands)
    assert str(caught.value) == f"einsum: {why}\n  {equation}\n  {' ' * finger}^"


def test_a_tab_or_a_new_line_does_not_move_the_finger() -> None:
    with pytest.raises(ValueError, match=r"^einsum: ") as caught:
        parse("ij,\njk\t", (A, B))
    assert str(caught.value) == (
        "einsum: '\\n' is no letter, comma, arrow or '...'\n  ij,?jk?\n  " + " " * 3 + "^"
    )


def test_a_size_of_one_gives_way() -> None:
    assert sizes_of([("i", "j"), ("j", "i")], [torch.zeros(1, 3), torch.zeros(3, 4)]) == {
        "i": 4,
        "j": 3,
    }
    assert sizes_of([("i",), ("i",)], [torch.zeros(1), torch.zeros(0)]) == {"i": 0}


@pytest.mark.parametrize("shapes", [(3, 1), (1, 3), (1, 3, 1), (3, 1, 3)])
def test_what_is_not_one_says_how_large_a_label_is(shapes: tuple[int, ...]) -> None:
    operands = [torch.zeros(size) for size in shapes]
    assert sizes_of([("i",)] * len(shapes), operands) == {"i": 3}
    assert parse(",".join("i" * len(shapes)), operands)[1] == ()


def test_a_one_in_between_hides_no_disagreement() -> None:
    with pytest.raises(ValueError, match="einsum: "):
        parse("i,i,i", [torch.zeros(size) for size in (3, 1, 2)])
