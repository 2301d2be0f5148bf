"""Tables and figures of depth/jacobian: the growing spread, whole spectra, one layer's numbers, exponents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from experiments.figures import Picture

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure

SHOWN = ("Gaussian, linear", "Gaussian, ReLU")  # of which spectra are drawn
APART = {"Gaussian, linear": -12, "orthogonal, linear": 8, "orthogonal, ReLU": 14}  # points


def tables(samples: pd.DataFrame, settings: Any) -> dict[str, pd.DataFrame]:
    """The mean fourth power over the layers; spectra; one layer's means; exponents."""
    import pandas as pd

    values = samples[samples["stack"].str.endswith("singular values")].copy()
    values["stack"] = values["stack"].str.replace(", singular values", "")
    spectra = values[["stack", "layer", "direction", "value"]]
    edges = _edges(spectra)
    found = {
        "spread.csv": _spread(samples, settings),
        "sixth.csv": _sixth(samples, settings),
        "spectra.csv": spectra.merge(edges[["stack", "layer", "edge"]]),
        "edges.csv": edges.rename(columns={"layer": "layers", "edge": "edge in wide layers"}),
        "exponents.csv": _exponents(samples, settings),
    }
    if settings.draws:
        matrices = samples[samples["stack"] == "matrix"]
        found["one_layer.csv"] = _one_layer(matrices["value"])
    return {name: pd.DataFrame(table) for name, table in found.items()}


def _spread(samples: pd.DataFrame, settings: Any) -> pd.DataFrame:
    """Measured, exact and in wide layers, for each stack and layer; layer 0 is the identity."""
    import numpy as np
    import pandas as pd

    from derivations.depth.jacobian import DERIVATION
    from experiments.depth._jacobian_runs import STACKS

    parts = []
    for stack, (kind, share) in STACKS.items():
        prefix = "" if kind == "gaussian" else "orthogonal_"
        rows = samples[samples["stack"] == stack]
        table = (rows["fourth"] / settings.width).groupby(rows["layer"]).agg(["mean", "sem"])
        table.loc[0] = [1.0, 0.0]
        table = table.sort_index().rename_axis("layer").reset_index()
        at = {"depth": table["layer"].to_numpy(), "share": share}
        table["exact"] = DERIVATION.predict(f"{prefix}spread")(**at, units=settings.width)
        table["limit"] = np.ones(len(table)) * DERIVATION.predict(f"{prefix}limit")(**at)
        parts.append(table.assign(stack=stack))
    return pd.concat(parts, ignore_index=True)


def _sixth(samples: pd.DataFrame, settings: Any) -> pd.DataFrame:
    """The mean sixth power in Gaussian stacks after 1, 2, 4, … layers: measured, exact, and in wide layers."""
    import pandas as pd

    from derivations.depth.jacobian import DERIVATION
    from experiments.depth._jacobian_runs import STACKS

    rows = []
    for stack in SHOWN:
        mine = samples[samples["stack"] == stack]
        for layer in (2**k for k in range(settings.depth.bit_length())):
            values = mine.loc[mine["layer"] == layer, "sixth"] / settings.width
            at = {"depth": layer, "share": STACKS[stack][1]}
            exact = float(DERIVATION.predict("sixth_power")(**at, units=settings.width))
            limit = float(DERIVATION.predict("sixth_limit")(**at))
            rows.append((stack, layer, values.mean(), values.sem(), exact, limit))
    columns = ["stack", "layers", "measured", "standard error", "exact", "wide layers"]
    return pd.DataFrame(rows, columns=columns)


def _edges(spectra: pd.DataFrame) -> pd.DataFrame:
    """The largest squared singular value of a network, and where the law of wide layers ends."""
    import pandas as pd

    from derivations.depth.jacobian import DERIVATION
    from experiments.depth._jacobian_runs import STACKS

    largest = spectra.groupby(["stack", "layer"], sort=False)["value"].max().reset_index()
    rows = []
    for stack, layer, value in largest.itertuples(index=False):
        end = float(DERIVATION.predict("edge")(depth=layer, share=STACKS[stack][1]))
        rows.append((stack, int(layer), value**2, end))
    return pd.DataFrame(rows, columns=["stack", "layer", "largest square", "edge"])


def _exponents(samples: pd.DataFrame, settings: Any) -> pd.DataFrame:
    """The mean logarithm of what each direction of a frame adds a layer, and their range."""
    import pandas as pd

    from derivations.depth.jacobian import DERIVATION

    frames = samples[samples["stack"] == "frame"]
    n, rows = settings.frame_width, []
    means = frames.groupby("direction")["value"].mean().sort_index(ascending=False)
    for k, mean in means.items():
        exact = DERIVATION.predict("exponent")(directions=int(float(str(k))), units=n)
        rows.append((f"direction {n + 1 - int(float(str(k)))} of {n}", float(exact), mean))
    widths = {n, settings.width}
    measured = {n: means.iloc[0] - means.iloc[-1]}
    for width in sorted(widths):
        exact = float(DERIVATION.predict("condition")(units=width))
        rows.append((f"condition number, width {width}", exact, measured.get(width, math.nan)))
    return pd.DataFrame(rows, columns=["growth of the logarithm a layer", "predicted", "measured"])


