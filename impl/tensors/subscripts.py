"""The language of einsum: "ij,jk->ik", read letter by letter, and complained about with a finger on the place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NoReturn

from torch import Tensor

USES = ()

# A letter; or, for the dimensions under "...", -1 for the last, -2 for the one before it, and so on.
Label = str | int
Labels = tuple[Label, ...]


def parse(equation: str, operands: Sequence[Tensor]) -> tuple[list[Labels], Labels]:
    """The labels of every operand, and of the output, checked against the operands' shapes.

    Raises ValueError that points into the equation where it cannot be read, or does not fit.
    """
    terms, output = _terms(equation)
    if len(terms) != len(operands):
        last = max((at for term in terms for _, at in term), default=0)
        place = _start(equation, len(operands)) if len(terms) > len(operands) else last
        _complain(equation, place, f"{len(terms)} terms for {len(operands)} operands")
    inputs: list[Labels] = []
    sizes: dict[Label, int] = {}
    for number, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        labels = _named(equation, term, operand.dim(), number)
        for (label, at), size in zip(labels, operand.shape, strict=True):
            own = [n for (name, _), n in zip(labels, operand.shape, strict=True) if name == label]
            if len(set(own)) > 1:
                _complain(equation, at, f"{_shown(label)} has the sizes {own} in operand {number}")
            known = sizes.get(label, 1)
            if 1 not in (known, size) and known != size:
                _complain(equation, at, f"{_shown(label)} has size {known} before and {size} here")
            sizes[label] = size if known == 1 else known
        inputs.append(tuple(label for label, _ in labels))
    dots = sorted(label for label in sizes if isinstance(label, int))
    if output is not None:
        return inputs, _output(equation, output, sizes, dots)
    counts = Counter(label for labels in inputs for label in labels)
    letters = sorted(label for label in sizes if isinstance(label, str) and counts[label] == 1)
    return inputs, (*dots, *letters)


def _terms(equation: str) -> tuple[list[list[tuple[str, int]]], list[tuple[str, int]] | None]:
    """Letters and dots of each operand and of the output (None without an arrow), with their places."""
    terms: list[list[tuple[str, int]]] = [[]]
    output: list[tuple[str, int]] | None = None
    for symbol, at in _symbols(equation):
        if symbol == "->":
            if output is not None:
                _complain(equation, at, "a second arrow")
            output = []
        elif symbol == ",":
            if output is not None:
                _complain(equation, at, "the output is one term")
            terms.append([])
        else:
            term = terms[-1] if output is None else output
            if symbol == "..." and any(name == "..." for name, _ in term):
                _complain(equation, at, "a term may have '...' once")
            term.append((symbol, at))
    return terms, output


def _symbols(equation: str) -> Iterator[tuple[str, int]]:
    place = 0
    while place < len(equation):
        symbol = next((t for t in ("...", "->") if equation.startswith(t, place)), equation[place])
        if not (len(symbol) > 1 or symbol in ", " or (symbol.isascii() and symbol.isalpha())):
            _complain(equation, place, f"{symbol!r} is no letter, comma, arrow or '...'")
        if symbol != " ":
            yield symbol, place
        place += len(symbol)


def _named(
    equation: str, term: list[tuple[str, int]], dimensions: int, number: int
) -> list[tuple[Label, int]]:
    """A label for each dimension of an operand; those under "..." are counted from the last one."""
    letters = sum(name != "..." for name, _ in term)
    rest = dimensions - letters
    has_dots = letters < len(term)
    if rest < 0 or (rest > 0 and not has_dots):
        place = term[-1][1] if term else _start(equation, number)
        _complain(
            equation, place, f"{letters} letters for {dimensions} dimensions of operand {number}"
        )
    found: list[tuple[Label, int]] = []
    for name, at in term:
        found += [(k - rest, at) for k in range(rest)] if name == "..." else [(name, at)]
    return found


def _output(
    equation: str, output: list[tuple[str, int]], sizes: dict[Label, int], dots: list[int]
) -> Labels:
    found: list[Label] = []
    for name, at in output:
        if name != "..." and name not in sizes:
            _complain(equation, at, f"{name!r} is in no operand")
        if name in found:
            _complain(equation, at, f"{name!r} is twice in the output")
        found += dots if name == "..." else [name]
    return tuple(found)


def _start(equation: str, number: int) -> int:
    """Where a term begins, even if nothing is in it."""
    return sum(len(term) + 1 for term in equation.split(",")[:number])


def _shown(label: Label) -> str:
    return repr(label) if isinstance(label, str) else f"dimension {label} under '...'"


def _complain(equation: str, place: int, why: str) -> NoReturn:
    # a tab or the end of a line would move what follows away from the finger
    shown = "".join(symbol if symbol.isprintable() else "?" for symbol in equation)
    raise ValueError(f"einsum: {why}\n  {shown}\n  {' ' * place}^")


def sizes_of(inputs: Sequence[Labels], operands: Sequence[Tensor]) -> dict[Label, int]:
    """The size of every label: what is not 1, where one operand has it so."""
    sizes: dict[Label, int] = {}
    for labels, operand in zip(inputs, operands, strict=True):
        for label, size in zip(labels, operand.shape, strict=True):
            if sizes.get(label, 1) == 1:
                sizes[label] = size
    return sizes
