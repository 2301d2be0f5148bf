"""The audit: theory and measurement agree, the true cause is named, nothing of the user's is changed."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from derivations import load
from experiments.audit import audit
from experiments.audit.__main__ import main
from experiments.audit.agreement import verdict
from experiments.audit.page import document
from experiments.audit.predict import Theory
from experiments.audit.report import as_json
from experiments.audit.worked import digits, lesson_cnn, vgg_b
from experiments.init import _lesson_cnn
from experiments.settings import Unusable
from experiments.statistics import judge, mean_value

HERE = "tests.test_audit"
WIDTH = 128


def stack(
    depth: int,
    activation: Callable[[], nn.Module] = nn.ReLU,
    fill: Callable[[Tensor], Any] | None = None,
    norm: bool = False,
    width: int = WIDTH,
) -> nn.Module:
    """A stack of dense layers, and a linear one at the end."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        linear = nn.Linear(width, width)
        if fill is not None:
            fill(linear.weight)
            nn.init.zeros_(linear.bias)
        layers += [linear, *([nn.BatchNorm1d(width)] if norm else []), activation()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


class Residual(nn.Module):
    """Sixteen branches with Kaiming's weights, and no normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(stack(1, fill=nn.init.kaiming_normal_) for _ in range(16))
        for branch in self.branches:
            branch[2] = nn.Linear(WIDTH, WIDTH)
            nn.init.kaiming_normal_(branch[2].weight)

    def forward(self, x: Tensor) -> Tensor:
        for branch in self.branches:
            x = x + branch(x)
        return x


class Transformer(nn.Module):
    """Three layers of torch's own, with weights of one deviation."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 64)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(64, 4, 128, 0.1, "gelu", batch_first=True, norm_first=True)
            for _ in range(3)
        )
        self.head = nn.Linear(64, 50)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=deviation)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.table(ids)
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.head(x)
        return out


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


def sound() -> nn.Module:
    return stack(3, fill=nn.init.kaiming_normal_)


def broken() -> nn.Module:
    raise KeyError("no weights here")


def number() -> int:
    return 3


