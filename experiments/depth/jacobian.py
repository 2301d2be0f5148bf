"""The mean squared singular value of a deep Jacobian is 1, and its spread grows layer by layer (pennington2017).

Builds stacks with Gaussian and with orthogonal weights, linear and with ReLU, and follows the Jacobian through the
layers: the sum of the fourth powers of its singular values, and the square of the sum of their squares, each given
what they were a layer before. So heavy tails cannot hide anything, at any depth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.depth import _jacobian_pictures as pictures
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least, check_rectified, check_widths
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from torch import Generator, Tensor

    from experiments.stack import Track
    from experiments.statistics import Comparison

STACKS = {  # which weights, and the probability that a unit is active
    "Gaussian, linear": ("gaussian", 1.0),
    "Gaussian, ReLU": ("gaussian", 0.5),
    "orthogonal, linear": ("orthogonal", 1.0),
    "orthogonal, ReLU": ("orthogonal", 0.5),
}
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
    frames: int = 40
    """Linear stacks whose exponents are measured."""
    frame_depth: int = 40
    """Their layers."""
    frame_width: int = 8
    """Their units."""
    draws: int = 5
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
    for number, stack in enumerate(STACKS):
        count = SURE if stack == CERTAIN else settings.networks
        for network in track(range(count), description=stack):
            stream = random_stream(settings.seed, number, network)
            jacobians = _jacobians(settings, stack, stream)
            parts.append(_moments(jacobians).assign(stack=stack, network=network))
            if network == 0 and stack in pictures.SHOWN:
                parts.append(_spectrum(jacobians).assign(stack=f"{stack}, singular values"))
    for frame in track(range(settings.frames), description="frames"):
        stream = random_stream(settings.seed, len(STACKS), frame)
        parts.append(_lengths(settings, stream).assign(stack="frame", network=frame))
    stream = random_stream(settings.seed, len(STACKS) + 1)
    for draw in track(range(settings.draws), description="matrices"):
        parts.append(_matrix(settings, stream).assign(stack="matrix", network=draw))
    return pd.concat(parts, ignore_index=True)


def _jacobians(settings: Settings, stack: str, stream: Generator) -> list[Tensor]:
    """Those of one network with fresh weights, with respect to a random input."""
    import torch

    from impl.depth import jacobian
    from impl.init import kaiming

    kind, share = STACKS[stack]
    n = settings.width
    weights = torch.empty(settings.depth, n, n, dtype=torch.float64)
    for weight in weights:
        if kind == "gaussian":
            rule = "linear" if share == 1 else "relu"
            kaiming.kaiming_normal_(weight, nonlinearity=rule, generator=stream)
        else:
            jacobian.orthogonal_(weight, gain=math.sqrt(1 / share), generator=stream)
    x = torch.randn(n, dtype=torch.float64, generator=stream)
    return jacobian.stack_jacobians(x, list(weights), negative_slope=float(share == 1))


def _moments(jacobians: list[Tensor]) -> pd.DataFrame:
    """For each layer Σ s⁴ and (Σ s²)², and what they were before: of the identity, n and n²."""
    import pandas as pd

    from impl.tensors import frobenius

    n = float(jacobians[0].shape[1])
    fourth, square = [n], [n * n]
    for j in jacobians:
        fourth.append(float(frobenius.frobenius_norm(j @ j.T)) ** 2)
        square.append(float(frobenius.frobenius_norm(j)) ** 4)
    columns = {"fourth": fourth[1:], "square": square[1:], "before": fourth[:-1]}
    columns |= {"square_before": square[:-1], "layer": list(range(1, len(fourth)))}
    return pd.DataFrame(columns)


def _spectrum(jacobians: list[Tensor]) -> pd.DataFrame:
    """The singular values of a network's Jacobian after 1, 2, 4, … layers, with Σ s⁴ for a check."""
    import pandas as pd

    from impl.depth import jacobian

    layers = [2**k for k in range(len(jacobians).bit_length())]
    found = []
    for layer in layers:
        values = jacobian.svdvals(jacobians[layer - 1]).numpy()
        rank = range(1, len(values) + 1)
        found.append(pd.DataFrame({"layer": layer, "direction": rank, "value": values}))
    return pd.concat(found)


