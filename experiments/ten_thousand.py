"""One network of 10,000 layers with real weights, both ways, beside the exact law of such networks.

``python -m experiments.ten_thousand`` takes minutes, so it is not part of ``make``. It writes the
path of the network and the law's band to docs/counts/ten_thousand.csv, and what came out to
docs/counts/ten_thousand.json. The band holds 99 % of all networks' *whole* paths, so a correct network
leaves it in one run of a hundred; with both ways, at most in two.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import tyro
from matplotlib.figure import Figure

from derivations.options import parse
from derivations.record import write_record
from derivations.rows import ROOT
from experiments import law, stack
from experiments.data import cotangent_vectors, input_vectors
from experiments.figures import Picture, render
from experiments.fingerprint import code_fingerprint
from experiments.passes import Stack
from experiments.settings import at_least, check_device
from experiments.traces import FloatArray, Trace
from experiments.weights import kaiming_weights

KEPT = 200  # layers in the file, evenly spread; the band is held at all of these
INSIDE = 0.99  # the share of networks whose whole path lies within the band


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One deep ReLU stack with Kaiming's weights, and networks of the same sizes drawn from their law."""

    depth: int = 10_000
    """Layers."""
    width: int = 256
    """Units of each."""
    networks: int = 4_000
    """Networks from the law, for the band."""
    seed: int = 0
    """The same seed gives the same bits."""
    device: str = "cpu"
    """cpu, or cuda."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "docs" / "counts"
    """Where the files go."""

    def __post_init__(self) -> None:
        at_least(2, depth=self.depth, networks=self.networks)
        at_least(20, width=self.width)
        at_least(0, seed=self.seed)
        check_device(self.device)


def brute_force(settings: Settings, layers: list[int]) -> dict[str, FloatArray]:
    """log2 of the mean squares of one network with real weights: over the input's, and the output gradient's."""
    trace = stack.run(
        Stack([settings.width] * (settings.depth + 1), kaiming_weights("normal").fill),
        input_vectors(("gaussian",)),
        cotangent_vectors("gaussian", 1),
        networks=1,
        seed=settings.seed,
        device=settings.device,
    )
    return _moves(trace, layers)


def drawn(settings: Settings, layers: list[int]) -> dict[str, FloatArray]:
    """The same of networks without weights, shape (networks, layers)."""
    sizes = law.Law(law.constant(settings.width, settings.depth), math.sqrt(2))
    trace = law.sample(
        sizes, networks=settings.networks, seed=settings.seed, key=(1,), layers=layers, both=True
    )
    return _moves(trace, range(len(layers)))


def _moves(trace: Trace, layers: Any) -> dict[str, FloatArray]:
    forward, backward = trace.forward[:, layers, 0], trace.backward[:, layers, 0]
    return {"forward": forward - forward[:, :1], "backward": backward - backward[:, -1:]}


def band(paths: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Lower and upper edge of a band that holds INSIDE of the paths *as a whole*, and its half-width.

    That is the same number of standard deviations about the mean at every layer, so that all are as strict.
    """
    mean, deviation = paths.mean(axis=0), paths.std(axis=0)
    moving = deviation > 0  # not where all of them start
    farthest = np.abs((paths - mean)[:, moving] / deviation[moving]).max(axis=1)
    width = float(np.quantile(farthest, INSIDE))
    return mean - width * deviation, mean + width * deviation, width


def _peak() -> float:
    """The largest memory of this process so far, in megabytes."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (2**20 if sys.platform == "darwin" else 2**10)


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """Both ways: the band and the median of the law, and the one network in it."""
    panels = figure.subplots(2, 1, sharex=True)
    titles = ("Activations, over the input", "Gradients, over the output's")
    for axes, way, title in zip(panels, ("forward", "backward"), titles, strict=True):
        x = data["layer"]
        axes.fill_between(
            x, data[f"{way} low"], data[f"{way} high"], color="C0", alpha=0.25, linewidth=0
        )
        axes.plot(x, data[f"{way} median"], color="C0", linewidth=1.2, label="median of the law")
        axes.plot(x, data[f"{way} network"], color="C1", linewidth=1.2, label="real weights")
        axes.set_title(title)
        axes.yaxis.set_major_formatter(lambda power, _: f"$10^{{{power:g}}}$")
    panels[0].legend(loc="lower left")
    panels[1].set_xlabel("layer")
    figure.supylabel("mean square", fontsize=9.5)


PICTURE = Picture(
    draw,
    name="ten_thousand",
    height=5.0,
    caption="One ReLU network of 10,000 layers of 256 units with Kaiming's weights, there and back. The "
    "band holds 99 % of all networks as a whole, by their exact law.",
    wrong="With weights 1 % too large the line would rise by nine powers of ten for every thousand layers.",
    alt="Two panels against the layer. In each, a jagged line runs within a band that opens and falls.",
)


def main() -> int:
    """Returns 0 if the network's whole path is within the band both ways, 1 if not, 2 for unusable settings."""
    return run(parse(Settings, None, "python -m experiments.ten_thousand"))


def run(settings: Settings) -> int:
    """Measure, compare, write; what :func:`main` returns."""
    layers = sorted({round(k) for k in np.linspace(0, settings.depth, KEPT + 1)})
    start = time.perf_counter()
    measured = brute_force(settings, layers)
    seconds, peak = time.perf_counter() - start, _peak()
    table, told = pd.DataFrame({"layer": layers}), {}
    for way, paths in drawn(settings, layers).items():
        low, high, width = band(paths)
        path = measured[way][0]
        columns = {"low": low, "median": np.median(paths, axis=0), "high": high, "network": path}
        for name, values in columns.items():
            table[f"{way} {name}"] = values * math.log10(2)
        outside = int(((path < low) | (path > high)).sum())
        told[way] = {"layers outside": outside, "half-width in deviations": round(width, 3)}
        print(f"{way}: {outside} of {len(layers)} layers outside the band")
    given = {k: v for k, v in asdict(settings).items() if k != "out"}
    command = "python -m experiments.ten_thousand " + " ".join(
        f"--{k} {v}" for k, v in given.items()
    )
    settings.out.mkdir(parents=True, exist_ok=True)
    for name, content in render(PICTURE, table).items():
        if name.endswith(".svg"):
            (settings.out / name).write_bytes(content)
    table.to_csv(settings.out / "ten_thousand.csv", index=False, float_format="%.5g")
    write_record(
        settings.out / "ten_thousand.json",
        {
            "command": command,
            "fingerprint": code_fingerprint("ten_thousand", given),
            "found": told,
            "false alarm": round(2 * (1 - INSIDE), 6),
            "seconds with real weights": round(seconds, 1),
            "peak megabytes": round(peak),
        },
    )
    print(f"{seconds:.1f} s with real weights, at most {peak:.0f} MB, torch and all")
    return int(any(found["layers outside"] for found in told.values()))


if __name__ == "__main__":
    sys.exit(main())
