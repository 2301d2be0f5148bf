"""What follows a linear layer: pairs of a function of the preactivation and its derivative, from ``impl``.

A row adds one of its own by saying both: ``Activation(value, gradient, homogeneous=False)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from impl.backprop import chain_rule
from impl.init import shifted_relu


@dataclass(frozen=True)
class Activation:
    """x = value(z), and gradient(z, upstream), the gradient at z for ``upstream``, that at x.

    ``homogeneous`` says that value(c z) = c value(z) for every c > 0, as for rectifiers: then a
    stack is rescaled from layer to layer. If it is not, values are taken as they are.
    """

    value: Callable[[Tensor], Tensor]
    gradient: Callable[[Tensor, Tensor], Tensor]
    homogeneous: bool = False


def leaky(negative_slope: float = 0.0) -> Activation:
    """z where z > 0, elsewhere slope · z: a ReLU for the slope 0, the absolute value for -1."""
    return Activation(
        lambda z: chain_rule.relu(z, negative_slope),
        lambda z, upstream: chain_rule.relu_gradient(z, upstream, negative_slope),
        homogeneous=True,
    )


def shifted(shift: float) -> Activation:
    """max(z, 0) - shift, the lesson's."""
    return Activation(
        lambda z: shifted_relu.shifted_relu(z, shift),
        lambda z, upstream: chain_rule.relu_gradient(z, upstream),
    )


RELU = leaky()
IDENTITY = Activation(lambda z: z, lambda z, upstream: upstream, homogeneous=True)
