"""Einsum: random equations against torch, their gradients, and how a sum of n products grows (einstein1916).

Runs impl/tensors/einsum.py on random equations, and measures the mean square of contractions of random tensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import Unusable, at_least

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Generator, Tensor

    from experiments.stack import Track
    from experiments.statistics import Comparison

LETTERS = "abcdef"
HIDDEN = (2, 3)  # sizes under "..."
OUTER = 4  # sizes of the letters that the output of a contraction keeps


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Random equations, and contractions of random tensors."""

    equations: int = 300
    """Random equations."""
    draws: int = 500
    """Draws of both operands, for every size."""
    sizes: tuple[int, ...] = (1, 4, 16, 64, 256)
    """Sizes of the letter j, of which ij,jk->ik sums the products."""
    left_std: float = 0.5
    """Standard deviation of the entries of the first operand."""
    right_std: float = 2.0
    """Standard deviation of the entries of the second operand."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(1, equations=self.equations)
        at_least(2, draws=self.draws)
        at_least(0, seed=self.seed, left_std=self.left_std, right_std=self.right_std)
        if not self.sizes or len(set(self.sizes)) < len(self.sizes) or min(self.sizes) < 1:
            raise Unusable(f"sizes must be different, and at least 1, got {self.sizes}")
        if max(self.sizes) > 10**6:
            raise Unusable(f"sizes must be at most 1,000,000, got {max(self.sizes)}")


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row an equation or draw: statistic, size, number, value."""
    import pandas as pd
    import torch

    from experiments.stack import random_stream
    from impl.tensors import einsum

    rows: list[tuple[str, int, int, float]] = []
    stream = random_stream(settings.seed, 0)
    for number in track(range(settings.equations), description="equations"):
        for name, error in _errors(stream).items():
            rows.append((name, 0, number, error))
    for size in track(settings.sizes, description="contractions"):
        stream = random_stream(settings.seed, 1, size)
        for number in range(settings.draws):
            left = torch.randn(OUTER, size, dtype=torch.float64, generator=stream)
            right = torch.randn(size, OUTER, dtype=torch.float64, generator=stream)
            operands = settings.left_std * left, settings.right_std * right
            result = einsum.einsum("ij,jk->ik", *operands)
            rows.append(("mean square", size, number, float(result.square().mean())))
    return pd.DataFrame(rows, columns=["statistic", "size", "number", "value"])


def _errors(stream: Generator) -> dict[str, float]:
    """The largest differences from torch and from loops, for one random equation."""
    import torch

    from impl.tensors import einsum

    equation, operands = _problem(stream)
    leaves = [operand.clone().requires_grad_() for operand in operands]
    theirs = torch.einsum(equation, *leaves)
    gradient = torch.randn(theirs.shape, dtype=torch.float64, generator=stream)
    peers = torch.autograd.grad(theirs, leaves, gradient)
    ours = einsum.einsum(equation, *operands)
    gradients = einsum.einsum_gradients(equation, gradient, *operands)
    loops = einsum.einsum_loops(equation, *operands)
    return {
        "output / torch": _error(ours, theirs.detach()),
        "loops / torch": _error(loops, theirs.detach()),
        "gradients / autograd": max(map(_error, gradients, peers)),
    }


