"""Stacks with real weights: against autograd, to the bit, and at any depth."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special
from torch import Tensor

from experiments import passes, stack
from experiments.data import cotangent_vectors, digits, input_vectors
from experiments.passes import Draw, Stack, Weights
from experiments.ratios import ratios
from experiments.settings import Unusable
from experiments.stack import random_stream, run
from experiments.streams import layer_of
from experiments.traces import Trace, worker_count

GAUSSIAN = input_vectors(("gaussian",))


def normal(gain: float = math.sqrt(2)) -> Callable[[Tensor, torch.Generator], Tensor]:
    return lambda w, stream: w.normal_(0, gain / math.sqrt(w.shape[1]), generator=stream)


def layers(stack: Stack, stream: torch.Generator, gain: float = math.sqrt(2)) -> list[Tensor]:
    """The weights of one network."""
    found = []
    for layer, shape in enumerate(stack.shapes, 1):
        with layer_of(stream, layer):
            found.append(normal(gain)(torch.empty(shape), stream))
    return found


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
        weights = [w.double() for w in layers(stack, random_stream(seed, network))]
        signals, preactivations = [x.double().requires_grad_()], []
        for w in weights:
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
    plain = [x]
    for w in layers(stack, random_stream(5, 0), gain=3.0):
        plain.append((plain[-1] @ w.T).clamp_min(0))
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


def test_forwards_only_needs_one_buffer_at_any_depth() -> None:
    stack = Stack((10, *[20] * 1000), normal())
    assert [len(b) for b in Weights(stack, "cpu", twice=False).buffers] == [400]


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
    first, second = layers(stack, random_stream(2, 0))

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


def test_a_gpu_is_kept_busy_by_one_worker() -> None:
    assert worker_count(7) == 7
    assert worker_count(7, "cuda") == 1
    assert worker_count(0) >= 1


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
    assert [k["twice"] for _, k in made] == [False] * 2  # one for each run


def test_each_vector_is_rescaled_by_itself() -> None:
    """Inputs 2**200 apart go through the same weights, and neither is lost."""
    small = torch.randn(1, 6, generator=torch.Generator().manual_seed(0)) * 2.0**-100
    pair = torch.cat([small, small * 2.0**100 * 2.0**100])
    trace = run(Stack((6, 5, 5, 5), normal()), fixed(pair), None, networks=3, seed=0)
    difference = trace.forward[..., 1] - trace.forward[..., 0]
    assert difference == pytest.approx(np.full((3, 4), 400.0), abs=1e-5)  # float32 rounds
