"""A finding, and the words that findings are told in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from experiments.audit.trace import Layer
from impl.init.apply import Branch

GRAVE, WORTH = 1.0, 0.3  # decades of a second moment: to be mended, to be known
MEND = (
    "from impl.init.apply import initialise_\ninitialise_(model, x)  # x: an example of the inputs"
)
SATURATING = {"sigmoid", "hardsigmoid", "softplus", "tanh", "hardtanh", "softsign"}


@dataclass
class Finding:
    """One cause: a sentence, its effect in decades of a second moment, where, the row, and code that mends it."""

    kind: str
    sentence: str
    decades: float
    row: str
    snippet: str = ""
    layers: list[str] = field(default_factory=list)

    @property
    def grave(self) -> bool:
        """Whether it is to be mended before training."""
        return abs(self.decades) >= GRAVE


def some(names: Sequence[str]) -> str:
    """Names, the inner ones left out if they are many."""
    if len(names) <= 3:
        return ", ".join(names)
    return f"{names[0]}, {names[1]} … {names[-1]}"


def factor(x: float) -> str:
    """How a second moment changes: "divides … by 6", "multiplies … by 3"."""
    if x == 0:
        return "multiplies the second moment by zero"
    return f"{'divides' if x < 1 else 'multiplies'} the second moment by {max(x, 1 / x):.3g}"


def alone(layers: Iterable[Layer], residual: Sequence[Branch]) -> list[Layer]:
    """Layers on every way from the input to the output: what they do multiplies up."""
    inside = frozenset().union(*(b.inside for b in residual)) if residual else frozenset()
    return [layer for layer in layers if layer.index not in inside]
