"""Ratios of layers: from traces to samples, comparisons and paths."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from experiments import stack
from experiments.data import cotangent_vectors, input_vectors
from experiments.passes import Stack
from experiments.paths import paths
from experiments.ratios import compare_ratios, compare_spread, measure_ratios, ratios, statistics
from experiments.settings import StackSettings, Unusable
from experiments.stack import run
from experiments.statistics import judge
from experiments.traces import Trace

GAUSSIAN = input_vectors(("gaussian",))


def normal(gain: float = math.sqrt(2)) -> Callable[[Tensor, torch.Generator], Tensor]:
    return lambda w, stream: w.normal_(0, gain / math.sqrt(w.shape[1]), generator=stream)


def traces(**options: int) -> Trace:
    stack = Stack((784, 40, 30, 50), normal(), 0.1)
    inputs = input_vectors(("digit", "gaussian"))
    settings: dict[str, Any] = {"networks": 9, "seed": 3, **options}
    return run(stack, inputs, cotangent_vectors("gaussian", 2), **settings)


def test_ratios_are_named_after_the_weights_they_went_through() -> None:
    forward = np.log2([[[1.0], [2.0], [6.0], [3.0]]])
    backward = np.log2([[[99.0], [1.0], [4.0], [8.0]]])
    samples = ratios(Trace(forward, backward), ["x"], "tall")
    found = {
        (r["statistic"], r["layer"]): round(r["measured"], 9) for r in samples.to_dict("records")
    }
    assert found == {
        ("tall forward", 1): 2.0,
        ("tall forward", 2): 3.0,
        ("tall forward", 3): 0.5,
        ("tall backward", 2): 0.25,
        ("tall backward", 3): 0.5,
    }


def test_known_and_estimated_variances_lead_to_the_same_means() -> None:
    samples = ratios(traces(), ["digit", "gaussian"])
    group = samples[(samples["statistic"] == "forward") & (samples["input"] == "digit")]
    known = compare_ratios(group, lambda layer: (1.0 + layer, 0.01))
    estimated = compare_ratios(group, lambda layer: (1.0 + layer, None))
    assert [c.test for c in known] == ["gamma"] * 4
    assert [c.test for c in estimated] == ["t"] * 4
    for a, b in zip(known, estimated, strict=True):
        assert (a.layer, a.predicted) == (b.layer, b.predicted)
        assert a.measured == pytest.approx(b.measured, rel=1e-12)
    errors = [c.standard_error for c in known]
    assert errors[0] == pytest.approx(math.hypot(*errors[1:]) / 3)


def test_too_few_units_are_not_compared() -> None:
    """Nine networks with a relative variance of 9/39 are 39 times the variance: one short of 40."""
    samples = ratios(traces(), ["digit", "gaussian"])
    group = samples[(samples["statistic"] == "forward") & (samples["input"] == "digit")]
    assert len(compare_ratios(group, lambda layer: (1.0, 9 / 40))) == 4
    assert len(compare_ratios(group, lambda layer: (1.0, 9 / (40 if layer == 2 else 39)))) == 2
    with pytest.raises(Unusable, match="too few networks or units for a test of forward"):
        compare_ratios(group, lambda layer: (1.0, 9 / 39))
    assert compare_ratios(group, lambda layer: (1.0, 9 / 39), by_layer=False) == []
    assert compare_spread(group, lambda layer: (1.0, 0.01)) == []


def test_spread_and_drift_of_independent_layers() -> None:
    """Of independent layers both are as predicted; of equal layers the drift is not."""
    rng, layers, networks = np.random.default_rng(0), 20, 400
    independent = rng.chisquare(500, (networks, layers)) / 500
    equal = np.repeat(independent[:, :1], layers, axis=1)
    for values, agrees in ((independent, True), (equal, False)):
        network, layer = np.indices(values.shape)
        samples = pd.DataFrame({"network": network.ravel(), "layer": layer.ravel() + 1})
        samples = samples.assign(statistic="forward", input="x", measured=values.ravel())
        spread, drift = compare_spread(samples, lambda layer: (1.0, 2 / 500))
        assert spread.predicted == pytest.approx(2 / 500)
        assert drift.predicted == pytest.approx(2 / 500 / layers, rel=0.1)
        assert judge([spread, drift])["agrees"].tolist() == [True, agrees]
        assert compare_spread(samples, lambda layer: (1.0, None)) == [drift]


def test_paths_multiply_the_ratios() -> None:
    samples = ratios(traces(), ["digit", "gaussian"])
    found = paths(samples, lambda label, direction: lambda layer: (100.0, None))
    backward = found[found["direction"] == "backward"]
    assert backward["layer"].tolist() == [3, 2, 1]
    assert backward["predicted"].tolist() == pytest.approx([0.0, 1.0, 2.0])
    trace = traces()
    squares = np.exp2(trace.forward[:, 3, 0] - trace.forward[:, 0, 0]).mean()
    last = found[found["direction"] == "forward"].iloc[-1]
    assert last["measured"] == pytest.approx(math.log10(squares) / 2)


def test_the_settings_reach_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = StackSettings(inputs=("gaussian",), cotangent="signs", seed=5, workers=1)
    small, told = Stack((784, 12, 9), normal()), []

    def track(items: object, **given: object) -> object:
        told.append(given)
        return items

    found = measure_ratios(small, settings, 3, "tall", track)
    signs = cotangent_vectors("signs", 1)
    trace = run(small, GAUSSIAN, signs, networks=3, seed=5)
    pd.testing.assert_frame_equal(found, ratios(trace, ("gaussian",), "tall"))
    assert told == [{"description": "tall", "total": 3}]
    measure_ratios(small, settings, 1, "", track)
    assert told[-1] == {"description": "networks", "total": 1}
    assert measure_ratios(small, settings, 0, "tall", track).empty


def test_the_settings_name_workers_and_device(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(stack, "worker_count", lambda *given: asked.append(given) or 1)
    settings = StackSettings(inputs=("gaussian",), workers=3)
    measure_ratios(Stack((784, 9), normal()), settings, 1, "", lambda items, **_: items)
    assert asked == [(3, "cpu")]


def test_other_statistics_are_left_alone() -> None:
    samples = pd.DataFrame(
        {"statistic": ["forward", "tall backward", "loops", "tall forward"], "input": "x"}
    )
    found = [(label, direction, len(group)) for label, direction, group in statistics(samples)]
    assert found == [("", "forward", 1), ("tall", "backward", 1), ("tall", "forward", 1)]


@pytest.mark.parametrize(("networks", "layers", "names"), [(29, 4, 0), (30, 4, 2), (30, 1, 1)])
def test_spread_and_drift_need_enough_networks_and_layers(
    networks: int, layers: int, names: int
) -> None:
    rng = np.random.default_rng(0)
    network, layer = np.indices((networks, layers))
    measured = rng.chisquare(500, (networks, layers)).ravel() / 500
    samples = pd.DataFrame({"network": network.ravel(), "layer": layer.ravel() + 1})
    samples = samples.assign(statistic="tall forward", input="x", measured=measured)
    found = compare_spread(samples, lambda layer: (1.0, 2 / 500))
    assert len(found) == names
    told = ["tall forward spread", "tall forward drift"]
    assert [(c.statistic, c.input, c.layer) for c in found] == [
        (n, "x", "all") for n in told[:names]
    ]
    if names == 2:
        deviation = samples["measured"] - 1
        means = deviation.groupby(samples["network"]).mean() ** 2
        drift = found[1]
        assert drift.measured == pytest.approx(means.mean())
        assert drift.predicted == pytest.approx((deviation**2).mean() / layers)
        spread = drift.predicted * math.sqrt((2 + 2 / layers) / networks)
        assert drift.standard_error == pytest.approx(spread)
        assert drift.test == "gamma"
    wide = samples.assign(measured=1 + 5 * (samples["measured"] - 1))
    assert len(compare_spread(wide, lambda layer: (1.0, 50 / 500))) == min(names, 1)
    short = samples.iloc[1:]  # a layer of one network is missing: no drift
    assert len(compare_spread(short, lambda layer: (1.0, 2 / 500))) == (names == 2)


def test_ratios_of_layers_that_died_are_left_out() -> None:
    forward = np.array([[[0.0], [-np.inf], [-np.inf]]])
    samples = ratios(Trace(forward, np.empty((1, 0, 1))), ["x"])
    assert samples[["layer", "measured"]].to_numpy().tolist() == [[1, 0.0]]


def samples_of(networks: int, layers: int, seed: int = 0, scale: float = 1.0) -> pd.DataFrame:
    network, layer = np.indices((networks, layers))
    ratio = np.random.default_rng(seed).chisquare(500, (networks, layers)).ravel() / 500
    frame = pd.DataFrame({"network": network.ravel(), "layer": layer.ravel() + 1})
    return frame.assign(statistic="tall forward", input="x", measured=scale * ratio)


def test_comparisons_are_named_and_know_their_order() -> None:
    samples = samples_of(5, 3)
    for variance in (None, 2 / 500):
        found = compare_ratios(samples, lambda layer, v=variance: (1.0, v))
        assert [(c.statistic, c.input, c.order) for c in found] == [("tall forward", "x", 2)] * 4
        assert [c.layer for c in found] == ["all", 1, 2, 3]
        alone = compare_ratios(samples, lambda layer, v=variance: (1.0, v), by_layer=False)
        assert alone == found[:1]


def test_an_unknown_variance_needs_two_networks() -> None:
    assert len(compare_ratios(samples_of(2, 3), lambda layer: (1.0, None))) == 4
    with pytest.raises(Unusable, match="too few networks"):
        compare_ratios(samples_of(1, 3), lambda layer: (1.0, None))
    one = samples_of(1, 1)
    assert compare_ratios(one, lambda layer: (1.0, None), by_layer=False) == []
    (mean, layer) = compare_ratios(one, lambda layer: (1.0, 1 / 40))  # known, and just enough
    assert mean.measured == layer.measured == one["measured"].iloc[0]


def test_spread_is_that_of_the_ratio_over_its_prediction() -> None:
    samples = samples_of(40, 2, scale=4.0)
    spread, drift = compare_spread(samples, lambda layer: (4.0, 2 / 500))
    deviation = samples["measured"] / 4 - 1
    squares = (deviation**2).groupby(samples["network"]).mean()
    assert spread.measured == pytest.approx(squares.mean())
    assert spread.standard_error == pytest.approx(squares.std() / math.sqrt(40))
    assert drift.measured == pytest.approx(
        (deviation.groupby(samples["network"]).mean() ** 2).mean()
    )
    (one,) = compare_spread(samples_of(30, 1), lambda layer: (1.0, 2 / 500))
    assert one.statistic == "tall forward spread"


def test_inputs_come_from_the_data_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def told(*given: object, **named: object) -> Trace:
        asked.append((given, named))
        return Trace(np.zeros((1, 2, 1)), np.zeros((1, 2, 1)))

    monkeypatch.setattr("experiments.ratios.run", told)
    monkeypatch.setattr("experiments.ratios.input_vectors", lambda *given: given)
    settings = StackSettings(inputs=("gaussian",), data="file.npy", seed=3, workers=2)
    measure_ratios(Stack((784, 9), normal()), settings, 1, "", lambda items, **_: items)
    ((_, vectors, _), named) = asked[0]
    assert vectors == (("gaussian",), "file.npy")
    assert (named["device"], named["seed"], named["workers"]) == ("cpu", 3, 2)
