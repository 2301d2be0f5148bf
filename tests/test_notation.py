"""Paper notes as tables of symbols: what is refused, in which words, and the assumptions that a domain means."""

from __future__ import annotations

import re

import pytest
import sympy as sp

from derivations.notation import DEEPEST, NotationError, by_layer, parse_note, read_paper, symbols

ROW = {"latex": "n", "unicode": "n", "say": "n", "meaning": "size", "unit": "count"}


def note(front: str) -> bytes:
    return f"---\nkey: some2020\n{front}\n---\nText.\n".encode()


def entry(**changed: object) -> str:
    fields = {**ROW, "domain": "positive integer", **changed}
    return "symbols: {n: {" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}}"


def symbol(**changed: object) -> sp.Symbol:
    return parse_note("some2020", note(entry(**changed))).symbols["n"].symbol


def test_a_domain_is_assumptions_and_a_range() -> None:
    assert symbol() == sp.Symbol("n", integer=True, positive=True)
    assert symbol(domain="real") == sp.Symbol("n", real=True)
    correlation = symbol(domain="correlation")
    assert (correlation.low, correlation.high) == (-1, 1)
    angle = symbol(domain="angle")
    assert (angle.low, angle.high) == (0, sp.pi)
    size = symbol(minimum=2)
    assert (size.low, size.is_integer, size.is_positive) == (2, True, True)
    width = symbol(domain="positive", minimum=1)
    assert (width.low, width.is_integer) == (1, None)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"minimum": "true"}, "minimum cannot be True"),
        ({"minimum": 1.5}, "minimum cannot be 1.5"),
        ({"ours": 1}, "ours cannot be 1"),
        ({"say": 3}, "say cannot be 3"),
        ({"colour": "red"}, "symbol 'n': the entry got an unexpected keyword argument 'colour'"),
        ({"domain": "natural"}, "domain 'natural' is not one of positive integer"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(NotationError, match=re.escape(said)):
        symbol(**changed)


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_brackets_are_as_deep_as_they_may_be(brackets: str) -> None:
    def nested(depth: int) -> str:
        inner = "1" if brackets == "[]" else "a: 1"
        for level in range(depth):
            inner = f"{brackets[0]}{inner}{brackets[1]}"
            if brackets == "{}" and level < depth - 1:
                inner = f"a: {inner}"
        return f"sections: {{a: {inner}}}"

    parse_note("some2020", note(nested(DEEPEST - 1)))  # within one of the table's own
    with pytest.raises(NotationError, match="front matter is not valid"):
        parse_note("some2020", note(nested(DEEPEST)))


def test_symbols_are_asked_for_by_name() -> None:
    (width,) = symbols("he2015", "fan_in")
    assert width == read_paper("he2015").symbols["fan_in"].symbol
    (layer,) = by_layer("he2015", "fan_in")
    assert layer(3).is_positive
    with pytest.raises(NotationError, match="declares no symbol 'width'; add it to its table"):
        symbols("he2015", "fan_in width")
    with pytest.raises(NotationError, match="there is no paper note 'he1995'; there are "):
        read_paper("he1995")
