"""What is made of a sweep of depths and widths: comparisons with the derivation, tables and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from derivations.depth.finite_width import DERIVATION
from experiments.cells import Progress
from experiments.figures import Picture
from experiments.statistics import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
FEWEST = {  # values from which on the law of a mean is near enough to what its test takes it for
    "ratio": 30,
    "log ratio": 30,
    "log ratio, variance": 1000,
    "log": 30,
    "log, variance": 1000,
}
SHOWN = 30  # networks: cells of fewer are in the tables, and not in the figures
PANELS = 4  # widths in the figure of quantiles
CURVE = 9  # widths at which a contour line is computed
NAMES = {"law": "drawn from the law", "weights": "with real weights"}


def compare(progress: Progress) -> Iterator[Comparison]:
    """The statistics of one cell of which there are enough values; never the mean of the last layer.

    Means of squares are held to a gamma law. A ratio's variance is known; that of a squared deviation is
    estimated relative to its mean: with a t test, deviations that are small by chance come with a standard
    error that is too small, and correct theory was rejected three times as often as it may be.
    """
    means = dict(progress.cell.expected)
    for name, least in FEWEST.items():
        moments = progress.found.moments[name]
        if moments.count < least:
            continue
        mean, spread = means[name], math.sqrt(moments.variance)
        if name == "ratio":
            spread = math.sqrt(means["ratio, variance"])
        elif name.endswith("variance"):
            spread *= mean / moments.mean
        squares = name not in ("log", "log ratio")
        yield Comparison(
            statistic=name,
            measured=moments.mean,
            predicted=mean,
            test="gamma" if squares else "t",
            standard_error=spread / math.sqrt(moments.count),
            degrees_of_freedom=math.inf if squares else moments.count - 1,
            order=2 if name == "ratio" else 0,
            input=progress.cell.label,
        )


def tables(cells: Sequence[Progress]) -> dict[str, pd.DataFrame]:
    """One line a cell; the same with the law's contour lines; and quantiles over the layers."""
    summary = pd.DataFrame([_line(progress) for progress in cells])
    shown = summary[summary["networks"] - summary["lost"] >= SHOWN]
    kept = ["law", "width", "depth", "log_variance"]
    lines = contours(summary["width"], summary["log_variance_predicted"])
    return {
        "summary.csv": summary,
        "map.csv": pd.concat([shown[kept], lines], ignore_index=True),
        "fan.csv": pd.DataFrame(_fans(cells)),
    }


def _line(progress: Progress) -> dict[str, Any]:
    cell, found = progress.cell, progress.found
    means, depth = dict(cell.expected), int(dict(cell.axes)["depth"])
    sketch, log, spread = (
        found.sketches[depth],
        found.moments["log"],
        found.moments["log, variance"],
    )
    return {
        **dict(cell.axes),
        "networks": cell.networks,
        "lost": sketch.lost,
        "ratio": found.moments["ratio"].mean,
        "log_mean": log.mean if log.count else math.nan,
        "log_mean_predicted": means["log"],
        "log_variance": spread.mean if spread.count else math.nan,
        "log_variance_predicted": means["log, variance"],
        **{name: sketch.quantile(share) for name, share in QUANTILES.items()},
        "bin_width": sketch.width,
        "rank_error": sketch.rank_error,
    }


def contours(widths: Iterable[int], variances: Iterable[float]) -> pd.DataFrame:
    """Where the predicted variance of the logarithm is a power of ten: level, width and depth."""
    lowest, highest = (
        max(1, min(widths) / 3),
        max(widths),
    )  # down to the edge of the narrowest cells
    curve = np.unique(np.geomspace(lowest, highest, CURVE).round().astype(int))
    each = DERIVATION.predict("log_ratio_variance")(units=curve)
    ends = [math.floor(math.log10(min(variances))), math.ceil(math.log10(max(variances)))]
    parts = [
        pd.DataFrame({"level": 10.0**power, "width": curve, "depth": 10.0**power / each})
        for power in range(ends[0], ends[1] + 1)
    ]
    return pd.concat(parts, ignore_index=True)


def _fans(cells: Sequence[Progress]) -> Iterator[dict[str, Any]]:
    """Quantiles (as powers of ten) of all kept layers of the deepest cell of each width.

    Of networks from the law, if there are any: those of the last law named, otherwise.
    """
    deepest: dict[int, Progress] = {}
    for progress in sorted(
        cells, key=lambda each: (_axis(each, "law") == "law", _axis(each, "depth"))
    ):
        if progress.cell.networks >= SHOWN:
            deepest[int(_axis(progress, "width"))] = progress
    for width, progress in sorted(deepest.items()):
        drift = dict(progress.cell.expected)["log ratio"] / math.log(10)
        yield {"width": width, "layer": 0, **dict.fromkeys((*QUANTILES, "drift"), 0.0)}
        for layer, sketch in sorted(progress.found.sketches.items()):
            shares = {n: sketch.quantile(q) / math.log(10) for n, q in QUANTILES.items()}
            yield {"width": width, "layer": layer, **shares, "drift": layer * drift}


def _axis(progress: Progress, name: str) -> Any:
    return dict(progress.cell.axes)[name]


