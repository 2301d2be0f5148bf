"""Layers once more: what they share is written once, and a tensor that is read twice adds up.

``__call__`` keeps what goes in and out and leaves the rest to ``forward``; ``backward`` hands both
to ``bwd``, which adds to ``.g`` of what went in. So a new layer is two functions. ``TorchModel`` is
the same network as a ``torch.nn.Module``, for which autograd goes backwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from impl.backprop.chain_rule import Pair, relu, relu_gradient
from impl.backprop.linear import linear, linear_gradients
from impl.backprop.loss import mse_loss, mse_loss_gradient

USES = ("torch.Tensor.add",)


def accumulate(tensor: Any, gradient: Any) -> None:
    """Add to ``tensor.g``: the gradient is the sum over all paths, and each path brings its own."""
    before = getattr(tensor, "g", None)
    tensor.g = gradient if before is None else before + gradient


class Module:
    """Calls are kept on a stack (unless within ``torch.no_grad()``); ``backward`` takes the last.

    So a module may be used in several places. Public attributes that are tensors are parameters.
    """

    def __call__(self, *args: Tensor) -> Any:
        """``forward``, remembered."""
        out = self.forward(*args)
        if torch.is_grad_enabled():
            self._calls.append((out, args))
        return out

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """What the module computes."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def bwd(self, out: Any, *args: Any) -> None:
        """Accumulate the gradients of ``args`` and of the parameters, given ``out.g``."""
        raise NotImplementedError(f"{type(self).__name__} has no bwd")

    def backward(self) -> None:
        """Go back through the last call; RuntimeError if there is none, or ``out.g`` is missing."""
        if not self._calls:
            raise RuntimeError("forward must run before backward, once for each")
        out, args = self._calls.pop()
        with torch.no_grad():
            self.bwd(out, *args)

    def modules(self) -> Iterator[Module]:
        """This module and all within it, each once."""
        seen: list[Module] = []
        todo: list[Module] = [self]
        while todo:
            module = todo.pop(0)
            if module not in seen:
                seen.append(module)
                for value in module._public().values():
                    values = value if isinstance(value, (list, tuple)) else (value,)
                    todo += [each for each in values if isinstance(each, Module)]
        return iter(seen)

    def parameters(self) -> Iterator[Any]:
        """The tensors of this module and of all within it, each once, though two may share it."""
        found = {
            id(value): value
            for module in self.modules()
            for value in module._public().values()
            if isinstance(value, Tensor)
        }
        return iter(found.values())

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters, and the calls that nobody went back through."""
        for parameter in self.parameters():
            parameter.g = None
        for module in self.modules():
            module._calls.clear()

    @property
    def _calls(self) -> list[tuple[Any, tuple[Any, ...]]]:
        calls: list[tuple[Any, tuple[Any, ...]]] = self.__dict__.setdefault("_stack", [])
        return calls

    def _public(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


def _upstream(out: Any) -> Any:
    """``out.g``, which what follows has left there."""
    if getattr(out, "g", None) is None:
        raise RuntimeError("out.g is missing: the backward of what follows must run first")
    return out.g


class ReLU(Module):
    """Leaky if ``negative_slope`` is not 0."""

    def __init__(self, negative_slope: float = 0.0) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """``relu(x)``, of the shape of ``x``."""
        return relu(x, self.negative_slope)

    def bwd(self, out: Any, x: Any) -> None:
        """The gradient of x."""
        accumulate(x, relu_gradient(x, _upstream(out), self.negative_slope))


class Linear(Module):
    """Weights ``w`` of shape (fan_in, fan_out), biases ``b`` of shape (fan_out,)."""

    def __init__(self, w: Tensor, b: Tensor) -> None:
        self.w, self.b = w, b

    def forward(self, x: Tensor) -> Tensor:
        """``x @ w + b``, (*batch, fan_in) to (*batch, fan_out); ValueError if shapes do not fit."""
        return linear(x, self.w, self.b)

    def bwd(self, out: Any, x: Any) -> None:
        """The gradients of x, w and b."""
        gradients = linear_gradients(x, self.w, _upstream(out))
        for tensor, gradient in zip((x, self.w, self.b), gradients, strict=True):
            accumulate(tensor, gradient)


class MSELoss(Module):
    """The loss, and so the last: its own gradient is 1."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002
        """The mean squared error, a scalar; raises as ``mse_loss`` does."""
        return mse_loss(input, target)

    def bwd(self, out: Any, input: Any, target: Tensor) -> None:  # noqa: A002
        """The gradient of the input."""
        accumulate(input, mse_loss_gradient(input, target))


class Model(Module):
    """Modules one after another, and MSELoss at the end."""

    def __init__(self, *layers: Module) -> None:
        self.layers, self.loss = layers, MSELoss()

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar, for ``x`` (*batch, features), ``target`` as ``mse_loss`` takes it."""
        for layer in self.layers:
            x = layer(x)
        loss: Tensor = self.loss(x, target)
        return loss

    def bwd(self, out: Any, x: Any, target: Tensor) -> None:
        """The gradients of every parameter, of every layer's input, and so of x."""
        for layer in (self.loss, *reversed(self.layers)):
            layer.backward()


class TorchModel(nn.Module):
    """Linear layers with ReLU between them and the mean squared error, as torch has its modules.

    Takes a pair of weights and biases for each layer; ``loss.backward()`` is autograd's.
    """

    def __init__(self, *layers: Pair) -> None:
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(w) for w, _ in layers])
        self.biases = nn.ParameterList([nn.Parameter(b) for _, b in layers])

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar, as :class:`Model`'s."""
        for number, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = linear(relu(x) if number else x, w, b)
        return mse_loss(x, target)
