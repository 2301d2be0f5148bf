"""Stacks with biases, other activations and losses, against autograd; memory; and what cannot be held."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from experiments import losses, passes
from experiments.activations import RELU, Activation, leaky, shifted
from experiments.data import input_vectors
from experiments.losses import Loss
from experiments.passes import Rescaled, Stack, Weights, span
from experiments.settings import Unusable
from experiments.stack import random_stream, run
from experiments.streams import layer_of
from experiments.traces import Trace
from experiments.weights import (
    constant_biases,
    default_biases,
    default_weights,
    kaiming_weights,
    normal_biases,
    xavier_weights,
)

WIDTHS, COUNT = (6, 9, 5, 8, 7), 4
TANH = Activation(torch.tanh, lambda z, upstream: upstream / torch.cosh(z) ** 2)
ACTIVATIONS = {
    "relu": (RELU, torch.relu),
    "leaky": (leaky(0.3), lambda z: functional.leaky_relu(z, 0.3)),
    "shifted": (shifted(0.5), lambda z: torch.relu(z) - 0.5),
    "a row's own": (TANH, torch.tanh),
}
BIASES = {
    "none": None,
    "normal": normal_biases(0.4),
    "constant": constant_biases(0.5),
    "default": default_biases(),
}
GAUSSIAN = input_vectors(("gaussian",), each=COUNT)
LOSSES = {
    "mse": losses.mean_squared_error(losses.gaussian_targets(COUNT)),
    "cross-entropy": losses.cross_entropy(losses.random_labels(COUNT)),
}
THEIRS = {"mse": functional.mse_loss, "cross-entropy": functional.cross_entropy}


def by_autograd(
    stack: Stack, function: Any, loss: str, seed: int
) -> tuple[list[Tensor], list[Tensor]]:
    """x_0, …, x_L, and the gradients at x_0, z_1, …, z_L, in float64."""
    stream = random_stream(seed, 0)
    x = GAUSSIAN(stack.widths[0], stream)
    target = LOSSES[loss].compared_with(stack.widths[-1], stream, None)
    signals, preactivations = [x.double().requires_grad_()], []
    for layer, (fan_out, fan_in) in enumerate(stack.shapes, 1):
        w, b = torch.empty(fan_out, fan_in), torch.zeros(fan_out)
        with layer_of(stream, layer):
            stack.initialise(w, stream)
            if stack.biases:
                stack.biases(b, fan_in, stream)
        preactivations.append(signals[-1] @ w.double().T + b.double())
        last = stack.linear_output and layer == stack.depth
        signals.append(preactivations[-1] if last else function(preactivations[-1]))
    target = target.double() if loss == "mse" else target
    theirs: Any = THEIRS[loss]
    value = theirs(signals[-1], target)
    return signals, list(torch.autograd.grad(value, [signals[0], *preactivations]))


@pytest.mark.parametrize("kept", [2**26, 0])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_both_passes_are_those_of_autograd(
    name: str, bias: str, loss: str, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "KEPT", kept)
    activation, function = ACTIVATIONS[name]
    weights = kaiming_weights("uniform").fill
    stack = Stack(WIDTHS, weights, activation=activation, biases=BIASES[bias], linear_output=True)
    trace = run(stack, GAUSSIAN, LOSSES[loss], networks=1, seed=5)
    for values, logs in zip(
        by_autograd(stack, function, loss, 5), (trace.forward, trace.backward), strict=True
    ):
        expected = [v.detach().square().mean(1).log2().numpy() for v in values]
        np.testing.assert_allclose(logs[0], expected, rtol=0, atol=2e-5)


def same_bits(a: Trace, b: Trace) -> bool:
    return all(
        x.tobytes() == y.tobytes() for x, y in ((a.forward, b.forward), (a.backward, b.backward))
    )


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("depth", [1, 2, 9, 30])
def test_checkpoints_change_no_bit(bias: str, depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack((20, *[30, 10] * depth), xavier_weights("normal").fill, biases=BIASES[bias])
    kept = run(stack, GAUSSIAN, LOSSES["mse"], networks=2, seed=1)
    monkeypatch.setattr(passes, "KEPT", 0)
    for state in (5056, 1, 10**9):  # few, very many and no checkpoints
        monkeypatch.setattr(passes, "STATE", state)
        assert same_bits(kept, run(stack, GAUSSIAN, LOSSES["mse"], networks=2, seed=1))


def test_what_is_kept_grows_as_the_root_of_depth() -> None:
    stacks = [Stack((256,) * (depth + 1), default_weights().fill) for depth in (400, 40_000)]
    few, many = (span(stack, 1) for stack in stacks)
    assert many == pytest.approx(10 * few, abs=10)
    assert len(Weights(stacks[1], "cpu", twice=True).buffers) == many
    assert span(Stack((8,) * 100, default_weights().fill), 1) == 99  # small ones are kept whole


def test_ten_thousand_layers_take_no_more_memory_than_a_few() -> None:
    """Both passes, in a process of their own; all weights would take 164 MB, all z 41."""
    script = """
