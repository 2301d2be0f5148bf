"""Where Kaiming's start trains a plain deep network and Xavier's does not, on real digits (he2015, figures 2 and 3).

Compares every layer's first gradient with the derivation; Xavier's network with Kaiming's, whose output it is times one
number, before training and while it is trained; and trains both kinds, each at its own best rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.depth import _training_pictures
from experiments.depth import _wrong_training as _wrong
from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least, check_rectified

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from torch import Tensor

    from experiments.depth._training_runs import Plan
    from experiments.stack import Track
    from experiments.statistics import Comparison


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Plain networks on digits: every hidden layer as wide as the others, a ReLU after each."""

    depths: tuple[int, ...] = (22, 30)
    """Layers of the networks that are trained."""
    stalls: int = 30
    """From this depth on Xavier's networks are claimed not to learn in so many steps."""
    width: int = 64
    """Units of a hidden layer."""
    networks: int = 8
    """Networks that are trained, of each kind and depth; each has its own weights and batches. 7 are the fewest that
    can show a difference."""
    begun: int = 100
    """Networks of each depth whose first gradients are measured."""
    steps: int = 600
    """Steps of training."""
    batch: int = 64
    """Digits a step."""
    kaiming_rates: tuple[float, ...] = (0.003, 0.001)
    """Learning rates after Kaiming's start, one a depth: the best of a grid (python -m benchmarks.rates)."""
    xavier_rates: tuple[float, ...] = (0.01, 0.003)
    """The same after Xavier's."""
    momentum: float = 0.9
    """Share of the last step that is taken again."""
    biases: bool = True
    """Whether biases are trained, too. They begin at 0."""
    learnt: float = 0.25
    """Accuracy on held-out digits from which a network has learnt. Guesses have 0.1, two groups of digits 0.2."""
    path_depth: int = 8
    """Layers of the two networks that are trained side by side, to the last digits."""
    path_steps: int = 60
    """Their steps."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(
            2, begun=self.begun, path_depth=self.path_depth, depths=min(self.depths, default=0)
        )
        at_least(1, networks=self.networks, steps=self.steps, batch=self.batch)
        at_least(1, path_steps=self.path_steps)
        at_least(0, seed=self.seed, momentum=self.momentum)
        check_rectified((self.width, self.width))
        if len(set(self.depths)) < len(self.depths):
            raise Unusable(f"depths must be different, got {self.depths}")
        for name in ("kaiming_rates", "xavier_rates"):
            rates = getattr(self, name)
            if len(rates) != len(self.depths) or min(rates) <= 0:
                raise Unusable(
                    f"{name.replace('_', '-')} must be one positive number for each of "
                    f"{len(self.depths)} depths, got {rates}"
                )
        if not self.momentum < 1 or not 0 < self.learnt < 1:
            raise Unusable(
                f"momentum and learnt must be below 1, got {self.momentum} and {self.learnt}"
            )

    def plan(self, rate: float | Tensor, steps: int = 0) -> Plan:
        """How a network is trained at ``rate``."""
        from experiments.depth._training_runs import Plan

        return Plan(steps or self.steps, self.batch, rate, self.momentum, self.biases)

    def rates(self, rule: str) -> Iterator[tuple[int, float]]:
        """Every depth and its rate."""
        return zip(
            self.depths, self.kaiming_rates if rule == "Kaiming" else self.xavier_rates, strict=True
        )


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a measurement: statistic, rule, depth, network, place (a layer or a step), value."""
    import pandas as pd

    rows: list[tuple[str, str, int, int, int, float]] = []
    for depth in settings.depths:
        rows += _beginnings(depth, settings, track)
    rows += _path(settings)
    for number, rule in enumerate(("Kaiming", "Xavier")):
        for depth, rate in settings.rates(rule):
            rows += _trainings(
                rule, depth, rate, (settings.seed, 3, number, depth), settings, track
            )
    columns = ["statistic", "rule", "depth", "network", "place", "value"]
    return pd.DataFrame(rows, columns=columns)


def _beginnings(depth: int, settings: Settings, track: Track) -> Iterator[Any]:
    from experiments.depth import _training_runs as runs

    sizes = runs.widths(depth, settings.width)
    for k in track(range(settings.begun), description=f"first gradients, {depth} layers"):
        found = runs.begin(sizes, (settings.seed, 1, depth, k))
        for rule in runs.RULES:
            for name, values in (("gradient", found.gradients), ("ratio", found.ratios)):
                for layer, value in enumerate(values[rule], start=1):
                    yield name, rule, depth, k, layer, value
        for layer, value in enumerate(found.loss, start=1):
            yield "loss's gradient", "Kaiming", depth, k, layer, value
        for name, value in found.off.items():
            yield f"{name}, over Kaiming's", "Xavier", depth, k, 0, value