def _lengths(settings: Settings, stream: Generator) -> pd.DataFrame:
    """The logarithm of what each image of a frame adds to those before it, layer by layer."""
    import pandas as pd
    import torch

    from impl.depth import jacobian
    from impl.init import kaiming

    n, found = settings.frame_width, []
    frame = torch.eye(n, dtype=torch.float64)
    weight = torch.empty(n, n, dtype=torch.float64)
    for _ in range(settings.frame_depth):
        kaiming.kaiming_normal_(weight, nonlinearity="linear", generator=stream)
        frame, lengths = jacobian.gram_schmidt(weight @ frame)
        found.append([math.log(float(length)) for length in lengths])
    table = pd.DataFrame(found, columns=range(n, 0, -1), index=range(1, len(found) + 1))
    return table.rename_axis("layer").melt(ignore_index=False, var_name="direction").reset_index()


def _matrix(settings: Settings, stream: Generator) -> pd.DataFrame:
    """The singular values of one matrix of Glorot and Bengio's normalised weights."""
    import pandas as pd
    import torch

    from impl.depth import jacobian
    from impl.init import xavier

    weight = torch.empty(settings.width, settings.width, dtype=torch.float64)
    xavier.xavier_uniform_(weight, generator=stream)
    return pd.DataFrame({"value": jacobian.svdvals(weight).numpy()})


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Each stack's two numbers, given those a layer before; the singular values; the lengths."""
    from derivations.depth.jacobian import DERIVATION
    from experiments.statistics import mean_value

    found = []
    for stack in STACKS:
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
    from derivations.depth.jacobian import DERIVATION
    from experiments.statistics import exact_value, mean_value

    kind, share = STACKS[stack]
    prefix = "next" if kind == "gaussian" else "orthogonal"
    given = {"fourth": rows["before"], "square": rows["square_before"]}
    found = []
    for name in ("fourth", "square"):
        predicted = DERIVATION.predict(f"{prefix}_{name}")(**given, share=share, units=width)
        ratio = rows[name] / predicted
        where: dict[str, Any] = {"statistic": f"{name}, given", "input": stack}
        if stack == CERTAIN:
            worst = float(ratio.loc[(ratio - 1).abs().idxmax()])
            found.append(exact_value(worst, 1.0, 1e-12, **where))
            continue
        where["order"] = 4
        found.append(mean_value(ratio.groupby(rows["network"]).mean(), 1.0, **where))
        for layer, sample in ratio.groupby(rows["layer"]):
            found.append(mean_value(sample, 1.0, layer=int(float(str(layer))), **where))
    return found


def _compare_values(rows: pd.DataFrame, values: pd.DataFrame, stack: str) -> list[Comparison]:
    """The singular values of the first network against the two numbers, which need none."""
    from experiments.statistics import exact_value

    found = []
    first = rows[rows["network"] == 0].set_index("layer")
    for layer, group in values.groupby("layer"):
        sums = {"fourth": (group["value"] ** 4).sum(), "square": (group["value"] ** 2).sum() ** 2}
        for name, total in sums.items():
            where = {"statistic": f"{name}, of values", "input": stack}
            ratio = float(total / first[name].loc[layer])
            found.append(exact_value(ratio, 1.0, 1e-10, layer=int(float(str(layer))), **where))
    return found


tables, PICTURES = pictures.tables, pictures.PICTURES
BARE = {"draws": 0}  # without Glorot and Bengio's numbers
HERE = "impl.depth.jacobian:"
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
    "The mean fourth power after many layers itself: a few networks make it up, so it is tested a layer at a time, "
    "given the layer before, and the mean follows.",
    "Single singular values of a deep Jacobian: their sums of powers alone, and the lengths of frames.",
    "The quarter circle law: it is a limit, with a bias of order 1/n.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
