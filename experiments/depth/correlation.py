"""All inputs of a deep ReLU network become parallel, slowly; a batch of them is a small sample (cho2009).

Sends pairs of inputs at several angles through networks with real weights, and whole batches through single layers;
compares inner products, and how two inputs' mean squares vary together, with the derivation's: layer by layer, given
the angle that was measured before it, which is exact at every width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.depth import _correlation_pictures as pictures
from experiments.depth import _correlation_runs as runs
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least, check_rectified, check_widths
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from torch import Tensor

    from experiments.stack import Track
    from experiments.statistics import Comparison

WIDEST = 150  # degrees between two inputs


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Uneven stacks of ReLU layers, and single layers that see a whole batch."""

    networks: int = 160
    """Networks with real weights. 160 notice weights that are 1 % too large."""
    depth: int = 25
    """Layers."""
    width: int = 192
    """Inputs, and units of every other layer; those between have half as many."""
    angles: tuple[float, ...] = (15.0, 60.0, 90.0, 150.0)
    """Angles in degrees between the first input and each of the others."""
    draws: int = 1000
    """Layers that see a batch."""
    batch: int = 100
    """Inputs of a batch."""
    units: int = 64
    """Inputs and units of a layer that sees a batch."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(30, networks=self.networks, draws=self.draws)
        at_least(1, depth=self.depth)
        at_least(2, batch=self.batch)
        at_least(0, seed=self.seed)
        for widths in (self.widths, (self.units, self.units)):
            check_widths(widths)
            check_rectified(widths)
        angles = self.angles
        if not angles or len(set(angles)) < len(angles) or not all(0 < a <= WIDEST for a in angles):
            raise Unusable(
                f"angles must be different, above 0 and at most {WIDEST}, got {angles}: "
                "for nearly opposite inputs hardly a unit is active for both"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of a stack: uneven, so that fan_in is not fan_out."""
        return tuple(self.width // (1 + layer % 2) for layer in range(self.depth + 1))


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """A row a pair and layer (kind "pair"), a batch and draw, or a kernel and degree."""
    import pandas as pd

    from experiments.stack import random_stream

    parts = [pd.DataFrame(runs.kernels(settings), columns=["kind", "start", "layer", "product"])]
    for network in track(range(settings.networks), description="networks"):
        stream = random_stream(settings.seed, 0, network)
        parts.append(runs.pairs(settings, stream).assign(kind="pair", network=network))
    for number, kind in enumerate(runs.BATCHES):
        stream = random_stream(settings.seed, 1, number)
        drawn = runs.batches(settings, kind, stream, track)
        parts.append(pd.DataFrame(drawn, columns=["covariance", "product"]).assign(kind=kind))
    return pd.concat(parts, ignore_index=True)


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Pairs, given the angle before each layer; batches; kernels."""
    import numpy as np

    from derivations.depth.correlation import DERIVATION
    from experiments.statistics import exact_value, mean_value

    found = []
    kernels = samples[samples["kind"].str.startswith("kernel")]
    for (kind, degree), group in kernels.groupby(["kind", "layer"]):
        name, factor = (("both_active", 1), ("cosine", 1), ("fourth", 2))[int(float(str(degree)))]
        predicted = DERIVATION.predict(name)(angle=np.radians(group["start"])) / factor
        ratio = group["product"] / predicted
        worst = float(ratio.loc[(ratio - 1).abs().idxmax()])
        where = {"statistic": f"{kind} / predicted", "input": f"degree {degree:g}"}
        found.append(exact_value(worst, 1.0, 1e-11, **where))
    for start, group in samples[samples["kind"] == "pair"].groupby("start"):
        found += _compare_pairs(group, f"{start:g}°")
    for kind in runs.BATCHES:
        batch = samples[samples["kind"] == kind]
        where = {"statistic": "batch mean, n × variance", "input": kind}
        found.append(mean_value(batch["product"], batch["covariance"].iloc[0], **where))
    return found


def _compare_pairs(pairs: pd.DataFrame, fed: str) -> list[Comparison]:
    """One start: the inner product over its mean, its spread and drift, and the covariance."""
    import numpy as np

    from derivations.depth.correlation import DERIVATION
    from experiments.statistics import mean_value

    angle, network = pairs["angle"].to_numpy(), pairs["network"]
    mean = DERIVATION.predict("cosine")(angle=angle)
    variance = DERIVATION.predict("product_variance")(angle=angle, units=pairs["units"])
    covariance = DERIVATION.predict("covariance")(angle=angle, units=1)
    deviation = (pairs["product"] - mean) / np.sqrt(variance)
    ratio = pairs["product"] / mean
    found = [
        mean_value(ratio.groupby(network).mean(), 1.0, statistic="product", input=fed, order=2)
    ]
    for layer, sample in ratio.groupby(pairs["layer"]):
        where = {"input": fed, "layer": int(float(str(layer))), "order": 2}
        if len(sample) > 1:
            found.append(mean_value(sample, 1.0, statistic="product", **where))
    spread = (deviation**2).groupby(network).mean()
    found.append(mean_value(spread, 1.0, statistic="product spread", input=fed))
    by_network = deviation.groupby(network)
    drift = by_network.sum() ** 2 / by_network.size()
    found.append(mean_value(drift, 1.0, statistic="product drift", input=fed))
    together = (pairs["covariance"] - covariance).groupby(network).mean() + covariance.mean()
    where = {"statistic": "n × covariance", "input": fed}
    found.append(mean_value(together, float(covariance.mean()), **where))
    return found


tables, PICTURES = pictures.tables, pictures.PICTURES
RECTIFIER, COSINE = "impl.depth.correlation:relu", "impl.depth.correlation:cosine_similarity"
PRODUCTS = "impl.depth.correlation:layer_products"
KERNEL = "impl.depth.correlation:arc_cosine_kernel"
MUTANTS = (
    *wrong_weights("impl.init.kaiming:kaiming_normal_"),
    Mutant("wrong layer", "linear", RECTIFIER, lambda _: lambda x: math.sqrt(0.5) * x),
    Mutant(
        "wrong layer",
        "leaks by 0.05",
        RECTIFIER,
        lambda right: lambda x: right(x) - 0.05 * right(-x),
    ),
    Mutant(
        "wrong product",
        "the cosines of the outputs",
        PRODUCTS,
        lambda right: lambda *a: [_cosines(p) for p in right(*a)],
    ),
    Mutant(
        "wrong product",
        "the first layer again and again",
        PRODUCTS,
        lambda right: lambda *a: [right(*a)[0]] * len(a[1]),
    ),
    Mutant(
        "wrong angle",
        "means taken off first",
        COSINE,
        lambda right: lambda a, b, dim: right(a - a.mean(dim, True), b - b.mean(dim, True), dim),
    ),
    Mutant("wrong angle", "the sine", COSINE, lambda right: lambda *a, **k: _sine(right(*a, **k))),
    Mutant(
        "wrong kernel", "one degree less", KERNEL, lambda right: lambda x, y, d: right(x, y, d // 2)
    ),
    Mutant(
        "wrong kernel",
        "of directions",
        KERNEL,
        lambda right: lambda x, y, d: right(x / 2, y / 3, d),
    ),
    Mutant(
        "wrong kernel",
        "turned round",
        f"{KERNEL}_loops",
        lambda right: lambda x, y, d: right(x, -y, d),
    ),
)


def _cosines(products: Tensor) -> Tensor:
    lengths = products.diagonal().sqrt()
    return products / lengths / lengths[:, None]


def _sine(cosine: Tensor) -> Tensor:
    return (1 - cosine.clamp(-1, 1).square()).sqrt()


BLIND = (
    "The cosine itself at one layer: at finite width it is biased by a term of order 1/n that is not derived here. "
    "Given the layer's inputs, the inner product is not, and is what is tested.",
    "The law for deep layers beyond the depth of the run: it is derived, and its figure computed, for infinite width.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