class TwoInputs(nn.Module):
    """Two inputs, and a tuple with a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.layer(a), {"other": self.layer(b)}


# Theory


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


# Causes

CASES: dict[str, tuple[Callable[[], nn.Module], Tensor, str, str]] = {
    "default": (lambda: stack(12), normal(16, WIDTH), "gain", "init/conv_default"),
    "xavier": (
        lambda: stack(12, fill=nn.init.xavier_normal_),
        normal(16, WIDTH),
        "gain",
        "init/xavier",
    ),
    "sigmoid": (
        lambda: stack(8, nn.Sigmoid, nn.init.xavier_normal_),
        *(normal(16, WIDTH), "saturation", "init/xavier"),
    ),
    "wide tanh": (
        lambda: stack(16, nn.Tanh, lambda w: nn.init.normal_(w, std=0.3)),
        *(normal(16, WIDTH), "saturation", "init/xavier"),
    ),
    "no skip": (lambda: stack(24, norm=True), normal(32, WIDTH), "normalised", "init/shifted_relu"),
    "no norm": (Residual, normal(16, WIDTH), "residual", "depth/fixup"),
    "transposed": (
        lambda: nn.Sequential(
            *(m for _ in range(3) for m in (nn.ConvTranspose2d(16, 16, 4, 2, 1), nn.ReLU()))
        ),
        *(normal(4, 16, 2, 2), "gain", "init/fans"),
    ),
    "narrow": (
        lambda: stack(30, fill=nn.init.kaiming_normal_, width=16),
        *(normal(16, 16), "width", "depth/finite_width"),
    ),
    "pixels": (sound, 255 * normal(16, WIDTH).abs(), "input", "init/standardize"),
    "scores": (
        lambda: Transformer(0.5),
        torch.arange(64).reshape(4, 16) % 50,
        *("scores", "init/kaiming"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_main_cause_is_the_true_one(case: str) -> None:
    factory, x, kind, row = CASES[case]
    found = audit(factory, x, draws=6)
    first = found.findings[0]
    assert (first.kind, first.row, first.grave) == (kind, row, True), first
    assert first.sentence in " ".join(str(found).split()) or first.sentence[:40] in str(found)


def test_a_sound_model_has_nothing_to_mend() -> None:
    found = audit(sound, normal(16, WIDTH), draws=10)
    assert not [f for f in found.findings if f.grave]
    assert "The signal is kept, both ways." in str(found)


@pytest.mark.parametrize("case", ["default", "xavier", "no norm", "transposed", "scores"])
def test_initialise_mends_it(case: str) -> None:
    factory, x, kind, _ = CASES[case]
    found = audit(factory, x, draws=6, fix=True)
    assert found.after is not None
    assert kind not in [f.kind for f in found.after.findings if f.grave]
    assert "After initialise_" in str(found)


# What is the user's stays as it was


def test_neither_the_model_nor_any_random_state_is_changed() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Dropout(0.5)
    )
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    model[0].bias.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    gradient = model[0].weight.grad.clone()
    x = normal(2, 3, 8, 8)
    kept = x.clone()
    numbers = np.random.get_state()[1].copy()  # noqa: NPY002
    states = torch.get_rng_state(), numbers, random.getstate()
    audit(model, x, draws=3, fix=True)
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(gradient, model[0].weight.grad)
    assert not model[0].bias.requires_grad and model.training and not x.requires_grad
    assert torch.equal(x, kept)
    assert not model[0]._forward_hooks and not model[0]._forward_pre_hooks
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
    assert states[2] == random.getstate()


def test_the_same_seed_measures_the_same() -> None:
    first, second = (audit(sound, normal(4, WIDTH), draws=3, seed=4) for _ in range(2))
    assert [x.draws for x in first.layers] == [x.draws for x in second.layers]
    other = audit(sound, normal(4, WIDTH), draws=3, seed=5)
    assert other.layers[1].draws != first.layers[1].draws


def test_a_model_that_is_there_is_drawn_again_by_its_own_law() -> None:
    reset = audit(stack(2), normal(8, WIDTH), draws=5)
    assert "reset_parameters" in reset.redrawn
    model = stack(2, fill=lambda w: nn.init.normal_(w, std=0.3))
    shuffled = audit(model, normal(8, WIDTH), draws=5)
    assert "another order" in shuffled.redrawn
    assert shuffled.layers[1].weight_std == pytest.approx(0.3, rel=0.02)
    assert len(set(shuffled.layers[1].draws)) == 5


# Reports, and what cannot be audited


def test_json_and_html_have_it_all() -> None:
    found = audit(CASES["default"][0], normal(8, WIDTH), draws=4, fix=True)
    data = json.loads(as_json(found))
    assert data["findings"][0]["row"] == "init/conv_default" and data["after"]["layers"]
    assert {"fan_in", "gain", "needed_gain", "ratio", "product", "alike", "dead"} <= set(
        data["layers"][1]
    )
    page = document(found)
    assert (
        page.count("<svg") == 2 and "init/conv_default" in page and "initialise_(model, x)" in page
    )
    assert found._repr_html_() in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nowhere.at_all:x --input 3", "there is no module 'nowhere'"),
        (f"{HERE} --input 3", "MODULE:NAME"),
        (f"{HERE}:nothing --input 3", "has no 'nothing'"),
        (f"{HERE}:broken --input 3", "the factory failed: KeyError"),
        (f"{HERE}:number --input 3", "must return a torch.nn.Module"),
        (f"{HERE}:WIDTH --input 3", "is no function"),
        (f"{HERE}:sound", "give the shape"),
        (f"{HERE}:sound --input 3xa", "sizes such as"),
        (f"{HERE}:sound --input 3", "without the batch?"),
        (f"{HERE}:sound --input 128 --tokens 9", "leave out --tokens"),
        (f"{HERE}:sound --input 128 --nets 2", "nets must be at least 3"),
        (f"{HERE}:TwoInputs --input 4", "wants several inputs"),
        (f"{HERE}:TwoInputs --input 4 4 --output more", "returns no 'more'"),
    ],
)
def test_what_cannot_be_audited_is_told_in_one_line(
    arguments: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments.split())
    shown = capsys.readouterr().err
    assert stop.value.code == 2
    assert said in shown and shown.count("\n") == 1 and "Traceback" not in shown


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        f"{HERE}:sound --input 128 --nets 3 --fix --json {tmp_path}/a.json --html {tmp_path}/a.html"
    )
    with pytest.raises(SystemExit) as stop:
        main(arguments.split())
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    assert "initialise_(model, x)" in shown and "The signal is kept" in shown
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["model"] == "sound"
    assert "<svg" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_several_inputs_and_a_chosen_output() -> None:
    found = audit(TwoInputs(), normal(4, 4), normal(4, 4), draws=3, output="1")
    assert [x.kind for x in found.layers] == ["input", "input", "linear", "linear"]
    named = audit(TwoInputs(), a=normal(4, 4), b=normal(4, 4), draws=3, fix=True)
    assert named.after is not None


def test_no_gradient_is_told() -> None:
    class Frozen(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach() * 2

    with pytest.raises(Unusable, match="gradient"):
        audit(Frozen(), normal(2, 3), draws=3)


def test_a_verdict_needs_something_to_test() -> None:
    found = audit(sound, normal(4, WIDTH), draws=3)
    unsure = [replace(x, how="mean field") for x in found.layers]
    assert verdict(unsure)[0].startswith("No layer could be tested")