def draw_map(figure: Figure, data: pd.DataFrame) -> None:
    """The measured variance as colours and numbers, the predicted contour lines on top."""
    from matplotlib.colors import LogNorm

    cells, lines = data[data["level"].isna()], data[data["level"].notna()]
    laws = list(dict.fromkeys(cells["law"]))
    norm = LogNorm(cells["log_variance"].min(), max(cells["log_variance"].max(), 1e-12))
    panels = figure.subplots(len(laws), squeeze=False, sharex=True)[:, 0]
    x, y = sorted(set(cells["depth"])), sorted(set(cells["width"]))
    for axes, law in zip(panels, laws, strict=True):
        grid = cells[cells["law"] == law].pivot(
            index="width", columns="depth", values="log_variance"
        )
        grid = grid.reindex(index=y, columns=x)
        mesh = axes.pcolormesh(_edges(x), _edges(y), grid, norm=norm, cmap="viridis")
        axes.set(xscale="log", yscale="log", ylabel="width", facecolor="none")
        axes.set_title(NAMES[law], pad=14)
        axes.set_xticks(x, [f"{value:,.0f}" for value in x], minor=False)
        axes.set_yticks(y, [f"{value:,.0f}" for value in y], minor=False)
        axes.minorticks_off()
        for (width, depth), value in grid.stack().dropna().items():
            ink = "w" if norm(value) < 0.6 else "k"
            number = f"{float(f'{value:.2g}'):,g}"
            axes.text(depth, width, number, color=ink, ha="center", va="center", fontsize=8.5)
        _draw_contours(axes, lines, _edges(x), _edges(y))
    panels[-1].set_xlabel("depth")
    figure.colorbar(mesh, ax=list(panels), label="variance of the log")


def _draw_contours(axes: Axes, lines: pd.DataFrame, x: Sequence[float], y: Sequence[float]) -> None:
    for level, line in lines.groupby("level"):
        depth, width = line["depth"].to_numpy(), line["width"].to_numpy()
        top = (
            depth[-1] * y[-1] / width[-1]
        )  # wide layers: straight on to the edge of the widest cells
        axes.plot([*depth, top], [*width, y[-1]], color="C1", linewidth=1.2)
        if x[0] <= top <= x[-1]:
            axes.annotate(
                f"{level:g}",
                (top, y[-1]),
                xytext=(0, 2),
                textcoords="offset points",
                color="C1",
                ha="center",
                fontsize=8,
            )
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))


def _edges(centres: Sequence[float]) -> list[float]:
    """Borders of cells on a logarithmic axis: half-way between centres, and as far outside."""
    steps = [b / a for a, b in zip(centres, centres[1:], strict=False)] or [4.0]
    inner = [math.sqrt(a * b) for a, b in zip(centres, centres[1:], strict=False)]
    return [centres[0] / math.sqrt(steps[0]), *inner, centres[-1] * math.sqrt(steps[-1])]


def draw_fans(figure: Figure, data: pd.DataFrame) -> None:
    """For each width, or some of them: quantiles over the layers."""
    widths = sorted(set(data["width"]))
    places = np.linspace(0, len(widths) - 1, PANELS).round().astype(int)
    shown = [widths[i] for i in sorted({*places})]
    panels = figure.subplots(len(shown), squeeze=False)[:, 0]
    for axes, width in zip(panels, shown, strict=True):
        _draw_fan(axes, data[data["width"] == width])
        axes.set(title=f"width {width:,}", ylabel="mean square")
        axes.yaxis.set_major_locator(_integers())
        axes.yaxis.set_major_formatter(lambda power, _: f"$10^{{{power:g}}}$")
    panels[0].legend(loc="lower left")
    panels[-1].set_xlabel("layer")


def _draw_fan(axes: Axes, fan: pd.DataFrame) -> None:
    fan = fan.replace(-math.inf, 1.2 * fan.iloc[-1]["drift"])  # lost networks: below all others
    x = fan["layer"]
    axes.fill_between(x, fan["q05"], fan["q95"], color="C0", alpha=0.2, linewidth=0)
    axes.fill_between(x, fan["q25"], fan["q75"], color="C0", alpha=0.3, linewidth=0)
    axes.plot(x, fan["median"], color="C0", label="median")
    axes.plot(x, fan["drift"], color="C3", linestyle="--", linewidth=1.2, label="predicted")
    axes.axhline(0, color="C2", label="mean")


def _integers() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4, integer=True)


PICTURES = (
    Picture(
        draw_map,
        name="map",
        data="map.csv",
        height=3.6,
        caption="The variance of the logarithm of a network's mean square, by depth and width: measured in the "
        "cells, predicted by the contour lines, which are labelled at the top. Each line is one ratio of depth to "
        "width: double both, and nothing changes.",
        wrong="If the variance did not come from depth over width, colours would not change along with the lines.",
        alt="Coloured cells on logarithmic axes, brighter to the lower right, crossed by parallel diagonal lines.",
    ),
    Picture(
        draw_fans,
        name="fan",
        data="fan.csv",
        height=6.4,
        caption="The signal's mean square over the input's, layer by layer, for each width: bands hold 50 and 90 % "
        "of the networks. The mean is 1 everywhere; the median follows the predicted mean of the logarithm. Where a "
        "band falls off, one network in twenty is lost.",
        wrong="If the mean told the fate of a network, the bands would stay about the level line.",
        alt="Fans that open and fall with the layer, below a level line; steep for narrow layers, shallow for wide "
        "ones.",
    ),
)
BLIND = (
    "The mean of the last layer: in deep and narrow stacks it is made up of networks that hardly ever occur. The "
    "ratio of layers and the logarithm are tested instead.",
    "How many networks die: their logarithms are left out, and counted in summary.csv.",
)
