"""Numbers within a sentence: printed by the machine, or quoted from somebody; an idea's page types none itself.

``<!-- value: decay(image_size=8) | .2f -->`` is arithmetic with the predictions of the page's row (or ``ROW: …`` of
another's), ``pi``, ``sqrt``, ``log``, ``exp`` and ``cell("file.csv", "column", quantity="…")``, formatted as Python
does; ``.1t`` is TeX for a power of ten. ``<!-- quoted: 0.5063 -->`` is a number that a paper note, a guide or an
experiment has on record as printed by somebody else.
"""

from __future__ import annotations

import ast
import csv
import math
import operator
import re
from functools import lru_cache
from typing import Any

from mkdocs.exceptions import PluginError

from derivations import load
from derivations.rows import ROOT, Refusal, find_row
from docs.records import Missing, holding

INLINE = re.compile(r"<!-- (value|quoted): (.+?) -->")
OTHER_ROW = re.compile(r"^(\w+/\w+): ")
OPERATIONS: dict[type, Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
FUNCTIONS = {"sqrt": math.sqrt, "log": math.log, "exp": math.exp}
# What is not prose: directives, code, where links lead, and the numbers of sections and equations.
APART = (
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL),
    re.compile(r"^<(div|script)\b.*?\n\n", re.MULTILINE | re.DOTALL),
    re.compile(r"`[^`]*`"),
    re.compile(r"\]\([^)]*\)"),
    re.compile(r"(?:[Ss]ections?|[Ee]quations?|§)\s*[\d.,]+(?:(?:,? and |,? to |–|, )[\d.]+)*"),
)
DECIMAL = re.compile(r"\d+\.\d+")
CODE = re.compile(r"^ *```python\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def fill(markdown: str, page: str) -> str:
    """Put the numbers of a page into its sentences. Raises PluginError, naming the page."""
    row = page.removesuffix(".md")

    def printed(match: re.Match[str]) -> str:
        try:
            with holding():
                return quoted(match[2]) if match[1] == "quoted" else value(match[2], row)
        except Missing:
            return "(not verified or not measured)"
        except (Refusal, ValueError, KeyError, TypeError, SyntaxError, ArithmeticError) as error:
            raise PluginError(f"{page}: {match[0]} cannot be printed: {error}") from None

    return INLINE.sub(printed, markdown)


def value(argument: str, row: str) -> str:
    """What an expression comes to, formatted."""
    text, _, form = (part.strip() for part in argument.rpartition("|"))
    if not text:
        raise ValueError("it must be an expression | a format")
    if other := OTHER_ROW.match(text):
        row, text = find_row(other[1]), text[other.end() :]
    number = float(_evaluated(ast.parse(text, mode="eval").body, row))
    if form.endswith("t"):
        mantissa, _, power = f"{number:{form[:-1]}e}".partition("e")
        return rf"{mantissa} \cdot 10^{{{int(power)}}}"
    return f"{number:{form}}"


def _evaluated(node: ast.expr, row: str) -> Any:
    """Arithmetic, and calls of what has a name here: nothing else of Python is understood."""
    match node:
        case ast.Constant(value=int() | float() | str() as constant):
            return constant
        case ast.Name(id="pi"):
            return math.pi
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluated(operand, row)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            return OPERATIONS[type(op)](_evaluated(left, row), _evaluated(right, row))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            given = [_evaluated(arg, row) for arg in args]
            named = {str(word.arg): _evaluated(word.value, row) for word in keywords}
            if name == "cell":
                return _cell(row, *given, **named)
            if name in FUNCTIONS:
                return FUNCTIONS[name](*given, **named)
            return load(row).predict(name)(*given, **named)
    raise ValueError(f"{ast.unparse(node)} is neither a number nor arithmetic")


def _cell(row: str, name: str, column: str, **where: Any) -> float:
    """One number of a table of the row's last run: that of the only line with these entries."""
    path = ROOT / "results" / "experiments" / row / name
    if not path.is_file():
        raise Missing(f"`{name}`: run `make experiments`")
    with path.open(encoding="utf-8", newline="") as file:
        lines = [
            line
            for line in csv.DictReader(file)
            if all(line[k] == str(v) for k, v in where.items())
        ]
    if len(lines) != 1:
        raise ValueError(f"{name} has {len(lines)} lines with {where}, expected one")
    return float(lines[0][column])


def quoted(number: str) -> str:
    """A number that somebody else printed, if it is on record. Raises ValueError if it is not."""
    if not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", _on_record()):
        raise ValueError("no paper note, guide or experiment has it on record")
    return number


@lru_cache
def _on_record() -> str:
    files = [
        *(ROOT / "papers").glob("*.md"),
        *(ROOT / "docs" / "guides").glob("*.md"),
        *(ROOT / "experiments").glob("*/*.py"),
    ]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def typed(markdown: str) -> list[str]:
    """The decimals that a page types itself; one that an exercise gives is checked by its solution's code."""
    prose, _, exercises = markdown.partition("\n## Exercises\n")
    exercises, mark, rest = exercises.partition("\n## ")
    checked = set(DECIMAL.findall("\n".join(CODE.findall(exercises))))
    left = [n for n in DECIMAL.findall(_prose(exercises)) if n not in checked]
    return DECIMAL.findall(_prose(prose)) + left + DECIMAL.findall(_prose(mark + rest))


def _prose(markdown: str) -> str:
    for pattern in APART:
        markdown = pattern.sub(" ", markdown)
    return markdown