def _path(settings: Settings) -> Iterator[Any]:
    from experiments.depth import _training_runs as runs

    sizes = runs.widths(settings.path_depth, settings.width)
    plan = settings.plan(max(settings.xavier_rates), settings.path_steps)
    for rule, losses in zip(
        ("Xavier", "Kaiming"),
        runs.one_path(sizes, plan, (settings.seed, 2)),
        strict=True,
    ):
        for step, loss in enumerate(losses):
            yield "path", rule, settings.path_depth, 0, step, loss


def _trainings(
    rule: str, depth: int, rate: float, key: tuple[int, ...], settings: Settings, track: Track
) -> Iterator[Any]:
    from experiments.depth import _training_runs as runs

    sizes = runs.widths(depth, settings.width)
    losses, right = runs.trained(rule, sizes, settings.networks, settings.plan(rate), key, track)
    for k in range(settings.networks):
        yield "accuracy", rule, depth, k, settings.steps, float(right[k])
        for step in range(settings.steps):
            yield "loss", rule, depth, k, step, float(losses[k, step])


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """First gradients, layer by layer; Xavier's network beside Kaiming's; and who has learnt."""
    from experiments.depth import _training_reading as reading

    found: list[Comparison] = []
    for depth in settings.depths:
        for rule in ("Kaiming", "Xavier"):
            here = samples[(samples["rule"] == rule) & (samples["depth"] == depth)]
            found += reading.gradients(here, rule, depth, settings)
            found.append(reading.learnt(here, rule, depth, settings))
    found += reading.difference(samples, settings)
    return [*found, *reading.sameness(samples, settings)]


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """Curves of training, gradients layer by layer, who has learnt, and what the first step changes."""
    from experiments.depth import _training_reading as reading

    return {
        "curves.csv": reading.curves(samples),
        "gradients.csv": reading.layers(samples, settings),
        "learnt.csv": reading.shares(samples, settings),
        "first_step.csv": reading.first_steps(settings),
    }


PICTURES = (
    Picture(
        _training_pictures.curves,
        data="curves.csv",
        height=4.4,
        caption="The training loss of plain ReLU networks on digits, each kind at its own best learning rate: a line "
        "for each network, an average over 20 steps. With 22 layers both kinds learn, Xavier's after a while at the "
        "height of a guess. With 30 only Kaiming's do, in so many steps.",
        wrong="If Xavier's weights were as good, the two colours would lie on each other; if they never trained a deep "
        "network, those of 22 layers would stay level, too.",
        alt="Two panels of falling curves. In the upper, for 22 layers, the curves of one colour fall from the start, "
        "the others after a level stretch; in the lower, for 30 layers, the others stay level.",
    ),
    Picture(
        _training_pictures.gradients,
        name="gradients",
        data="gradients.csv",
        height=4.0,
        caption="The first gradient of every layer's weights: its length, a geometric mean over networks, relative to "
        "what both ends bring. Dots measured, lines derived. Xavier's are smaller by one factor in all hidden layers, "
        "high or low; the first and the last have other shapes, and nearly that factor. Dashed: with Kaiming's start "
        "the real loss, which looks at the output, is a little above what is derived.",
        wrong="If gradients faded on their way down alone, Xavier's dots would fall from the last layer to the first.",
        alt="Level rows of dots on lines, on a logarithmic scale: Kaiming's of both depths high and together, Xavier's "
        "of 22 layers far below, and of 30 farther.",
    ),
)

CODE = "impl.depth.training:"
RUNS = "experiments.depth._training_runs:"
MUTANTS = (
    *_wrong.kaiming(),
    Mutant(
        "wrong gain", "√2 of Xavier's", "impl.init.xavier:xavier_normal_", _wrong.scaled(2**0.5)
    ),
    Mutant("shared weights", "one draw for all hidden layers", f"{RUNS}network", _wrong.repeated),
    Mutant("shared weights", "one draw for all networks", f"{RUNS}network", _wrong.one_for_all),
    Mutant("wrong gradient", "the rectifier has no mask", f"{CODE}backward", _wrong.no_mask),
    Mutant(
        "wrong gradient",
        "without that of the right class",
        f"{CODE}cross_entropy_gradient",
        _wrong.no_right_class,
    ),
    Mutant("wrong training", "no momentum", f"{CODE}train", _wrong.no_momentum),
    Mutant("wrong training", "uphill", f"{CODE}_step", _wrong.uphill),
    Mutant("wrong training", "the output's factor is forgotten", f"{CODE}train", _wrong.no_factor),
    Mutant("wrong sample", "another digit's labels", f"{RUNS}batches", _wrong.labels),
    Mutant(
        "wrong statistic",
        "lengths for their squares",
        f"{RUNS}_square",
        lambda right: lambda numbers: right(numbers) ** 0.5,
    ),
)

BLIND = (
    "Convolutions and photographs, which the paper's figures are about: these are plain layers and small digits.",
    "Longer training: a network that has not learnt may still do so (python -m benchmarks.rates).",
    "How likely a network learns, more finely than nearly always or nearly never.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
