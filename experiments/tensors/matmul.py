"""The matrix product on every rung: one answer, to rounding, a variance that grows as n, and how fast (goodfellow2016).

Compares the functions of impl/tensors/matmul.py with exact and with double precision products, measures the mean
square of random ones, and times all of them from three loops to one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import LARGEST_LAYER, Unusable, at_least

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Generator, Tensor

    from experiments.stack import Track
    from experiments.statistics import Comparison

ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}
LARGEST_TERM = 8  # integers up to 8 have products and sums that float32 holds exactly
OUTER = 4  # rows and columns of the products whose mean square is measured


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Random matrices, and the shapes at which the rungs are timed."""

    pairs: int = 40
    """Random shapes, at which every rung is compared."""
    draws: int = 1000
    """Products of random matrices, for every number of terms."""
    terms: tuple[int, ...] = (1, 4, 16, 64, 256, 784)
    """Numbers of terms that an entry adds up."""
    rounds: int = 5
    """Rounds of timing; 0 leaves the ladder out."""
    squares: tuple[int, ...] = (64, 512)
    """Sizes of square matrices at which the rungs are timed, besides the lesson's shape."""
    seed: int = 0
    """The same seed gives the same bits, times aside."""

    def __post_init__(self) -> None:
        at_least(1, pairs=self.pairs)
        at_least(2, draws=self.draws)
        at_least(0, seed=self.seed, rounds=self.rounds)
        for name, sizes in (("terms", self.terms), ("squares", self.squares)):
            if len(set(sizes)) < len(sizes) or min(sizes, default=1) < 1:
                raise Unusable(f"{name} must be different, and at least 1, got {sizes}")
            if max(sizes, default=0) ** 2 > LARGEST_LAYER:
                raise Unusable(f"{name} must be at most 32,768, got {max(sizes)}")
        if not self.terms:
            raise Unusable("terms must name at least one number")


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a product: statistic, input (a rung), terms, number, value; the times are in a frame's ``attrs``."""
    import pandas as pd
    import torch

    from experiments.stack import random_stream
    from experiments.tensors import _ladder as ladder
    from impl.tensors import matmul

    rows: list[tuple[str, str, int, int, float]] = []
    stream = random_stream(settings.seed, 0)
    for number in track(range(settings.pairs), description="shapes"):
        rows += [(*key, 0, number, value) for key, value in _errors(stream).items()]
    for terms in track(settings.terms, description="variances"):
        stream = random_stream(settings.seed, 1, terms)
        for number in range(settings.draws):
            a = torch.randn(OUTER, terms, dtype=torch.float64, generator=stream)
            b = torch.randn(terms, OUTER, dtype=torch.float64, generator=stream)
            product = matmul.matmul(a, b)
            rows.append(("mean square", "", terms, number, float(product.square().mean())))
    samples = pd.DataFrame(rows, columns=["statistic", "input", "terms", "number", "value"])
    times = ladder.measure(settings.squares, settings.rounds, settings.seed)
    limits = ladder.limits(settings.rounds) if settings.rounds else {}
    samples.attrs = {"times": times.to_dict("records"), "limits": limits}
    return samples


def _errors(stream: Generator) -> dict[tuple[str, str], float]:
    """For one random shape: by how much each rung is off, in units of the bound; and the gradients."""
    import torch

    from derivations.tensors.matmul import DERIVATION
    from experiments.tensors import _ladder as ladder
    from impl.tensors import matmul

    bound = DERIVATION.predict("bound")
    height, width = (int(torch.randint(1, 7, (), generator=stream)) for _ in range(2))
    terms = int(torch.randint(1, 60, (), generator=stream))
    shapes = (height, terms), (terms, width)
    whole = [_integers(shape, stream) for shape in shapes]
    a, b = (torch.randn(shape, dtype=torch.float64, generator=stream) for shape in shapes)
    found = {}
    for rung in ladder.RUNGS:
        exact = whole[0].long() @ whole[1].long()  # integers: no rounding at all
        found["integers", rung.name] = _distance(rung.product(*whole), exact)
        single = a.float(), b.float()
        product = single[0].double() @ single[1].double()
        sizes = single[0].abs().double() @ single[1].abs().double()
        share = float(bound(terms=terms, roundoff=ROUNDOFF["float32"]))
        share += float(bound(terms=terms, roundoff=ROUNDOFF["float64"]))  # the reference's own
        found["rounding / bound", rung.name] = _distance(
            rung.product(*single) / (share * sizes), product / (share * sizes)
        )
    gradient = torch.randn(height, width, dtype=torch.float64, generator=stream)
    leaves = [matrix.clone().requires_grad_() for matrix in (a, b)]
    theirs = torch.autograd.grad(leaves[0] @ leaves[1], leaves, gradient)
    ours = matmul.matmul_gradients(gradient, a, b)
    errors = [_distance(mine, peer) for mine, peer in zip(ours, theirs, strict=True)]
    found["gradients / autograd", ""] = max(errors)
    return found