import resource, sys
from experiments import passes
from experiments.data import cotangent_vectors, input_vectors
from experiments.stack import run
from experiments.weights import kaiming_weights
passes.KEPT = 0
def both(depth):
    stack = passes.Stack((64,) * (depth + 1), kaiming_weights("normal").fill)
    inputs, top = input_vectors(("gaussian",), each=16), cotangent_vectors("gaussian", 16)
    run(stack, inputs, top, networks=1, seed=0, workers=1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
few = both(100)
scale = 2**20 if sys.platform == "darwin" else 2**10
print((both(10_000) - few) / scale)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True
    )
    assert float(done.stdout) < 30  # megabytes


@pytest.mark.parametrize("bias", ["none", "normal", "constant"])
@pytest.mark.parametrize("gain", [0.1, 10.0])
def test_neither_biases_nor_a_loss_need_a_signal_of_ordinary_size(bias: str, gain: float) -> None:
    """300 layers: far out of float32; biases fade beside what explodes, and replace what vanishes."""

    def fill(w: Tensor, stream: torch.Generator) -> Tensor:
        return w.normal_(0, gain * math.sqrt(2 / w.shape[1]), generator=stream)

    stack = Stack((40,) * 301, fill, biases=BIASES[bias])
    trace = run(stack, GAUSSIAN, LOSSES["mse"], networks=1, seed=0)
    assert np.isfinite(trace.forward).all() and np.isfinite(trace.backward).all()
    per_layer = (trace.forward[0, -1, 0] - trace.forward[0, 1, 0]) / 299
    kept = bias != "none" and gain < 1
    assert per_layer == pytest.approx(0 if kept else 2 * math.log2(gain), abs=0.2)


def test_what_float32_cannot_hold_is_refused_where_it_may_not_be_rescaled() -> None:
    def fill(w: Tensor, stream: torch.Generator) -> Tensor:
        return w.normal_(0, 10.0, generator=stream)

    stack = Stack((40,) * 31, fill, activation=shifted(0.5))
    with pytest.raises(Unusable, match=r"float32 cannot hold layer \d+, .* take fewer layers"):
        run(stack, GAUSSIAN, None, networks=1, seed=0)
    run(replace(stack, activation=RELU), GAUSSIAN, None, networks=1, seed=0)


@pytest.mark.parametrize(
    ("gain", "loss", "message"),
    [
        (100.0, LOSSES["mse"], "float64 cannot hold it"),
        (0.01, losses.mean_squared_error(lambda n, s: torch.zeros(COUNT, n)), "vanishes even in"),
    ],
)
def test_a_loss_of_what_float64_cannot_hold_is_refused(
    gain: float, loss: Loss, message: str
) -> None:
    def fill(w: Tensor, stream: torch.Generator) -> Tensor:
        return w.normal_(0, gain, generator=stream)

    with pytest.raises(Unusable, match=message):
        run(Stack((9,) * 400, fill, 1.0), GAUSSIAN, loss, networks=1, seed=0)


