"""Broadcasting: gradients of what is stretched, and the loss of a column minus a row (harris2020).

Compares impl/tensors/broadcasting.py with torch on random shapes, and measures the mean square of (N, 1) - (N,).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import at_least

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Generator, Tensor

    from experiments.stack import Track
    from experiments.statistics import Comparison

SIZES = (1, 2, 3, 5)  # of a dimension of a random shape
STEPS = 300  # of gradient descent, at a rate of 0.1: an error falls by e**-30


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Random pairs of shapes, and batches of outputs and targets that are related."""

    shapes: int = 400
    """Random pairs of shapes."""
    draws: int = 4000
    """Batches. 4,000 tell the loss over all pairs from that over strangers alone."""
    batch: int = 50
    """Samples of a batch, N."""
    output_mean: float = 0.5
    """Mean of the outputs."""
    target_mean: float = -1.0
    """Mean of the targets."""
    target_std: float = 2.0
    """Standard deviation of the targets."""
    slope: float = 0.8
    """How much of a target's deviation from the mean its output follows."""
    noise: float = 0.5
    """Standard deviation of what an output adds of its own."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(1, shapes=self.shapes)
        at_least(2, draws=self.draws, batch=self.batch)
        at_least(0, seed=self.seed, target_std=self.target_std, noise=self.noise)
        numbers = {"output-mean": self.output_mean, "target-mean": self.target_mean}
        at_least(-1e6, **numbers, slope=self.slope)


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a draw: statistic, number, value."""
    import pandas as pd

    from experiments.stack import random_stream

    rows: list[tuple[str, int, float]] = []
    stream = random_stream(settings.seed, 0)
    for number in track(range(settings.shapes), description="shapes"):
        rows += [(name, number, error) for name, error in _errors(stream).items()]
    stream = random_stream(settings.seed, 1)
    for number in track(range(settings.draws), description="batches"):
        output, target = _batch(settings, stream)
        rows.append(("all pairs", number, float(_trap(output, target).square().mean())))
        for name, values in (("output", output), ("target", target)):
            rows.append((f"{name}_mean", number, float(values.mean())))
            rows.append((f"{name}_var", number, float(values.var(correction=0))))
        rows.append(("own target", number, float((output - target).square().mean())))
    fitted = _fit(settings)
    for name, values in fitted.items():
        rows += [(name, number, float(value)) for number, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["statistic", "number", "value"])


def _errors(stream: Generator) -> dict[str, float]:
    """The largest differences from torch, and from a difference quotient, for one random pair of shapes."""
    import torch

    from impl.backprop.chain_rule import central_difference
    from impl.tensors import broadcasting

    a, b = (torch.randn(shape, dtype=torch.float64, generator=stream) for shape in _shapes(stream))
    shape = broadcasting.broadcast_shapes(tuple(a.shape), tuple(b.shape))
    wrong = float(shape != torch.broadcast_shapes(a.shape, b.shape))
    copy = broadcasting.broadcast_to(a, shape)
    stretched = float((copy - a.expand(shape)).abs().max())
    gradient = torch.randn(shape, dtype=torch.float64, generator=stream)
    leaf = a.clone().requires_grad_()
    (theirs,) = torch.autograd.grad(((leaf * b).sin() * gradient).sum(), leaf)
    wide = broadcasting.broadcast_to(b, shape)
    each = gradient * (copy * wide).cos() * wide  # the gradient of every copy
    ours = broadcasting.unbroadcast(each, a.shape)
    way = torch.randn(a.shape, dtype=torch.float64, generator=stream)
    slope = central_difference(
        lambda t: (((a + t * way) * b).sin() * gradient).sum(), a.new_zeros(())
    )
    scale = max(1.0, float(each.abs().sum()))
    return {
        "wrong shapes": wrong,
        "stretched": stretched,
        "gradient": float((ours - theirs).abs().max()) / scale,
        "slope": abs(float((ours * way).sum() - slope)) / scale,
    }


def _shapes(stream: Generator) -> list[tuple[int, ...]]:
    """Two shapes that fit: a shape of 0 to 4 dimensions, seen twice with some sizes 1 or left out."""
    import torch

    def number(below: int) -> int:
        return int(torch.randint(below, (), generator=stream))

    whole = [SIZES[number(len(SIZES))] for _ in range(number(5))]
    found = []
    for _ in range(2):
        sizes = [1 if number(3) == 0 else size for size in whole]
        found.append(tuple(sizes[number(len(sizes) + 1) :]))
    return found


def _batch(settings: Settings, stream: Generator) -> tuple[Tensor, Tensor]:
    """Outputs and their targets, of shape (N,)."""
    import torch

    deviation, noise = torch.randn(2, settings.batch, dtype=torch.float64, generator=stream)
    target = settings.target_std * deviation
    output = settings.output_mean + settings.slope * target + settings.noise * noise
    return output, settings.target_mean + target


def _trap(output: Tensor, target: Tensor) -> Tensor:
    """(N, 1) - (N,): a table of all pairs, (N, N)."""
    from impl.tensors import broadcasting

    shape = broadcasting.broadcast_shapes((len(output), 1), (len(target),))
    column, row = (broadcasting.broadcast_to(v, shape) for v in (output[:, None], target))
    return column - row


