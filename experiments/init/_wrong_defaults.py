"""Wrong code for init/conv_default, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from experiments.mutants import Mutant

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT = "impl.init.conv_default:"
FILL, RESET = f"{DEFAULT}kaiming_uniform_", f"{DEFAULT}reset_parameters_"


def _weights_then(change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """A mutant of an initialiser that changes what it filled."""
    return lambda right: lambda weight, *a, **k: change(right(weight, *a, **k))


def _bias_then(change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """A mutant of reset_parameters_ that changes the biases."""

    def make(right: Callable[..., None]) -> Callable[..., None]:
        def reset(weight: Tensor, bias: Tensor | None = None, generator: Any = None) -> None:
            right(weight, bias, generator)
            if bias is not None:
                change(bias)

        return reset

    return make


MUTANTS = (
    Mutant("wrong gain", "2 % too large", FILL, _weights_then(lambda w: w.mul_(1.02))),
    Mutant("wrong gain", "2 % too small", FILL, _weights_then(lambda w: w.mul_(0.98))),
    Mutant("wrong gain", "Kaiming's for ReLU", FILL, _weights_then(lambda w: w.mul_(6**0.5))),
    Mutant(
        "fans swapped",
        "fan_out for fan_in",
        FILL,
        lambda right: lambda w, a, generator: right(w, a, "fan_out", generator=generator),
    ),
    Mutant("wrong bias", "none", RESET, _bias_then(lambda b: b.zero_())),
    Mutant("wrong bias", "half as large", RESET, _bias_then(lambda b: b.mul_(0.5))),
    Mutant(
        "wrong bias",
        "all positive",
        RESET,
        _bias_then(lambda b: b.abs_()),
    ),
    Mutant(
        "biased noise",
        "a mean of a tenth of the bound",
        FILL,
        _weights_then(lambda w: w.add_(0.1 * float(w.abs().max()))),
    ),
    Mutant("wrong bound", "1/n", f"{DEFAULT}default_bound", lambda r: lambda n: r(n * n)),
    Mutant("wrong rectifier", "none", f"{DEFAULT}relu", lambda _: lambda z: z),
    Mutant(
        "off by one layer",
        "the first layer is left out",
        f"{DEFAULT}layer_squares",
        lambda right: lambda x, widths, g: right(x, [*widths, widths[-1]], g)[1:],
    ),
    Mutant(
        "wrong statistic",
        "variance for second moment",
        "experiments.init._lesson_cnn:preactivations",
        lambda right: lambda images, made: [z - z.mean() for z in right(images, made)],
    ),
)