def _one_layer(values: pd.Series[float]) -> pd.DataFrame:
    """Glorot and Bengio's numbers: the mean singular value of one layer, and the mean of their squares."""
    import pandas as pd

    from derivations.depth.jacobian import DERIVATION

    rows = []
    for name, factor, limit, paper in (
        ("normalised, n Var[W] = 1", 1.0, "mean", 0.8),
        ("standard, n Var[W] = 1/3", 1 / math.sqrt(3), "standard", 0.5),
    ):
        scaled = values * factor
        wide = float(DERIVATION.predict(limit)())
        rows.append((name, paper, wide, scaled.mean(), (scaled**2).mean()))
    columns = ["weights", "the paper's mean", "wide layers", "measured", "mean square"]
    return pd.DataFrame(rows, columns=columns)


def draw_spread(figure: Figure, data: pd.DataFrame) -> None:
    """The mean fourth power over the layers: lines exact, dots measured with three standard errors."""
    axes = figure.subplots()
    last = data["layer"].max()
    for number, (stack, line) in enumerate(data.groupby("stack", sort=False)):
        colour = f"C{number}"
        axes.plot(line["layer"], line["exact"], color=colour, linewidth=1.3)
        axes.plot(line["layer"], line["limit"], color=colour, linewidth=0.9, linestyle=":")
        beside = line["layer"] + 0.01 * last * (number - 1.5)  # two stacks differ by little
        bars: dict[str, Any] = {"fmt": "o", "markersize": 3.5, "elinewidth": 0.9, "color": colour}
        axes.errorbar(beside, line["mean"], 3 * line["sem"], **bars)
        axes.annotate(
            str(stack).replace(", ", ",\n"),
            (last, line["exact"].iloc[-1]),
            xytext=(8, APART.get(str(stack), 0)),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
        )
    axes.set_xlim(-0.02 * last, 1.34 * last)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("layers")
    axes.set_ylabel("mean fourth power of singular values")


def draw_spectra(figure: Figure, data: pd.DataFrame) -> None:
    """The singular values of one network, the largest first, after 1, 2, 4, … layers."""
    import numpy as np

    panels = figure.subplots(len(SHOWN), 1, sharex=True, sharey=True)
    for axes, stack in zip(panels, SHOWN, strict=True):
        shown = data[data["stack"] == stack]
        for number, (layer, line) in enumerate(shown.groupby("layer")):
            values = line["value"].where(line["value"] > 1e-9)
            share = line["direction"] / line["direction"].max()
            label = f"{layer:g} layer" + ("s" if number else "")
            axes.plot(share, np.log10(values), color=f"C{number % 5}", label=label)
            end = np.log10(line["edge"].iloc[0]) / 2
            axes.plot(-0.02, end, marker=4, color=f"C{number % 5}", clip_on=False)
        axes.axhline(0, color="0.5", linewidth=0.8, linestyle=":")
        axes.set_title(stack)
        axes.yaxis.set_major_formatter(lambda power, _: f"$10^{{{power:g}}}$")
    panels[0].legend(ncols=2, loc="lower left", handlelength=1.2)
    panels[0].set_ylim(bottom=-4)
    panels[-1].set_xlabel("share of singular values that are larger")
    figure.supylabel("singular value", fontsize=9.5)


PICTURES = (
    Picture(
        draw_spread,
        data="spread.csv",
        height=3.8,
        caption="The mean fourth power of the singular values of a Jacobian, layer by layer, in stacks 64 units wide. "
        "Their mean square is 1 throughout. Lines are exact for this width, dotted lines for infinite width, dots "
        "measured with three standard errors.",
        wrong="If a mean square of 1 meant that a Jacobian keeps lengths, all lines would be level, as that of linear "
        "orthogonal layers is.",
        alt="Four lines that begin at 1: level for linear orthogonal layers, rising by about 1 a layer for linear "
        "Gaussian ones and orthogonal ones with ReLU, by more than 2 for Gaussian ones with ReLU.",
    ),
    Picture(
        draw_spectra,
        name="spectra",
        data="spectra.csv",
        height=4.6,
        caption="All singular values of one network's Jacobian, the largest first. With every layer the largest "
        "grow and the others fall. With ReLU half of them are zero from the first layer on, and not drawn. Triangles: "
        "where the largest would be if the layers were infinitely wide.",
        wrong="If the stacks kept all directions alike, the lines would be level at 1.",
        alt="Two panels of falling lines on a logarithmic scale, the steeper the more layers; in the lower panel they "
        "end half way.",
    ),
)
