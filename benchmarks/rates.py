"""``python -m benchmarks.rates``: the best learning rate after each start, for the networks of depth/training.

For each rule and depth, networks that no experiment uses are trained at every rate of a grid, as many steps as there.
The best rate is the one whose last losses are lowest in the mean; a loss that is no number is the worst. Once more
without biases, and Xavier's deepest for several times as long. Writes ``docs/counts/rates.json``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from derivations.record import write_record
from derivations.rows import ROOT
from experiments.depth import _training_runs as runs
from experiments.depth.training import Settings
from experiments.settings import at_least
from experiments.stack import one_thread_each

RECORD = ROOT / "docs" / "counts" / "rates.json"
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
LAST = 50  # steps whose losses are compared
SEED = 1_000_000  # the experiment's default is 0


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train at every rate of a grid, and say which is best."""

    depths: tuple[int, ...] = Settings.depths
    """Layers."""
    width: int = Settings.width
    """Units of a hidden layer."""
    steps: int = Settings.steps
    """Steps of training."""
    networks: int = 4
    """Networks of each kind, for each rate."""
    longer: int = 5
    """How many times as long Xavier's deepest networks are trained in the end; 0 leaves this out."""

    def __post_init__(self) -> None:
        at_least(1, networks=self.networks)
        at_least(LAST, steps=self.steps)
        at_least(0, longer=self.longer)
        self.settings()

    def settings(self, **changed: Any) -> Settings:
        """Those of the experiment; its rates do not matter."""
        ones = (1.0,) * len(self.depths)
        sizes = {"depths": self.depths, "width": self.width, "steps": self.steps}
        return Settings(**{**sizes, "kaiming_rates": ones, "xavier_rates": ones, **changed})


def search(rule: str, depth: int, networks: int, settings: Settings) -> dict[str, Any]:
    """What every rate leads to, and which is best."""
    sizes = runs.widths(depth, settings.width)
    rate = torch.tensor(RATES).repeat_interleave(networks).reshape(-1, 1, 1)
    key = (SEED, runs.RULES.index(rule), depth)
    losses, right = runs.trained(rule, sizes, len(rate), settings.plan(rate), key)
    last = losses[:, -LAST:].mean(axis=1).reshape(len(RATES), networks)
    last = np.where(np.isfinite(last), last, np.inf).mean(axis=1)
    learnt = (right >= settings.learnt).reshape(len(RATES), networks).sum(axis=1)
    return {
        "rule": rule,
        "depth": depth,
        "steps": settings.steps,
        "biases": settings.biases,
        "networks": networks,
        "rates": list(RATES),
        "loss": [float(x) if np.isfinite(x) else None for x in last],
        "learnt": [int(x) for x in learnt],
        "best": RATES[int(last.argmin())],
    }


def main() -> int:
    """Print each search, and put all on record."""
    import tyro

    options = tyro.cli(Options, prog="python -m benchmarks.rates")
    plans = [
        (rule, depth, options.settings(biases=biases))
        for biases in (True, False)
        for depth in options.depths
        for rule in runs.RULES
    ]
    if options.longer:
        steps = options.longer * options.steps
        plans.append(("Xavier", max(options.depths), options.settings(steps=steps)))
    found = []
    with one_thread_each():
        for rule, depth, settings in plans:
            found.append(search(rule, depth, options.networks, settings))
            print(said(found[-1]), flush=True)
    write_record(RECORD, {"settings": shared(options.settings()), "searches": found})
    return 0


def shared(settings: Settings) -> dict[str, Any]:
    """What all searches have in common with the experiment, and each other."""
    names = ("width", "batch", "momentum", "learnt")
    return {name: getattr(settings, name) for name in names}


def said(found: dict[str, Any]) -> str:
    """One search in a line."""
    each = zip(found["rates"], found["loss"], found["learnt"], strict=True)
    told = ", ".join(
        f"{rate:g}: {'no number' if loss is None else format(loss, '.2f')} ({learnt})"
        for rate, loss, learnt in each
    )
    biases = "" if found["biases"] else ", no biases"
    return (
        f"{found['rule']}, {found['depth']} layers, {found['steps']} steps{biases}: "
        f"best {found['best']:g}. Mean loss ({found['networks']} networks, how many learnt): {told}"
    )


if __name__ == "__main__":
    sys.exit(main())
