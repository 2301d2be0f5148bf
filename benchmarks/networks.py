"""Races of what a small network needs: weights, norms, and the backward pass of the lesson's network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from benchmarks.races import Race
from impl.backprop import linear
from impl.backprop.layers import Linear, Model, ReLU
from impl.init.kaiming import kaiming_normal_
from impl.tensors.frobenius import frobenius_norm


def races(examples: int) -> list[Race]:
    """What is compared. Backward passes include the forward pass that they need."""
    weights = torch.empty(512, 512)
    found = [
        Race(
            "Kaiming's weights, 512 × 512",
            "torch.nn.init.kaiming_normal_",
            lambda: kaiming_normal_(weights),
            lambda: torch.nn.init.kaiming_normal_(weights),
        )
    ]
    for size in (5, 1024):
        found += norm_races(torch.randn(size, size))
    return [*found, *backward_races(examples), *linear_races(examples)]


def norm_races(matrix: torch.Tensor) -> list[Race]:
    """The Frobenius norm of one matrix."""
    name, array = "Frobenius norm, {} × {}".format(*matrix.shape), matrix.numpy()
    peers: dict[str, Callable[[], object]] = {
        "torch.linalg.matrix_norm": lambda: torch.linalg.matrix_norm(matrix),
        "numpy.linalg.norm": lambda: np.linalg.norm(array),
    }
    return [Race(name, peer, lambda: frobenius_norm(matrix), call) for peer, call in peers.items()]


def backward_races(examples: int) -> list[Race]:
    """The lesson's network, by hand and by autograd: with the input's gradient, as ours, and without."""
    x, target = torch.randn(examples, 784), torch.randn(examples, 1)
    w1, b1 = kaiming_normal_(torch.empty(50, 784)).T.contiguous(), torch.zeros(50)
    w2, b2 = kaiming_normal_(torch.empty(1, 50)).T.contiguous(), torch.zeros(1)
    model = Model(Linear(w1, b1), ReLU(), Linear(w2, b2))
    leaves = [tensor.clone().requires_grad_() for tensor in (x, w1, b1, w2, b2)]

    def by_hand() -> None:
        model(x, target)
        model.backward()

    def loss(x: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        v1, c1, v2, c2 = others
        output = functional.linear(functional.relu(functional.linear(x, v1.T, c1)), v2.T, c2)
        return functional.mse_loss(output, target)

    compiled = torch.compile(loss)
    name = f"there and back, {examples:,} × 784 → 50 → 1"
    inputs, others = leaves[0], leaves[1:]
    peers: dict[str, Callable[[], object]] = {
        "torch.autograd, all gradients": lambda: torch.autograd.grad(loss(*leaves), leaves),
        "torch.autograd, not the input's": lambda: torch.autograd.grad(loss(x, *others), others),
        "torch.compile, all gradients": lambda: torch.autograd.grad(
            compiled(inputs, *others), leaves
        ),
    }
    return [Race(name, peer, by_hand, call) for peer, call in peers.items()]


def linear_races(examples: int) -> list[Race]:
    """The gradients of the lesson's first layer in each of its ways, by hand and by autograd.

    Outer products write down every product, 8 GB for 50,000 examples: a sixteenth of them will do.
    """
    ways = {
        "outer products": (linear.linear_gradients_outer, max(1, examples // 16)),
        "einsum": (linear.linear_gradients_einsum, examples),
        "matrix products": (linear.linear_gradients, examples),
    }
    return [linear_race(name, way, count) for name, (way, count) in ways.items()]


def linear_race(name: str, way: Callable[..., object], examples: int) -> Race:
    """One way. Autograd's graph is made once, so that both go backwards alone."""
    x, w, b = (
        torch.randn(shape, requires_grad=True) for shape in ((examples, 784), (784, 50), (50,))
    )
    out, upstream = linear.linear(x, w, b), torch.randn(examples, 50)
    given = (x.detach(), w.detach(), upstream)
    return Race(
        f"linear layer by {name}, {examples:,} × 784 → 50",
        "torch.autograd, all gradients",
        lambda: way(*given),
        lambda: torch.autograd.grad(out, (x, w, b), upstream, retain_graph=True),
    )
