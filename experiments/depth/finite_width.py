"""The mean of a deep ReLU network's signal is kept, and the signal of most networks lost (hanin2018).

Draws thousands of networks from their exact law, without weights, and builds some with real ones; compares the mean
ratio of two layers, and the mean and variance of its logarithm, with the derivation's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from experiments.depth import _four_fans
from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least, check_widths
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.stack import Track
    from experiments.statistics import Comparison
    from experiments.traces import FloatArray

NARROWEST = 20  # units: narrower layers die too often for logarithms to have a mean
SHOWN = 8  # networks with real weights in the figure
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Stacks of equally wide ReLU layers, after an input twice as wide."""

    networks: int = 4000
    """Networks drawn from the law."""
    real: int = 100
    """Networks with real weights. 100 notice weights that are 1 % too large."""
    depth: int = 100
    """Layers."""
    width: int = 64
    """Units of each layer."""
    powers: tuple[Literal[1, 2], ...] = ()
    """Powers (1, 2) of the last mean square whose mean is tested, too. Refused if few networks make it up."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(2, networks=self.networks, real=self.real)
        at_least(2, depth=self.depth)
        at_least(0, seed=self.seed)
        at_least(NARROWEST, width=self.width)
        check_widths(self.widths)
        if self.networks * self.depth > 10**9:
            raise Unusable(
                f"{self.networks:,} networks of {self.depth:,} layers do not fit; at most 10⁹ together"
            )
        if self.powers:
            self._check_powers()

    def _check_powers(self) -> None:
        from experiments.heavy_tails import check_mean, of_last_layer

        fewest = min(self.networks, self.real)
        of = f"{fewest:,} networks of width {self.width} and depth {self.depth}"
        for power in self.powers:
            _, variance = of_last_layer(self.depth, self.width, power)
            check_mean(variance, fewest, of=of)

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of a stack."""
        return (2 * self.width, *[self.width] * self.depth)


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a network and layer: source, network, layer, log (of the mean square over the input's)."""
    import numpy as np
    import pandas as pd
    import torch

    from derivations.init.kaiming import DERIVATION as KAIMING
    from experiments import law
    from experiments.stack import random_stream
    from impl.depth import finite_width

    gain = float(KAIMING.predict("gain")(negative_slope=0))
    drawn = law.log_mean_squares(settings.widths, gain, settings.networks, settings.seed)
    real = np.full((settings.depth + 1, settings.real), -np.inf)
    real[0] = 0.0
    for network in track(range(settings.real), description="real networks"):
        stream = random_stream(settings.seed, 1, network)
        x = torch.randn(settings.widths[0], dtype=torch.float64, generator=stream)
        ratios = finite_width.layer_ratios(x, settings.widths[1:], stream)
        with np.errstate(divide="ignore"):
            real[1 : len(ratios) + 1, network] = np.log2(ratios).cumsum()
    parts = []
    for source, logs in (("law", drawn), ("weights", real)):
        layer, network = np.indices(logs.shape)
        columns = {
            "network": network.ravel(),
            "layer": layer.ravel(),
            "log": logs.ravel() * math.log(2),
        }
        parts.append(pd.DataFrame(columns).assign(source=source))
    return pd.concat(parts, ignore_index=True)


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """For each source its ratios, their law, and their logarithms; and both sources with each other."""
    from experiments.depth._ratio_law import excess, log_steps, logarithms, ratios
    from experiments.distributions import same_law

    logs = {
        str(source): group.pivot(index="network", columns="layer", values="log").to_numpy()
        for source, group in samples.groupby("source", sort=False)
    }
    steps = {source: log_steps(each) for source, each in logs.items()}
    shape = excess(steps.values())
    found: list[Comparison] = []
    for source, each in logs.items():
        where = {"input": source}
        found += ratios(steps[source], settings.width, settings.seed, where)
        found += logarithms(steps[source], each, settings.width, shape, where)
        found += powers(each[:, -1], settings, where)
    last = (each[:, -1] for each in logs.values())
    return [*found, same_law(*last, statistic="log, both sources", layer=settings.depth)]


def powers(last: FloatArray, settings: Settings, where: dict[str, Any]) -> Iterator[Comparison]:
    """The means of those powers of the last layer's mean square that were asked for."""
    import numpy as np

    from experiments.heavy_tails import mean_of_products, of_last_layer

    for power in settings.powers:
        yield mean_of_products(
            np.exp(power * last),
            *of_last_layer(settings.depth, settings.width, power),
            statistic=f"mean square to the power {power}",
            layer=settings.depth,
            order=2 * power,
            **where,
        )


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """Quantiles over the layers, with some real networks; and what the last layer looks like."""
    import numpy as np
    import pandas as pd

    from derivations.depth.finite_width import DERIVATION

    log10 = samples.assign(log10=samples["log"] / math.log(10))
    drawn = log10[log10["source"] == "law"].groupby("layer")["log10"]
    fan = pd.DataFrame({name: drawn.quantile(q) for name, q in QUANTILES.items()})
    typical = DERIVATION.predict("typical")
    fan["typical"] = [math.log10(typical(depth=layer, units=settings.width)) for layer in fan.index]
    real = log10[(log10["source"] == "weights") & (log10["network"] < SHOWN)]
    wide = real.pivot(index="layer", columns="network", values="log10")
    fan = fan.join(wide.rename(columns=lambda k: f"network {k}")).reset_index()
    last = samples[(samples["source"] == "law") & (samples["layer"] == settings.depth)]["log"]
    squares = np.sort(np.exp(last))[::-1]
    second = float(DERIVATION.predict("second_moment")(depth=settings.depth, units=settings.width))
    rows = [
        ("mean (predicted)", 1.0),
        ("mean of these networks", squares.mean()),
        (
            "median (predicted, for wide layers)",
            typical(depth=settings.depth, units=settings.width),
        ),
        ("median of these networks", np.median(squares)),
        ("share of networks below the mean", (squares < 1).mean()),
        (
            "share of the sum in the largest 1 %",
            squares[: len(squares) // 100].sum() / squares.sum(),
        ),
        ("relative standard error of a mean over them", math.sqrt((second - 1) / len(squares))),
    ]
    last_layer = pd.DataFrame(rows, columns=["quantity", "measured"])
    front = _four_fans.table(fan, settings.width)
    return {"fan.csv": fan, "last.csv": last_layer, "front.csv": front}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """The fan of quantiles, real networks on top, the mean and the typical network as lines."""
    axes = figure.subplots()
    x = data["layer"]
    axes.fill_between(x, data["q05"], data["q95"], color="C0", alpha=0.2, linewidth=0)
    axes.fill_between(x, data["q25"], data["q75"], color="C0", alpha=0.3, linewidth=0)
    axes.plot(x, data["median"], color="C0", linewidth=1.6, label="median")
    axes.plot(x, data["typical"], color="C3", linewidth=1.2, linestyle="--", label="exp(−5L/2n)")
    axes.axhline(0, color="C2", linewidth=1.6, label="mean")
    for name in [c for c in data if str(c).startswith("network")]:
        axes.plot(x, data[name], color="0.5", linewidth=0.6)
    axes.set_xlabel("layer")
    axes.set_ylabel("mean square over the input's")
    axes.yaxis.set_major_formatter(lambda power, _: f"$10^{{{power:g}}}$")
    axes.legend(frameon=False, loc="lower left")


PICTURES = (
    Picture(
        draw,
        data="fan.csv",
        height=4.2,
        caption="The signal's mean square in ReLU networks of width 64 with Kaiming's weights: bands hold 50 and "
        "90 % of the "
        "networks, thin lines are networks with real weights. The mean is 1 at every layer. Half of all networks "
        "are below the "
        "median, which fades as predicted.",
        wrong="If keeping the mean kept the signal, the bands would stay about the line of the mean.",
        alt="A fan that opens and falls with depth on a logarithmic scale, below the level line of the mean; "
        "jagged thin lines within it.",
    ),
    Picture(
        _four_fans.draw,
        name="front",
        data="front.csv",
        height=4.2,
        caption="Four ways to draw the first weights of a ReLU network of width 64, and what is "
        "left of a signal layer after layer. Bands hold 50 and 90 % of all networks, exactly in "
        "law; thin lines are networks with real weights. Only Kaiming's keep the signal, on "
        "average. Weights of another size tilt the same fan.",
        wrong="If the gain did not matter, all four fans would lie on each other.",
        alt="Four widening fans on a logarithmic scale from one point: one level, one rising when "
        "weights are 10 % too large, two falling steeply for Xavier's and PyTorch's default.",
    ),
)

LAW = "experiments.law:"
MUTANTS = (
    *wrong_weights("impl.init.kaiming:kaiming_normal_"),
    Mutant(
        "wrong law",
        "always half of the units active",
        f"{LAW}chi_square",
        lambda right: lambda degrees, numbers: right(0 * degrees + degrees.mean(), numbers),
    ),
    Mutant(
        "wrong law",
        "one degree of freedom more",
        f"{LAW}chi_square",
        lambda right: lambda degrees, numbers: right(degrees + 1, numbers),
    ),
    Mutant(
        "wrong law",
        "the same numbers in every layer",
        f"{LAW}random_numbers",
        lambda right: lambda seed, *key: _Frozen(right, seed, key),
    ),
    Mutant(
        "wrong ratio",
        "lengths for their squares",
        "impl.depth.finite_width:layer_ratios",
        lambda right: lambda x, widths, stream: [r**0.5 for r in right(x, widths, stream)],
    ),
)


class _Frozen:
    """Random numbers that begin anew at every call."""

    def __init__(self, right: Callable[..., Any], seed: int, key: tuple[int, ...]) -> None:
        self.right, self.given = right, (seed, *key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.right(*self.given), name)


BLIND = (
    "The mean of the last layer itself: a few networks that hardly ever occur make it up (last.csv says how "
    "large the error "
    "of such a mean would be), so the ratios of layers and the logarithms are tested, and the mean follows from "
    "them.",
    "Batches: two inputs share their network's fate, so a batch is no larger sample than one input.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
