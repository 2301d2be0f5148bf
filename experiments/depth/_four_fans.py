"""The picture of the front page: one fan of quantiles, tilted by four gains.

A ReLU network without biases is homogeneous in each layer's weights: if all weights are c times as large, the mean
square of layer l is c^2l times as large, network by network. So the fans of all gains are Kaiming's, tilted.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SHOWN = 3  # networks with real weights, for each gain
LOWEST, HIGHEST = -32, 12  # powers of ten that are drawn


def gains(width: int) -> dict[str, float]:
    """By initialiser: one layer's ratio of mean squares, as derived."""
    from derivations import load

    kaiming, xavier = load("init/kaiming"), load("init/xavier")
    ratio = kaiming.predict("forward_ratio")
    size = {"fan_in": width, "negative_slope": 0}
    kept = float(kaiming.predict("kaiming_variance")(fan=width, negative_slope=0))
    default = float(kaiming.predict("kaiming_variance")(fan=width, negative_slope=math.sqrt(5)))
    glorot = float(xavier.predict("xavier_variance")(fan_in=width, fan_out=width))
    return {
        "Kaiming, 10 % too large": float(ratio(weight_var=1.1**2 * kept, **size)),
        "Kaiming": float(ratio(weight_var=kept, **size)),
        "Xavier": float(ratio(weight_var=glorot, **size)),
        "PyTorch's default": float(ratio(weight_var=default, **size)),
    }


def table(fan: pd.DataFrame, width: int) -> pd.DataFrame:
    """log10 of the mean square over the input's: quantiles and real networks, for each initialiser."""
    import pandas as pd

    shown = ["q05", "q25", "median", "q75", "q95", *(f"network {k}" for k in range(SHOWN))]
    parts = []
    for name, ratio in gains(width).items():
        tilt = math.log10(ratio) * fan["layer"]
        tilted = {column: fan[column] + tilt for column in shown if column in fan}
        parts.append(pd.DataFrame({"initialiser": name, "layer": fan["layer"], **tilted}))
    return pd.concat(parts, ignore_index=True)


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """A fan and its real networks for each initialiser, with its name at the end."""
    axes = figure.subplots()
    for number, (name, fan) in enumerate(data.groupby("initialiser", sort=False)):
        colour = f"C{(3, 0, 1, 2)[number]}"
        x, inside = fan["layer"], fan[fan["median"].between(LOWEST, HIGHEST)]
        axes.fill_between(x, fan["q05"], fan["q95"], color=colour, alpha=0.22, linewidth=0)
        axes.fill_between(x, fan["q25"], fan["q75"], color=colour, alpha=0.3, linewidth=0)
        for column in [c for c in fan if str(c).startswith("network")]:
            axes.plot(x, fan[column], color=colour, linewidth=0.8)
        falls = inside["median"].iloc[-1] < LOWEST / 2
        end = inside.iloc[4 * len(inside) // 5 if falls else -1]
        axes.annotate(
            str(name),
            (end["layer"], end["q95"]),
            xytext=(6 if falls else 0, 4),
            textcoords="offset points",
            ha="left" if falls else "right",
            va="bottom",
            color=colour,
            fontweight="bold",
        )
    axes.set_ylim(LOWEST, HIGHEST)
    axes.set_xlim(0, data["layer"].max())
    axes.set_xlabel("layer")
    axes.set_ylabel("signal: mean square over the input's")
    axes.yaxis.set_major_formatter(lambda power, _: f"$10^{{{power:g}}}$")
