"""Fixup begins a residual network of any depth as the identity, and its first step has one size (zhang2019).

Measures that step at several depths, with the scale and without; how Kaiming's weights explode where no layer is
zero; and ten thousand blocks, forwards and backwards, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.depth import _first_step
from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least, check_rectified
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from torch import Generator, Tensor

    from experiments.depth._residual import Fill
    from experiments.stack import Track
    from experiments.statistics import Comparison


ENDS = ("signal", "gradient", "signal moved", "gradient moved")  # of the deepest network


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Residual networks without biases; one input each."""

    networks: int = 200
    """Independent networks for each depth and kind. 200 notice weights that are 0.9 % too large."""
    depths: tuple[int, ...] = (1, 4, 16, 64)
    """Numbers of branches at which the first step is measured."""
    layers: tuple[int, ...] = (2, 3)
    """Layers of a branch."""
    width: int = 32
    """Units of every layer."""
    exploding: int = 16
    """Branches of the networks in which no layer is zero."""
    blocks: int = 10_000
    """Branches of the one network that is run through to the last bit."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(2, networks=self.networks, layers=min(self.layers, default=0))
        at_least(1, depths=min(self.depths, default=0), exploding=self.exploding)
        at_least(1, blocks=self.blocks)
        at_least(0, seed=self.seed)
        check_rectified((self.width, self.width))
        for name, values in (("depths", self.depths), ("layers", self.layers)):
            if len(set(values)) < len(values):
                raise Unusable(f"{name} must be different, got {values}")


def gains(settings: Settings) -> dict[str, float]:
    """By kind of network: variance of a weight of the last layer of a branch, times the width."""
    return {"Kaiming": 2.0, "last layer 1/n": 1.0, "over √L": 1 / settings.exploding}


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a measurement: kind, branches, layers, network, statistic, value."""
    import pandas as pd

    from experiments.depth import _residual

    rows: list[tuple[str, int, int, int, str, float]] = []
    cases = [("fixup", depth, m) for depth in settings.depths for m in settings.layers]
    cases += [("unscaled", depth, settings.layers[0]) for depth in settings.depths]
    cases += [(kind, settings.exploding, 2) for kind in gains(settings)]
    for number, (kind, branches, layers) in enumerate(track(cases, description="networks")):
        fill = _fill(kind, branches, settings)
        for network in range(settings.networks):
            run = _residual.run(
                fill, branches, layers, settings.width, (settings.seed, number, network)
            )
            where = (kind, branches, layers, network)
            if kind in gains(settings):
                steps = enumerate(run.forward)
                rows += [(*where, f"forward {block}", ratio) for block, ratio in steps]
                rows.append((*where, "backward", sum(run.backward) / branches))
            else:
                rows.append((*where, "change", run.change))
    deep = _residual.run(
        _fill("fixup", settings.blocks, settings),
        settings.blocks,
        2,
        settings.width,
        (settings.seed, len(cases)),
    )
    where = ("fixup", settings.blocks, 2, 0)
    rows += [(*where, name, value) for name, value in deep.ends.items()]
    return pd.DataFrame(
        rows, columns=["kind", "branches", "layers", "network", "statistic", "value"]
    )


