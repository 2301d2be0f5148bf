"""The first step over the number of branches, as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """The first step over the number of branches: dots measured, lines derived."""
    axes = figure.subplots()
    names = {"fixup": "Fixup", "unscaled": "zero last layers alone"}
    for number, (key, group) in enumerate(data.groupby(["kind", "layers"])):
        (kind, layers), colour = map(str, key), f"C{number}"
        axes.plot(group["branches"], group["predicted"], color=colour, linewidth=1)
        axes.errorbar(
            group["branches"],
            group["mean"],
            3 * group["sem"],
            fmt=("o", "s", "^", "D")[number % 4],
            markersize=4,
            color=colour,
            label=f"{names[kind]}, {layers} layers a branch",
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xlabel("residual branches")
    axes.set_ylabel("first step, over ‖u‖²‖x‖²")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    axes.legend(loc="upper left")
