"""The papers' symbol tables: where every symbol of a derivation is declared, once.

A paper note (``papers/he2015.md``) opens with YAML front matter. Its ``symbols`` table gives each symbol
a name in our code, its LaTeX, how it is said aloud, its meaning, its unit and its domain. The domain
becomes the SymPy assumptions, and the range from which numeric checks draw.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_type_hints

import sympy as sp
import yaml

from derivations.domains import bounded
from derivations.rows import ROOT, Refusal

PAPERS = ROOT / "papers"
LARGEST_NOTE = 50_000  # bytes; a note is a few kilobytes, so anything larger is a mistake
DEEPEST = 20  # brackets within brackets

DOMAINS: dict[str, dict[str, bool]] = {
    "positive integer": {"integer": True, "positive": True},
    "integer": {"integer": True},
    "positive": {"positive": True},
    "nonnegative": {"nonnegative": True},
    "real": {"real": True},
    "correlation": {"real": True},  # between -1 and 1
    "probability": {"positive": True},  # between 0 and 1
    "angle": {"positive": True},  # between 0 and π
}
# What the front matter may hold, where it holds it.
FRONT: dict[str, type] = {"title": str, "authors": list, "year": int, "venue": str, "url": str}
FRONT |= {"bibtex": str, "sections": dict, "symbols": dict, "equations": dict}
WORDS = {str: "text", list: "a list", int: "a number", dict: "a table"}
SAID = ("latex", "says")  # of an equation
RANGES = {"correlation": (-1, 1), "probability": (0, 1), "angle": (0, sp.pi)}


class NotationError(Refusal):
    """A paper note that cannot be read, or a symbol that no table declares."""


@dataclass(frozen=True)
class Entry:
    """One line of a paper's symbol table."""

    name: str
    latex: str
    unicode: str
    say: str
    meaning: str
    unit: str
    domain: str
    minimum: int | None = None
    ours: bool = False

    @property
    def symbol(self) -> sp.Symbol:
        """The SymPy symbol: the entry's name, with the assumptions and the range of its domain."""
        if self.domain in RANGES:
            return bounded(self.name, *RANGES[self.domain])
        if self.minimum is not None:
            return bounded(self.name, self.minimum, integer="integer" in self.domain)
        return sp.Symbol(self.name, **DOMAINS[self.domain])


@dataclass(frozen=True)
class Paper:
    """A paper note: its citation, its equations by number, its symbols by name, and our text."""

    key: str
    front: Mapping[str, Any]
    symbols: Mapping[str, Entry]
    body: str

    @property
    def equations(self) -> Mapping[str, Mapping[str, str]]:
        """The paper's equations that we refer to, by their printed number."""
        return self.front.get("equations") or {}


class _NoteLoader(yaml.SafeLoader):
    """PyYAML's safe loader without aliases (which can be nested into a bomb), deep nesting, or repeated keys."""

    def fetch_flow_collection_start(self, token: type) -> None:
        if self.flow_level >= DEEPEST:  # each level makes every later token slower
            raise NotationError(f"nested more than {DEEPEST} deep")
        super().fetch_flow_collection_start(token)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise NotationError("YAML aliases (*name) are not allowed in a paper note")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = sorted({str(key) for key in keys if keys.count(key) > 1})
        if repeated:
            raise NotationError(f"repeated key {', '.join(repeated)}")
        return super().construct_mapping(node, deep)


def parse_note(key: str, content: bytes) -> Paper:
    """Read a note from a file's content. Raises NotationError, naming the note and what is wrong with it."""
    if len(content) > LARGEST_NOTE:
        raise NotationError(f"papers/{key}.md: larger than {LARGEST_NOTE:,} bytes")
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise NotationError(f"papers/{key}.md: not UTF-8: {error}") from None
    opening, *rest = text.split("---\n", 2)
    if opening.strip() or len(rest) != 2:
        raise NotationError(f"papers/{key}.md: expected YAML front matter between two lines of ---")
    try:
        front = _NoteLoader(rest[0]).get_single_data()
    except (yaml.YAMLError, NotationError, ValueError, RecursionError) as error:
        raise NotationError(f"papers/{key}.md: front matter is not valid: {error}") from None
    if not isinstance(front, dict) or front.get("key") != key:
        raise NotationError(f"papers/{key}.md: front matter must have 'key: {key}'")
    for field, kind in FRONT.items():
        if not isinstance(front.get(field, kind()), kind):
            raise NotationError(f"papers/{key}.md: '{field}' must be {WORDS[kind]}")
    for number, row in front.get("equations", {}).items():
        if not isinstance(row, dict) or not all(isinstance(row.get(k), str) for k in SAID):
            raise NotationError(f"papers/{key}.md: equation {number!r} needs {' and '.join(SAID)}")
    symbols = {name: _entry(key, name, row) for name, row in front.get("symbols", {}).items()}
    return Paper(key, front, symbols, rest[1])


def _entry(key: str, name: object, row: object) -> Entry:
    if not isinstance(name, str) or not name.isidentifier() or not isinstance(row, dict):
        raise NotationError(f"papers/{key}.md: symbol {name!r} must be a name with a table")
    try:
        entry = Entry(name=name, **row)
    except TypeError as error:
        problem = str(error).replace("Entry.__init__()", "the entry")
        raise NotationError(f"papers/{key}.md: symbol {name!r}: {problem}") from None
    for field, kind in get_type_hints(Entry).items():
        value = getattr(entry, field)
        if not isinstance(value, kind) or (field == "minimum" and isinstance(value, bool)):
            raise NotationError(
                f"papers/{key}.md: symbol {name!r}: {field} cannot be {value!r:.40}"
            )
    if entry.domain not in DOMAINS:
        raise NotationError(
            f"papers/{key}.md: symbol {name!r}: domain {entry.domain!r} is not one of "
            + ", ".join(DOMAINS)
        )
    return entry


@lru_cache
def read_paper(key: str) -> Paper:
    """Read ``papers/<key>.md``. Raises NotationError if there is none or it is not valid."""
    known = paper_keys()
    if key not in known:
        raise NotationError(f"there is no paper note {key!r}; there are {', '.join(known)}")
    path = PAPERS / f"{key}.md"
    if path.stat().st_size > LARGEST_NOTE:  # before it is read
        raise NotationError(f"papers/{key}.md: larger than {LARGEST_NOTE:,} bytes")
    return parse_note(key, path.read_bytes())


def paper_keys() -> tuple[str, ...]:
    """The keys of all paper notes, sorted."""
    return tuple(sorted(path.stem for path in PAPERS.glob("*.md")))


def symbols(key: str, names: str) -> tuple[sp.Symbol, ...]:
    """The SymPy symbols of the space-separated ``names`` in the table of paper ``key``."""
    table = read_paper(key).symbols
    for name in names.split():
        if name not in table:
            raise NotationError(f"papers/{key}.md declares no symbol {name!r}; add it to its table")
    return tuple(table[name].symbol for name in names.split())


def by_layer(key: str, names: str) -> tuple[type[sp.Function], ...]:
    """Functions of the layer for ``names``: ``fan_in(l)`` is :math:`n_l`, one value for each layer."""
    found = symbols(key, names)
    return tuple(sp.Function(s.name, positive=s.is_positive, real=True) for s in found)
