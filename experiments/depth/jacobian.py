"""The mean squared singular value of a deep Jacobian is 1, and its spread grows layer by layer (pennington2017).

Builds stacks with Gaussian and with orthogonal weights, linear and with ReLU, and follows the Jacobian through the
layers: the sums of the fourth and the sixth powers of its singular values, and the square of the sum of their
squares, each given what they were a layer before. So heavy tails cannot hide anything, at any depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.depth import _jacobian_pictures as pictures
from experiments.depth import _jacobian_runs as runs
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least, check_rectified, check_widths
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    import torch

    from experiments.stack import Track
    from experiments.statistics import Comparison

CERTAIN, SURE = "orthogonal, linear", 5  # leaves nothing to chance: so many networks are enough


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Square stacks, and frames that are orthogonalised after every layer."""

    networks: int = 100
    """Networks of each kind. 100 notice Gaussian weights that are 0.4 % too large."""
    depth: int = 8
    """Layers."""
    width: int = 64
    """Inputs, and units of each layer."""
    frames: int = 80
    """Linear stacks whose exponents are measured."""
    frame_depth: int = 40
    """Their layers."""
    frame_width: int = 8
    """Their units."""
    draws: int = 3
    """Wide matrices for Glorot and Bengio's numbers; 0 leaves them out."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(2, networks=self.networks, frames=self.frames)
        at_least(1, depth=self.depth, frame_depth=self.frame_depth, frame_width=self.frame_width)
        at_least(0, seed=self.seed, draws=self.draws)
        check_widths((self.width, self.width))
        check_rectified((self.width, self.width))
        if self.width > 4096:
            raise Unusable(f"width must be at most 4096, got {self.width}")


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """A row a stack, network and layer; a frame, layer and direction; or a singular value."""
    import pandas as pd

    from experiments.stack import random_stream

    parts = []
    for number, stack in enumerate(runs.STACKS):
        count = SURE if stack == CERTAIN else settings.networks
        for network in track(range(count), description=stack):
            stream = random_stream(settings.seed, number, network)
            jacobians = runs.jacobians(settings, stack, stream)
            parts.append(runs.moments(jacobians).assign(stack=stack, network=network))
            if network == 0 and stack in pictures.SHOWN:
                parts.append(runs.spectrum(jacobians).assign(stack=f"{stack}, singular values"))
    for frame in track(range(settings.frames), description="frames"):
        stream = random_stream(settings.seed, len(runs.STACKS), frame)
        parts.append(runs.lengths(settings, stream).assign(stack="frame", network=frame))
    stream = random_stream(settings.seed, len(runs.STACKS) + 1)
    for draw in track(range(settings.draws), description="matrices"):
        parts.append(runs.matrix(settings, stream).assign(stack="matrix", network=draw))
    return pd.concat(parts, ignore_index=True)


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Each stack's numbers, given those a layer before; the singular values; the lengths."""
    from derivations.depth.jacobian import DERIVATION
    from experiments.statistics import mean_value

    found = []
    for stack in runs.STACKS:
        rows = samples[samples["stack"] == stack]
        found += _compare_stack(rows, stack, settings.width)
        values = samples[samples["stack"] == f"{stack}, singular values"]
        found += _compare_values(rows, values, stack)
    frames = samples[samples["stack"] == "frame"]
    for k, lengths in frames.groupby("direction"):
        predicted = float(
            DERIVATION.predict("exponent")(
                directions=int(float(str(k))), units=settings.frame_width
            )
        )
        where = {"statistic": "log length", "input": f"k = {k:g}"}
        found.append(mean_value(lengths["value"], predicted, **where))
    return found


def _compare_stack(rows: pd.DataFrame, stack: str, width: int) -> list[Comparison]:
    """Ratios to what is expected, given the layer before: over all layers, and in each."""
    from experiments.statistics import exact_value, mean_value

    found = []
    for name, predicted in runs.given(rows, stack, width).items():
        ratio = rows[name] / predicted
        where: dict[str, Any] = {"statistic": f"{name}, given", "input": stack}
        if stack == CERTAIN:
            worst = float(ratio.loc[(ratio - 1).abs().idxmax()])
            found.append(exact_value(worst, 1.0, 1e-12, **where))
            continue
        where["order"] = 6 if name == "sixth" else 4
        found.append(mean_value(ratio.groupby(rows["network"]).mean(), 1.0, **where))
        for layer, sample in ratio.groupby(rows["layer"]):
            if name == "sixth" and layer != 1:
                break  # a few networks make up the mean of a single later layer
            found.append(mean_value(sample, 1.0, layer=int(float(str(layer))), **where))
    return found


