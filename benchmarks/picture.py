"""The ratios of ``make bench`` as one figure: a dot a race, on a logarithmic axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.figures import Picture, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW = 0.36  # inches a race


def files(races: dict[str, list[dict[str, Any]]]) -> dict[str, bytes]:
    """The figure, light and dark, as SVG by name. Races without a peer are not in it."""
    rows = [
        {"group": group, **{name: race[name] for name in ("name", "peer", "ratio", "low", "high")}}
        for group, found in races.items()
        for race in found
        if race["peer"].startswith(("torch.", "numpy."))
    ]
    if not rows:
        return {}
    height = 0.7 + ROW * (len(rows) + len({row["group"] for row in rows}))
    picture = Picture(draw, "", "", "", name="benchmarks", height=height)
    made = render(picture, pd.DataFrame(rows))
    return {name: content for name, content in made.items() if name.endswith(".svg")}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """From above to below, by group: the name stands over its dot; a short line is where both are equal."""
    axes = figure.subplots()
    axes.set_xscale("log")
    position, group = -1, ""
    for race in data.to_dict("records"):
        position += 1
        if race["group"] != group:
            group = race["group"]
            _say(axes, group, position + 0.3, weight="bold", fontsize=9)  # nearer to what it heads
            position += 1
        colour = "C0" if race["ratio"] < 1 else "C1"
        axes.vlines(1, position - 0.2, position + 0.2, color="C1", linewidth=0.8)
        quartiles = [race["low"], race["high"]]
        axes.plot(quartiles, [position] * 2, color=colour, linewidth=2.5, alpha=0.5)
        axes.plot(race["ratio"], position, "o", color=colour, markersize=5)
        peer = race["peer"].partition(",")[0].removesuffix(" and a loop over layers")
        _say(axes, f"{race['name']}; {peer}", position, fontsize=7.5)
    axes.set_ylim(position + 0.5, -0.8)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("our time / the peer's")


def _say(axes: Any, text: str, position: float, **style: Any) -> None:
    """Words over the line of a race, from the left edge on."""
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    axes.annotate(text, (0, position), xytext=(2, 5), va="bottom", **place, **style)
