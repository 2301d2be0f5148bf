"""Einsum against torch and numpy: tables of equations, and generated ones."""

from __future__ import annotations

import string

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck
from torch.testing import assert_close

from impl.tensors.einsum import einsum, einsum_gradients, einsum_loops
from impl.tensors.subscripts import parse

A, B, G = torch.arange(6.0).reshape(2, 3), torch.arange(12.0).reshape(3, 4), torch.ones(2, 4)
PROPERTY = settings(max_examples=150)
EXAMPLES = {
    "einsum": lambda: [einsum("ij,jk", A, B), einsum("ij->", A)],
    "einsum_loops": lambda: einsum_loops("ij,jk", A, B),
    "einsum_gradients": lambda: einsum_gradients("ij,jk->ik", G, A, B),
}

# What the suites of numpy and torch go through: sizes 2 to 6 for the letters that an equation has.
TABLE = """
i i-> i->i ...->... ...i->... i...->i... ij->ji ij ba ij->j ij-> ii ii->i iij->ij iji->ij ...ii->...i ...ii
i...i->... i,i i,i-> i,i->i i,j i,j->ji ij,j ij,j->i ij,jk ij,jk->ik ij,kj->ik ij,jk->ki bij,bjk->bik bij,bjk
bij,jk->bik ...ij,...jk ...ij,...jk->...ik ...ij,jk->...ik ij,...jk->...ik ij...,jk...->ik... i...j,j...->i...
ij,ij ij,ij->ij ij,ji-> ij,ji->ij ii,ii->i ii,jj-> ii,i->i ijk,ijk->ijk ijkl,kl->ij ijkl,lmn->ijkmn abcd,dcba
i,ij,j i,ij,j-> ij,jk,kl ij,jk,kl->il ij,jk,ki ba,bb,bc->ac ab,cd,ef->fdb a,b,c,d->dcba ij,ij,ij ij,i,j->
ea,fb,abcd,gc,hd->efgh abc,ad,be,cf->def a,ab,abc->abc ab,ab,c-> ab,cd,cd,cd,cd->ab ab,ab,cd,cd->ac aab,bcc->ac
aef,fbc,dca->bde baa,dcf,af,cde->be cb,d,b,e->eb bdhe,acad,hiab,agac,hibd->bde aB,Bc AaB->Ba zYx,x->Yz
bca,cdb,dbf,afc-> efc,dbc,acf,fd->abe dba,ead,cad->bce
"""
EQUATIONS = TABLE.split()