def _fit(settings: Settings) -> dict[str, Tensor]:
    """Outputs after gradient descent on the loss over all pairs, and on the one that was meant."""
    from experiments.stack import random_stream
    from impl.tensors import broadcasting

    start, target = _batch(settings, random_stream(settings.seed, 2))
    trapped, meant = start[:, None].clone(), start.clone()
    for _ in range(STEPS):
        gradient = 2 * _trap(trapped[:, 0], target) / len(target)
        trapped -= 0.05 * broadcasting.unbroadcast(gradient, trapped.shape)
        meant -= 0.05 * 2 * (meant - target)
    return {"target": target, "fitted to all pairs": trapped[:, 0], "fitted to its own": meant}


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Shapes and gradients exactly; the losses over batches, and what each is fitted to."""
    from derivations.tensors.broadcasting import DERIVATION
    from experiments.statistics import exact_value, mean_value

    values = {str(name): group["value"] for name, group in samples.groupby("statistic")}
    found = [
        exact_value(float(values["wrong shapes"].sum()), 0, 0, statistic="wrong shapes"),
        exact_value(float(values["stretched"].max()), 0, 0, statistic="stretched / torch"),
        exact_value(float(values["gradient"].max()), 0, 1e-13, statistic="gradient / autograd"),
        exact_value(float(values["slope"].max()), 0, 1e-8, statistic="gradient / differences"),
    ]
    moments = ("output_mean", "output_var", "target_mean", "target_var")
    own_moments = {name: values[name].to_numpy() for name in moments}
    expected = DERIVATION.predict("batch_trap_loss")(**own_moments)
    error = abs(values["all pairs"].to_numpy() - expected) / expected.clip(1)
    found.append(exact_value(float(error.max()), 0, 1e-12, statistic="all pairs, identity"))
    known = {
        "output_mean": settings.output_mean,
        "target_mean": settings.target_mean,
        "target_var": settings.target_std**2,
        "noise_var": settings.noise**2,
        "slope": settings.slope,
    }
    trap = DERIVATION.predict("trap_loss")(**known, batch=settings.batch)
    own = DERIVATION.predict("paired_loss")(**known)
    found += [
        mean_value(values["all pairs"], float(trap), statistic="loss over all pairs"),
        mean_value(values["own target"], float(own), statistic="loss with its own target"),
    ]
    target = values["target"]
    trapped, meant = values["fitted to all pairs"], values["fitted to its own"]
    worst = float((trapped - target.mean()).abs().max())
    found.append(exact_value(worst, 0, 1e-9, statistic="all pairs: fit - mean target"))
    worst = float(abs(meant.to_numpy() - target.to_numpy()).max())
    found.append(exact_value(worst, 0, 1e-9, statistic="own target: fit - target"))
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """What gradient descent makes of every output, beside its target."""
    names = ["target", "fitted to all pairs", "fitted to its own"]
    wide = samples[samples["statistic"].isin(names)]
    return {"fit.csv": wide.pivot(index="number", columns="statistic", values="value")[names]}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """Each output against its target, after fitting by either loss."""
    axes = figure.subplots()
    data = data.sort_values("target")
    axes.plot(data["target"], data["fitted to its own"], "o", color="C2", label="(N,) − (N,)")
    axes.plot(data["target"], data["fitted to all pairs"], "o", color="C3", label="(N, 1) − (N,)")
    axes.set_xlabel("target")
    axes.set_ylabel("output after training")
    axes.legend(frameon=False)


PICTURES = (
    Picture(
        draw,
        data="fit.csv",
        height=3.4,
        caption="What gradient descent makes of 50 outputs. With shapes that match, each ends at its own target; with "
        "a column minus a row, all end at the mean of the targets, and no error is raised.",
        wrong="If the loss over all pairs were a loss, both sets of dots would lie on the diagonal.",
        alt="Dots on a rising diagonal, and dots on a level line at the mean of the targets.",
    ),
)

CODE = "impl.tensors.broadcasting:"
TRAP = "experiments.tensors.broadcasting:_trap"


def _means(right: Any) -> Any:
    return lambda gradient, shape: (
        right(gradient, shape) / max(1, gradient.numel() // max(1, right(gradient, shape).numel()))
    )


def _from_the_left(right: Any) -> Any:
    def shapes(*given: Any) -> tuple[int, ...]:
        found: tuple[int, ...] = right(*(tuple(reversed(shape)) for shape in given))
        return tuple(reversed(found))

    return shapes


def _strangers(right: Any) -> Any:
    """The diagonal, where each output meets its own target, filled with another pair's difference."""

    def table(output: Tensor, target: Tensor) -> Tensor:
        differences: Tensor = right(output, target).clone()
        differences.diagonal().copy_(differences.diagonal(1)[[*range(len(target) - 1), 0]])
        return differences

    return table


MUTANTS = (
    Mutant("wrong statistic", "the pairs that belong together are left out", TRAP, _strangers),
    Mutant("wrong gradient", "the mean over stretched axes", f"{CODE}unbroadcast", _means),
    Mutant(
        "wrong gradient",
        "one copy's gradient for the sum",
        f"{CODE}unbroadcast",
        lambda right: (
            lambda gradient, shape: gradient.flatten()[
                : max(1, right(gradient, shape).numel())
            ].reshape(tuple(shape))
        ),
    ),
    Mutant(
        "wrong rule", "dimensions meet from the left", f"{CODE}broadcast_shapes", _from_the_left
    ),
    Mutant(
        "wrong rule",
        "sizes are multiplied",
        f"{CODE}broadcast_shapes",
        lambda right: (
            lambda *shapes: (*right(*shapes)[:-1], 2 * right(*shapes)[-1]) if right(*shapes) else ()
        ),
    ),
    Mutant(
        "wrong stretch",
        "the entries wander by one",
        f"{CODE}broadcast_to",
        lambda right: (
            lambda tensor, shape: (
                right(tensor, shape).roll(1, -1) if len(tuple(shape)) else right(tensor, shape)
            )
        ),
    ),
)

BLIND = (
    "Sizes of zero, and other types than float64: the tests see to those.",
    "How fast it is: a stretched dimension costs no memory, but is read as often as it is long.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
