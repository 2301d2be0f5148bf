"""init/fans: dense matrices as oracles for the true fans, torch's for the shape's, and the experiment."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from derivations import load
from experiments.init._fan_layers import layers, theory
from experiments.init._ring import apply
from experiments.init.fans import Settings, compare, measure, tables
from experiments.settings import Unusable
from experiments.statistics import judge
from impl.init.fans import true_fans

SMALL = Settings(networks=40, draws=0, widths=(784, 60, 30, 80))


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


def agrees(chosen: Settings) -> bool:
    return bool(judge(compare(measure(chosen, quiet), chosen))["agrees"].all())


# The true fans


def connections(module: nn.Module, channels: int, size: int, dimensions: int) -> np.ndarray:
    """Which outputs (rows) depend on which inputs (columns): one input after another set to one."""
    shape = (channels, *[size] * dimensions)
    inputs = torch.eye(math.prod(shape), dtype=torch.float64).reshape(-1, *shape)
    outputs = torch.cat([apply(module, one[None]) for one in inputs])
    return outputs.detach().flatten(1).T.numpy()


def fans_of(matrix: np.ndarray) -> tuple[float, float]:
    return matrix.sum() / matrix.shape[0], matrix.sum() / matrix.shape[1]


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    kind=st.sampled_from(
        (
            nn.Conv1d,
            nn.Conv2d,
            nn.ConvTranspose1d,
            nn.ConvTranspose2d,
            nn.Conv3d,
            nn.ConvTranspose3d,
        )
    ),
    groups=st.sampled_from((1, 2)),
    reads=st.integers(1, 2),
    writes=st.integers(1, 2),
    kernel=st.integers(1, 3),
    stride=st.sampled_from((1, 2)),
    dilation=st.integers(1, 2),
)
def test_true_fans_are_those_of_the_matrix(
    kind: Any, groups: int, reads: int, writes: int, kernel: int, stride: int, dilation: int
) -> None:
    """With weights of one, the matrix of a layer holds how often an input counts in an output."""
    size = 2 if kind in (nn.Conv3d, nn.ConvTranspose3d) else 4
    channels = groups * reads
    if "Transpose" not in kind.__name__ and dilation * (kernel - 1) > size:
        return  # torch wraps an image around once only
    module = kind(
        *(channels, groups * writes, kernel),
        stride=stride,
        dilation=dilation,
        groups=groups,
        bias=False,
        dtype=torch.float64,
    )
    nn.init.ones_(module.weight)
    matrix = connections(module, channels, size, module.weight.dim() - 2)
    fan_in, fan_out = true_fans(module)
    assert (float(fan_in), float(fan_out)) == pytest.approx(fans_of(matrix))


def test_uneven_kernels_and_strides() -> None:
    module = nn.Conv2d(4, 6, (3, 5), stride=(2, 1), groups=2)
    assert true_fans(module) == (30, Fraction(45, 2))
    transposed = nn.ConvTranspose2d(4, 6, (3, 5), stride=(2, 3), groups=2)
    assert true_fans(transposed) == (Fraction(30, 6), 45)


def test_padding_and_bias_do_not_count() -> None:
    plain = nn.Conv2d(4, 6, 3, bias=False)
    assert true_fans(nn.Conv2d(4, 6, 3, padding=1)) == true_fans(plain) == (36, 54)


@pytest.mark.parametrize("module", [nn.ReLU(), nn.Bilinear(2, 3, 4), nn.BatchNorm2d(3)])
def test_other_modules_are_refused_by_name(module: nn.Module) -> None:
    message = f"module must be Linear, Conv or ConvTranspose, got {type(module).__name__}"
    with pytest.raises(TypeError, match=message):
        true_fans(module)


# The ring


def test_a_ring_is_torchs_circular_padding_where_torch_has_it() -> None:
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = nn.Conv2d(3, 4, 3, bias=False, dtype=torch.float64)
    theirs = nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular", bias=False, dtype=torch.float64)
    theirs.load_state_dict(ours.state_dict())
    rolled = torch.roll(apply(ours, x), (1, 1), (2, 3))  # torch pads on both sides, we on one
    torch.testing.assert_close(rolled, theirs(x))


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_transposed_ring_is_the_transpose_of_a_ring(stride: int) -> None:
    options: Any = {"stride": stride, "bias": False, "dtype": torch.float64}
    forward, backward = nn.Conv1d(2, 3, 4, **options), nn.ConvTranspose1d(3, 2, 4, **options)
    backward.load_state_dict(forward.state_dict())
    matrix = connections(forward, 2, 6, 1)
    np.testing.assert_allclose(connections(backward, 3, 6 // stride, 1), matrix.T, atol=1e-15)


# The derivation


def test_the_layers_cover_what_the_derivation_distinguishes() -> None:
    ratios = {name: (theory(m)["forward"], theory(m)["backward"]) for name, m in layers().items()}
    assert ratios["Linear"] == ratios["Conv2d"] == ratios["Conv2d, dilation 2"] == (1, 1)
    assert ratios["Conv2d, depthwise"] == (1, 1 / 8)
    assert ratios["Conv2d, stride 2, groups 4"] == (1, 1 / 16)
    assert ratios["Transpose2d"] == (1 / 4, 4)


def test_a_stack_with_the_other_fan_telescopes() -> None:
    other = load("init/fans").predict("other_fan")
    widths = (784, 50, 1000, 3, 70)
    product = math.prod(
        other(fan_in=n, fan_out=m) for n, m in zip(widths, widths[1:], strict=False)
    )
    assert product == pytest.approx(784 / 70)


# The experiment


@pytest.mark.parametrize(
    "chosen",
    [
        SMALL,
        replace(SMALL, size=12, networks=30, seed=1),
        replace(SMALL, widths=(300, 100), inputs=("gaussian",), draws=20),
    ],
    ids=["small", "larger images", "one layer and the lesson"],
)
def test_theory_and_measurement_agree(chosen: Settings) -> None:
    if len(chosen.widths) == 2:  # one layer has no ratio of gradients
        samples = measure(chosen, quiet)
        assert not samples["statistic"].str.startswith("fan_in backward").any()
    assert agrees(chosen)


def test_the_lessons_numbers() -> None:
    chosen = replace(SMALL, networks=2, draws=50)
    lesson = tables(measure(chosen, quiet), chosen)["lesson.csv"].set_index("quantity")
    wrong = lesson.loc["w (784, 50), fan_in: mean square", "unit_inputs"]
    assert wrong == pytest.approx(784 / 50)
    printed = lesson.dropna(subset=["lesson"])
    assert list(printed["lesson"]) == [0.5542, 0.8006]
    assert (((printed["lesson"] - printed["predicted"]) / printed["one_draw"]).abs() < 3).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 8}, "size must be a multiple of 6, got 8"),
        ({"size": 0}, "size must be at least 6"),
        ({"networks": 1}, "networks must be at least 2"),
        ({"draws": 1}, "draws must be at least 2"),
        ({"widths": (784, 5)}, "a ReLU layer needs at least 10 units"),
        ({"widths": (784,)}, "widths must name the input"),
    ],
)
def test_unusable_settings_are_refused(wrong: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(Unusable, match=message):
        Settings(**wrong)
