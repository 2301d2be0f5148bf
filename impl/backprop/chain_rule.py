"""The chain rule: the gradients of a network, composed from those of its parts; and a check.

Parr & Howard 2018, on the vector chain rule: the derivative of f(g(x)) is that of f at g(x) times
that of g at x. So each part multiplies its own derivative onto ``upstream``, the gradient of the
loss with respect to its output (and of that shape), and hands the product on to the part before.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from impl.backprop.linear import linear, linear_gradients
from impl.backprop.loss import mse_loss, mse_loss_gradient
from impl.init.relu import leaky_relu
from impl.init.relu import relu as rectify

USES = (
    *("torch.Tensor.le", "torch.where"),
    *("torch.Tensor.mul", "torch.Tensor.new_zeros", "torch.empty_like"),
    *("torch.Tensor.clone", "torch.Tensor.detach", "torch.Tensor.double", "torch.Tensor.item"),
    *("torch.Tensor.__getitem__", "torch.Tensor.__setitem__", "torch.Tensor.__float__"),
)

Pair = tuple[Tensor, Tensor]  # weights (fan_in, fan_out) and biases (fan_out,), or their gradients


def relu(x: Tensor, negative_slope: float = 0.0) -> Tensor:
    """max(x, 0) + slope · min(x, 0), of the shape of ``x``: row init/relu, ReLU unless leaky."""
    return leaky_relu(x, negative_slope) if negative_slope else rectify(x)


def relu_gradient(x: Tensor, upstream: Tensor, negative_slope: float = 0.0) -> Tensor:
    """The gradient with respect to ``x``: upstream where x > 0, slope · upstream where x <= 0.

    So at 0 it is the slope's, as in torch. Where x is NaN upstream passes, and no NaN is hidden.
    """
    # not 0 · upstream if there is no slope: that would turn an infinite gradient into NaN
    closed = negative_slope * upstream if negative_slope else upstream.new_zeros(())
    return torch.where(x <= 0, closed, upstream)


def relu_gradient_loops(x: Tensor, upstream: Tensor, negative_slope: float = 0.0) -> Tensor:
    """:func:`relu_gradient` one number at a time: a comparison decides what passes."""
    gradient = torch.empty_like(x)
    for place in product(*map(range, x.shape)):
        passes = upstream[place].item()
        if x[place].item() <= 0:
            passes = negative_slope * passes if negative_slope else 0.0
        gradient[place] = passes
    return gradient


def forward_and_backward(
    x: Tensor, target: Tensor, layer: Pair, *later: Pair, negative_slope: float = 0.0
) -> tuple[Tensor, Tensor, list[Pair]]:
    """The mean squared error of linear layers with ReLU between them, and all its gradients.

    Takes ``x`` (*batch, fan_in), ``target`` as :func:`mse_loss` does, and a pair for each layer; returns
    the loss, its gradient with respect to x, and a pair of gradients for each layer. The recursion
    goes forward on its way in, and backward on its way out. Raises ValueError if shapes do not fit.
    """
    w, b = layer
    z = linear(x, w, b)
    if later:
        loss, upstream, gradients = forward_and_backward(
            relu(z, negative_slope), target, *later, negative_slope=negative_slope
        )
        upstream = relu_gradient(z, upstream, negative_slope)
    else:
        loss, upstream, gradients = mse_loss(z, target), mse_loss_gradient(z, target), []
    x_gradient, w_gradient, b_gradient = linear_gradients(x, w, upstream)
    return loss, x_gradient, [(w_gradient, b_gradient), *gradients]


def central_difference(
    function: Callable[[Tensor], Tensor | float], x: Tensor, epsilon: float = 6e-6
) -> Tensor:
    """The gradient of a scalar ``function`` at ``x`` without calculus: (f(x + ε) - f(x - ε)) / 2ε.

    Entry by entry, in float64, of the shape of ``x``. The default balances the formula's error, ε²,
    against that of rounding, 1e-16 / ε. A kink within ε of ``x`` makes it wrong.
    Raises ValueError unless ``epsilon`` is positive.
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}")
    point = x.detach().double().clone()
    gradient = torch.empty_like(point)
    for index in product(*map(range, x.shape)):
        here = point[index].item()
        point[index] = above = here + epsilon
        rise = float(function(point))
        point[index] = below = here - epsilon
        rise -= float(function(point))
        point[index] = here
        gradient[index] = rise / (above - below)
    return gradient
