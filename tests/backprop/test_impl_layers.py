"""Layers as in the lesson: gradients in ``.g`` against autograd's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.testing import assert_close

from impl.backprop.layers import MSE, Layer, Linear, Model, ReLU


def randn(*shape: int, seed: int = 0) -> Any:
    """Any, as type checkers know no ``.g``."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def run(layer: Layer, *inputs: Tensor) -> Any:
    """Forward, then backward as if ones came from what follows; gives the input's gradient."""
    layer(*inputs)
    layer.out.g = ONES
    layer.backward()
    return layer.inp.g


X, W, B, ONES = torch.ones(4, 3), torch.ones(3, 1), torch.ones(1), torch.ones(4, 1)

EXAMPLES = {
    "Layer": lambda: None,  # has no forward of its own
    "ReLU": lambda: [run(ReLU(slope), ONES) for slope in (0, 0.1)],
    "Linear": lambda: run(Linear(W, B), X),
    "MSE": lambda: run(MSE(), ONES, ONES),
    "Model": lambda: run(Model(Linear(W, B), ReLU()), X, ONES),
}


def parameters() -> list[Any]:
    return [randn(7, 5), randn(5, seed=1), randn(5, 1, seed=2), randn(1, seed=3)]


@pytest.mark.parametrize("batch", [1, 2, 64])
@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_lessons_model_has_autograds_gradients(batch: int, slope: float) -> None:
    x, target = randn(batch, 7, seed=4), randn(batch, seed=5)
    w1, b1, w2, b2 = parameters()
    model = Model(Linear(w1, b1), ReLU(slope), Linear(w2, b2))
    loss = model(x, target)
    model.backward()
    leaves = [tensor.clone().requires_grad_() for tensor in (x, w1, b1, w2, b2)]
    hidden = functional.leaky_relu(leaves[0] @ leaves[1] + leaves[2], slope)
    expected = functional.mse_loss((hidden @ leaves[3] + leaves[4])[:, 0], target)
    gradients = torch.autograd.grad(expected, leaves)
    assert_close(loss, expected.detach(), rtol=1e-12, atol=0)
    for ours, theirs in zip((x, w1, b1, w2, b2), gradients, strict=True):
        assert_close(ours.g, theirs, rtol=1e-11, atol=1e-13)


def test_layers_by_hand_as_in_the_lesson() -> None:
    x, target = randn(3, 7, seed=4), randn(3, seed=5)
    w1, b1, w2, b2 = parameters()
    first, relu, last, loss = Linear(w1, b1), ReLU(), Linear(w2, b2), MSE()
    value = loss(last(relu(first(x))), target)
    assert relu.inp is first.out and last.out is loss.inp and loss.out is value
    for layer in (loss, last, relu, first):
        layer.backward()
    together = Model(Linear(*parameters()[:2]), ReLU(), Linear(*parameters()[2:]))
    copy = x.clone()
    together(copy, target)
    together.backward()
    assert torch.equal(x.g, copy.g) and x.g.shape == x.shape
    assert torch.equal(relu.out.g, last.inp.g)


def test_call_is_forward_and_both_remember() -> None:
    for use in (Layer.__call__, lambda layer, x: layer.forward(x)):
        layer, x = Linear(randn(3, 2), randn(2)), randn(4, 3)
        out: Any = use(layer, x)
        assert layer.inp is x and layer.out is out
        out.g = torch.ones(4, 2).double()
        layer.backward()
        assert torch.equal(layer.b.g, torch.full((2,), 4.0).double())


def test_relu_has_no_slope_unless_given_one() -> None:
    x = randn(3, 4)
    assert torch.equal(ReLU()(x), functional.relu(x))
    assert torch.equal(ReLU(0.25)(x), functional.leaky_relu(x, 0.25))


def test_leading_batch_dimensions() -> None:
    x, w, b = randn(2, 3, 4), randn(4, 5), randn(5)
    layer = Linear(w, b)
    layer(x)
    layer.out.g = randn(2, 3, 5, seed=9)
    layer.backward()
    assert_close(w.g, torch.einsum("abi,abo->io", x, layer.out.g), rtol=1e-12, atol=1e-14)
    assert x.g.shape == x.shape and b.g.shape == b.shape


def test_backward_again_overwrites() -> None:
    x, w = randn(3, 2), randn(2, 1)
    model = Model(Linear(w, randn(1)))
    model(x, randn(3, seed=5))
    model.backward()
    once: Tensor = w.g.clone()
    model.backward()
    assert torch.equal(w.g, once)


def test_loss_may_be_given_a_gradient_of_its_own() -> None:
    loss, output, target = MSE(), randn(3), randn(3, seed=1)
    loss(output, target)
    loss.backward()
    once: Tensor = output.g
    loss.out.g = 0.5
    loss.backward()
    assert torch.equal(output.g, 0.5 * once)


def test_gradients_carry_no_graph() -> None:
    x, w, b = (randn(*shape).requires_grad_() for shape in ((3, 2), (2, 1), (1,)))
    model = Model(Linear(w, b), ReLU())
    assert model(x, randn(3)).requires_grad
    model.backward()
    inputs = [layer.inp for layer in (*model.layers, model.loss)]
    assert not any(tensor.g.requires_grad for tensor in (*inputs, w, b))


@pytest.mark.parametrize("layer", [ReLU(), Linear(randn(2, 2), randn(2)), MSE(), Model(ReLU())])
def test_backward_needs_forward(layer: Layer) -> None:
    with pytest.raises(RuntimeError, match="forward must run before backward"):
        layer.backward()


@pytest.mark.parametrize("layer", [ReLU(), Linear(randn(2, 2), randn(2))])
def test_backward_needs_what_follows(layer: Layer) -> None:
    layer(randn(3, 2))
    with pytest.raises(RuntimeError, match=r"out\.g is missing: the backward of what follows"):
        layer.backward()


def test_one_layer_in_two_places() -> None:
    relu = ReLU()
    with pytest.raises(ValueError, match="give each place a layer of its own"):
        Model(relu, Linear(randn(2, 2), randn(2)), relu)


def test_a_model_remembers_too() -> None:
    model, x = Model(Linear(randn(3, 2), randn(2))), randn(4, 3)
    loss = model(x, randn(4, 2))
    assert model.inp is x and model.out is loss


def test_a_layer_must_say_how_it_goes_back() -> None:
    with pytest.raises(NotImplementedError):
        Layer().backward()


@pytest.mark.parametrize("target", [(4, 1), (1,), (3,)])
def test_model_refuses_to_broadcast(target: tuple[int, ...]) -> None:
    model = Model(Linear(randn(2, 1), randn(1)))
    if target == (4, 1):
        assert model(randn(4, 2), randn(*target)).shape == ()
        return
    with pytest.raises(ValueError, match=r"got input \(4, 1\) and target"):
        model(randn(4, 2), randn(*target))
