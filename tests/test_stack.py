"""Stacks with real weights: against autograd, to the bit, and at any depth."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import special
from torch import Tensor

from experiments import passes, stack
from experiments.data import cotangent_vectors, digits, input_vectors
from experiments.passes import Draw, Stack, Weights
from experiments.paths import paths
from experiments.ratios import compare_ratios, compare_spread, measure_ratios, ratios, statistics
from experiments.settings import StackSettings, Unusable
from experiments.stack import Trace, random_stream, run, worker_count
from experiments.statistics import judge

GAUSSIAN = input_vectors(("gaussian",))


def normal(gain: float = math.sqrt(2)) -> Callable[[Tensor, torch.Generator], Tensor]:
    return lambda w, stream: w.normal_(0, gain / math.sqrt(w.shape[1]), generator=stream)


def fixed(vectors: Tensor) -> Draw:
    return lambda units, stream: vectors


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0, -0.5])
def test_both_passes_are_those_of_autograd(slope: float) -> None:
    widths, seed = (5, 7, 3, 6), 11
    stack = Stack(widths, normal(), slope)
    vectors = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, generator=vectors)
    cotangent = torch.randn(2, 6, generator=vectors)
    trace = run(stack, fixed(x), fixed(cotangent), networks=3, seed=seed)
    for network in range(3):
        stream = random_stream(seed, network)
        layers = [normal()(torch.empty(s), stream).double() for s in stack.shapes]
        signals, preactivations = [x.double().requires_grad_()], []
        for w in layers:
            preactivations.append(signals[-1] @ w.T)
            signals.append(torch.nn.functional.leaky_relu(preactivations[-1], slope))
        gradients = torch.autograd.grad(
            signals[-1], [signals[0], *preactivations], cotangent.double()
        )
        for values, logs in ((signals, trace.forward), (gradients, trace.backward)):
            expected = [v.detach().square().mean(1).log2().numpy() for v in values]
            np.testing.assert_allclose(logs[network], expected, rtol=0, atol=1e-5)


def test_rescaling_changes_nothing() -> None:
    """Powers of two are exact: a float32 pass without them has the same sums of squares."""
    stack, x = Stack((6, 9, 4, 8), normal(gain=3.0)), torch.randn(1, 6)
    trace = run(stack, fixed(x), None, networks=1, seed=5)
    stream, plain = random_stream(5, 0), [x]
    for shape in stack.shapes:
        plain.append((plain[-1] @ normal(gain=3.0)(torch.empty(shape), stream).T).clamp_min(0))
    expected = [float(v.double().square().mean().log2()) for v in plain]
    np.testing.assert_allclose(trace.forward[0, :, 0], expected, rtol=0, atol=1e-13)
    assert trace.backward.size == 0


def traces(**options: int) -> Trace:
    stack = Stack((784, 40, 30, 50), normal(), 0.1)
    inputs = input_vectors(("digit", "gaussian"))
    settings: dict[str, Any] = {"networks": 9, "seed": 3, **options}
    return run(stack, inputs, cotangent_vectors("gaussian", 2), **settings)


def same_bits(a: Trace, b: Trace) -> bool:
    pairs = ((a.forward, b.forward), (a.backward, b.backward))
    return all(x.tobytes() == y.tobytes() for x, y in pairs)


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_the_bits_do_not_depend_on_the_number_of_workers(workers: int) -> None:
    assert same_bits(traces(workers=1), traces(workers=workers))


def test_a_network_does_not_depend_on_how_many_there_are() -> None:
    few, many = traces(networks=3), traces(networks=9)
    assert same_bits(few, Trace(many.forward[:3], many.backward[:3]))


def test_weights_that_are_drawn_again_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = traces()
    monkeypatch.setattr(passes, "KEPT", 0)
    assert same_bits(kept, traces())


def test_seeds_and_keys_give_other_numbers() -> None:
    assert not same_bits(traces(), traces(seed=4))
    first = [random_stream(0, *key).initial_seed() for key in ((), (0,), (1,), (0, 0), (0, 1))]
    assert len(set(first)) == len(first)
    assert len({random_stream(seed, 7).initial_seed() for seed in range(5)}) == 5


def test_forwards_only_needs_one_buffer_a_shape_at_any_depth() -> None:
    stack = Stack((10, *[20] * 1000), normal())
    assert sorted(b.shape for b in Weights(stack, "cpu", twice=False).buffers.values()) == [
        (20, 10),
        (20, 20),
    ]


@pytest.mark.parametrize(("gain", "depth"), [(1e-3, 1_000), (1.0, 1_000), (1e3, 10_000)])
def test_no_depth_under_or_overflows(gain: float, depth: int) -> None:
    """A linear layer of 8 units multiplies the mean square by gain**2 chi2(8) / 8."""
    stack = Stack([8] * (depth + 1), normal(gain), 1.0)
    trace = run(stack, GAUSSIAN, cotangent_vectors("gaussian", 1), networks=1, seed=1)
    step = (2 * math.log(gain) + math.log(2 / 8) + float(special.digamma(4))) / math.log(2)
    error = math.sqrt(float(special.polygamma(1, 4)) * depth) / math.log(2)
    forward, backward = trace.forward[0, :, 0], trace.backward[0, :, 0]
    for moved in (forward[-1] - forward[0], backward[0] - backward[-1]):
        assert abs(moved - step * depth) < 5 * error


def test_a_dead_network_has_no_ratios_after_its_last() -> None:
    def dying(w: Tensor, stream: torch.Generator) -> Tensor:
        return w.fill_(1.0 if w.shape[0] > 2 else -1.0)

    trace = run(
        Stack((4, 3, 2, 3, 3), dying),
        fixed(torch.ones(1, 4)),
        fixed(torch.ones(1, 3)),
        networks=2,
        seed=0,
    )
    assert np.isneginf(trace.forward[:, 2:]).all()
    samples = ratios(trace, ["ones"])
    forward = samples[samples["statistic"] == "forward"]
    assert forward["layer"].tolist() == [1, 2, 1, 2]
    assert forward["measured"].tolist() == [16.0, 0.0, 16.0, 0.0]


def test_weights_that_are_not_numbers_are_not_hidden() -> None:
    stack = Stack((4, 3, 3), lambda w, stream: w.fill_(math.nan))
    trace = run(stack, GAUSSIAN, cotangent_vectors("gaussian", 1), networks=1, seed=0)
    samples = ratios(trace, ["gaussian"])
    assert samples["layer"].tolist() == [1, 2, 2]
    assert samples["measured"].isna().all()


def test_many_cotangents_for_one_input_give_the_jacobian() -> None:
    stack, x = Stack((5, 8, 6), normal()), torch.randn(5)
    trace = run(stack, fixed(x[None]), fixed(torch.eye(6)), networks=1, seed=2)
    stream = random_stream(2, 0)
    first, second = (normal()(torch.empty(s), stream) for s in stack.shapes)

    def network(vector: Tensor) -> Tensor:
        return torch.relu(second @ torch.relu(first @ vector))

    jacobian = torch.func.jacrev(network)(x)
    squares = 5 * np.exp2(trace.backward[0, 0])
    assert squares.sum() == pytest.approx(float(jacobian.square().sum()), rel=1e-5)


def test_inputs_are_training_digits_and_gaussian_vectors() -> None:
    draw = input_vectors(("gaussian", "digit"))
    vectors = draw(784, random_stream(0, 1))
    assert vectors.shape == (2, 784)
    train = torch.from_numpy(digits().train)
    assert (train == vectors[1]).all(dim=1).any()
    assert not (train == vectors[0]).all(dim=1).any()
    with pytest.raises(Unusable, match="a digit has 784 pixels, the stack takes 100 numbers"):
        draw(100, random_stream(0))


def test_cotangents() -> None:
    stream = random_stream(0)
    assert cotangent_vectors("ones", 2)(3, stream).tolist() == [[1.0] * 3] * 2
    signs = cotangent_vectors("signs", 2)(500, stream)
    assert set(signs.flatten().tolist()) == {-1.0, 1.0}
    assert abs(float(signs.mean())) < 0.2


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


def test_a_gpu_is_kept_busy_by_one_worker() -> None:
    assert worker_count(7) == 7
    assert worker_count(7, "cuda") == 1
    assert worker_count(0) >= 1


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


def test_a_key_sets_streams_apart_and_buffers_are_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small, made = Stack((6, 5, 5), normal()), []
    real = stack.Weights
    monkeypatch.setattr(stack, "Weights", lambda *a, **k: made.append((a, k)) or real(*a, **k))
    one, other = (
        run(small, GAUSSIAN, None, networks=4, seed=0, key=(k,), workers=1) for k in (1, 2)
    )
    assert not np.array_equal(one.forward, other.forward)
    assert [(a[1], k) for a, k in made] == [("cpu", {"twice": False})] * 2  # one for each run


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


def test_each_vector_is_rescaled_by_itself() -> None:
    """Inputs 2**200 apart go through the same weights, and neither is lost."""
    small = torch.randn(1, 6, generator=torch.Generator().manual_seed(0)) * 2.0**-100
    pair = torch.cat([small, small * 2.0**100 * 2.0**100])
    trace = run(Stack((6, 5, 5, 5), normal()), fixed(pair), None, networks=3, seed=0)
    difference = trace.forward[..., 1] - trace.forward[..., 0]
    assert difference == pytest.approx(np.full((3, 4), 400.0), abs=1e-5)  # float32 rounds
