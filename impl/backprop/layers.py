"""Layers that keep what they need for the way back, and leave gradients in ``.g`` (see chain_rule).

After ``loss = model(x, target)`` and ``model.backward()``: ``linear.w.g``, ``linear.b.g``, ``x.g``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from impl.backprop.chain_rule import relu, relu_gradient
from impl.backprop.linear import linear, linear_gradients
from impl.backprop.loss import mse_loss, mse_loss_gradient

USES: tuple[str, ...] = ()


class Layer:
    """Keeps what came in as ``inp`` and what went out as ``out``; going back, ``out.g`` is known.

    A ``.g`` is overwritten, not added to: use each layer and each parameter in one place only.
    ``backward`` raises RuntimeError if ``forward``, or the ``backward`` of what follows, has not
    run before.
    """

    inp: Any = None  # tensors, whose attribute g is unknown to type checkers
    out: Any = None
    forward: Callable[..., Tensor]

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The same as ``forward``."""
        return self.forward(*inputs)

    def backward(self) -> None:
        """Set the gradients with respect to the input and the parameters."""
        raise NotImplementedError

    def _keep(self, inp: Tensor, out: Tensor) -> Tensor:
        self.inp, self.out = inp, out
        return out

    def _upstream(self, default: Any = None) -> Any:
        if self.out is None:
            raise RuntimeError("forward must run before backward")
        upstream = getattr(self.out, "g", default)
        if upstream is None:
            raise RuntimeError("out.g is missing: the backward of what follows must run first")
        return upstream


class ReLU(Layer):
    """Leaky if ``negative_slope`` is not 0."""

    def __init__(self, negative_slope: float = 0.0) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """``relu(x)``, of the shape of ``x``."""
        return self._keep(x, relu(x, self.negative_slope))

    @torch.no_grad()
    def backward(self) -> None:
        """Set ``inp.g``."""
        self.inp.g = relu_gradient(self.inp, self._upstream(), self.negative_slope)


class Linear(Layer):
    """Weights ``w`` of shape (fan_in, fan_out), biases ``b`` of shape (fan_out,)."""

    def __init__(self, w: Tensor, b: Tensor) -> None:
        self.w: Any = w
        self.b: Any = b

    def forward(self, x: Tensor) -> Tensor:
        """``x @ w + b``, (*batch, fan_in) to (*batch, fan_out); ValueError if shapes do not fit."""
        return self._keep(x, linear(x, self.w, self.b))

    @torch.no_grad()
    def backward(self) -> None:
        """Set ``inp.g``, ``w.g`` and ``b.g``."""
        upstream = self._upstream()
        self.inp.g, self.w.g, self.b.g = linear_gradients(self.inp, self.w, upstream)


class MSE(Layer):
    """The loss, and so the last layer: its own gradient is 1, unless ``out.g`` says otherwise."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean squared error, a scalar; raises as ``mse_loss`` does."""
        self.target = target
        return self._keep(output, mse_loss(output, target))

    @torch.no_grad()
    def backward(self) -> None:
        """Set ``inp.g``."""
        self.inp.g = self._upstream(1.0) * mse_loss_gradient(self.inp, self.target)


class Model(Layer):
    """Layers one after another, and MSE at the end; ValueError if a layer is in two places."""

    def __init__(self, *layers: Layer) -> None:
        if len(set(layers)) < len(layers):
            raise ValueError("a layer remembers one input: give each place a layer of its own")
        self.layers, self.loss = layers, MSE()

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar, for ``x`` (*batch, features) and a ``target`` as ``mse_loss`` takes it."""
        out = x
        for layer in self.layers:
            out = layer(out)
        return self._keep(x, self.loss(out, target))

    def backward(self) -> None:
        """Set ``.g`` of every parameter, of every layer's input, and so of ``x``."""
        for layer in (self.loss, *reversed(self.layers)):
            layer.backward()
