"""The files of a new row before anybody has filled them: each of them fails, and says what it lacks."""

PAPER = """---
key: «paper»
title: FILL IN
authors: [FILL IN]
year: «year»
venue: FILL IN
url: https://FILL IN
sections:
  "1": FILL IN
bibtex: |
  @article{«paper»,
    FILL IN
  }
equations:
  "1": {latex: 'y = w x', says: "FILL IN: the equations you refer to, by their printed number"}
symbols:
  fan_in:
    {latex: 'n_l', unicode: 'nₗ', say: n sub l, unit: count, domain: positive integer,
     meaning: 'FILL IN: every symbol that the derivation uses, once'}
---

# FILL IN: authors, year, section: what it is about

FILL IN, in your own words, in some 20 to 140 lines.

## What it claims

FILL IN: with the numbers of its sections and equations, such as (1).

## What it assumes

FILL IN.

## What we found when we checked

FILL IN.

## What it leaves out

FILL IN.

## How sure we are of the numbers

FILL IN: who has seen the paper itself; mark the rest `source: recalled`.
"""

DERIVATION = '''"""FILL IN: the claim in one sentence («paper»)."""

from __future__ import annotations

from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step

(fan_in,) = symbols("«paper»", "fan_in")

DERIVATION = Derivation(
    row="«row»",
    title="«title»",
    papers=("«paper»",),
    section="FILL IN",
    claim="FILL IN: the claim, as Markdown with $math$",
    lines=(
        Given("assumption", "FILL IN: what nobody checks", ref="«paper»:1"),
        Step("FILL IN", fan_in + 1, fan_in, why="FILL IN: why both sides are equal", ref="ours"),
    ),
    predictions=(Prediction("«idea»", "FILL IN", "FILL IN: what an experiment can measure"),),
)
'''

IMPL = '''"""FILL IN: the idea from scratch, by the rules of the game (see impl/rules.py)."""

from __future__ import annotations

from torch import Tensor

USES: tuple[str, ...] = ()


def «idea»(tensor: Tensor) -> Tensor:
    """FILL IN: what comes back, its shape, its errors, and the equation it follows."""
    raise NotImplementedError("FILL IN impl/«row».py")
'''

EXPERIMENT = '''"""FILL IN: what is measured, in one line («paper»).

FILL IN: how, in a sentence or two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import StackSettings

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.stack import Track
    from experiments.statistics import Comparison


@dataclass(frozen=True, kw_only=True)
class Settings(StackSettings):
    """FILL IN: each setting, with its default and a line below it; out of range raises Unusable."""


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """FILL IN: run impl/«row».py; one row for every independent value."""
    raise NotImplementedError("FILL IN experiments/«row».py: measure")


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """FILL IN: the samples against DERIVATION.predict(...), never against a formula typed here."""
    raise NotImplementedError("FILL IN experiments/«row».py: compare")


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """FILL IN: dots for what is measured, lines for what is predicted."""
    raise NotImplementedError("FILL IN experiments/«row».py: draw")


PICTURES = (
    Picture(
        draw,
        caption="FILL IN: what to see.",
        wrong="FILL IN: what one would see if the idea were wrong.",
        alt="FILL IN: what is there, for those who cannot see it.",
    ),
)

MUTANTS = (
    Mutant(
        "FILL IN: the kind of mistake",
        "FILL IN: what is wrong, in a few words",
        "impl.«module»:«idea»",
        lambda right: right,  # FILL IN: what is wrong, made from what is right
    ),
)

BLIND = ("FILL IN: a mistake that this experiment could not notice.",)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
'''

PAGE = """# «title»

<!-- claim: «row» -->

<!-- picture: «row» -->

FILL IN: a paragraph of intuition.

## The paper

[Our note on the paper](../papers/«paper».md), FILL IN: which sections and equations.

<!-- symbols: «row» -->

## The derivation

FILL IN: the argument in a few sentences, before the steps.

<!-- derivation: «row» -->

## The code

<!-- code: impl/«row».py «idea» -->

## The experiment

<!-- experiment: «row» -->

## What goes wrong without it

FILL IN.

## Run it

```sh
python -m derivations «row»
python experiments/«row».py --help
```

<!-- small: «row» --networks 8 -->

<!-- what-if: «row» --networks 16 | agrees | FILL IN: what if a setting were another? What then. -->

## Exercises

FILL IN: a question.

??? success "Solution, checked by the tests"
    ```python
    raise NotImplementedError("FILL IN")
    ```

## Differs from the paper here

FILL IN: ours against the paper, with equation numbers; "Nowhere." if so.

**Next:** FILL IN: [a page](FILL IN.md) to read after this one, and why.
"""

TEST = '''"""«row»: peers as oracles, wrong steps refused, a mutated implementation caught."""

from __future__ import annotations

import pytest
import torch

from impl.«module» import «idea»

X = torch.ones(3, 2)

# FILL IN: a call of every public function; tests/test_rules_of_the_game.py sees what it uses.
EXAMPLES = {"«idea»": lambda: «idea»(X)}


def test_the_implementation_matches_a_peer() -> None:
    pytest.fail("FILL IN: compare impl/«row».py with a library that people know")


def test_a_wrong_step_is_refused() -> None:
    pytest.fail("FILL IN: a wrong factor, sign, exponent in derivations/«row».py")


def test_the_experiment_agrees() -> None:
    pytest.fail("FILL IN: experiments/«row».py at its default size")


def test_a_mutated_implementation_disagrees() -> None:
    pytest.fail("FILL IN: break impl/«row».py; the experiment must notice")
'''
