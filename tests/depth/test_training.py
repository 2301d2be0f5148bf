"""depth/training: against torch's own modules and optimiser, theory at other sizes, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from benchmarks import rates
from derivations import load
from derivations.record import read_record
from experiments.depth import _training_reading as reading
from experiments.depth import _training_runs as runs
from experiments.depth.training import Settings, compare, measure
from experiments.settings import Unusable
from experiments.stack import one_thread_each
from experiments.statistics import judge
from impl.depth.training import (
    accuracy,
    backward,
    forward,
    kaiming_weights_,
    losses,
    losses_gradient,
    train,
    with_biases,
    xavier_weights_,
)

ROW = "depth/training"
FEW = Settings(
    depths=(3, 5),
    kaiming_rates=(0.03, 0.03),
    xavier_rates=(0.03, 0.03),
    width=20,
    networks=2,
    begun=20,
    steps=40,
    batch=32,
    path_depth=4,
    path_steps=20,
)


@pytest.fixture(autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread_each():
        yield


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


def stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(sizes: tuple[int, ...] = (7, 6, 5, 3)) -> list[torch.Tensor]:
    return [torch.empty(n, m, dtype=torch.float64) for n, m in zip(sizes, sizes[1:], strict=False)]


X = torch.randn(8, 7, dtype=torch.float64, generator=stream(0))
LABELS = torch.tensor([0, 1, 2, 2, 1, 0, 0, 1])
FRESH = weights()
LAYERS = with_biases(kaiming_weights_(weights(), stream(1)))
SIGNALS = forward(X, LAYERS)
EXAMPLES = {
    "kaiming_weights_": lambda: kaiming_weights_(FRESH, stream(1)),
    "xavier_weights_": lambda: xavier_weights_(FRESH, stream(1)),
    "with_biases": lambda: with_biases(FRESH),
    "forward": lambda: forward(X, LAYERS),
    "backward": lambda: backward(SIGNALS[-1], SIGNALS, LAYERS),
    "losses": lambda: losses(SIGNALS[-1], LABELS),
    "losses_gradient": lambda: losses_gradient(SIGNALS[-1], LABELS),
    "accuracy": lambda: accuracy(SIGNALS[-1], LABELS),
    "train": lambda: train(LAYERS, [(X, LABELS)] * 2, 0.1),
}


def torch_network() -> nn.Sequential:
    """The same network as torch has its modules."""
    parts: list[nn.Module] = []
    for w, b in LAYERS:
        linear = nn.Linear(w.shape[0], w.shape[1], dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(w.T)
            linear.bias.copy_(b[0])
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("multiplier", [1.0, 0.3])
def test_training_is_that_of_torch(momentum: float, multiplier: float) -> None:
    network = torch_network()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=momentum)
    theirs = []
    for _ in range(12):
        loss = functional.cross_entropy(multiplier * network(X), LABELS)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        theirs.append(loss.detach())
    layers, ours = train(LAYERS, [(X, LABELS)] * 12, 0.1, momentum, multiplier)
    torch.testing.assert_close(torch.stack(ours), torch.stack(theirs))
    assert ours[-1] < ours[0]
    for (w, b), linear in zip(
        layers, [m for m in network if isinstance(m, nn.Linear)], strict=True
    ):
        torch.testing.assert_close(w, linear.weight.detach().T)
        torch.testing.assert_close(b[0], linear.bias.detach())


def test_the_layers_that_training_begins_with_are_left_as_they_are() -> None:
    before = [(w.clone(), b.clone()) for w, b in LAYERS]
    train(LAYERS, [(X, LABELS)], 0.5)
    for pair, old in zip(LAYERS, before, strict=True):
        assert all(map(torch.equal, pair, old))


def test_every_layer_may_have_rates_of_its_own() -> None:
    rates = [(0.0, 0.1), (0.1, 0.0), (0.0, 0.0)]
    layers, _ = train(LAYERS, [(X, LABELS)] * 3, rates)
    for (w, b), (v, a), (rate, bias_rate) in zip(LAYERS, layers, rates, strict=True):
        assert torch.equal(w, v) == (rate == 0)
        assert torch.equal(b, a) == (bias_rate == 0)
    with pytest.raises(ValueError, match="3 pairs, got 2 pairs"):
        train(LAYERS, [(X, LABELS)], rates[:2])


def test_networks_side_by_side_know_nothing_of_each_other() -> None:
    others = with_biases(xavier_weights_(weights(), stream(2)))
    both = runs.side_by_side([LAYERS, others])
    x, labels = torch.stack([X, X.flip(0)]), torch.stack([LABELS, LABELS.roll(1)])
    rate = torch.tensor([0.1, 0.3], dtype=torch.float64).reshape(2, 1, 1)
    together, found = train(both, [(x, labels)] * 5, rate)
    for k, layers in enumerate((LAYERS, others)):
        alone, single = train(layers, [(x[k], labels[k])] * 5, float(rate[k]))
        torch.testing.assert_close(torch.stack(found)[:, k], torch.stack(single))
        for (w, b), (v, a) in zip(together, alone, strict=True):
            torch.testing.assert_close((w[k], b[k]), (v, a))
    logits = forward(x, together)[-1]
    right = (logits.argmax(-1) == labels).double().mean(-1)
    torch.testing.assert_close(accuracy(logits, labels).double(), right)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [([[1.0, 2.0]], 1.0), ([[2.0, 1.0]], 0.0), ([[1.0, 1.0]], 0.5), ([[float("nan")] * 2], 0.0)],
)
def test_accuracy_shares_ties_and_does_not_count_nan(
    logits: list[list[float]], expected: float
) -> None:
    assert float(accuracy(torch.tensor(logits), torch.tensor([1]))) == expected


def test_weights_have_the_rules_deviations() -> None:
    sizes = (300, 400, 500)
    for fill, factors in (
        (kaiming_weights_, (2 / 300, 1 / 400)),
        (xavier_weights_, (2 / 700, 2 / 900)),
    ):
        for w, variance in zip(fill(weights(sizes), stream(3)), factors, strict=True):
            assert float(w.var()) == pytest.approx(variance, rel=0.02)


@pytest.mark.parametrize("settings", [FEW, replace(FEW, width=28, seed=1, biases=False)])
def test_theory_and_measurement_agree(settings: Settings) -> None:
    table = judge(compare(measure(settings, quiet), settings))
    assert table["agrees"].all(), table[~table["agrees"]]


def test_where_xavier_is_claimed_to_stall_and_does_not_chance_explains_all() -> None:
    """Networks of three and five layers learn from either start."""
    settings = replace(FEW, stalls=5, networks=7, begun=2, path_steps=1)
    table = judge(compare(measure(settings, quiet), settings)).set_index(["statistic", "input"])
    agrees = table["agrees"]
    assert not agrees["p, if both were as good", "5 layers"]
    assert not agrees["share that learns", "Xavier, 5 layers"]
    assert agrees["share that learns", "Xavier, 3 layers"]


def test_a_difference_that_chance_explains_is_none() -> None:
    assert reading.chance([[7, 0], [0, 7]]) == pytest.approx(1 / 3432)
    assert reading.chance([[4, 4], [4, 4]]) > 0.5
    assert reading.chance([[0, 7], [7, 0]]) == pytest.approx(1)


@pytest.mark.parametrize("depth", [2, 3, 22, 30])
def test_the_multiplier_is_the_product_of_all_scales(depth: int) -> None:
    sizes = (784, *[64] * (depth - 1), 10)
    found = runs.scales(sizes)
    assert found.multiplier == pytest.approx(found.so_far[-1], rel=1e-12)
    deviations = [(2 / (n + m)) ** 0.5 for n, m in zip(sizes, sizes[1:], strict=False)]
    kaiming = [(2 / n) ** 0.5 for n in sizes[:-2]] + [(1 / sizes[-2]) ** 0.5]
    ratios = [x / k for x, k in zip(deviations, kaiming, strict=True)]
    assert found.layers == pytest.approx(ratios, rel=1e-12)


def test_xavier_with_the_derived_output_and_rates_trains_as_kaiming_does() -> None:
    """The exercise's cure: Xavier's weights, outputs over α, and rates times the squares of the scales."""
    sizes = (7, 6, 6, 6, 6, 3)
    found = runs.scales(sizes)
    starts = [
        with_biases(f(weights(sizes), stream(4))) for f in (kaiming_weights_, xavier_weights_)
    ]
    own = [(0.1 * s**2, 0.1 * p**2) for s, p in zip(found.layers, found.so_far, strict=True)]
    _, kaiming = train(starts[0], [(X, LABELS)] * 40, 0.1)
    _, xavier = train(starts[1], [(X, LABELS)] * 40, own, multiplier=1 / found.multiplier)
    torch.testing.assert_close(torch.stack(xavier), torch.stack(kaiming))
    assert kaiming[-1] < 0.9 * kaiming[0]


def test_the_rates_are_the_best_of_the_grid_on_record() -> None:
    """``python -m benchmarks.rates`` was run with the settings that the experiment has today."""
    record, settings = read_record(rates.RECORD), Settings()
    best = {
        (found["rule"], found["depth"]): found["best"]
        for found in record["searches"]
        if found["biases"] and found["steps"] == settings.steps
    }
    assert record["settings"] == rates.shared(settings)
    for rule in runs.RULES:
        for depth, rate in settings.rates(rule):
            assert rate == best[rule, depth]


def test_a_search_finds_the_best_rate_of_a_grid() -> None:
    settings = replace(FEW, steps=rates.LAST)
    found = rates.search("Kaiming", 3, 1, settings)
    assert found["best"] in rates.RATES and len(found["loss"]) == len(rates.RATES)
    assert "Kaiming, 3 layers, 50 steps: best" in rates.said(found)


def test_the_first_change_is_what_one_step_does() -> None:
    """Of a hidden layer, in the mean square over networks, with a gradient that is independent of them."""
    change = load(ROW).predict("first_change")(classes=10, second_moment=1)
    sizes, squares = (40, 80, 80, 80, 10), []
    x = torch.ones(1, 40, dtype=torch.float64)
    for seed in range(60):
        layers = with_biases(kaiming_weights_(weights(sizes), stream(seed)))
        signals = forward(x, layers)
        guess = losses_gradient(0 * signals[-1], torch.tensor([seed % 10]))
        gradient, w = backward(guess, signals, layers)[2][0], layers[2][0]
        squares.append(float(gradient.square().sum() / w.square().sum()))
    mean = sum(squares) / len(squares)
    assert mean**0.5 == pytest.approx(change, rel=0.15)


@pytest.mark.parametrize(
    "wrong",
    [
        {"networks": 0},
        {"begun": 1},
        {"depths": ()},
        {"depths": (1, 5)},
        {"depths": (5, 5)},
        {"depths": (5,)},
        {"kaiming_rates": (0.1, 0.0)},
        {"xavier_rates": (0.1,)},
        {"width": 5},
        {"steps": 0},
        {"momentum": 1.0},
        {"learnt": 1.0},
        {"seed": -1},
    ],
)
def test_unusable_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)
