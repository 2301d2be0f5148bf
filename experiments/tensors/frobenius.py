"""The Frobenius norm of random matrices, and of the Jacobian of a deep ReLU stack (goodfellow2016).

Measures the norms of Gaussian matrices with impl/tensors/frobenius.py, and pushes the identity through a ReLU stack
with Kaiming's weights: what comes out is its Jacobian, layer by layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import at_least
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Tensor

    from experiments.stack import Track
    from experiments.statistics import Comparison


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Matrices of rows x columns, and uneven stacks of ReLU layers."""

    networks: int = 600
    """Independent stacks. 600 notice weights that layers share."""
    depth: int = 40
    """Layers of each stack."""
    width: int = 64
    """Inputs, and units of every other layer; those between have half as many."""
    draws: int = 2000
    """Random matrices."""
    rows: int = 30
    """Rows of each matrix."""
    columns: int = 50
    """Columns of each matrix."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(0, seed=self.seed)
        at_least(1, depth=self.depth, rows=self.rows, columns=self.columns)
        at_least(2, width=self.width, networks=self.networks, draws=self.draws)

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of the stack: uneven, so that fan_in is not fan_out."""
        wide, narrow = self.width, self.width // 2
        return tuple(narrow if layer % 2 else wide for layer in range(self.depth + 1))


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a matrix or network: statistic, layer, network, value."""
    import pandas as pd
    import torch

    from experiments.stack import random_stream
    from impl.tensors import frobenius

    rows: list[tuple[str, int, int, float]] = []
    stream = random_stream(settings.seed, 0)
    x = torch.randn(settings.columns, dtype=torch.float64, generator=stream)
    for draw in track(range(settings.draws), description="matrices"):
        shape = (settings.rows, settings.columns)
        m = torch.randn(shape, dtype=torch.float64, generator=stream)
        norm = float(frobenius.frobenius_norm(m))
        output = float(frobenius.frobenius_norm((m @ x)[:, None]) ** 2 / (x @ x))
        rows += [("square", 0, draw, norm**2), ("norm", 0, draw, norm), ("output", 0, draw, output)]
    loops = frobenius.frobenius_norm_loops(m)
    rows.append(("loops", 0, 0, loops / float(torch.linalg.matrix_norm(m))))
    rows.append(("whole", 0, 0, norm / float(torch.linalg.matrix_norm(m))))
    for network in track(range(settings.networks), description="Jacobians"):
        ratios = _jacobian_ratios(settings, network)
        rows += [("jacobian", layer, network, r) for layer, r in enumerate(ratios, 1)]
    return pd.DataFrame(rows, columns=["statistic", "layer", "network", "value"])


def _jacobian_ratios(settings: Settings, network: int) -> list[float]:
    """The squared norm of each layer's Jacobian with respect to the input, over the layer before's."""
    import torch

    from experiments.stack import random_stream
    from impl.backprop import chain_rule
    from impl.init import kaiming
    from impl.tensors import frobenius

    stream = random_stream(settings.seed, 1, network)
    x = torch.randn(settings.width, dtype=torch.float64, generator=stream)
    jacobian = torch.eye(settings.width, dtype=torch.float64)
    ratios, before = [], float(frobenius.frobenius_norm(jacobian) ** 2)
    for fan_in, fan_out in pairwise(settings.widths):
        if before == 0:  # all units of a layer were inactive: what follows has no ratio
            break
        weight = torch.empty(fan_out, fan_in, dtype=torch.float64)
        kaiming.kaiming_normal_(weight, generator=stream)
        z = weight @ x
        x = chain_rule.relu(z)
        below = weight @ jacobian
        jacobian = chain_rule.relu_gradient(z[:, None].expand_as(below), below)
        now = float(frobenius.frobenius_norm(jacobian) ** 2)
        ratios.append(now / before)
        before = now
    return ratios


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Norms against their means, the Jacobian's ratios layer by layer and over all layers."""
    from derivations.init.kaiming import DERIVATION as KAIMING
    from derivations.tensors.frobenius import DERIVATION
    from experiments.statistics import exact_value, mean_value

    size = {"rows": settings.rows, "columns": settings.columns}
    predicted = {
        "square": DERIVATION.predict("expected_square")(**size, weight_var=1),
        "norm": DERIVATION.predict("expected_norm")(
            size=settings.rows * settings.columns, weight_std=1
        ),
        "output": DERIVATION.predict("expected_output")(
            rows=settings.rows, weight_var=1, input_square=1
        ),
    }
    values = dict(iter(samples.groupby("statistic", sort=False)))
    found = [
        mean_value(values[name]["value"], float(mean), statistic=name)
        for name, mean in predicted.items()
    ]
    found += [
        exact_value(float(values[name]["value"].iloc[0]), 1.0, 1e-13, statistic=f"{name} / torch")
        for name in ("loops", "whole")
    ]
    variance = KAIMING.predict("kaiming_variance")
    ratio = DERIVATION.predict("jacobian_ratio")
    theory = [
        float(ratio(fan_out=fan_out, weight_var=variance(fan=fan_in, negative_slope=0)))
        for fan_in, fan_out in pairwise(settings.widths)
    ]
    jacobian = values["jacobian"].copy()
    jacobian["predicted"] = [theory[layer - 1] for layer in jacobian["layer"]]
    relative = jacobian["value"] / jacobian["predicted"]
    means = relative.groupby(jacobian["network"]).mean()
    found.append(mean_value(means, 1.0, statistic="jacobian / predicted", order=2))
    for layer, group in jacobian.groupby("layer"):
        if len(group) > 1:
            where = {"layer": int(str(layer)), "order": 2}
            expected = theory[int(str(layer)) - 1]
            found.append(mean_value(group["value"], expected, statistic="jacobian", **where))
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """The Jacobian's mean ratio at each layer, with its standard error."""
    grouped = samples[samples["statistic"] == "jacobian"].groupby("layer")["value"]
    table = grouped.agg(["mean", "sem"]).reset_index()
    table["predicted"] = [
        c.predicted for c in compare(samples, settings) if c.statistic == "jacobian"
    ]
    return {"jacobian.csv": table}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """Each layer's ratio, with three standard errors, over its prediction."""
    from matplotlib.ticker import MaxNLocator

    axes = figure.subplots()
    axes.axhline(1, color="C2", linewidth=1.2)
    ratio, error = data["mean"] / data["predicted"], 3 * data["sem"] / data["predicted"]
    axes.errorbar(data["layer"], ratio, error, fmt="o", markersize=4, color="C0")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("layer")
    axes.set_ylabel("‖J‖² ratio, measured / predicted")