def test_several_inputs_of_a_kind_come_side_by_side() -> None:
    vectors = input_vectors(("digit", "gaussian"), each=3)(784, random_stream(0))
    assert vectors.shape == (6, 784)
    assert (vectors[:3] == vectors[:3].amin()).float().mean() > 0.3  # mostly background
    assert len({tuple(v[300:500].tolist()) for v in vectors}) == 6


def test_every_thread_computes_on_one_core() -> None:
    """torch does not hand the number of threads on to new ones: forty times slower where cores are shared."""
    found = []

    def fill(w: Tensor, stream: torch.Generator) -> object:
        found.append(torch.get_num_threads())
        return w.normal_(0, 1, generator=stream)

    before = torch.get_num_threads()
    run(Stack((4, 3), fill), GAUSSIAN, None, networks=4, seed=0, workers=2)
    assert found == [1] * 4
    assert torch.get_num_threads() == before


def in_one_go(vectors: Tensor) -> Rescaled:
    signal = Rescaled(torch.full((len(vectors), 1), 5, dtype=torch.int64))
    signal.append(vectors)
    return signal


@pytest.mark.parametrize("columns", [1, 7, 16, 513])
def test_rescaling_in_one_go_is_torchs(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit but for the order of a sum; of zeros, of what is no number, and of slices, too."""
    wide = torch.randn(9, 2 * columns, generator=torch.Generator().manual_seed(1))
    wide *= torch.tensor([1e-30, 1e-3, 1.0, 2.0, 3.0, 1e30, 0.0, 1.0, 1.0])[:, None]
    wide[7, 0], wide[8, 0] = math.nan, math.inf
    compiled = in_one_go(wide[:, ::2])
    monkeypatch.setattr(passes, "is_plain", lambda tensor: False)
    by_torch = in_one_go(wide[:, ::2])
    assert torch.equal(compiled.vectors[:8].nan_to_num(9), by_torch.vectors[:8].nan_to_num(9))
    assert torch.equal(compiled.exponent[:7], by_torch.exponent[:7])
    np.testing.assert_allclose(
        compiled.log_mean_squares(), by_torch.log_mean_squares(), rtol=0, atol=1e-13
    )
    assert np.isnan(compiled.log_mean_squares()[0, 7:]).all()
    largest = compiled.vectors[:6].abs().amax(dim=1)
    assert (largest >= 0.5).all() and (largest < 1).all()


def test_where_nothing_is_rescaled_zeros_can_be_held_and_what_lost_its_digits_cannot() -> None:
    signal = Rescaled(fixed=True)
    signal.append(torch.zeros(2, 3))
    signal.append(torch.tensor([[1e-37, 0.0, 0.0], [1.0, 2.0, 3.0]]))
    assert signal.steps == 2
    for gone in (1e-39, math.inf):  # without all of its digits; beyond all numbers
        with pytest.raises(Unusable, match="float32 cannot hold layer 2"):
            signal.append(torch.tensor([[gone, 0.0, 0.0], [1.0, 2.0, 3.0]]))


def test_who_watches_sees_each_layer_before_and_after_its_activation() -> None:
    seen = []
    stack = Stack((5, 4, 3), kaiming_weights("normal").fill)
    x = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    weights = Weights(stack, "cpu", twice=False)

    def watch(layer: int, z: Tensor, x: Tensor) -> None:
        seen.append((layer, z.shape[1]))
        assert torch.equal(x, z.relu())

    passes.forwards(stack, weights, x, random_stream(0), remember=False, watch=watch)
    assert seen == [(1, 4), (2, 3)]
