"""The last layer of exact_law's ReLU networks: its density without sampling, beside networks drawn and built."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from experiments.depth._exact_networks import laws

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.depth.exact_law import Settings

KIND, BINS, POINTS = "ReLU", 18, 200
LEFT_OUT = 1e-3  # of the law, at either end of the picture


def densities(samples: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """By source the density of log10 of the last layer's square over the input's; of samples in bins, with errors."""
    import numpy as np
    import pandas as pd

    from experiments.final_law import FinalLaw

    final = FinalLaw(laws(settings.width, settings.depth)[KIND])  # type: ignore[arg-type]
    low, high = final.quantile([LEFT_OUT, 1 - LEFT_OUT])
    x, log10 = np.linspace(low, high, POINTS), math.log10(2)
    frames = [pd.DataFrame({"source": "exact", "x": x * log10, "density": final.pdf(x) / log10})]
    edges = np.linspace(low, high, BINS + 1)
    for source in ("law", "weights"):
        part = samples[(samples["kind"] == KIND) & (samples["source"] == source)]
        logs = (part[f"x_{settings.depth}"] - part["x_0"]).to_numpy()
        counts, _ = np.histogram(logs, edges)
        unit = len(logs) * (edges[1] - edges[0]) * log10
        bins = {"x": (edges[:-1] + edges[1:]) / 2 * log10, "density": counts / unit}
        error = np.sqrt(counts * (1 - counts / len(logs))) / unit
        frames.append(pd.DataFrame({"source": source, **bins, "standard_error": error}))
    return pd.concat(frames, ignore_index=True)


def draw_last_layer(figure: Figure, data: pd.DataFrame) -> None:
    """A curve, steps that follow it, and crosses with their errors."""
    axes = figure.subplots()
    parts = {str(source): part for source, part in data.groupby("source")}
    law, weights, exact = parts["law"], parts["weights"], parts["exact"]
    weights = weights[weights["density"] > 0]
    width = law["x"].iloc[1] - law["x"].iloc[0]
    axes.bar(law["x"], law["density"], width, color="C0", alpha=0.3, label="drawn from the law")
    axes.errorbar(
        weights["x"],
        weights["density"],
        weights["standard_error"],
        fmt="x",
        color="C1",
        markersize=5,
        elinewidth=1,
        label="with weights",
    )
    axes.plot(exact["x"], exact["density"], color="C2", label="by a Fourier series")
    axes.set(xlabel="mean square of the last layer over the input's", ylabel="density", ylim=0)
    axes.xaxis.set_major_formatter(lambda power, _: f"$10^{{{power:g}}}$")
    axes.legend(loc="upper left", fontsize="small")
