"""A vector times a random matrix, 100 times: when 32 bits overflow, what 1/√n keeps, what one matrix does (cohen1984).

Multiplies by fresh matrices, and compares sizes and the step of the overflow with the derivation; repeats the lesson's
runs, in which one matrix serves for all steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.init._matrix_pictures import PICTURES as PICTURES
from experiments.mutants import Mutant
from experiments.settings import at_least, check_widths

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd

    from experiments.stack import Track
    from experiments.statistics import Comparison

SLOW = 8  # of the lesson's runs with the smallest scale
NARROWEST = 20  # below, a step may not change a length by enough for a vector to stay out of range


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Runs with fresh matrices, of two widths, and the lesson's with one."""

    draws: int = 150
    """Runs of narrow vectors."""
    narrow: int = 64
    """Numbers in a narrow vector."""
    real: int = 16
    """Runs with fresh matrices of the lesson's width, until they overflow."""
    width: int = 512
    """Numbers in the lesson's vector."""
    pairs: int = 3000
    """Small matrices that are used two and three times."""
    runs: int = 25
    """The lesson's runs, with one matrix; 0 leaves them out."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(2, draws=self.draws, real=self.real, pairs=self.pairs)
        at_least(0, seed=self.seed, runs=self.runs)
        at_least(NARROWEST, narrow=self.narrow, width=self.width)
        check_widths((self.width, self.width))

    @property
    def small_std(self) -> float:
        """A deviation that shrinks narrow vectors as the lesson's 0.01 does its own."""
        return 0.01 * math.sqrt(self.width / self.narrow)


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a run: statistic, input (the width), number, value; the lesson's runs have a row for each step."""
    import pandas as pd

    from experiments.init import _matrix_runs as runs
    from experiments.stack import random_stream

    width, narrow = settings.width, settings.narrow
    kinds: list[tuple[str, int, Callable[..., Any]]] = [
        (f"n = {narrow}", settings.draws, lambda stream: runs.overflows(narrow, stream)),
        (
            f"n = {narrow}",
            settings.draws,
            lambda stream: runs.underflows(narrow, settings.small_std, stream),
        ),
        (f"n = {narrow}", settings.draws, lambda stream: runs.kept(narrow, stream)),
        (f"n = {width}", settings.real, lambda stream: runs.overflows(width, stream)),
        (f"n = {runs.TINY}", settings.pairs, runs.repeated),
    ]
    rows: list[tuple[str, str, int, int, float]] = []
    for kind, (fed, count, run) in enumerate(kinds):
        for number in track(range(count), description=f"runs, {fed}"):
            stream = random_stream(settings.seed, kind, number)
            rows += [(name, fed, number, 0, value) for name, value in run(stream)]
    for number in track(range(settings.runs), description="the lesson"):
        seed = random_stream(settings.seed, 9, number).initial_seed()
        for name, values in runs.lessons_run(width, seed, number < SLOW).items():
            rows += [(name, "lesson", number, step, value) for step, value in enumerate(values, 1)]
    return pd.DataFrame(rows, columns=["statistic", "input", "number", "step", "value"])


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Sizes, and the steps at which the range is left, with fresh matrices; two and three steps with one."""
    from derivations.init.repeated_product import DERIVATION
    from experiments.init import _float_range as float_range
    from experiments.init import _matrix_runs as runs
    from experiments.statistics import mean_value

    fed = samples[samples["input"] != "lesson"].groupby(["statistic", "input"], sort=False)
    found: list[Comparison] = []
    narrow = f"n = {settings.narrow}"
    ends = {
        "overflow at step": (float_range.LARGEST, 1.0),
        "below normal numbers at step": (float_range.SMALLEST, settings.small_std),
    }
    for (name, place), group in fed:
        values, statistic, units = group["value"].to_numpy(), str(name), int(str(place)[4:])
        where = {"statistic": statistic, "input": str(place)}
        if statistic in ends and place == narrow:
            limit, std = ends[statistic]
            found += _steps(values, float_range.crossing(limit, units, std, runs.STEPS), where)
        elif statistic.startswith("log mean square"):
            found += _logs(values, "kept" in statistic, units, where)
        elif statistic.startswith("mean square"):
            found.append(_size(values, "kept" in statistic, units, where))
        elif statistic.startswith("one matrix"):
            expected = DERIVATION.predict(statistic.removeprefix("one matrix "))(units=units)
            found.append(mean_value(values, float(expected), **where))
    return found


def _steps(values: Any, chances: Any, where: dict[str, str]) -> list[Comparison]:
    """The mean step at which a limit is crossed, and how often it is the likeliest one."""
    from experiments.init import _float_range as float_range
    from experiments.statistics import Comparison

    mean, variance = float_range.moments(chances)
    likeliest = int(chances.argmax())
    share, often = float((values == likeliest + 1).mean()), float(chances[likeliest])
    name = where["statistic"]
    return [
        Comparison(
            statistic=statistic,
            input=where["input"],
            measured=measured,
            predicted=predicted,
            test="normal",
            standard_error=math.sqrt(spread / len(values)),
        )
        for statistic, measured, predicted, spread in (
            (name, float(values.mean()), mean, variance),
            (f"{name} {likeliest + 1}, share", share, often, often * (1 - often)),
        )
    ]


def _logs(values: Any, keeps: bool, units: int, where: dict[str, str]) -> list[Comparison]:
    """Mean and variance of the logarithm of the mean square, after the steps that the name says."""
    from derivations.init.repeated_product import DERIVATION
    from experiments.init import _matrix_runs as runs
    from experiments.statistics import Comparison, mean_of_squares

    step = runs.STEPS if keeps else runs.EARLY
    centre = DERIVATION.predict("log_mean_square")(
        step=step, units=units, weight_var=1 / units if keeps else 1.0
    )
    spread = float(DERIVATION.predict("log_spread")(step=step, units=units))
    variance = {**where, "statistic": f"{where['statistic']}: variance"}
    return [
        Comparison(
            statistic=where["statistic"],
            input=where["input"],
            measured=float(values.mean()),
            predicted=float(centre),
            test="normal",
            standard_error=math.sqrt(spread / len(values)),
        ),
        mean_of_squares((values - float(centre)) ** 2, spread, 2.0, **variance),  # nearly normal
    ]


def _size(values: Any, keeps: bool, units: int, where: dict[str, str]) -> Comparison:
    """The mean square, after one step of N(0, 1) matrices or after several that keep it."""
    from derivations.init.repeated_product import DERIVATION
    from experiments.init import _matrix_runs as runs
    from experiments.statistics import mean_of_squares

    # the first vector is one more factor, of the law of a step that keeps the mean square
    steps, growth = (runs.MANY, 1 / units) if keeps else (1, 1.0)
    mean = float(DERIVATION.predict("mean_growth")(units=units, weight_var=growth)) ** steps
    relative = float(DERIVATION.predict("second_moment")(units=units, step=steps + 1)) - 1
    return mean_of_squares(values, mean, relative, order=2 * steps, **where)


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """Sizes by step, predicted and in the lesson's runs; when the range is left; the lesson's numbers."""
    from experiments.init import _matrix_runs as runs

    lesson = samples[samples["input"] == "lesson"]
    paths = runs.bands(settings.width)
    for name in runs.scales(settings.width):
        chosen = lesson[lesson["statistic"] == name]
        wide = chosen.pivot(index="step", columns="number", values="value") / 2 / math.log(10)
        wide.columns = [f"{name}: run {number}" for number in wide.columns]
        paths = paths.join(wide, on="step")
    found = {"paths.csv": paths, "overflow.csv": runs.overflow_table(samples, settings.width)}
    if settings.runs:
        found["lesson.csv"] = runs.lesson_table(samples, settings.width)
    return found


BARE = {"runs": 0}  # without the lesson

PRODUCT = "impl.init.repeated_product:repeated_product"


def _std(change: Callable[[float], float]) -> Any:
    def make(right: Any) -> Any:
        def vectors(x: Any, steps: int, std: float = 1.0, **given: Any) -> Any:
            return right(x, steps, change(std), **given)

        return vectors

    return make


def _late(right: Any) -> Any:
    """The first vector counts as the first product."""

    def vectors(x: Any, steps: int, *rest: Any, **given: Any) -> Any:
        yield x
        yield from right(x, steps - 1, *rest, **given)

    return vectors


def _uniform(right: Any) -> Any:
    """Entries of one size: signs instead of normal numbers."""

    def vectors(x: Any, steps: int, std: float = 1.0, *, fresh: bool = True, generator: Any) -> Any:
        for step in range(steps):
            if fresh or not step:
                weights = x.new_zeros((len(x), len(x))).normal_(generator=generator).sign()
            x = std * weights @ x
            yield x

    return vectors


MUTANTS = (
    Mutant("wrong gain", "0.5 % too large", PRODUCT, _std(lambda std: 1.005 * std)),
    Mutant("wrong gain", "0.5 % too small", PRODUCT, _std(lambda std: 0.995 * std)),
    Mutant("wrong gain", "the variance for the deviation", PRODUCT, _std(lambda std: std**2)),
    Mutant(
        "shared weights",
        "one matrix for all steps",
        PRODUCT,
        lambda right: lambda *args, fresh=True, **given: right(*args, fresh=False, **given),
    ),
    Mutant(
        "shared weights",
        "fresh matrices where one was asked for",
        PRODUCT,
        lambda right: lambda *args, fresh=True, **given: right(*args, fresh=True, **given),
    ),
    Mutant("off by one step", "the first vector counts as a product", PRODUCT, _late),
    Mutant("wrong law", "signs for normal numbers", PRODUCT, _uniform),
    Mutant(
        "off by one step",
        "steps are counted from 0",
        "impl.init.repeated_product:first_step",
        lambda right: lambda *args: right(*args) - 1,
    ),
    Mutant(
        "wrong statistic",
        "an overflow only when all entries have",
        "impl.init.repeated_product:overflowed",
        lambda right: lambda x: all(right(entry[None]) for entry in x),
    ),
    Mutant(
        "wrong statistic",
        "the variance over entries for the mean square",
        "experiments.init._matrix_runs:log_mean_square",
        lambda right: lambda x: math.log(float(x.double().var())),
        unseen="the entries have mean zero, so both estimate one number; they differ by one part in n",
    ),
)

BLIND = (
    "The lesson's own runs, with one matrix: the size after many steps has no closed form that we know, and is shown.",
    "At which step the last entry becomes 0: that depends on how numbers without all their bits are rounded and added.",
    "In which order a product is added up: a partial sum may overflow where the sum would not, too seldom to be seen.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
