"""Modules: gradients against autograd's, tensors and modules that are used twice, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from impl.backprop import layers
from impl.backprop.module import (
    Linear,
    Model,
    Module,
    MSELoss,
    ReLU,
    TorchModel,
    accumulate,
)


def randn(*shape: int, seed: int = 0) -> Any:
    """Any, as type checkers know no ``.g``."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Residual(Module):
    """x + f(x): what goes in is read twice."""

    def __init__(self, *inner: Module) -> None:
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for module in self.inner:
            out = module(out)
        self._last = out
        return x + out

    def bwd(self, out: Any, x: Any) -> None:
        accumulate(self._last, out.g)
        for module in reversed(self.inner):
            module.backward()
        accumulate(x, out.g)


W, B, X, Y = torch.ones(3, 1), torch.ones(1), torch.ones(4, 3), torch.ones(4)


def run(*modules: Module) -> None:
    model = Model(*modules)
    model(X, Y)
    model.backward()
    model.zero_grad()


TWICE: Any = torch.ones(3)
EXAMPLES = {
    "accumulate": lambda: [accumulate(TWICE, TWICE) for _ in range(2)],
    "Module": lambda: Module().zero_grad(),
    "ReLU": lambda: run(ReLU(), ReLU(0.1), Linear(W, B)),
    "Linear": lambda: run(Linear(W, B)),
    "MSELoss": lambda: MSELoss()(Y, Y),
    "Model": lambda: run(Linear(W, B)),
    "TorchModel": lambda: TORCH(X, Y),
}
TORCH = TorchModel((torch.ones(3, 3), torch.ones(3)), (W, B))


def pairs() -> list[Any]:
    return [(randn(7, 5), randn(5, seed=1)), (randn(5, 1, seed=2), randn(1, seed=3))]


def autograd(loss: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, leaves)


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_all_three_networks_have_the_same_loss_and_gradients(batch: int) -> None:
    target, tensors = randn(batch, seed=5), pairs()
    x = [randn(batch, 7, seed=4) for _ in range(3)]
    old = layers.Model(layers.Linear(*tensors[0]), layers.ReLU(), layers.Linear(*tensors[1]))
    ours = pairs()
    new = Model(Linear(*ours[0]), ReLU(), Linear(*ours[1]))
    theirs = TorchModel(*pairs())
    losses = old(x[0], target), new(x[1], target), theirs(x[2].requires_grad_(), target)
    assert torch.equal(losses[0], losses[1]) and torch.equal(losses[1], losses[2].detach())
    old.backward()
    new.backward()
    losses[2].backward()
    assert torch.equal(x[0].g, x[1].g)
    assert_close(x[1].g, x[2].grad, rtol=1e-12, atol=1e-14)
    for k in (0, 1):
        for place, peers in enumerate((theirs.weights, theirs.biases)):
            assert torch.equal(tensors[k][place].g, ours[k][place].g)
            assert_close(ours[k][place].g, peers[k].grad, rtol=1e-12, atol=1e-14)


def test_a_weight_in_two_places_gets_the_sum() -> None:
    w, b, last, x, y = (
        randn(4, 4),
        randn(4, seed=1),
        randn(4, 1, seed=2),
        randn(6, 4, seed=3),
        randn(6),
    )
    model = Model(Linear(w, b), ReLU(0.1), Linear(w, b), Linear(last, randn(1)))
    model(x, y)
    model.backward()
    v, c = w.clone().requires_grad_(), b.clone().requires_grad_()
    hidden = torch.nn.functional.leaky_relu(x @ v + c, 0.1) @ v + c
    expected = autograd((((hidden @ last)[:, 0] + randn(1)) - y).square().mean(), v, c)
    assert_close([w.g, b.g], list(expected), rtol=1e-12, atol=1e-13)
    assert sum(parameter is w for parameter in model.parameters()) == 1


def test_a_module_in_two_places_remembers_both_calls() -> None:
    shared, relu, last = Linear(randn(4, 4), randn(4)), ReLU(0.1), Linear(randn(4, 1), randn(1))
    x, y = randn(6, 4, seed=3), randn(6)
    once = Model(shared, relu, shared, relu, last)
    once(x, y)
    once.backward()
    copies: Any = [randn(4, 4), randn(4)]
    twice = Model(Linear(*copies), ReLU(0.1), Linear(*copies), ReLU(0.1), Linear(last.w, last.b))
    again = x.clone()
    twice(again, y)
    twice.backward()
    assert torch.equal(x.g, again.g) and torch.equal(shared.w.g, copies[0].g)
    assert len(list(once.modules())) == 5


def test_a_block_that_reads_its_input_twice() -> None:
    x, w, b, last = randn(6, 4), randn(4, 4, seed=1), randn(4), randn(4, 1, seed=2)
    model = Model(Residual(Linear(w, b), ReLU()), Linear(last, randn(1)))
    model(x, randn(6, seed=9))
    model.backward()
    leaf = x.clone().requires_grad_()
    out = (leaf + torch.relu(leaf @ w + b)) @ last + randn(1)
    (expected,) = autograd((out[:, 0] - randn(6, seed=9)).square().mean(), leaf)
    assert_close(x.g, expected, rtol=1e-12, atol=1e-14)
    assert [tuple(p.shape) for p in model.parameters()] == [(4, 1), (1,), (4, 4), (4,)]


def test_gradients_add_up_until_they_are_forgotten() -> None:
    (w, b), x, y = pairs()[1], randn(3, 5), randn(3)
    model = Model(Linear(w, b))
    model(x, y)
    model.backward()
    once = w.g
    model(x.clone(), y)
    model.backward()
    assert torch.equal(w.g, 2 * once)
    model(x.clone(), y)
    model.zero_grad()
    assert w.g is None and b.g is None
    with pytest.raises(RuntimeError, match="forward must run before backward"):
        model.backward()


def test_each_call_is_gone_back_through_once_and_none_without_gradients() -> None:
    model = Model(Linear(*pairs()[1]))
    with torch.no_grad():
        assert model(randn(3, 5), randn(3)).shape == ()
    with pytest.raises(RuntimeError, match="once for each"):
        model.backward()


def test_what_follows_must_have_gone_back() -> None:
    linear = Linear(*pairs()[1])
    linear(randn(3, 5))
    with pytest.raises(RuntimeError, match=r"out\.g is missing"):
        linear.backward()


def test_a_module_says_what_it_lacks() -> None:
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        Module()(randn(3))
    with pytest.raises(NotImplementedError, match="Module has no bwd"):
        Module().bwd(None)


def test_gradients_carry_no_graph() -> None:
    (w, b), x = pairs()[1], randn(3, 5).requires_grad_()
    model = Model(Linear(w.requires_grad_(), b))
    assert model(x, randn(3)).requires_grad
    model.backward()
    assert not (x.g.requires_grad or w.g.requires_grad)


def test_there_is_no_slope_unless_one_is_given() -> None:
    x = randn(3, 4)
    assert torch.equal(ReLU()(x), torch.relu(x))
    assert torch.equal(ReLU(0.25)(x), torch.nn.functional.leaky_relu(x, 0.25))
