"""The audit changes nothing of the user's, and draws what the user's model draws."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn

from experiments.audit import audit
from tests.audited_models import WIDTH, normal, sound, stack


def test_neither_the_model_nor_any_random_state_is_changed() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Dropout(0.5)
    )
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    model[0].bias.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    gradient = model[0].weight.grad.clone()
    x = normal(2, 3, 8, 8)
    kept = x.clone()
    numbers = np.random.get_state()[1].copy()  # noqa: NPY002
    states = torch.get_rng_state(), numbers, random.getstate()
    audit(model, x, draws=3, fix=True)
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(gradient, model[0].weight.grad)
    assert not model[0].bias.requires_grad and model.training and not x.requires_grad
    assert torch.equal(x, kept)
    assert not model[0]._forward_hooks and not model[0]._forward_pre_hooks
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
    assert states[2] == random.getstate()


def test_the_same_seed_measures_the_same() -> None:
    first, second = (audit(sound, normal(4, WIDTH), draws=3, seed=4) for _ in range(2))
    assert [x.draws for x in first.layers] == [x.draws for x in second.layers]
    other = audit(sound, normal(4, WIDTH), draws=3, seed=5)
    assert other.layers[1].draws != first.layers[1].draws


def test_a_model_that_is_there_is_drawn_again_by_its_own_law() -> None:
    reset = audit(stack(2), normal(8, WIDTH), draws=5)
    assert "reset_parameters" in reset.redrawn
    model = stack(2, fill=lambda w: nn.init.normal_(w, std=0.3))
    shuffled = audit(model, normal(8, WIDTH), draws=5)
    assert "another order" in shuffled.redrawn
    assert shuffled.layers[1].weight_std == pytest.approx(0.3, rel=0.02)
    assert len(set(shuffled.layers[1].draws)) == 5
