"""impl/init/_symbolic.py: the operations of a model that is only traced, as they are told where it runs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from impl.init._graph import recorded
from impl.init._symbolic import traced
from tests.told_models import IMAGE, ROW, NewGELUActivation, OwnRMSNorm, Tokens, kinds, of


@pytest.mark.parametrize(
    ("module", "x", "kind"),
    [
        *((nn.Linear(4, 4), ROW, "linear"), (nn.Conv1d(4, 4, 1), IMAGE[..., 0], "conv1d")),
        (nn.Conv2d(4, 4, 1), IMAGE, "conv2d"),
        (nn.ConvTranspose2d(4, 4, 1), IMAGE, "conv_transpose2d"),
        *((nn.ReLU(), ROW, "relu"), (nn.RReLU(), ROW, "rrelu"), (nn.ELU(), ROW, "elu")),
        *((nn.LeakyReLU(), ROW, "leaky_relu"), (nn.PReLU(), ROW, "prelu")),
        *((nn.ReLU6(), ROW, "relu6"), (nn.GELU(), ROW, "gelu"), (nn.SiLU(), ROW, "silu")),
        *((nn.SELU(), ROW, "selu"), (nn.CELU(), ROW, "celu"), (nn.Mish(), ROW, "mish")),
        *((nn.Tanh(), ROW, "tanh"), (nn.Softplus(), ROW, "softplus")),
        (nn.Dropout(), ROW, "dropout"),
        *((nn.BatchNorm1d(4), ROW, "batch_norm"), (nn.BatchNorm2d(4), IMAGE, "batch_norm")),
        *((nn.InstanceNorm2d(4), IMAGE, "instance_norm"), (nn.LayerNorm(4), ROW, "layer_norm")),
        *((nn.GroupNorm(2, 4), IMAGE, "group_norm"), (nn.RMSNorm(4), ROW, "rms_norm")),
        (nn.AdaptiveAvgPool2d(1), IMAGE, "adaptive_avg_pool2d"),
        *((nn.MaxPool2d(2), IMAGE, "max_pool2d"), (nn.AvgPool2d(2), IMAGE, "avg_pool2d")),
        *((nn.Flatten(), IMAGE, "flatten"), (NewGELUActivation(), ROW, "gelu")),
        (OwnRMSNorm(), ROW, "rms_norm"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_module_is_the_same_traced_as_run(module: nn.Module, x: Tensor, kind: str) -> None:
    model = nn.Sequential(module, nn.Linear(int(module.eval()(x).shape[-1]), 2))
    found = traced(model)
    assert kinds(found) == ["input", kind, "linear"]
    for ours, run in zip(found, recorded(model, [x]), strict=True):
        assert (ours.index, ours.kind, ours.inputs) == (run.index, run.kind, run.inputs)
        assert (ours.module, ours.slope) == (run.module, run.slope)


@pytest.mark.parametrize(
    "module",
    [nn.Linear(4, 4), nn.PReLU(), nn.LayerNorm(4), nn.RReLU(), nn.RReLU(0.1, 0.5)],
)
def test_a_module_has_the_same_parameters_traced_as_run(module: nn.Module) -> None:
    model = nn.Sequential(nn.Sequential(module), nn.ReLU())
    assert traced(model) == recorded(model, [ROW])


def test_functions_and_methods_are_traced_as_they_run() -> None:
    def forward(model: Any, x: Tensor) -> Tensor:
        y = functional.leaky_relu(x * model.a.bias, 0.25).view(2, 4)
        y = functional.prelu(torch.relu_(y.subtract(x)).abs_(), model.b.weight)
        y = functional.linear(y.addmm(x, model.a.weight), weight=model.a.weight)
        return functional.rrelu(y).transpose(0, 1)

    model = nn.Sequential(of(forward, a=nn.Linear(4, 4), b=nn.PReLU(init=0.5)))
    nodes = traced(model)
    assert nodes == recorded(model, [ROW])
    assert kinds(nodes)[1:5] == ["mul", "leaky_relu", "view", "sub"]
    assert [(n.kind, n.slope) for n in nodes if n.slope] == [
        *(("leaky_relu", 0.25), ("prelu", 0.5), ("rrelu", pytest.approx(11 / 48))),
    ]


def test_a_module_of_several_layers_is_looked_into_or_refused() -> None:
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
    kind = kinds(traced(nn.Sequential(normed, nn.ReLU())))
    assert kind[-2:] == ["linear", "relu"]
    with pytest.raises(fx.proxy.TraceError):  # what it does depends on its input
        traced(nn.Sequential(nn.TransformerEncoderLayer(4, 2)))


def test_an_embedding_and_what_shares_its_weights_are_traced_by_one_name() -> None:
    model = Tokens()
    assert [n.weight for n in traced(model)] == [None, None, "table.weight", "head.weight"]
    model.head.weight = model.table.weight
    assert [n.weight for n in traced(model)][2:] == ["table.weight", "table.weight"]


def test_attention_is_traced_with_its_matrices_if_they_are_of_one_size() -> None:
    model = of(lambda m, x: m.a(x, x, x)[0], a=nn.MultiheadAttention(4, 2))
    node = traced(model)[1]
    assert node.kind == "multi_head_attention_forward"
    assert node.weights == ("a.in_proj_weight", "a.out_proj.weight")
    model = of(lambda m, x: m.a(x, x, x)[0], a=nn.MultiheadAttention(4, 2, kdim=3))
    assert traced(model)[1].weights == ()


# As it is run, and as it is traced


def test_a_bias_is_no_weight_of_a_layer_whose_matrix_is_computed() -> None:
    model = of(
        lambda m, x: functional.linear(x, m.a.weight / 2, m.a.bias) * m.a.bias, a=nn.Linear(4, 4)
    )
    for nodes in (recorded(model, [ROW]), traced(model)):
        weights = {node.kind: node.weights for node in nodes if node.inputs}
        assert (weights["linear"], weights["mul"]) == ((), ("a.bias",))


def test_a_leaky_rectifier_keeps_its_slope() -> None:
    model = nn.Sequential(nn.LeakyReLU(0.3), nn.PReLU(init=0.4), nn.ReLU())
    for nodes in (recorded(model, [ROW]), traced(model)):
        assert kinds(nodes) == ["input", "leaky_relu", "prelu", "relu"]
        assert [n.slope for n in nodes] == pytest.approx([0, 0.3, 0.4, 0])
