"""init/apply: what each layer of a model gets, by what follows it, its true fan, and the residual branch it is in."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from derivations import load, mean_field
from impl.init import apply
from impl.init._graph import recorded
from impl.init.apply import branches, initialise_, needed_gain, nodes_of, plan

MODEL = nn.Sequential(nn.Linear(300, 400), nn.ReLU(), nn.Linear(400, 200))
EXAMPLES = {
    "needed_gain": lambda: needed_gain("gelu"),
    "initialise_": lambda: initialise_(MODEL),
    "nodes_of": lambda: nodes_of(MODEL, ()),
    "plan": lambda: plan(nodes_of(MODEL, ())),
    "branches": lambda: branches(nodes_of(MODEL, ())),
    "fan_in": lambda: apply.fan_in(MODEL[0], MODEL[0].weight),
    "Choice": lambda: apply.Choice("0.weight", "0", 1.0),
    "Branch": lambda: apply.Branch(0, 0, [], False, frozenset()),
}


class Residual(nn.Module):
    """``count`` branches of two layers, with or without a normalisation before each."""

    def __init__(self, count: int, normalised: bool) -> None:
        super().__init__()
        first = [nn.LayerNorm(64)] if normalised else []
        self.blocks = nn.ModuleList(
            nn.Sequential(*first, nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64))
            for _ in range(count)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = x + block(x)
        return x


def gain(weight: torch.Tensor, fan: float) -> float:
    return float(weight.detach().double().std()) * math.sqrt(fan)


@pytest.mark.parametrize(
    "name", ["relu", "leaky_relu", "gelu", "silu", "elu", "mish", "quick_gelu"]
)
def test_gains_are_those_of_the_derivations(name: str) -> None:
    slope = 0.2 if name == "leaky_relu" else 0.0
    if name in ("relu", "leaky_relu"):
        expected = float(load("init/kaiming").predict("gain")(negative_slope=slope))
    else:
        expected = mean_field.gain(name)
    assert needed_gain(name, slope) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softsign", "hardtanh", "hardsigmoid"])
def test_what_saturates_gets_the_inverse_of_its_slope_at_zero(name: str) -> None:
    slope = math.sqrt(float(mean_field.moments(name, 1e-14)[2]))
    assert needed_gain(name) == pytest.approx(1 / slope, rel=1e-5)


def test_layers_get_the_gain_of_what_follows() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(300, 400), nn.ReLU(), nn.Linear(400, 300), nn.Tanh(), nn.Linear(300, 200)
    )
    initialise_(model)
    gains = [gain(model[i].weight, model[i].in_features) for i in (0, 2, 4)]
    assert gains == pytest.approx([math.sqrt(2), 1, 1], rel=0.02)
    assert all(float(model[i].bias.detach().abs().sum()) == 0 for i in (0, 2, 4))


def test_a_transposed_convolution_gets_its_true_fan() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.ConvTranspose2d(32, 64, 4, 2, 1), nn.ReLU())
    initialise_(model)
    assert gain(model[0].weight, 32 * 16 / 4) == pytest.approx(math.sqrt(2), rel=0.03)


def test_what_a_normalisation_follows_is_left_alone() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3))
    before = model[0].weight.clone()
    initialise_(model)
    assert torch.equal(before, model[0].weight)


@pytest.mark.parametrize("inputs", [(), (torch.zeros(2, 64),)], ids=["fx", "run"])
def test_branches_without_normalisation_get_fixup(inputs: tuple[torch.Tensor, ...]) -> None:
    torch.manual_seed(0)
    model = initialise_(Residual(4, normalised=False), *inputs)
    scale = float(load("depth/fixup").predict("scale")(branches=4, branch_layers=2))
    for block in model.blocks:
        assert gain(block[0].weight, 64) == pytest.approx(scale * needed_gain("gelu"), rel=0.05)
        assert not block[2].weight.any()


@pytest.mark.parametrize("inputs", [(), (torch.zeros(2, 64),)], ids=["fx", "run"])
def test_branches_with_normalisation_get_the_root_of_their_number(
    inputs: tuple[torch.Tensor, ...],
) -> None:
    torch.manual_seed(0)
    model = initialise_(Residual(4, normalised=True), *inputs)
    assert [gain(b[3].weight, 128) for b in model.blocks] == pytest.approx([0.5] * 4, rel=0.05)


def test_torchs_attention_is_initialised() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(64, 4, 128, 0.0, batch_first=True, norm_first=True)
    biases = layer.self_attn.in_proj_bias, layer.self_attn.out_proj.bias
    for bias in biases:
        nn.init.ones_(bias)
    initialise_(layer, torch.zeros(2, 5, 64))
    assert not any(bias.any() for bias in biases)
    assert gain(layer.self_attn.in_proj_weight, 64) == pytest.approx(1, rel=0.05)
    assert gain(layer.self_attn.out_proj.weight, 64) == pytest.approx(math.sqrt(1 / 2), rel=0.05)


def test_both_ways_to_a_graph_choose_alike() -> None:
    model = Residual(3, normalised=True)
    assert plan(nodes_of(model, ())) == plan(recorded(model, [torch.zeros(2, 64)]))


def test_a_model_that_fx_cannot_trace_wants_an_input() -> None:
    class Branchy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 64)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return functional.relu(self.layer(x)) if x.sum() > 0 else self.layer(x)

    with pytest.raises(ValueError, match="give an example of its inputs"):
        initialise_(Branchy())
    model = initialise_(Branchy(), torch.ones(2, 64))
    assert gain(model.layer.weight, 64) == pytest.approx(math.sqrt(2), rel=0.1)


def test_a_generator_makes_it_reproducible() -> None:
    weights = []
    for _ in range(2):
        model = initialise_(
            nn.Sequential(nn.Linear(9, 9)), generator=torch.Generator().manual_seed(3)
        )
        weights.append(model[0].weight.detach().clone())
    assert torch.equal(*weights)


class Tied(nn.Module):
    """The output has the weights of the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.middle = nn.Embedding(9, 64), nn.Linear(64, 64)
        self.head = nn.Linear(64, 9)
        self.head.weight = self.table.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.middle(self.table(tokens)))
        return out


