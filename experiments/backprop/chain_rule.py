"""Gradients by the chain rule: equal to autograd's, and kept by Kaiming's weights (parr2018).

Compares the gradients of impl/backprop/chain_rule.py with autograd's and with central differences, and
measures the gradient's mean square through deep ReLU stacks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from experiments.drawings import draw_ratios
from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import StackSettings, at_least, check_rectified, check_widths
from experiments.wrong_weights import wrong_weights

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd

    from experiments.stack import Track
    from experiments.statistics import Comparison


KINK = 1e-4  # no preactivation of the small network is nearer to zero


@dataclass(frozen=True, kw_only=True)
class Settings(StackSettings):
    """A small network 6 -> 8 -> 1 for exact gradients, and stacks 784 -> width -> width / 2 -> ..."""

    networks: int = 160
    """Independent stacks."""
    depth: int = 30
    """Layers of each stack."""
    width: int = 128
    """Units of every other layer; those between have half as many."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, depth=self.depth, width=self.width)
        check_widths(self.widths)
        check_rectified(self.widths)

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of the stack."""
        narrow = self.width // 2  # uneven, so that fan_in is not fan_out
        return (784, *[narrow if layer % 2 else self.width for layer in range(self.depth)])


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """The ratios of mean squares of the deep stacks."""
    from experiments.passes import Stack
    from experiments.ratios import measure_ratios
    from experiments.weights import kaiming_weights

    stack = Stack(settings.widths, kaiming_weights("normal", "fan_out").fill, 0)
    return measure_ratios(stack, settings, settings.networks, "", track)


def gradient_errors(settings: Settings) -> dict[str, tuple[float, float]]:
    """The largest error of each gradient: against autograd, and against central differences.

    In units of the loss or the largest gradient, if that is more than 1.
    """
    import torch

    from experiments.stack import random_stream
    from impl.backprop import chain_rule

    stream = random_stream(settings.seed, 7)
    shapes = {"x": (5, 6), "w1": (6, 8), "b1": (8,), "w2": (8, 1), "b2": (1,)}

    def drawn() -> dict[str, torch.Tensor]:
        return {
            name: torch.randn(shape, dtype=torch.float64, generator=stream)
            for name, shape in shapes.items()
        }

    values = drawn()
    while (values["x"] @ values["w1"] + values["b1"]).abs().min() < KINK:
        values = drawn()  # a difference across a kink is not a derivative
    target = torch.randn(5, dtype=torch.float64, generator=stream)

    def loss(**given: torch.Tensor) -> torch.Tensor:
        v = {**values, **given}
        hidden = torch.relu(v["x"] @ v["w1"] + v["b1"])
        return ((hidden @ v["w2"] + v["b2"]).squeeze(-1) - target).pow(2).mean()

    value_of_loss, x, pairs = chain_rule.forward_and_backward(
        values["x"], target, (values["w1"], values["b1"]), (values["w2"], values["b2"])
    )
    ours = {"x": x, "w1": pairs[0][0], "b1": pairs[0][1], "w2": pairs[1][0], "b2": pairs[1][1]}
    errors = {}
    largest = max(float(gradient.abs().max()) for gradient in ours.values())
    scale = max(1.0, float(value_of_loss), largest)  # rounding grows with the loss
    for name, value in values.items():
        leaf = value.clone().requires_grad_()
        (theirs,) = torch.autograd.grad(loss(**{name: leaf}), leaf)

        def varied(point: torch.Tensor, name: str = name) -> torch.Tensor:
            return loss(**{name: point})

        differences = chain_rule.central_difference(varied, value)
        errors[name] = tuple(
            float((ours[name] - peer).abs().max()) / scale for peer in (theirs, differences)
        )
    return errors  # type: ignore[return-value]


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Each gradient against its peers, exactly; the stacks' backward ratios against theory."""
    from derivations.backprop.chain_rule import DERIVATION
    from derivations.init.kaiming import DERIVATION as KAIMING
    from experiments.ratios import compare_ratios, statistics
    from experiments.statistics import exact_value

    found = []
    for name, (autograd, differences) in gradient_errors(settings).items():
        found.append(exact_value(autograd, 0, 1e-12, statistic=f"d loss / d {name}, autograd"))
        found.append(exact_value(differences, 0, 1e-8, statistic=f"d loss / d {name}, differences"))
    ratio = DERIVATION.predict("gradient_ratio")
    spread = DERIVATION.predict("gradient_ratio_variance")
    variance = KAIMING.predict("kaiming_variance")

    def theory(layer: int) -> tuple[float, float]:
        fan_in, fan_out = settings.widths[layer - 1 : layer + 1]
        weight_var = variance(fan=fan_out, negative_slope=0)
        return float(ratio(fan_out=fan_out, weight_var=weight_var)), float(spread(units=fan_in))

    for _, direction, group in statistics(samples):
        if direction == "backward":
            found += compare_ratios(group, theory, by_layer=True)
    return found


PICTURES = (
    Picture(
        partial(draw_ratios, label=""),
        height=3.2,
        caption="Each layer's ratio of the gradient's mean squares over its prediction. In the band, a dot "
        "agrees.",
        wrong="Without the mask of the rectifier all dots would lie at twice the prediction.",
        alt="Dots for every layer, scattered about a level line, all within a band.",
    ),
)

CODE = "impl.backprop.chain_rule:"
MUTANTS = (
    *wrong_weights("impl.init.kaiming:kaiming_normal_"),
    Mutant(
        "wrong gradient",
        "the rectifier's mask is flipped",
        f"{CODE}relu_gradient",
        lambda right: lambda z, g, slope=0.0: right(-z, g, slope),
    ),
    Mutant(
        "wrong gradient",
        "the rectifier has no mask",
        f"{CODE}relu_gradient",
        lambda _: lambda z, g, slope=0.0: g,
    ),
    Mutant(
        "wrong gradient",
        "the loss lacks its factor 2",
        f"{CODE}mse_loss_gradient",
        lambda right: lambda output, target: right(output, target) / 2,
    ),
    Mutant(
        "wrong gradient",
        "the weights' gradient has the wrong sign",
        f"{CODE}linear_gradients",
        lambda right: _changed(right, lambda x, w, b: (x, -w, b)),
    ),
    Mutant(
        "wrong gradient",
        "the bias takes a mean for a sum",
        f"{CODE}linear_gradients",
        lambda right: lambda x, w, g: (*right(x, w, g)[:2], g.mean(0)),
    ),
    Mutant(
        "wrong gradient",
        "the weights' gradient is transposed",
        f"{CODE}linear_gradients",
        lambda right: _changed(right, lambda x, w, b: (x, w.T.contiguous(), b)),
    ),
    Mutant(
        "wrong statistic",
        "mean size for root mean square",
        "experiments.passes:mean_square",
        lambda _: lambda vectors: vectors.double().abs().mean(dim=1).square(),
    ),
)


def _changed(right: Callable[..., Any], change: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: change(*right(*arguments))


BLIND = (
    "A cotangent that looks at the network's output, or is all ones: it is not independent, and the "
    "ratios leave the prediction (try --cotangent ones).",
    "The gradient exactly at a kink, where the derivative is a convention.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