def _compare_values(rows: pd.DataFrame, values: pd.DataFrame, stack: str) -> list[Comparison]:
    """The singular values of the first network against the two numbers, which need none."""
    from experiments.statistics import exact_value

    found = []
    first = rows[rows["network"] == 0].set_index("layer")
    for layer, group in values.groupby("layer"):
        values_of = group["value"]
        sums = {"fourth": (values_of**4).sum(), "square": (values_of**2).sum() ** 2}
        sums["sixth"] = (values_of**6).sum()
        for name, total in sums.items():
            where = {"statistic": f"{name}, of values", "input": stack}
            ratio = float(total / first[name].loc[layer])
            found.append(exact_value(ratio, 1.0, 1e-10, layer=int(float(str(layer))), **where))
    return found


tables, PICTURES = pictures.tables, pictures.PICTURES
BARE = {"draws": 0}  # without Glorot and Bengio's numbers
HERE = "impl.depth.jacobian:"


def _uniform(weight: torch.Tensor, **how: Any) -> torch.Tensor:
    from impl.init.kaiming import kaiming_uniform_

    return kaiming_uniform_(weight, **how)


MUTANTS = (
    *wrong_weights(
        "impl.init.kaiming:kaiming_normal_",
        unseen=dict.fromkeys(
            ("fan_in for fan_out", "the deviation of the layer before"),
            "the matrices are square, as the derivation asks",
        ),
    ),
    Mutant(
        "wrong gain",
        "√2 without ReLU",
        f"{HERE}orthogonal_",
        lambda r: lambda w, gain, **k: r(w, gain=2**0.5, **k),
    ),
    Mutant(
        "wrong weights",
        "Gaussian for orthogonal",
        f"{HERE}orthogonal_",
        lambda _: lambda w, gain, **k: w.normal_(0, gain / len(w) ** 0.5, **k),
    ),
    Mutant("wrong Jacobian", "no masks", f"{HERE}relu_gradient", lambda _: lambda z, up, slope: up),
    Mutant(
        "wrong Jacobian",
        "the other half",
        f"{HERE}relu_gradient",
        lambda right: lambda z, up, slope: right(-z, up, slope),
        unseen="either half is as good: this is the assumption that signs of rows do not matter",
    ),
    Mutant("wrong values", "squared", f"{HERE}svdvals", lambda right: lambda m: right(m) ** 2),
    Mutant(
        "wrong weights",
        "signs for normal numbers",
        "impl.init.kaiming:kaiming_normal_",
        lambda right: lambda w, **k: w.copy_(right(w, **k).sign() * w.square().mean().sqrt()),
    ),
    Mutant(
        "wrong weights",
        "uniform for normal",
        "impl.init.kaiming:kaiming_normal_",
        lambda _: _uniform,
    ),
    Mutant("wrong values", "one sweep", f"{HERE}SWEEPS", lambda _: 1),
    Mutant(
        "wrong frame",
        "not orthogonalised",
        f"{HERE}gram_schmidt",
        lambda _: lambda m: (m / m.norm(dim=0), m.norm(dim=0)),
    ),
    Mutant(
        "wrong frame",
        "in the order of rows",
        f"{HERE}gram_schmidt",
        lambda right: lambda m: (right(m)[0], right(m)[1].flip(0)),
    ),
)


BLIND = (
    "The sixth power in a single layer after the first: the mean of 100 networks is too skewed there for a p-value, so "
    "the layers of a network are tested together.",
    "How near the largest singular value is to the edge of wide layers: it is drawn, and shown in a table.",
    "The mean fourth power after many layers itself: a few networks make it up, so it is tested a layer at a time, "
    "given the layer before, and the mean follows.",
    "Single singular values of a deep Jacobian: their sums of powers alone, and the lengths of frames.",
    "The quarter circle law: it is a limit, with a bias of order 1/n.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