@pytest.mark.parametrize("inputs", [(), (torch.zeros(2, 3).long(),)], ids=["fx", "run"])
def test_what_an_embedding_shares_is_left_alone(inputs: tuple[torch.Tensor, ...]) -> None:
    torch.manual_seed(0)
    model = Tied()
    before = model.table.weight.clone()
    initialise_(model, *inputs)
    assert torch.equal(before, model.table.weight)
    assert gain(model.middle.weight, 64) == pytest.approx(1, rel=0.05)


def test_a_gelu_that_is_written_out_is_one_to_fx_too() -> None:
    class NewGELUActivation(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.04 * x**3)))

    model = nn.Sequential(nn.Linear(4, 4), NewGELUActivation())
    assert plan(nodes_of(model, ())) == plan(recorded(model, [torch.zeros(2, 4)]))
    assert plan(nodes_of(model, ()))[0].gain == needed_gain("gelu")


def test_each_choice_says_why() -> None:
    def reasons(model: nn.Module, *inputs: torch.Tensor) -> list[str]:
        return [choice.why for choice in plan(nodes_of(model, inputs))]

    assert reasons(MODEL) == ["relu follows", "it is the output"]
    assert reasons(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))) == [
        "layer_norm follows, and cancels its scale"
    ]
    assert reasons(Residual(3, normalised=True))[:2] == [
        *("gelu follows", "1/√N at the end of one of N = 3 residual branches")
    ]
    assert reasons(Residual(3, normalised=False))[:2] == [
        "Fixup: one of 3 branches of 2 layers without normalisation",
        "Fixup: zeros end a branch",
    ]
    assert reasons(Tied())[1:] == ["shares its weights with an embedding"]
    attention = nn.MultiheadAttention(8, 2)
    x = torch.zeros(3, 1, 8)
    assert set(reasons(attention, x, x, x)) == {"attention: linear, at gain 1"}