def operands_of(equation: str, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    letters = sorted(set(equation) & set(string.ascii_letters))
    sizes = {letter: 2 + k % 3 for k, letter in enumerate(letters)}
    stream = torch.Generator().manual_seed(1)
    found = []
    for number, term in enumerate(equation.split("->")[0].split(",")):
        before, dots, after = term.partition("...")
        rest = [(2, 3), (1, 3), (3,)][number % 3] if dots else ()
        shape = [*(sizes[x] for x in before), *rest, *(sizes[x] for x in after)]
        found.append(torch.randn(shape, generator=stream, dtype=torch.float64).to(dtype))
    return found


@pytest.mark.parametrize("equation", EQUATIONS)
def test_the_equations_of_torchs_and_numpys_suites(equation: str) -> None:
    operands = operands_of(equation)
    ours = einsum(equation, *operands)
    assert_close(ours, torch.einsum(equation, *operands))
    theirs = np.einsum(equation, *(operand.numpy() for operand in operands))
    assert_close(ours, torch.from_numpy(np.asarray(theirs)))
    if sum(operand.numel() for operand in operands) < 100 and len(set(equation)) < 9:
        assert_close(einsum_loops(equation, *operands), ours)


@pytest.mark.parametrize("equation", EQUATIONS)
def test_gradients_are_einsums_with_the_subscripts_permuted(equation: str) -> None:
    operands = [operand.requires_grad_() for operand in operands_of(equation)]
    result = torch.einsum(equation, *operands)
    gradient = torch.randn(result.shape, dtype=torch.float64)
    theirs = torch.autograd.grad(result, operands, gradient)
    plain = [operand.detach() for operand in operands]
    for mine, other in zip(einsum_gradients(equation, gradient, *plain), theirs, strict=True):
        assert_close(mine, other)


@st.composite
def problems(draw: st.DrawFn) -> tuple[str, list[Tensor]]:
    """An equation of up to three terms over five letters, any output, sizes 0 to 3, 1 where it is stretched."""
    letters = "abcde"
    sizes = {x: draw(st.integers(0, 3)) for x in letters}
    dots = draw(st.lists(st.integers(0, 3), max_size=2))
    terms, shapes, dotted = [], [], False
    for _ in range(draw(st.integers(1, 3))):
        term = "".join(draw(st.lists(st.sampled_from(letters), max_size=3)))
        one = {x: 1 if draw(st.integers(0, 5)) == 0 else sizes[x] for x in letters}
        shape = [one[x] for x in term]
        if draw(st.booleans()):
            at = draw(st.integers(0, len(term)))
            keep = draw(st.integers(0, len(dots)))
            term, shape = f"{term[:at]}...{term[at:]}", shape[:at] + dots[keep:] + shape[at:]
            dotted = True
        terms.append(term)
        shapes.append(shape)
    equation = ",".join(terms)
    if draw(st.booleans()):
        there = sorted(set(equation) & set(letters)) + ["..."] * dotted
        output = draw(st.permutations(there))[: draw(st.integers(0, len(there)))]
        equation += "->" + "".join(output)
    dtype = draw(st.sampled_from((torch.float64, torch.float32, torch.bfloat16)))
    stream = torch.Generator().manual_seed(draw(st.integers(0, 9)))
    operands = [torch.randn(shape, generator=stream).to(dtype) for shape in shapes]
    if draw(st.booleans()):  # another layout in memory
        operands = [x.mT.contiguous().mT if x.dim() > 1 else x for x in operands]
    return equation, operands


@PROPERTY
@given(problem=problems())
def test_generated_equations_are_torchs(problem: tuple[str, list[Tensor]]) -> None:
    equation, operands = problem
    try:
        theirs = torch.einsum(equation, *operands)
    except RuntimeError:
        with pytest.raises(ValueError, match=r"^einsum: "):
            einsum(equation, *operands)
        return
    ours = einsum(equation, *operands)
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    exact = torch.einsum(equation, *(operand.double() for operand in operands))
    assert ((ours - exact).abs() <= rounding(equation, operands)).all()


def rounding(equation: str, operands: list[Tensor]) -> Tensor:
    """How far from exact an entry may be: each product and each sum is rounded once, to the operands' type.

    Sums of few bits are gathered in float32: one rounding a term.
    """
    size = torch.einsum(equation, *(operand.double().abs() for operand in operands))
    terms = torch.einsum(equation, *(torch.ones_like(x, dtype=torch.float64) for x in operands))
    last = torch.finfo(operands[0].dtype).eps
    gathered = min(last, torch.finfo(torch.float32).eps)
    return size * (2 * len(operands) * last + terms * gathered)


ENTRIES = st.sampled_from([*range(-2, 3), float("nan"), float("inf"), float("-inf")])


@PROPERTY
@given(problem=problems(), data=st.data())
def test_the_definition_says_the_same_of_numbers_and_of_what_is_none(
    problem: tuple[str, list[Tensor]], data: st.DataObject
) -> None:
    equation, operands = problem
    operands = [operand.double() for operand in operands]
    try:
        parse(equation, operands)
    except ValueError:
        return
    for operand in operands:  # small whole numbers: no sum is rounded, in any order
        count = operand.numel()
        values = data.draw(st.lists(ENTRIES, min_size=min(count, 6), max_size=min(count, 6)))
        entries = [*values, *(k % 4 - 1 for k in range(count - len(values)))]
        operand.copy_(torch.tensor(entries, dtype=torch.float64).reshape(operand.shape))
    ours, loops = einsum(equation, *operands), einsum_loops(equation, *operands)
    assert_close(ours, loops, rtol=0, atol=0, equal_nan=True)


# What numpy and torch both refuse: an equation and the shapes that it is given.
REFUSED: tuple[tuple[str, list[tuple[int, ...]]], ...] = (
    *(("", [(2, 3)]), ("i", [(2, 3)]), ("ijk", [(2, 3)]), ("ij->", [()]), ("...ijk", [(2, 3)])),
    *(("ij", [(2, 3), (3,)]), ("ij,", [(2, 3)]), ("ij,jk", [(2, 3)]), (",", [()]), ("", [])),
    *(("i,i", [(3,), (4,)]), ("ij,jk", [(2, 3), (4, 3)]), ("ij,jk->ik", [(2, 0), (3, 4)])),
    *(("ii", [(2, 3)]), ("ii->i", [(3, 1)]), ("ii", [(1, 3)]), ("...ii->...i", [(2, 2, 3)])),
    *(("...,...", [(2, 3), (2,)]), ("a...,b...->ab...", [(2, 3), (3, 4)])),
    *(("ij->ik", [(2, 3)]), ("ij->iji", [(2, 3)]), ("ij->ii", [(2, 3)]), ("->i", [()])),
    *(("i->j->k", [(3,)]), ("ij->i,j", [(2, 3)]), ("ij->i>", [(2, 3)]), ("ij>", [(2, 3)])),
    *(("ij-", [(2, 3)]), ("-ij", [(2, 3)]), ("ij- >i", [(2, 3)]), ("i-j", [(2, 3)])),
    *(
        ("i1", [(2, 3)]),
        ("i%", [(2, 3)]),
        ("i_j", [(2, 3)]),
        ("i\nj", [(2, 3)]),
        ("i\tj", [(2, 3)]),
    ),
    *((".", [(2, 3)]), ("..", [(2, 3)]), (".i.", [(2, 3)]), ("i..", [(2, 3)]), ("i. ..", [(2, 3)])),
    *(("....", [(2, 3)]), ("i....j", [(2, 3)]), ("i...j...", [(2, 3)]), ("ij->......", [(2, 3)])),
)


@pytest.mark.parametrize(("equation", "shapes"), REFUSED)
def test_what_torch_and_numpy_refuse_is_refused(
    equation: str, shapes: list[tuple[int, ...]]
) -> None:
    operands = [torch.zeros(shape) for shape in shapes]
    with pytest.raises((RuntimeError, ValueError)):
        torch.einsum(equation, *operands)
    with pytest.raises(ValueError):  # noqa: PT011 - numpy's words are its own
        np.einsum(equation, *(operand.numpy() for operand in operands))
    with pytest.raises(ValueError, match=r"^einsum: .*\n  [^^]*\n +\^$"):
        einsum(equation, *operands)


@pytest.mark.parametrize("equation", ["...ij->ij", "...i->i", "i...->i", "...->", "...i,i->"])
def test_dimensions_under_dots_that_the_output_leaves_out_are_summed_as_in_torch(
    equation: str,
) -> None:
    operands = operands_of(equation)
    assert_close(einsum(equation, *operands), torch.einsum(equation, *operands))
    with pytest.raises(ValueError, match=r"no ellipsis|more dimensions"):
        np.einsum(equation, *(operand.numpy() for operand in operands))


@pytest.mark.parametrize("types", [("float32", "float64"), ("int32", "float64"), ("bool", "bool")])
def test_types_that_torch_refuses_come_out_as_in_numpy(types: tuple[str, str]) -> None:
    operands = [x.to(getattr(torch, kind)) for x, kind in zip((A, B), types, strict=True)]
    theirs = np.einsum("ij,jk", *(operand.numpy() for operand in operands))
    assert_close(einsum("ij,jk", *operands), torch.from_numpy(theirs), rtol=1e-14, atol=0)
    with pytest.raises(RuntimeError):
        torch.einsum("ij,jk", *operands)


def test_whole_numbers_stay_whole() -> None:
    a = torch.arange(6, dtype=torch.int32).reshape(2, 3)
    assert einsum("ij->j", a).dtype == torch.int32
    assert einsum("ij,ij->", a, a).item() == 55


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_spreads_as_in_torch(bad: float) -> None:
    a, b = A.clone(), B.clone()
    a[0, 1] = bad
    assert_close(einsum("ij,jk", a, b), torch.einsum("ij,jk", a, b), equal_nan=True)


def test_autograd_goes_through() -> None:
    operands = [operand.requires_grad_() for operand in operands_of("iij,jk->ik")]
    assert gradcheck(lambda *given: einsum("iij,jk->ik", *given), operands)


def test_a_gradient_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gradient must have shape \(2, 4\), got \(4, 2\)"):
        einsum_gradients("ij,jk->ik", torch.zeros(4, 2), A, B)