def _error(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, over the largest entry if that is more than 1; 1 for another shape."""
    if ours.shape != theirs.shape:
        return 1.0
    scale = max(1.0, float(theirs.abs().max())) if theirs.numel() else 1.0
    return float((ours - theirs).abs().max()) / scale if theirs.numel() else 0.0


def _problem(stream: Generator) -> tuple[str, list[Tensor]]:
    """One to three operands of up to three letters, some of which repeat, and an output of some of them.

    One operand in four has "..." somewhere, for up to two dimensions; some sizes are 1, to be stretched.
    """
    import torch

    def number(below: int) -> int:
        return int(torch.randint(below, (), generator=stream))

    sizes = {letter: 1 + number(3) for letter in LETTERS}
    terms, shapes, there = [], [], set[str]()
    for _ in range(1 + number(3)):
        term = [LETTERS[number(len(LETTERS))] for _ in range(number(4))]
        there |= set(term)
        one = {letter: 1 if number(6) == 0 else size for letter, size in sizes.items()}
        shape = [one[letter] for letter in term]
        if number(4) == 0:
            place = number(len(term) + 1)
            hidden = [1 if number(3) == 0 else size for size in HIDDEN[number(3) :]]
            term[place:place], shape[place:place] = ["..."], hidden
            there.add("...")
        terms.append("".join(term))
        shapes.append(shape)
    names = sorted(there)
    order = torch.randperm(len(names), generator=stream).tolist()
    kept = "".join(names[place] for place in order[: number(len(names) + 1)])
    equation = ",".join(terms) + ("" if number(4) == 0 else f"->{kept}")
    return equation, [torch.randn(s, dtype=torch.float64, generator=stream) for s in shapes]


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Random equations exactly; the mean square of contractions, for every size."""
    from derivations.tensors.einsum import DERIVATION
    from experiments.statistics import exact_value, mean_value

    values = dict(iter(samples.groupby("statistic", sort=False)))
    found = [
        exact_value(float(values[name]["value"].max()), 0, 1e-13, statistic=name)
        for name in ("output / torch", "loops / torch", "gradients / autograd")
    ]
    predict = DERIVATION.predict("contraction_variance")
    for size, group in values["mean square"].groupby("size"):
        known = {"left_var": settings.left_std**2, "right_var": settings.right_std**2}
        mean = float(predict(inner=int(str(size)), **known))
        found.append(mean_value(group["value"], mean, statistic=f"mean square, {size} terms"))
    return found


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """The mean square of an entry for every number of terms, with its standard error."""
    grouped = samples[samples["statistic"] == "mean square"].groupby("size")["value"]
    table = grouped.agg(["mean", "sem"]).reset_index()
    table["predicted"] = [
        c.predicted for c in compare(samples, settings) if c.statistic.startswith("mean square")
    ]
    return {"growth.csv": table}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """The mean square of an entry against the number of terms that it sums."""
    axes = figure.subplots()
    axes.plot(data["size"], data["predicted"], color="C2", linewidth=1.2, label="predicted")
    axes.errorbar(
        data["size"],
        data["mean"],
        3 * data["sem"],
        fmt="o",
        markersize=4,
        color="C0",
        label="measured",
    )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xlabel("products that an entry sums")
    axes.set_ylabel("mean square of an entry")
    axes.legend(frameon=False)


PICTURES = (
    Picture(
        draw,
        data="growth.csv",
        height=3.2,
        caption="The mean square of an entry of ij,jk->ik grows with the number of products that it sums, here with "
        "three standard errors. This is why weights are divided by the root of their fan-in.",
        wrong="If products cancelled, the dots would stay level; if they all pulled one way, they would rise twice as "
        "steeply.",
        alt="Dots on a straight rising line, both axes logarithmic.",
    ),
)

CODE = "impl.tensors.einsum:"


def _reversed_output(right: Any) -> Any:
    return lambda equation, *operands: (
        result if (result := right(equation, *operands)).dim() < 2 else result.transpose(0, 1)
    )


def _mean_for_sum(right: Any) -> Any:
    def summed(tensor: Tensor, labels: Any, needed: Any) -> Any:
        result, kept = right(tensor, labels, needed)
        return result * max(1, result.numel()) / max(1, tensor.numel()), kept

    return summed


def _two_of_three(right: Any) -> Any:
    return lambda equation, *operands: right(
        equation, *operands[:2], *(operand * 0 + 1 for operand in operands[2:])
    )


def _from_the_left(right: Any) -> Any:
    """Dimensions under "..." meet from the left, which differs if one operand has fewer of them."""

    def named(*given: Any) -> Any:
        found = right(*given)
        first = min((label for label, _ in found if isinstance(label, int)), default=0)
        return [(x - first - 9 if isinstance(x, int) else x, at) for x, at in found]

    return named


def _swapped(right: Any) -> Any:
    return lambda equation, gradient, *operands: [
        g if g.dim() < 2 or g.shape[0] != g.shape[1] else g.transpose(0, 1)
        for g in right(equation, gradient, *operands)
    ]


MUTANTS = (
    Mutant("wrong output", "its first two axes are swapped", f"{CODE}einsum", _reversed_output),
    Mutant("wrong sum", "a mean for a sum", f"{CODE}_summed", _mean_for_sum),
    Mutant("wrong product", "the third operand is left out", f"{CODE}einsum", _two_of_three),
    Mutant(
        "wrong dots", "counted from the first", "impl.tensors.subscripts:_named", _from_the_left
    ),
    Mutant(
        "wrong diagonal",
        "a letter twice walks along its first axis",
        f"{CODE}_diagonals",
        lambda right: (
            lambda operand, labels: right(
                operand[..., 0] if len(labels) == 2 and labels[0] == labels[1] else operand,
                labels[:1] if len(labels) == 2 and labels[0] == labels[1] else labels,
            )
        ),
    ),
    Mutant("wrong gradient", "transposed where that fits", f"{CODE}einsum_gradients", _swapped),
    Mutant(
        "wrong gradient",
        "the sign of the last",
        f"{CODE}einsum_gradients",
        lambda right: lambda *given: [*right(*given)[:-1], -right(*given)[-1]],
    ),
)

BLIND = (
    "Sizes of zero, other types than float64, and equations that are wrong: the tests see to those.",
    "Speed: each product is written out before it is summed, which a matrix product avoids.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
