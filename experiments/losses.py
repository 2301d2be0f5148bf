"""Gradients at the output that look at it: those of a loss.

The output of a deep stack is a vector times a power of two, and a loss needs the number itself. It is taken in float64,
which holds 600 powers of ten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from experiments.passes import Draw, Rescaled
from experiments.settings import Unusable
from impl.backprop.cross_entropy import cross_entropy_gradient
from impl.backprop.loss import mse_loss_gradient


@dataclass(frozen=True)
class Loss:
    """``gradient(output, target)`` at an output of shape (count, units), for the batch's mean loss.

    ``targets`` draws what the outputs are compared with, before the network is drawn. Without it the inputs bring
    their labels along (see :func:`experiments.data.labelled_digits`).
    """

    gradient: Callable[[Tensor, Tensor], Tensor]
    targets: Draw | None

    def compared_with(self, units: int, stream: torch.Generator, labels: Tensor | None) -> Tensor:
        """What ``units`` outputs are compared with: drawn, or the ``labels`` of the inputs, which must be there."""
        if self.targets is not None:
            return self.targets(units, stream)
        if labels is None:
            raise Unusable("this loss compares with the labels of its inputs, and these have none")
        if int(labels.max()) >= units:
            raise Unusable(f"a label is {int(labels.max())}, and the stack has {units} outputs")
        return labels

    def gradient_at(self, output: Rescaled, target: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient at ``output`` as a float32 vector and an exponent of 2; Unusable if float64 cannot hold it."""
        exact = torch.ldexp(output.vectors.double(), output.exponent)
        if not exact.isfinite().all():
            raise Unusable("a loss needs the output, and float64 cannot hold it: take fewer layers")
        gradient = self.gradient(exact, target)
        lost = (exact == 0) & (output.vectors != 0)
        if (lost.any(dim=1) & (gradient == 0).all(dim=1)).any():
            raise Unusable("the gradient of this loss vanishes even in float64: take fewer layers")
        found = Rescaled()
        found.append(gradient)
        return found.vectors.float(), found.exponent


def mean_squared_error(targets: Draw) -> Loss:
    """MSE against ``targets`` of the outputs' shape."""
    return Loss(lambda output, target: mse_loss_gradient(output, target.double()), targets)


def cross_entropy(labels: Draw | None = None) -> Loss:
    """The softmax's cross-entropy against ``labels``, one class a row; without any, against those of the inputs."""
    return Loss(cross_entropy_gradient, labels)


def gaussian_targets(count: int) -> Draw:
    """``count`` targets of independent N(0, 1) numbers."""
    return lambda units, stream: torch.randn(count, units, generator=stream, device=stream.device)


def random_labels(count: int) -> Draw:
    """``count`` labels, every class as likely."""
    return lambda units, stream: torch.randint(
        units, (count,), generator=stream, device=stream.device
    )
