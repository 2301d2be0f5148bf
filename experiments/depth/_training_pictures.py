"""Loss curves, and the first gradient of every layer, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

COLOURS = {"Kaiming": "C0", "Xavier": "C1"}
MARKS = ("o", "s", "^", "D")


def curves(figure: Figure, data: pd.DataFrame) -> None:
    """The loss of every network over the steps: a panel for each depth, a colour for each rule."""
    depths = list(dict.fromkeys(data["depth"]))
    panels = figure.subplots(len(depths), sharex=True, squeeze=False)[:, 0]
    for axes, depth in zip(panels, depths, strict=True):
        here = data[data["depth"] == depth]
        for (rule, network), group in here.groupby(["rule", "network"], sort=False):
            label = str(rule) if network == 0 else None
            colour = COLOURS[str(rule)]
            axes.plot(group["step"], group["loss"], color=colour, linewidth=0.9, label=label)
        axes.set_title(f"{depth} layers")
        axes.set_ylabel("loss")
        axes.set_ylim(bottom=0, top=2.6)
    panels[0].legend(loc="lower left")
    panels[-1].set_xlabel("step")


def gradients(figure: Figure, data: pd.DataFrame) -> None:
    """Each layer's gradient, measured and derived."""
    axes = figure.subplots()
    depths = list(dict.fromkeys(data["depth"]))
    for (rule, depth, kind), group in data.groupby(["rule", "depth", "kind"], sort=False):
        colour, mark = COLOURS[str(rule)], MARKS[depths.index(depth) % len(MARKS)]
        if kind == "real loss":
            axes.plot(group["layer"], group["measured"], "--", color=colour, linewidth=1)
            continue
        axes.plot(group["layer"], group["predicted"], color=colour, linewidth=1)
        label = f"{rule}, {depth} layers"
        axes.plot(group["layer"], group["measured"], mark, color=colour, markersize=4, label=label)
    axes.set_yscale("log")
    axes.set_xlabel("layer")
    axes.set_ylabel("gradient of its weights")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, columnspacing=1)
