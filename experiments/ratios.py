"""Ratios of mean squares, layer by layer: from traces to samples, and on to comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments.data import cotangent_vectors, input_vectors
from experiments.passes import Stack
from experiments.settings import StackSettings, Unusable
from experiments.stack import Track, run
from experiments.statistics import Comparison, mean_of_squares, mean_value
from experiments.traces import FloatArray, Trace

FEWEST = 40  # values / relative variance below which p-values cannot be trusted (200 ReLU units)

Expected = Callable[
    [int], tuple[float, float | None]
]  # layer -> ratio, its relative variance if known


def measure_ratios(
    stack: Stack, settings: StackSettings, networks: int, label: str, track: Track
) -> pd.DataFrame:
    """Run stacks both ways; their ratios, as the statistics "label forward", "label backward"."""
    if not networks:
        return pd.DataFrame()
    trace = run(
        stack,
        input_vectors(settings.inputs, settings.data),
        cotangent_vectors(settings.cotangent, len(settings.inputs)),
        networks=networks,
        seed=settings.seed,
        workers=settings.workers,
        device=settings.device,
        track=track,
        description=label or "networks",
    )
    return ratios(trace, settings.inputs, label)


def ratios(trace: Trace, inputs: Sequence[str], label: str = "") -> pd.DataFrame:
    """The mean square after each layer W_l over that before it: a row for each network and input.

    Forwards these are q_l / q_{l-1}, for l = 1, …, L; backwards, for l = L, …, 2, the ratios of the
    gradients with respect to z_{l-1} and z_l. After a layer that is all zero there is no ratio, and
    no row.
    """
    passes = {
        "forward": (1, trace.forward[:, 1:], trace.forward[:, :-1]),
        "backward": (2, trace.backward[:, 1:-1], trace.backward[:, 2:]),
    }
    parts = []
    for name, (first, after, before) in passes.items():
        alive = np.nonzero(before != -np.inf)
        network, layer, column = alive
        part = {
            "network": network,
            "layer": layer + first,
            "statistic": f"{label} {name}".strip(),
            "input": np.asarray(inputs, dtype=object)[column],
            "measured": np.exp2(after[alive] - before[alive]),
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def statistics(samples: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The ratios in ``samples``: label, direction (forward, backward), a frame for each input."""
    for (statistic, _), group in samples.groupby(["statistic", "input"], sort=False):
        label, _, direction = str(statistic).rpartition(" ")
        if direction in ("forward", "backward"):
            yield label, direction, group


def compare_ratios(
    samples: pd.DataFrame, expected: Expected, *, by_layer: bool = True
) -> list[Comparison]:
    """The ratios of one statistic and input against theory: over all layers, and each layer's.

    If the variance is known, the layers of a network are independent of each other, too. If not,
    the sample is the networks. Layers in which too few units survive for a p-value that can be
    trusted are left out.
    """
    statistic, fed = samples["statistic"].iloc[0], samples["input"].iloc[0]
    layers = []
    for layer in sorted(map(int, samples["layer"].unique())):
        group = samples.loc[samples["layer"] == layer, "measured"]
        ratio, variance = expected(layer)
        where = {"statistic": statistic, "input": fed, "layer": layer, "order": 2}
        if variance is None and len(group) > 1:
            layers.append(mean_value(group, ratio, **where))
        elif variance is not None and len(group) >= FEWEST * variance:
            layers.append(mean_of_squares(group, ratio, variance, **where))
    if not layers:
        if by_layer:
            raise Unusable(
                f"nothing to compare: too few networks or units for a test of {statistic}"
            )
        return []
    if layers[0].test == "gamma":
        mean = _mean_of_layers(layers)
    else:
        theory, _ = _theory(samples, expected)
        values, predicted = _by_network(samples["measured"], theory, samples["network"])
        mean = mean_value(values, predicted, statistic=statistic, input=fed, order=2)
    return [mean, *layers] if by_layer else [mean]


def compare_spread(samples: pd.DataFrame, expected: Expected) -> list[Comparison]:
    """The deviations ratio / prediction - 1: their squares, and the squares of their means.

    ``spread`` compares the mean square of single layers with their variance, if that is known.
    ``drift`` compares the mean square of whole networks' means with what it is if the layers are
    independent, as weights are that they do not share. Nothing from fewer than 30 networks, whose
    squares are too skewed.
    """
    ratio, variance = _theory(samples, expected)
    network = samples["network"]
    layers, networks = samples["layer"].nunique(), network.nunique()
    if networks < 30:
        return []
    statistic, fed = samples["statistic"].iloc[0], samples["input"].iloc[0]
    deviation = samples["measured"] / ratio - 1
    found = []
    if variance.notna().all():
        squares, predicted = _by_network(deviation**2, variance, network)
        found.append(mean_value(squares, predicted, statistic=f"{statistic} spread", input=fed))
    independent = float((deviation**2).mean()) / layers
    if layers > 1 and len(samples) == layers * networks and independent < 0.01:  # nearly normal
        means = np.square(deviation.groupby(network).mean())
        where = {"statistic": f"{statistic} drift", "input": fed}
        found.append(mean_of_squares(means, independent, 2 + 2 / layers, **where))
    return found


def _theory(samples: pd.DataFrame, expected: Expected) -> tuple[pd.Series[float], pd.Series[float]]:
    """The expected ratio and its variance, for each row."""
    known = {layer: expected(int(layer)) for layer in samples["layer"].unique()}
    ratio = samples["layer"].map({layer: ratio for layer, (ratio, _) in known.items()})
    variance = samples["layer"].map({layer: variance for layer, (_, variance) in known.items()})
    return ratio, variance


def _mean_of_layers(layers: Sequence[Comparison]) -> Comparison:
    """The mean of independent means."""
    errors = math.hypot(*(c.standard_error for c in layers))
    return replace(
        layers[0],
        layer="all",
        measured=math.fsum(c.measured for c in layers) / len(layers),
        predicted=math.fsum(c.predicted for c in layers) / len(layers),
        standard_error=errors / len(layers),
    )


def _by_network(
    values: pd.Series[float], theory: pd.Series[float], networks: pd.Series[int]
) -> tuple[FloatArray, float]:
    """Each network's mean over its layers (its deviation, added to the mean), and the mean."""
    predicted = float(theory.mean())
    deviations = (values - theory).groupby(networks).mean()
    return np.asarray(deviations, dtype=np.float64) + predicted, predicted
