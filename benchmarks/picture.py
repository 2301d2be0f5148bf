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
    height = 0.7 + ROW * len(rows)
    picture = Picture(draw, "", "", "", name="benchmarks", height=height)
    made = render(picture, pd.DataFrame(rows))
    return {name: content for name, content in made.items() if name.endswith(".svg")}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """From above to below in the races' order; the name stands over its dot's line."""
    axes = figure.subplots()
    for position, race in enumerate(data.to_dict("records")):
        colour = "C0" if race["ratio"] < 1 else "C1"
        axes.plot(
            [race["low"], race["high"]],
            [position, position],
            color=colour,
            linewidth=2.5,
            alpha=0.5,
        )
        axes.plot(race["ratio"], position, "o", color=colour, markersize=5)
        text = f"{race['name']}; {race['peer'].partition(',')[0].removesuffix(' and a loop over layers')}"
        axes.annotate(
            text,
            (0, position),
            xycoords=("axes fraction", "data"),
            xytext=(2, 5),
            textcoords="offset points",
            fontsize=7.5,
            va="bottom",
        )
    axes.axvline(1, color="C1", linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_ylim(len(data) - 0.5, -0.8)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("our time / the peer's")
