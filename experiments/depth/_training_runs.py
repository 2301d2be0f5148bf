"""Deep networks as they begin and as they are trained, by Kaiming's rule and by Xavier's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Generator, Tensor

from derivations.depth.training import DERIVATION
from experiments.data import digits, training_labels, validation_labels
from experiments.stack import Track, random_stream
from experiments.traces import FloatArray
from impl.backprop.chain_rule import Pair
from impl.depth import training

RULES = ("Kaiming", "Xavier")
CLASSES = 10


def widths(depth: int, width: int) -> tuple[int, ...]:
    """Inputs, hidden layers, classes."""
    return (digits().train.shape[1], *[width] * (depth - 1), CLASSES)


def network(
    rule: str, sizes: tuple[int, ...], stream: Generator, dtype: torch.dtype = torch.float64
) -> list[Pair]:
    """One network as ``rule`` begins it. The same stream gives the same random numbers for each rule."""
    weights = [torch.empty(n, m, dtype=dtype) for n, m in zip(sizes, sizes[1:], strict=False)]
    fill = training.kaiming_weights_ if rule == "Kaiming" else training.xavier_weights_
    return training.with_biases(fill(weights, stream))


def side_by_side(networks: Sequence[Sequence[Pair]]) -> list[Pair]:
    """Networks of one form as one, with one more dimension in front."""
    return [
        (torch.stack([w for w, _ in pairs]), torch.stack([b for _, b in pairs]))
        for pairs in zip(*networks, strict=True)
    ]


@lru_cache(maxsize=2)
def _set(which: str) -> tuple[Tensor, Tensor]:
    """Images and labels, of the training or the validation set."""
    labels = training_labels if which == "train" else validation_labels
    return torch.from_numpy(getattr(digits(), which)), torch.from_numpy(labels())


def batches(
    networks: int, batch: int, steps: int, stream: Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """``steps`` batches of training digits; each of the ``networks`` gets its own."""
    images, labels = _set("train")
    for _ in range(steps):
        chosen = torch.randint(len(images), (networks, batch), generator=stream)
        yield images[chosen], labels[chosen]


@dataclass(frozen=True)
class Scales:
    """Xavier over Kaiming, as derived: the output, and layer by layer.

    There the weights' deviation, the product of all up to it, and the gradients of weights and biases.
    """

    multiplier: float
    layers: list[float]
    so_far: list[float]
    weights: list[float]
    biases: list[float]


@lru_cache(maxsize=8)
def scales(sizes: tuple[int, ...]) -> Scales:
    """For a network of ``sizes``: inputs, hidden layers of one width, classes."""
    *hidden, last = zip(sizes, sizes[1:], strict=False)
    predict = DERIVATION.predict
    of_hidden, of_last = predict("hidden_scale"), predict("last_scale")
    layers = [float(of_hidden(fan_in=n, fan_out=m)) for n, m in hidden]
    layers.append(float(of_last(fan_in=last[0], fan_out=last[1])))
    so_far = [float(product) for product in np.cumprod(layers)]
    alpha = float(
        predict("multiplier")(inputs=sizes[0], units=sizes[1], classes=sizes[-1], depth=len(layers))
    )
    weight, bias = predict("weight_ratio"), predict("bias_ratio")
    return Scales(
        alpha,
        layers,
        so_far,
        [float(weight(multiplier=alpha, layer_scale=s)) for s in layers],
        [float(bias(multiplier=alpha, scale_so_far=s)) for s in so_far],
    )


@dataclass(frozen=True)
class Begun:
    """How one digit's gradients begin in a network of each rule, drawn with the same random numbers.

    ``gradients``: by rule, the log of each layer's squared weight gradient over the squared lengths of
    the digit and of the loss's gradient; ``loss`` has the real loss's also for Kaiming. ``ratios``: by
    rule, each hidden layer's mean square over that before. ``off``: how far, relatively, Xavier's output
    and gradients are from Kaiming's times what is derived, at most.
    """

    gradients: dict[str, list[float]]
    ratios: dict[str, list[float]]
    loss: list[float]
    off: dict[str, float]


def begin(sizes: tuple[int, ...], key: Sequence[int]) -> Begun:
    """One digit, one network of each rule."""
    images, labels = _set("train")
    chosen = int(torch.randint(len(images), (), generator=random_stream(*key, 1)))
    x, label = images[chosen : chosen + 1].double(), labels[chosen : chosen + 1]
    layers = {rule: network(rule, sizes, random_stream(*key, 0)) for rule in RULES}
    signals = {rule: training.forward(x, layers[rule]) for rule in RULES}
    guess = training.losses_gradient(0 * signals["Kaiming"][-1], label)
    found = {r: training.backward(guess, signals[r], layers[r]) for r in RULES}
    real = {}
    for rule in RULES:
        upstream = training.losses_gradient(signals[rule][-1], label)
        back = training.backward(upstream, signals[rule], layers[rule])
        real[rule] = _logs(back, x, guess)
    return Begun(
        {"Kaiming": _logs(found["Kaiming"], x, guess), "Xavier": real["Xavier"]},
        {rule: _ratios(signals[rule][1:-1]) for rule in RULES},
        real["Kaiming"],
        _off(signals, found, scales(sizes)),
    )


def _square(numbers: Tensor) -> float:
    return float((numbers * numbers).sum())


def _logs(gradients: Sequence[Pair], x: Tensor, upstream: Tensor) -> list[float]:
    ends = _square(x) * _square(upstream)
    squares = [_square(weight) / ends for weight, _ in gradients]
    return [math.log(s) if s > 0 else -math.inf for s in squares]


def _ratios(signals: Sequence[Tensor]) -> list[float]:
    squares = [_square(x) for x in signals]
    return [b / a if a else math.nan for a, b in zip(squares, squares[1:], strict=False)]


def _off(
    signals: dict[str, list[Tensor]], gradients: dict[str, list[Pair]], predicted: Scales
) -> dict[str, float]:
    """The largest relative differences between Xavier's network and Kaiming's scaled."""

    def apart(one: Tensor, other: Tensor) -> float:
        size = _square(one)
        return math.sqrt(_square(one - other) / size) if size else math.nan

    return {
        "output": apart(signals["Xavier"][-1], predicted.multiplier * signals["Kaiming"][-1]),
        **{
            name: max(
                apart(xavier[place], factor * kaiming[place])
                for xavier, kaiming, factor in zip(
                    gradients["Xavier"], gradients["Kaiming"], factors, strict=True
                )
            )
            for place, (name, factors) in enumerate(
                (("weights", predicted.weights), ("biases", predicted.biases))
            )
        },
    }


@dataclass(frozen=True)
class Plan:
    """How networks are trained: all settings of :func:`trained` but the networks themselves."""

    steps: int
    batch: int
    rate: float | Tensor
    momentum: float
    biases: bool = True


def one_path(
    sizes: tuple[int, ...], plan: Plan, key: Sequence[int]
) -> tuple[list[float], list[float]]:
    """The losses on the way from Xavier's start, and from Kaiming's with the output and the rates that are derived."""
    predicted = scales(sizes)
    weight, bias = (DERIVATION.predict(f"{name}_rate") for name in ("weight", "bias"))
    rates = [
        (
            float(weight(rate=plan.rate, layer_scale=s)),
            float(bias(rate=plan.rate, scale_so_far=p)),
        )
        for s, p in zip(predicted.layers, predicted.so_far, strict=True)
    ]
    found = []
    for rule, rate, multiplier in (
        ("Xavier", plan.rate, 1.0),
        ("Kaiming", rates, predicted.multiplier),
    ):
        layers = network(rule, sizes, random_stream(*key, 0))
        given = (
            (x[0].double(), labels[0])
            for x, labels in batches(1, plan.batch, plan.steps, random_stream(*key, 1))
        )
        _, losses = training.train(layers, given, rate, plan.momentum, multiplier)
        found.append([float(loss) for loss in losses])
    return found[0], found[1]


def trained(
    rule: str,
    sizes: tuple[int, ...],
    networks: int,
    plan: Plan,
    key: Sequence[int],
    track: Track = lambda items, **_: items,
) -> tuple[FloatArray, FloatArray]:
    """Train ``networks`` side by side: their losses, (networks, steps), and their accuracy on held-out digits."""
    start = side_by_side(
        [network(rule, sizes, random_stream(*key, k), torch.float32) for k in range(networks)]
    )
    given = track(
        batches(networks, plan.batch, plan.steps, random_stream(*key, networks)),
        description=f"{rule}, {len(start)} layers",
        total=plan.steps,
    )
    rate = plan.rate if plan.biases else [(plan.rate, 0.0)] * len(start)
    layers, losses = training.train(start, given, rate, plan.momentum)
    images, labels = _set("validation")
    logits = training.forward(images, layers)[-1]
    right = training.accuracy(logits, labels.repeat(networks, 1))
    return torch.stack(losses, dim=-1).double().numpy(), right.double().numpy()