def _fill(kind: str, branches: int, settings: Settings) -> Fill:
    """How the weights of a branch are drawn."""
    from impl.depth import fixup
    from impl.init import kaiming

    def exploding(weights: Sequence[Tensor], stream: Generator) -> None:
        for weight in weights:
            kaiming.kaiming_normal_(weight, generator=stream)
        weights[-1].mul_(math.sqrt(gains(settings)[kind] / 2))

    if kind in gains(settings):
        return exploding
    counted = branches if kind == "fixup" else 1
    return lambda weights, stream: fixup.fixup_branch_(weights, counted, stream)


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """The first step at each depth; each block where no layer is zero; and the deepest network exactly."""
    import numpy as np

    from derivations.depth.fixup import DERIVATION
    from experiments.statistics import exact_value, mean_of_squares, mean_value

    predict = DERIVATION.predict
    found, spreads = [], []
    changes = samples[samples["statistic"] == "change"]
    for key, group in changes.groupby(["kind", "branches", "layers"]):
        kind, branches, layers = str(key[0]), int(str(key[1])), int(str(key[2]))
        size = {"branches": branches, "branch_layers": layers}
        scale = predict("scale")(**size) if kind == "fixup" else 1.0
        mean = float(predict("change")(**size, scale=scale))
        variance = float(predict("variance")(**size, units=settings.width))
        where = {"input": f"{kind}, {layers} layers", "order": 2 * (layers - 1)}
        values = group["value"].to_numpy() / mean
        found.append(
            mean_of_squares(values, 1.0, variance, statistic="first step", layer=branches, **where)
        )
        spreads.append((values - 1) ** 2 / variance)
    found.append(mean_value(np.concatenate(spreads), 1.0, statistic="first step, variance"))
    for kind, gain in gains(settings).items():
        group = samples[samples["kind"] == kind]
        mean = float(predict("block_ratio")(branch_gain=gain))
        variance = float(predict("block_variance")(branch_gain=gain, units=settings.width))
        forward = group[group["statistic"].str.startswith("forward")]["value"]
        backward = group[group["statistic"] == "backward"]["value"]
        found.append(mean_of_squares(forward, mean, variance, statistic="block", input=kind))
        found.append(mean_value(backward, mean, statistic="block, backward", input=kind))
    ends = samples[samples["statistic"].isin(ENDS)].set_index("statistic")["value"]
    kept = float(predict("kept")())
    for name in ("signal", "gradient"):
        where = {"layer": settings.blocks, "input": "fixup"}
        found.append(exact_value(ends[name], kept, 0.0, statistic=f"{name} kept", **where))
        found.append(
            exact_value(ends[f"{name} moved"], 0.0, 0.0, statistic=f"{name} moved", **where)
        )
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """The first step at each depth, measured and predicted; what the exploding networks end in."""
    import pandas as pd

    from derivations.depth.fixup import DERIVATION

    changes = samples[samples["statistic"] == "change"]
    grouped = changes.groupby(["kind", "layers", "branches"])["value"]
    steps = grouped.agg(["mean", "sem"]).reset_index()
    predict = DERIVATION.predict("change")
    steps["predicted"] = [
        float(
            predict(
                branches=row["branches"],
                branch_layers=row["layers"],
                scale=DERIVATION.predict("scale")(
                    branches=row["branches"], branch_layers=row["layers"]
                )
                if row["kind"] == "fixup"
                else 1.0,
            )
        )
        for row in steps.to_dict("records")
    ]
    ratio = DERIVATION.predict("block_ratio")
    rows = []
    for kind, gain in gains(settings).items():
        group = samples[(samples["kind"] == kind) & samples["statistic"].str.startswith("forward")]
        block = float(ratio(branch_gain=gain))
        rows.append((kind, block, group["value"].mean(), block**settings.exploding))
    columns = ["last layer", "ratio of a block", "measured", f"after {settings.exploding} blocks"]
    return {"steps.csv": steps, "growth.csv": pd.DataFrame(rows, columns=columns)}


PICTURES = (
    Picture(
        _first_step.draw,
        data="steps.csv",
        caption="How fast the loss falls with the learning rate at the first step, over the number of residual "
        "branches: dots are means of measured networks with three standard errors, lines are derived. "
        "With Fixup the step has one size at all depths. With zero last "
        "layers alone it grows as the number of branches.",
        wrong="If another exponent were right, Fixup's dots would climb or fall.",
        alt="Two level rows of dots at 1 for branches of two and three layers, and one row that "
        "climbs in proportion to the number of branches, on logarithmic axes.",
    ),
)

FIXUP = "impl.depth.fixup:"
BRANCH = f"{FIXUP}fixup_branch_"


def _of_another_depth(other: Callable[[int, int], float]) -> Callable[..., object]:
    """A mutant of the initialiser: as if the network had ``other`` (branches, layers) branches."""
    return lambda right: lambda w, count, g=None: right(w, other(count, len(w)), g)


def _last_layer_too(right: Callable[..., Sequence[Tensor]]) -> Callable[..., object]:
    def fill(weights: Sequence[Tensor], branches: int, generator: Generator) -> object:
        right(weights, branches, generator)
        return weights[-1].normal_(0, 1e-9, generator=generator)

    return fill


EQUAL = "all layers are equally wide"
MUTANTS = (
    *wrong_weights(
        "impl.init.kaiming:kaiming_normal_",
        dict.fromkeys(("fan_in for fan_out", "the deviation of the layer before"), EQUAL),
    ),
    Mutant("wrong scale", "none", BRANCH, _of_another_depth(lambda count, m: 1)),
    Mutant("wrong scale", "one branch more", BRANCH, _of_another_depth(lambda count, m: count + 1)),
    Mutant(
        "wrong scale",
        "an exponent of -1/(2m)",
        BRANCH,
        _of_another_depth(lambda count, m: count ** ((m - 1) / m)),
    ),
    Mutant(
        "wrong scale",
        "an exponent of -1/2 for any m",
        BRANCH,
        _of_another_depth(lambda count, m: count ** (m - 1)),
    ),
    Mutant("not zero", "last layers of deviation 1e-9", BRANCH, _last_layer_too),
    Mutant(
        "wrong gradient",
        "the rectifier has no mask",
        f"{FIXUP}relu_gradient",
        lambda _: lambda x, upstream: upstream,
    ),
    Mutant(
        "wrong gradient",
        "the shortcut is lost",
        f"{FIXUP}residual_gradients",
        lambda right: lambda u, w, h: (right(u, w, h)[0] - u, right(u, w, h)[1]),
    ),
    Mutant(
        "wrong statistic",
        "norms for their squares",
        f"{FIXUP}first_step_change",
        lambda right: lambda gradients: sum(right([g]) ** 0.5 for g in gradients),
    ),
)

BLIND = (
    "Training: here is the start, and the first step to first order in the learning rate.",
    "The biases and the multiplier of the paper's rule, which do nothing at the start.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
