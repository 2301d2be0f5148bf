"""Tables and figures of depth/correlation: the cosine over depth, and how slowly it reaches its law."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from experiments.figures import Picture

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.figure import Figure

LONG = 10_000  # layers of infinite width
WINDOWS = ((3, 10), (10, 30), (30, 100), (100, 1000), (1000, 10_000))
FIT = 90.0  # degrees between the inputs whose approach is fitted


def tables(samples: pd.DataFrame, settings: Any) -> dict[str, pd.DataFrame]:
    """The cosines, measured and in the limit of wide layers; their approach to 1; fits; batches."""
    import numpy as np
    import pandas as pd

    from derivations.depth.correlation import DERIVATION

    pairs = samples[samples["kind"] == "pair"]
    starts = np.asarray(settings.angles)
    gaps = wide_gaps(np.append(starts, FIT), max(LONG, settings.depth))
    grouped = pairs.groupby(["start", "layer"])["cosine"]
    cosines = grouped.agg(["mean", "sem"])
    cosines["q05"], cosines["q95"] = grouped.quantile(0.05), grouped.quantile(0.95)
    cosines = cosines.reset_index()
    layer = cosines["layer"].astype(int)
    number = cosines["start"].map({s: k for k, s in enumerate(starts)})
    cosines["predicted"] = 1 - gaps[layer, number]
    return {
        "cosines.csv": pd.concat([_first(starts), cosines], ignore_index=True),
        "rate.csv": _rate(gaps[:, -1]),
        "fits.csv": _fits(gaps[:, -1]),
        "batches.csv": _batches(samples, settings, DERIVATION.predict("effective_size")),
    }


def wide_gaps(starts: npt.NDArray[np.float64], depth: int) -> npt.NDArray[np.float64]:
    """1 - ρ after 0, …, ``depth`` layers of infinite width, for angles in degrees: (depth + 1, starts)."""
    import numpy as np

    from derivations.depth.correlation import DERIVATION

    gap = DERIVATION.predict("gap")
    found = np.empty((depth + 1, len(starts)))
    found[0] = 2 * np.sin(np.radians(starts) / 2) ** 2
    for layer in range(depth):
        found[layer + 1] = gap(angle=2 * np.arcsin(np.sqrt(found[layer] / 2)))
    return found


def offset_of(gap: float, depth: int) -> float:
    """The constant C with which the corrected law gives ``gap`` at this depth."""
    from scipy.optimize import brentq

    from derivations.depth.correlation import DERIVATION

    corrected = DERIVATION.predict("corrected")
    return float(brentq(lambda c: corrected(depth=depth, offset=c) - gap, 0, 1000))


def _first(starts: npt.NDArray[np.float64]) -> pd.DataFrame:
    """The inputs' own cosines, as layer 0."""
    import numpy as np
    import pandas as pd

    cosine = np.cos(np.radians(starts))
    columns = {
        "start": starts,
        "layer": 0,
        "mean": cosine,
        "sem": 0.0,
        "q05": cosine,
        "q95": cosine,
    }
    return pd.DataFrame(columns | {"predicted": cosine})


def _rate(gaps: npt.NDArray[np.float64]) -> pd.DataFrame:
    """(1 - ρ) l² over the layer l, with the corrected law and the limit."""
    import numpy as np
    import pandas as pd

    from derivations.depth.correlation import DERIVATION

    layer = np.unique(np.geomspace(1, LONG, 80).round().astype(int))
    corrected, asymptote = (DERIVATION.predict(n) for n in ("corrected", "asymptote"))
    offset = offset_of(gaps[LONG], LONG)
    columns = {
        "layer": layer,
        "wide": gaps[layer] * layer**2,
        "corrected": corrected(depth=layer, offset=offset) * layer**2,
        "limit": asymptote(depth=layer) * layer**2,
    }
    return pd.DataFrame(columns)


def _fits(gaps: npt.NDArray[np.float64]) -> pd.DataFrame:
    """What a power law A / l^b that is fitted to some layers finds, with b free and with b = 2."""
    import numpy as np
    import pandas as pd

    from derivations.depth.correlation import DERIVATION

    rows: list[tuple[str, float, float, float]] = []
    for low, high in WINDOWS:
        layer = np.arange(low, high + 1)
        logs = np.log(layer), np.log(gaps[layer])
        slope, level = np.polyfit(*logs, 1)
        rows.append(
            (
                f"{low:,} to {high:,}",
                -slope,
                math.exp(level),
                np.exp((logs[1] + 2 * logs[0]).mean()),
            )
        )
    limit = float(DERIVATION.predict("asymptote")(depth=1))
    rows.append(("the limit", 2.0, limit, limit))
    return pd.DataFrame(rows, columns=["layers fitted", "exponent", "constant", "constant if 2"])


