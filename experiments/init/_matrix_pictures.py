"""The pictures of init/repeated_product: the vector's size by step, at three scales and enlarged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.figures import Picture

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """The size of the vector by step, at the lesson's three scales, and the range of 32 bits."""
    import numpy as np

    axes = figure.subplots()
    labels = {"one": "N(0, 1)", "kept": "N(0, 1) / √n", "small": "N(0, 1) · 0.01"}
    for number, (name, label) in enumerate(labels.items()):
        for column in [c for c in data if str(c).startswith(f"{name}: run")]:
            finite = data[column].replace([np.inf, -np.inf], np.nan)
            axes.plot(data["step"], finite, color="0.5", linewidth=0.8, zorder=3)
        line = data[f"{name}: fresh"]
        axes.plot(
            data["step"],
            line.where(line.abs() < 60),
            color=f"C{number}",
            label=label,
            linewidth=4,
            alpha=0.7,
        )
    for level, text in ((38.53, "largest"), (-37.93, "smallest normal"), (-44.85, "smallest")):
        axes.axhline(level, color="0.5", linewidth=0.8, linestyle=":")
        axes.annotate(
            text, (100, level), xytext=(0, 2), textcoords="offset points", ha="right", fontsize=8.5
        )
    axes.set_xlabel("multiplications")
    axes.set_ylabel("root mean square")
    axes.yaxis.set_major_formatter(lambda power, _: f"$10^{{{power:g}}}$")
    axes.legend(loc="lower left")


def draw_kept(figure: Figure, data: pd.DataFrame) -> None:
    """With 1/√n: the band for fresh matrices, and the lesson's runs with one."""
    axes = figure.subplots()
    centre, wide = data["kept: fresh"], 1.645 * data["kept: spread"]
    runs = [c for c in data if str(c).startswith("kept: run")]
    for column in runs:
        axes.plot(data["step"], 10 ** data[column], color="C1", linewidth=0.6, alpha=0.7)
    low, high = 10 ** (centre - wide), 10 ** (centre + wide)
    axes.fill_between(data["step"], low, high, color="C0", alpha=0.35, label="fresh, 90 %")
    axes.plot(data["step"], 10**centre, color="C0", label="fresh, median")
    if runs:
        axes.plot([], [], color="C1", linewidth=1, label="one matrix, a run")
    axes.plot(100, 0.9270, "D", color="C2", label="the lesson")
    axes.set_yscale("log")
    axes.set_xlabel("multiplications")
    axes.set_ylabel("root mean square")
    axes.legend(loc="upper left")


PICTURES = (
    Picture(
        draw_kept,
        data="paths.csv",
        height=3.8,
        caption="A vector of 512 numbers, multiplied by matrices of N(0, 1/512) numbers. A fresh matrix at every step "
        "keeps nine in ten vectors within the blue band. With one matrix for all steps (thin lines, measured) the "
        "largest eigenvalues take over, and sizes spread much more. The lesson's single run is the diamond.",
        wrong="If one matrix were as good as fresh ones, nine in ten thin lines would stay within the band.",
        alt="A narrow band that opens slowly around 1, and thin lines that leave it upwards, some thirtyfold.",
    ),
    Picture(
        draw,
        name="scales",
        data="paths.csv",
        height=4.2,
        caption="The size of a vector of 512 numbers that is multiplied again and again, at the lesson's three scales. "
        "Coloured lines are derived, for a fresh matrix at every step; grey ones are runs with one matrix. Dotted: the "
        "largest number of 32 bits, the smallest that has all its bits, and the smallest of all.",
        wrong="If the vector grew by n a step and not by √n, the first line would leave the range after 14 steps.",
        alt="Three straight lines from 1: one rises to 10³⁸ within 29 steps, one stays level, one falls below 10⁻⁴⁵ "
        "within 71.",
    ),
)
