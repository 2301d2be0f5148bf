"""What is made of a sweep of Jacobians: comparisons with the derivation, a table and a figure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from derivations.depth.jacobian import DERIVATION
from experiments.cells import Progress
from experiments.depth._jacobian_runs import STACKS as SHARES
from experiments.depth._jacobian_sweep import STACKS
from experiments.figures import Picture
from experiments.heavy_tails import SKEWNESS, unexplained_skewness
from experiments.statistics import Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ORDERS = {"fourth, given": 4, "sixth, given": 6}


def compare(progress: Progress) -> Iterator[Comparison]:
    """Both ratios of one cell, where there are enough networks for a p-value of so skewed a mean."""
    for name, predicted in progress.cell.expected:
        moments = progress.found.moments[name]
        relative = moments.variance / predicted**2
        if unexplained_skewness(relative, moments.count, "t") > SKEWNESS["t"]:
            continue
        yield Comparison(
            statistic=name,
            measured=moments.mean,
            predicted=predicted,
            test="t",
            standard_error=math.sqrt(moments.variance / moments.count),
            degrees_of_freedom=moments.count - 1,
            order=ORDERS[name],
            input=progress.cell.label,
        )


def tables(cells: Sequence[Progress]) -> dict[str, pd.DataFrame]:
    """One line a cell."""
    return {"summary.csv": pd.DataFrame([_line(progress) for progress in cells])}


def _line(progress: Progress) -> dict[str, Any]:
    axes, tested = dict(progress.cell.axes), {each.statistic for each in compare(progress)}
    depth, width, share = (
        int(axes["depth"]),
        int(axes["width"]),
        SHARES[STACKS[str(axes["stack"])]][1],
    )
    at = {"depth": depth, "share": share}
    return {
        **axes,
        "networks": progress.cell.networks,
        **{name: progress.found.moments[name].mean for name in ORDERS},
        **{f"{name}, tested": name in tested for name in ORDERS},
        "median fourth power": math.exp(progress.found.sketches[depth].quantile(0.5)),
        "mean fourth power": float(DERIVATION.predict("spread")(**at, units=width)),
        "mean sixth power": float(DERIVATION.predict("sixth_power")(**at, units=width)),
        "fourth, wide layers": float(DERIVATION.predict("limit")(**at)),
        "sixth, wide layers": float(DERIVATION.predict("sixth_limit")(**at)),
    }


def draw_typical(figure: Figure, data: pd.DataFrame) -> None:
    """The exact mean fourth power (lines) and the median network's (dots), by depth, for each width."""
    stacks = list(dict.fromkeys(data["stack"]))
    panels = figure.subplots(len(stacks), squeeze=False, sharex=True)[:, 0]
    for axes, stack in zip(panels, stacks, strict=True):
        for number, (width, line) in enumerate(data[data["stack"] == stack].groupby("width")):
            line, colour = line.sort_values("depth"), f"C{number % 5}"
            axes.plot(line["depth"], line["mean fourth power"], color=colour, label=f"{width:,}")
            axes.plot(line["depth"], line["median fourth power"], "o", color=colour)
        axes.set(yscale="log", ylabel="fourth power", title=stack)
    panels[0].legend(title="width")
    panels[-1].set_xlabel("layers")


PICTURES = (
    Picture(
        draw_typical,
        name="typical",
        data="summary.csv",
        height=4.6,
        caption="The mean fourth power of a Jacobian's singular values, by depth, for each width. Lines: the exact "
        "mean over networks. Dots: the median network, which falls below it where depth is not small against width.",
        wrong="If networks of one kind were all alike, the dots would be on the lines.",
        alt="Rising lines with dots on them at small depths, and below them at large ones.",
    ),
)
BLIND = (
    "The mean fourth and sixth powers themselves: a few networks make them up. The ratios to what is expected, given "
    "the layer before, are tested instead.",
    "Cells of too few networks for a p-value: summary.csv says which.",
)