def _batches(samples: pd.DataFrame, settings: Any, effective: Any) -> pd.DataFrame:
    """The independent inputs that a batch is worth, predicted and measured."""
    import pandas as pd

    rows = []
    for kind, batch in samples[samples["covariance"].notna() & samples["layer"].isna()].groupby(
        "kind", sort=False
    ):
        worth = [
            float(effective(mean_covariance=batch[name].mean(), units=1))
            for name in ("covariance", "product")
        ]
        rows.append((f"{settings.batch} {kind} inputs", *worth))
    return pd.DataFrame(rows, columns=["batch", "worth (predicted)", "worth (measured)"])


def draw_cosines(figure: Figure, data: pd.DataFrame) -> None:
    """The cosine over the layers: lines predicted for wide layers, dots and bands measured."""
    axes = figure.subplots()
    for number, (start, line) in enumerate(data.groupby("start")):
        colour, line = f"C{number % 5}", line.sort_values("layer")
        axes.fill_between(
            line["layer"], line["q05"], line["q95"], color=colour, alpha=0.18, linewidth=0
        )
        axes.plot(line["layer"], line["predicted"], color=colour, linewidth=1.2)
        axes.plot(line["layer"], line["mean"], "o", color=colour, markersize=3)
        axes.annotate(
            f"{start:g}°",
            (0, line["mean"].iloc[0]),
            xytext=(-7, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color=colour,
            fontweight="bold",
        )
    axes.axhline(1, color="0.5", linewidth=0.8, linestyle=":")
    axes.set_xlim(left=-0.16 * data["layer"].max())
    axes.set_xlabel("layer")
    axes.set_ylabel("cosine of the angle between two inputs")


def draw_rate(figure: Figure, data: pd.DataFrame) -> None:
    """(1 - ρ) l² on a logarithmic axis, with its limit and the corrected law."""
    axes = figure.subplots()
    axes.axvspan(1, 100, color="C3", alpha=0.15, linewidth=0)
    axes.plot(data["layer"], data["limit"], color="C2", linewidth=1.4)
    axes.plot(data["layer"], data["corrected"], color="C1", linewidth=1.4, linestyle="--")
    axes.plot(data["layer"], data["wide"], "o", color="C0", markersize=3)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.15 * data["limit"].iloc[0])
    axes.set_xlim(1, data["layer"].max())
    axes.set_xlabel("layers l")
    axes.set_ylabel("(1 − ρ) · l²")
    bold: dict[str, Any] = {"fontweight": "bold", "va": "center"}
    axes.text(1.3, 1.06 * data["limit"].iloc[0], "the limit, 9π²/2", color="C2", **bold)
    middle = data.iloc[(data["layer"] - 300).abs().argmin()]
    axes.text(400, middle["corrected"] - 4, "with 3/2 log l + C", color="C1", **bold)
    axes.text(1.3, 36, "where one fits", color="C3", **bold)


PICTURES = (
    Picture(
        draw_cosines,
        data="cosines.csv",
        height=3.8,
        caption="The cosine of the angle between two inputs, layer by layer, for four angles at the start. Lines are "
        "the map of infinitely wide layers, dots means over networks of widths 96 and 192 with real weights, bands "
        "hold 90 % of the networks.",
        wrong="If random layers kept angles, as they keep lengths, the lines would be level.",
        alt="Four curves that begin at the cosines of 15, 60, 90 and 150 degrees and rise towards 1, quickly at "
        "first and then slowly; dots lie on them within narrow bands.",
    ),
    Picture(
        draw_rate,
        name="rate",
        data="rate.csv",
        height=3.4,
        caption="How far from parallel, times the square of the depth, for inputs that began at a right angle (dots). "
        "This tends to 44.4, but at a hundred layers it is 36, and at ten 13. The dashed law with a "
        "logarithm and one constant is within 5 % from the twentieth layer on.",
        wrong="If 1 − ρ were a constant over l² from the first layers on, the dots would be level.",
        alt="Dots that climb in an S-shaped curve over a logarithmic axis of layers, and come close to a level "
        "line only beyond a thousand layers; a dashed curve follows them.",
    ),
)
