"""The lesson's network three times: layers, modules, and torch's modules with autograd; and what is used twice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from experiments.backprop.module import Settings

NAMES = ("w1", "b1", "w2", "b2")
VERSIONS = ("layers", "modules", "torch.nn")


def problem(settings: Settings) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Digits, what they show, and Kaiming's weights."""
    import torch

    from derivations.init.kaiming import DERIVATION as KAIMING
    from experiments.data import digits, training_labels
    from experiments.stack import random_stream

    stream = random_stream(settings.seed, 1)
    labels = torch.from_numpy(training_labels(settings.data))
    images = torch.from_numpy(digits(settings.data).train)
    chosen = torch.randperm(len(images), generator=stream)[: settings.examples]
    shapes = (images.shape[1], settings.hidden), (settings.hidden, 1)
    parameters = {}
    for number, shape in enumerate(shapes, 1):
        std = math.sqrt(KAIMING.predict("kaiming_variance")(fan=shape[0], negative_slope=0))
        weights = torch.randn(shape, dtype=torch.float64, generator=stream)
        parameters[f"w{number}"] = std * weights
        parameters[f"b{number}"] = torch.zeros(shape[1], dtype=torch.float64)
    return images[chosen].double(), labels[chosen].double(), parameters


def train(
    version: str, x: Tensor, target: Tensor, start: dict[str, Tensor], settings: Settings
) -> tuple[list[float], dict[str, Tensor]]:
    """The loss before every step, and the gradients at the first, the input's with them."""
    import torch

    losses: list[float] = []
    first: dict[str, Tensor] = {}
    parameters = {name: value.clone() for name, value in start.items()}
    for _ in range(settings.steps):
        loss, gradients = _step(version, x.detach().clone(), target, parameters)
        losses.append(loss)
        first = first or gradients
        with torch.no_grad():
            for name in NAMES:
                parameters[name] = parameters[name] - settings.rate * gradients[name]
    return losses, first


def _step(
    version: str, x: Any, target: Tensor, parameters: dict[str, Any]
) -> tuple[float, dict[str, Tensor]]:
    """The loss and all gradients, by one of the three versions."""
    from impl.backprop import layers, module

    w1, b1, w2, b2 = (parameters[name] for name in NAMES)
    if version == "torch.nn":
        torch_model = module.TorchModel((w1, b1), (w2, b2))
        loss = torch_model(x.requires_grad_(), target)
        loss.backward()
        pairs = zip(torch_model.weights, torch_model.biases, strict=True)
        found = [tensor.grad for pair in pairs for tensor in pair]
        return float(loss.detach()), dict(zip((*NAMES, "input"), (*found, x.grad), strict=True))
    kind: Any = layers if version == "layers" else module
    model = kind.Model(kind.Linear(w1, b1), kind.ReLU(), kind.Linear(w2, b2))
    value = model(x, target)
    model.backward()
    tensors = zip((*NAMES, "input"), (w1, b1, w2, b2, x), strict=True)
    return float(value), {name: tensor.g for name, tensor in tensors}


def relative(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference over the largest entry."""
    if ours.shape != theirs.shape:
        return 1.0
    return float((ours - theirs).abs().max() / theirs.abs().max())


def twice(stream: Generator) -> dict[str, float]:
    """Errors where a weight, and where a module, is used twice."""
    import torch

    from impl.backprop import module

    x, w, v, b, target = (
        torch.randn(shape, dtype=torch.float64, generator=stream)
        for shape in ((7, 5), (5, 5), (5, 1), (5,), (7,))
    )
    c = torch.zeros(1, dtype=torch.float64)
    leaf = w.clone().requires_grad_()
    out = ((x @ leaf + b).relu() @ leaf + b) @ v
    (expected,) = torch.autograd.grad((out[:, 0] - target).square().mean(), leaf)
    errors = {}
    shared = module.Linear(w.clone(), b)
    for name, first, second in (
        ("weight used twice", module.Linear(w, b), module.Linear(w, b)),
        ("module used twice", shared, shared),
    ):
        model = module.Model(first, module.ReLU(), second, module.Linear(v, c))
        model(x.clone(), target)
        model.backward()
        errors[name] = relative(first.w.g, expected)  # type: ignore[attr-defined]
    return errors