PICTURES = (
    Picture(
        draw,
        data="jacobian.csv",
        height=3.2,
        caption="The squared Frobenius norm of a ReLU stack's Jacobian, each layer over the one before, "
        "over its prediction, with three standard errors. The widths alternate: predicted are 1/2 and 2 in turn.",
        wrong="With Xavier's gain the dots would lie at one half.",
        alt="Dots with error bars for every layer, scattered about a level line at 1.",
    ),
)

NORM = "impl.tensors.frobenius:frobenius_norm"
MUTANTS = (
    *wrong_weights("impl.init.kaiming:kaiming_normal_"),
    Mutant("wrong norm", "no root", NORM, lambda _: lambda m: (m * m).sum()),
    Mutant("wrong norm", "largest column", NORM, lambda _: lambda m: (m * m).sum(0).sqrt().max()),
    Mutant("wrong norm", "no square", NORM, lambda _: lambda m: m.abs().sum()),
    Mutant("wrong norm", "a factor of 1.0001", NORM, lambda right: lambda m: right(m) * 1.0001),
    Mutant("wrong norm", "spectral", NORM, lambda _: _spectral),
    Mutant("wrong norm", "a lost row", NORM, lambda right: lambda m: right(m[1:])),
    Mutant(
        "wrong norm", "the loops stop early", f"{NORM}_loops", lambda right: lambda m: right(m[:-1])
    ),
)


def _spectral(matrix: Tensor) -> Tensor:
    import torch

    return torch.linalg.matrix_norm(matrix, 2)


BLIND = (
    "Which singular values make up the norm: it sees the sum of their squares alone.",
    "The order of the entries within a matrix.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
