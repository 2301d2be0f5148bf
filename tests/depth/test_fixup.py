"""depth/fixup: against autograd, theory at other sizes, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from derivations import load
from experiments.depth.fixup import Settings, compare, measure
from experiments.settings import Unusable
from experiments.statistics import judge
from impl.depth.fixup import (
    first_step_change,
    fixup_,
    fixup_branch_,
    residual,
    residual_gradients,
)

ROW = "depth/fixup"
FEW = Settings(networks=20, depths=(1, 5), width=24, exploding=4, blocks=50)
X, U = (
    torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(k))
    for k in (0, 1)
)


def branch(layers: int, seed: int = 2) -> list[torch.Tensor]:
    stream = torch.Generator().manual_seed(seed)
    return [torch.randn(6, 6, dtype=torch.float64, generator=stream) for _ in range(layers)]


TWO, THREE = branch(2), branch(3)
FILLED = branch(3)
INPUTS = residual(X, THREE)[1]
EXAMPLES = {
    "fixup_": lambda: fixup_([TWO, FILLED]),
    "fixup_branch_": lambda: fixup_branch_(FILLED, 4, torch.Generator().manual_seed(0)),
    "residual": lambda: residual(X, THREE),
    "residual_gradients": lambda: residual_gradients(U, THREE, INPUTS),
    "first_step_change": lambda: first_step_change([X, U]),
}


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    "settings",
    [FEW, replace(FEW, layers=(4,), width=60), replace(FEW, depths=(2, 30), layers=(2,), seed=1)],
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_gradients_are_those_of_autograd(layers: int) -> None:
    weights = [w.requires_grad_() for w in branch(layers)]
    x = X.clone().requires_grad_()
    h = x
    for weight in weights[:-1]:
        h = torch.relu(h @ weight.T)
    out = x + h @ weights[-1].T
    out.backward(U)
    with torch.no_grad():
        ours, inputs = residual(X, weights)
        x_gradient, gradients = residual_gradients(U, weights, inputs)
    assert torch.equal(ours, out)
    torch.testing.assert_close(x_gradient, x.grad)
    for weight, gradient in zip(weights, gradients, strict=True):
        torch.testing.assert_close(gradient, weight.grad)


def test_the_first_step_is_how_fast_the_loss_falls() -> None:
    """A small step of gradient descent on all weights of a network, by autograd."""
    network = fixup_([branch(3, seed) for seed in range(4)], torch.Generator().manual_seed(5))
    for weights in network:
        for weight in weights:
            weight.requires_grad_()

    def loss() -> torch.Tensor:
        x = X
        for weights in network:
            x = residual(x, weights)[0]
        return (U * x).sum()

    before = loss()
    before.backward()
    everything = [weight for weights in network for weight in weights]
    assert all(not w.grad.any() for ws in network for w in ws[:-1])  # type: ignore[union-attr]
    change = first_step_change([weight.grad for weight in everything])  # type: ignore[misc]
    with torch.no_grad():
        for weight in everything:
            weight -= 1e-6 * weight.grad  # type: ignore[operator]
    assert float((before - loss()).detach()) / 1e-6 == pytest.approx(change, rel=1e-3)


def test_a_network_of_any_depth_is_the_identity_to_the_last_bit() -> None:
    x = X
    for weights in fixup_([branch(2, seed) for seed in range(30)]):
        x, _ = residual(x, weights)
    assert torch.equal(x, X)


def test_the_scale_is_the_derived_one() -> None:
    stream = torch.Generator().manual_seed(0)
    inner = fixup_branch_([torch.empty(200, 200) for _ in range(3)], 16, stream)[0]
    scale = load(ROW).predict("scale")(branches=16, branch_layers=3)
    assert float(inner.std()) == pytest.approx(scale * (2 / 200) ** 0.5, rel=0.02)


@pytest.mark.parametrize(("layers", "branches"), [(1, 3), (0, 3), (2, 0)])
def test_a_branch_that_cannot_be_scaled_is_refused(layers: int, branches: int) -> None:
    with pytest.raises(ValueError, match="at least 2 layers"):
        fixup_branch_(branch(layers), branches)


@pytest.mark.parametrize(
    "wrong",
    [
        {"networks": 1},
        {"depths": ()},
        {"depths": (0,)},
        {"depths": (3, 3)},
        {"layers": (1,)},
        {"width": 5},
        {"blocks": 0},
        {"seed": -1},
    ],
)
def test_unusable_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)


def test_a_generator_decides_alone() -> None:
    def drawn(seed: int, elsewhere: int) -> torch.Tensor:
        torch.manual_seed(elsewhere)
        stream = torch.Generator().manual_seed(seed)
        return fixup_([[torch.empty(4, 4), torch.empty(4, 4)] for _ in range(2)], stream)[1][0]

    assert torch.equal(drawn(0, 1), drawn(0, 2))
    assert not torch.equal(drawn(0, 1), drawn(3, 1))
