"""The audit: theory and measurement agree, at every operation that a model is made of."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from derivations import load
from experiments.audit import audit
from experiments.audit.agreement import verdict
from experiments.audit.predict import Theory
from experiments.audit.worked import digits, lesson_cnn, vgg_b
from experiments.init import _lesson_cnn
from experiments.statistics import judge, mean_value
from tests.audited_models import WIDTH, Transformer, normal, sound, stack


def test_the_lessons_network_is_what_its_row_predicts() -> None:
    images = digits(32)
    found = audit(lesson_cnn, images, draws=40)
    expected = _lesson_cnn.expected(images)
    layers = [found.layer(str(2 * i)) for i in range(4)]
    comparisons = [
        mean_value(x.draws, e, statistic=x.name) for x, e in zip(layers, expected, strict=True)
    ]
    half = float(
        load("init/relu").predict("second_moment")(preactivation_var=1.0, negative_slope=0.0)
    )
    comparisons += [
        mean_value(found.layer(str(2 * i + 1)).draws, half * expected[i], statistic=f"relu {i}")
        for i in range(3)
    ]
    assert bool(judge(comparisons)["agrees"].all())
    for x, e in zip(layers, expected, strict=True):
        assert x.forward_predicted == pytest.approx(e, rel=1e-5)
    assert verdict(found.layers)[1] == []
    assert found.findings[0].row == "init/conv_default"
    assert "divides the second moment by 6 a layer" in found.findings[0].sentence


def test_model_b_has_the_ratios_that_rows_predict() -> None:
    found = audit(lambda: vgg_b(width=4, classes=10), normal(4, 3, 32, 32), draws=30)
    ratios = [
        mean_value(
            np.array(found.layer(name).draws) / np.array(found.layer(before).draws),
            found.layer(name).ratio_predicted,
            statistic=name,
        )
        for before, name in (("input", "0"), ("0", "1"), ("2", "3"))
    ]
    assert bool(judge(ratios)["agrees"].all())
    inner = found.layer("0")
    kaiming = float(
        load("init/kaiming").predict("linear_second_moment")(
            fan_in=inner.true_fan_in, weight_var=2 / inner.true_fan_in, second_moment=1.0
        )
    )
    border = (3 * 32 - 2) ** 2 / (3 * 32) ** 2  # the share of taps that are inside the image
    assert inner.ratio_predicted == pytest.approx(kaiming * border, rel=0.02)


def test_model_b_with_the_older_weights_loses_the_product_of_their_ratio() -> None:
    """The paper's own arithmetic: an identity, with pooling and border, for the same noise."""
    x = normal(2, 3, 32, 32)
    ours = audit(lambda: vgg_b(width=4), x, draws=3)
    older = audit(lambda: vgg_b(width=4, deviation=0.01), x, draws=3)
    variance = load("init/kaiming").predict("kaiming_variance")
    product = 1.0
    for a, b in zip(ours.layers, older.layers, strict=True):
        if a.kind == "conv2d":
            product *= 0.01**2 / float(variance(fan=a.fan_in, negative_slope=0.0))
            assert b.draws[0] / a.draws[0] == pytest.approx(product, rel=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(8, 16, 3, stride=2, padding=1),
        nn.Conv2d(8, 16, 3, groups=4, dilation=2),
        nn.Conv3d(8, 4, 3, padding=1),
        nn.ConvTranspose1d(8, 16, 4, stride=2),
        nn.ConvTranspose2d(8, 16, 3, stride=2, groups=2),
        nn.ConvTranspose3d(8, 4, 2, stride=2),
        nn.Conv2d(8, 16, 3, padding=1, padding_mode="circular"),
    ],
    ids=lambda m: f"{type(m).__name__} {m.groups}",
)
def test_every_convolution_is_the_layer_itself_on_squares(layer: nn.Module) -> None:
    dims = int(type(layer).__name__[-2])
    model = nn.Sequential(layer, nn.LeakyReLU(0.1), nn.Dropout(0.2))
    found = audit(model, normal(3, 8, *[6] * dims), draws=60)
    assert all(x.how == "exact" for x in found.layers)
    assert verdict(found.layers)[1] == [], verdict(found.layers)[0]
    assert found.layers[0].backward_predicted == pytest.approx(found.layers[0].backward, rel=0.15)