def _integers(shape: tuple[int, int], stream: Generator) -> Tensor:
    import torch

    whole = torch.randint(-LARGEST_TERM, LARGEST_TERM + 1, shape, generator=stream)
    return whole.float()


def _distance(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference of two entries; infinite for another shape."""
    if ours.shape != theirs.shape:
        return float("inf")
    return float((ours.double() - theirs.double()).abs().max())


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Every rung exactly, for integers, and within the bound of rounding; the mean square for every number of terms."""
    from derivations.tensors.einsum import DERIVATION as EINSUM
    from derivations.tensors.matmul import DERIVATION
    from experiments.statistics import exact_value, mean_of_squares

    tolerance = {"integers": 0.0, "rounding / bound": 1.0, "gradients / autograd": 1e-13}
    found = []
    for (statistic, rung), group in samples.groupby(["statistic", "input"], sort=False):
        if statistic in tolerance:
            where = {"statistic": str(statistic), "input": str(rung)}
            found.append(exact_value(group["value"].max(), 0, tolerance[str(statistic)], **where))
    variance = EINSUM.predict("contraction_variance")
    spread = DERIVATION.predict("mean_square_variance")
    for terms, group in samples[samples["terms"] > 0].groupby("terms"):
        expected = float(variance(inner=terms, left_var=1, right_var=1))
        relative = float(spread(rows=OUTER, terms=terms, product_columns=OUTER))
        where = {"statistic": f"mean square, n = {terms}"}
        found.append(mean_of_squares(group["value"], expected, relative, **where))
        found.append(_spread(group["value"], expected, relative, f"its variance, n = {terms}"))
    return found


def _spread(values: pd.Series[float], expected: float, relative: float, name: str) -> Comparison:
    """The variance of the mean squares, against the derived one."""
    from experiments.statistics import mean_value

    return mean_value((values - expected) ** 2 / expected**2, relative, statistic=name)


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """The ladder, and what the machine can do."""
    import pandas as pd

    from experiments.tensors import _ladder as ladder
    from experiments.tensors import _roofline as roofline

    limits = samples.attrs["limits"]
    times = pd.DataFrame(samples.attrs["times"], columns=ladder.COLUMNS)
    names = {"multiplications": "multiplications a second: one tile, in registers"}
    names |= {
        "bytes": "bytes a second: 16 MB doubled, elsewhere",
        "call": "seconds: one number plus one",
    }
    machine = pd.DataFrame(
        [(names[k], v) for k, v in limits.items()], columns=["quantity", "measured"]
    )
    found = ladder.table(times, limits, settings.squares)
    roof = roofline.table(found, limits) if limits else pd.DataFrame(columns=roofline.COLUMNS)
    return {"ladder.csv": found, "machine.csv": machine, "roofline.csv": roof}


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """Multiplications a second, for every rung and shape, on a logarithmic scale."""
    from experiments.tensors import _ladder as ladder

    axes = figure.subplots()
    names = [rung.name for rung in ladder.RUNGS]
    for number, (shape, group) in enumerate(data.groupby("shape", sort=False)):
        places = [len(names) - names.index(name) + 0.18 * (1 - number) for name in group["rung"]]
        slowest, fastest = (
            group["rate"] * group["median_ms"] / group[f"{end}_ms"] for end in ("max", "min")
        )
        axes.errorbar(
            *(group["rate"], places),
            xerr=(group["rate"] - slowest, fastest - group["rate"]),
            fmt="osD^v"[number % 5],
            color=f"C{number % 5}",
            markersize=4.5,
            label=str(shape),
        )
        axes.axvline(group["limit"].iloc[0], color=f"C{number % 5}", linewidth=1, linestyle=":")
    axes.set_yticks(range(len(names), 0, -1), names)
    axes.set_xscale("log")
    axes.set_xlabel("multiplications a second")
    if len(data):
        axes.legend(loc="upper left", bbox_to_anchor=(-0.3, 1.16), ncols=3, columnspacing=0.9)


def draw_roofline(figure: Figure, data: pd.DataFrame) -> None:
    """Every rung under the ceilings of arithmetic and memory."""
    from experiments.tensors import _roofline as roofline

    if len(data):
        roofline.draw(figure, data)


PICTURES = (
    Picture(
        draw,
        data="ladder.csv",
        height=5.4,
        caption="How many multiplications a second each rung does, on one thread: medians, with the range of all "
        "rounds. Dotted: the most that this machine allows at that shape, by its arithmetic, its memory, or the time "
        "of one call.",
        wrong="If a loop in Python cost no more than one in compiled code, all dots would lie on the dotted lines.",
        alt="Dots from 10⁵ multiplications a second for three loops to 10¹⁰ for one compiled call; dotted lines to the "
        "right of them.",
    ),
    Picture(
        draw_roofline,
        name="roofline",
        data="roofline.csv",
        height=3.8,
        caption="Every rung at every shape, under the roof of this machine: its flat part is what one thread "
        "multiplies when all lies in registers, its slope what memory delivers. Both were measured in this run, by "
        "kernels of our own. Further right, each byte that comes from memory is used more often.",
        wrong="If memory were what holds the lower rungs back, their dots would lie on the slope; they lie far below "
        "both ceilings.",
        alt="A slope that turns into a flat line; columns of dots below it, the upper ones close to the line.",
    ),
)

BARE = {"rounds": 0}  # without the clock

RUNG = "impl.tensors.matmul:matmul_"
KERNEL = "impl.tensors.kernels:matmul_"


MUTANTS = (
    Mutant(
        "wrong index",
        "the last term left out",
        f"{RUNG}loops",
        lambda right: lambda a, b: right(a[:, :-1], b[:-1]),
    ),
    Mutant(
        "wrong index",
        "a transposed product",
        f"{RUNG}lists",
        lambda right: lambda a, b: right(b.T.contiguous(), a.T.contiguous()),
    ),
    Mutant(
        "wrong index", "rows reversed", f"{RUNG}elementwise", lambda r: lambda a, b: r(a.flip(0), b)
    ),
    Mutant(
        "wrong sum",
        "the mean for the sum",
        f"{RUNG}broadcast",
        lambda right: lambda a, b: right(a, b) / a.shape[1],
    ),
    Mutant("wrong sum", "10⁻⁴ too large", f"{RUNG}einsum", lambda r: lambda a, b: 1.0001 * r(a, b)),
    Mutant(
        "wrong precision",
        "added up in 16 bits",
        f"{RUNG}broadcast",
        lambda right: lambda a, b: right(a.bfloat16(), b.bfloat16()).to(a.dtype),
    ),
    Mutant(
        "wrong sum",
        "a tile's last four terms left out",
        f"{KERNEL}registers",
        lambda right: lambda a, b: right(a[:, :-4], b[:-4]),
    ),
    Mutant(
        "wrong index",
        "the last row of a tile left as it was",
        f"{KERNEL}tiles",
        lambda right: lambda a, b: right(a, b) * (a.new_ones(len(a)).cumsum(0) < len(a))[:, None],
    ),
    Mutant(
        "wrong sum",
        "the second block of terms in place of the first",
        "impl.tensors.simd:matmul_simd",
        lambda right: lambda a, b: right(a[:, a.shape[1] // 2 :], b[a.shape[1] // 2 :]),
    ),
    Mutant(
        "wrong gain",
        "1 % too large",
        "impl.tensors.matmul:matmul",
        lambda right: lambda a, b: 1.01 * right(a, b),
    ),
    Mutant(
        "shared weights",
        "both factors are one",
        "impl.tensors.matmul:matmul",
        lambda right: lambda a, b: right(a, a.T if a.shape == b.T.shape else b),
    ),
    Mutant(
        "wrong gradient",
        "one transposition forgotten",
        f"{RUNG}gradients",
        lambda right: lambda g, a, b: (right(g, a, b)[0], (g.T @ a).T * (1 + 1e-9)),
    ),
    Mutant(
        "wrong gradient",
        "of the other factor",
        f"{RUNG}gradients",
        lambda right: lambda g, a, b: right(g, a, b)[::-1],
    ),
    Mutant(
        "wrong statistic",
        "one entry for a product",
        "experiments.tensors.matmul:OUTER",
        lambda _: 1,
        unseen="one entry is a smaller sample, and its law is predicted as well",
    ),
)

BLIND = (
    "Times: they depend on the machine and on what else it does, and are shown, not judged.",
    "Overflow, infinite and missing numbers, and shapes that do not fit: the tests see to those.",
    "An error within the bound of rounding, for numbers that are not whole: a sum in another order passes, as it must.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
