"""Plain deep ReLU networks and their training: gradient descent with momentum, as He et al. 2015 train.

A network is a list of layers: weights (*networks, fan_in, fan_out) and biases (*networks, 1, fan_out). Networks that
lie side by side know nothing of each other; their inputs are (*networks, batch, features), their labels
(*networks, batch). A ReLU follows every layer but the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor

from impl.backprop.chain_rule import Pair, relu
from impl.backprop.cross_entropy import cross_entropy_gradient, log_softmax
from impl.init import kaiming, xavier

USES = (
    *("torch.Tensor.matmul", "torch.Tensor.add", "torch.Tensor.sub", "torch.Tensor.mul"),
    *("torch.Tensor.sum", "torch.Tensor.div", "torch.Tensor.amax", "torch.Tensor.eq"),
    "torch.Tensor.gt",
    *("torch.Tensor.mT", "torch.Tensor.flatten", "torch.Tensor.reshape", "torch.arange"),
    *("torch.Tensor.new_zeros", "torch.Tensor.__getitem__"),
)

Rate = float | Tensor
Rates = Rate | Sequence[tuple[Rate, Rate]]  # one for all, or each layer's for weights and biases


def kaiming_weights_(
    weights: Sequence[Tensor], generator: Generator | None = None
) -> Sequence[Tensor]:
    """Fill the weights of one network, each (fan_in, fan_out), with variance 2/fan_in, and return them.

    The last layer's, as no ReLU follows, have 1/fan_in.
    """
    for number, w in enumerate(weights, start=1):
        kind = "linear" if number == len(weights) else "relu"
        kaiming.kaiming_normal_(w.mT, nonlinearity=kind, generator=generator)
    return weights


def xavier_weights_(
    weights: Sequence[Tensor], generator: Generator | None = None
) -> Sequence[Tensor]:
    """Fill the weights of one network, each (fan_in, fan_out), with variance 2/(fan_in + fan_out)."""
    for w in weights:
        xavier.xavier_normal_(w.mT, generator=generator)
    return weights


def with_biases(weights: Iterable[Tensor]) -> list[Pair]:
    """The layers that have ``weights``, and biases of 0."""
    return [(w, w.new_zeros((*w.shape[:-2], 1, w.shape[-1]))) for w in weights]


def forward(x: Tensor, layers: Sequence[Pair]) -> list[Tensor]:
    """What every layer reads, and at the end what the last one puts out."""
    signals = [x]
    for number, (w, b) in enumerate(layers, start=1):
        response = signals[-1] @ w + b
        signals.append(response if number == len(layers) else relu(response))
    return signals


def backward(upstream: Tensor, signals: Sequence[Tensor], layers: Sequence[Pair]) -> list[Pair]:
    """The gradients of all weights and biases, from ``upstream``, that of the output.

    ``signals`` are those that :func:`forward` returned: a rectified number is 0 where its mask is. The mask is
    multiplied by, which takes a third of the time of ``relu_gradient``, and makes NaN of an infinite gradient.
    """
    gradients = []
    for number in range(len(layers) - 1, -1, -1):
        gradients.append((signals[number].mT @ upstream, upstream.sum(-2, keepdim=True)))
        if number:
            upstream = (upstream @ layers[number][0].mT) * (signals[number] > 0)
    return gradients[::-1]


def losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Each network's cross-entropy, a mean over its batch: (*networks, batch, classes) to (*networks,)."""
    return -1 * _of_the_right(log_softmax(logits), labels).sum(-1) / labels.shape[-1]


def losses_gradient(logits: Tensor, labels: Tensor) -> Tensor:
    """The gradient of :func:`losses` with respect to ``logits``, and of their shape.

    Raises ValueError for numbers of no class, as ``cross_entropy_gradient`` does.
    """
    targets = labels.flatten()
    networks = targets.numel() // labels.shape[-1]
    together = cross_entropy_gradient(logits.flatten(0, -2), targets)  # of a mean over all
    return networks * together.reshape(logits.shape)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Each network's share of right answers, (*networks,): ties are shared out, NaN is never right."""
    largest = logits.amax(-1)
    right = _of_the_right(logits, labels) == largest
    ties = (logits == largest[..., None]).sum(-1)
    return (right / (ties + (ties == 0) * 1)).sum(-1) / labels.shape[-1]


def train(
    layers: Sequence[Pair],
    batches: Iterable[tuple[Tensor, Tensor]],
    rate: Rates,
    momentum: float = 0.9,
    multiplier: float = 1.0,
) -> tuple[list[Pair], list[Tensor]]:
    """The layers after a step v ← momentum · v + gradient, w ← w - rate · v for each batch, and the losses before it.

    The loss is that of the outputs times ``multiplier``. Raises ValueError for rates of other layers
    than there are.
    """
    pairs = list(rate) if isinstance(rate, Sequence) else [(rate, rate)] * len(layers)
    if len(pairs) != len(layers):
        raise ValueError(f"rates must be one, or {len(layers)} pairs, got {len(pairs)} pairs")
    here = list(layers)
    velocity = [(w.new_zeros(w.shape), b.new_zeros(b.shape)) for w, b in here]
    found = []
    for x, labels in batches:
        signals = forward(x, here)
        logits = multiplier * signals[-1]
        found.append(losses(logits, labels))
        gradients = backward(multiplier * losses_gradient(logits, labels), signals, here)
        velocity = [_both(v, g, momentum) for v, g in zip(velocity, gradients, strict=True)]
        here = [_step(*each) for each in zip(here, velocity, pairs, strict=True)]
    return here, found


def _both(velocity: Pair, gradient: Pair, momentum: float) -> Pair:
    (v, u), (g, h) = velocity, gradient
    return momentum * v + g, momentum * u + h


def _step(layer: Pair, velocity: Pair, rates: tuple[Rate, Rate]) -> Pair:
    (w, b), (v, u), (rate, bias_rate) = layer, velocity, rates
    return w - rate * v, b - bias_rate * u


def _of_the_right(numbers: Tensor, labels: Tensor) -> Tensor:
    """Of each example's ``numbers`` (…, classes) that of its label: of the shape of ``labels``."""
    targets = labels.flatten()
    rows = numbers.flatten(0, -2)[torch.arange(targets.numel()), targets]
    return rows.reshape(labels.shape)