MODULES = (
    *("Tanh", "Sigmoid", "GELU", "SiLU", "SELU", "ELU", "Softplus", "Hardswish", "ReLU6", "Mish"),
)


@pytest.mark.parametrize("name", MODULES)
def test_every_activation_is_near_its_mean_field(name: str) -> None:
    found = audit(
        stack(3, getattr(nn, name), nn.init.xavier_normal_, width=256), normal(16, 256), draws=12
    )
    for x in found.layers[:-1]:  # the last has ten units, whose mean is uncertain
        assert x.how in ("exact", "mean field")
        assert x.forward_predicted == pytest.approx(x.forward, rel=0.1)
        assert x.backward_predicted == pytest.approx(x.backward, rel=0.15)
        assert x.alike_predicted == pytest.approx(x.alike, abs=0.04)


@pytest.mark.parametrize("training", [True, False])
def test_a_slope_drawn_for_every_number_counts_by_its_mean_square(training: bool) -> None:
    """In training E[a²] = 0.27 for a slope between 0 and 0.9; else a = 0.45."""

    def make() -> nn.Module:
        layers = [x for _ in range(3) for x in (nn.Linear(256, 256), nn.RReLU(0.0, 0.9))]
        return nn.Sequential(*layers).train(training)

    found = audit(make, normal(64, 256), draws=12)
    for x in (x for x in found.layers if x.kind == "rrelu"):
        assert x.ratio_predicted == pytest.approx(0.635 if training else 0.60125, rel=1e-3)
        assert abs(x.ratio - x.ratio_predicted) < 4 * x.ratio_error


def images(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), *layers, nn.Conv2d(32, 32, 1))


@pytest.mark.parametrize(
    "layers",
    [
        (nn.BatchNorm2d(32), nn.ReLU()),
        (nn.GroupNorm(4, 32), nn.ReLU(), nn.AvgPool2d(2)),
        (nn.ReLU(), nn.MaxPool2d(2)),
        (nn.InstanceNorm2d(32), nn.PReLU(), nn.AdaptiveAvgPool2d(4)),
        (nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.Dropout2d(0.3)),
    ],
    ids=lambda layers: "+".join(type(x).__name__ for x in layers),
)
def test_normalisation_and_pooling_are_near(layers: tuple[nn.Module, ...]) -> None:
    found = audit(images(*layers), normal(8, 3, 8, 8), draws=20)
    for x in found.layers:
        assert x.forward_predicted == pytest.approx(x.forward, rel=0.12), x
        assert x.backward_predicted == pytest.approx(x.backward, rel=0.2), x


def test_attention_is_near() -> None:
    ids = torch.randint(50, (4, 16), generator=torch.Generator().manual_seed(1))
    found = audit(lambda: Transformer(0.1), ids, draws=8)
    assert not [x for x in found.layers if x.how == "not predicted"]
    for x in found.layers:
        assert abs(math.log10(x.forward_predicted / x.forward)) < 0.2, x


def test_an_unknown_module_is_measured_and_theory_goes_on() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cumsum(x, 1) / 8

    model = nn.Sequential(nn.Linear(64, 64), Odd(), nn.Linear(64, 64), nn.ReLU())
    found = audit(model, normal(16, 64), draws=10)
    odd = next(x for x in found.layers if x.kind == "cumsum")
    assert odd.how == "not predicted" and "no rule" in odd.why
    after = found.layers[found.layers.index(odd) + 2]
    assert after.how == "from measured"
    assert after.ratio_predicted == pytest.approx(after.ratio, rel=0.1)
    assert math.isfinite(found.layers[0].backward_predicted)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_wrong_theory_is_noticed(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Theory.squares

    def wrong(self: Theory, weight: Tensor) -> tuple[float, float]:
        square, mean = right(self, weight)
        return factor * square, mean

    monkeypatch.setattr(Theory, "squares", wrong)
    found = audit(sound, normal(8, WIDTH), draws=20)
    assert verdict(found.layers)[1]
