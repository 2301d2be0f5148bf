"""impl/init/_graph.py: the operations of a model, told by running it."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

import pytest
import sympy as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from derivations.proof import DerivationError, Step, check
from impl.init._graph import (
    Node,
    Recorder,
    consumers,
    followers,
    kind_of,
    random_slope,
    recorded,
    slope_of,
    whole_kind,
)
from tests.told_models import IMAGE, ROW, NewGELUActivation, OwnRMSNorm, Tokens, kinds, of

# The names of operations


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (torch.relu_, "relu"),
        (Tensor.__iadd__, "add"),
        (Tensor.__radd__, "add"),
        (operator.iadd, "iadd"),
        (Tensor.__rsub__, "rsub"),
        (Tensor.__isub__, "sub"),
        (Tensor.subtract, "sub"),
        (Tensor.multiply_, "mul"),
        (Tensor.__rmul__, "mul"),
        (Tensor.__truediv__, "div"),
        (Tensor.__itruediv__, "div"),
        (operator.truediv, "div"),
        (Tensor.__rtruediv__, "rdiv"),
        (Tensor.__matmul__, "matmul"),
        (Tensor.__rmatmul__, "matmul"),
        (torch.mm, "matmul"),
        (Tensor.__getitem__, "getitem"),
        (Tensor.__invert__, "invert"),
        (Tensor.__rpow__, "rpow"),
        (torch._softmax, "softmax"),
        (functional.max_pool2d_with_indices, "max_pool2d"),
        (Tensor.T.__get__, "T"),
        (Tensor.is_leaf.__get__, "is_leaf"),
        (property(id).__get__, "attribute"),
        (property.__get__, "attribute"),
        (object(), "unknown"),
    ],
)
def test_an_operation_has_one_name(function: Any, name: str) -> None:
    assert kind_of(function) == name


def test_modules_that_are_written_out_are_known_by_their_name() -> None:
    assert whole_kind(NewGELUActivation()) == "gelu"
    assert whole_kind(OwnRMSNorm()) == "rms_norm"
    for module in (nn.GELU(), nn.RMSNorm(4), nn.Linear(4, 4)):  # torch's own are one call
        assert whole_kind(module) is None


@pytest.mark.parametrize("constant", [False, True])
def test_weights_get_their_gradient_unless_they_are_constant(constant: bool) -> None:
    class Ours(Recorder):
        constant_weights = constant

    model, x = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)), ROW.clone()
    x.requires_grad_()
    with Ours(model) as record:
        record.start(x)
        model(x).sum().backward()
    assert x.grad is not None
    assert (model[2].weight.grad is None) is constant


def test_constant_weights_get_a_gradient_where_one_begins() -> None:
    """An input that wants none: all that comes of it wants one because of the first weights alone."""

    class Ours(Recorder):
        constant_weights = True

    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    with Ours(model) as record:
        record.start(ROW)
        model(ROW).sum().backward()
    assert model[0].weight.grad is not None
    assert model[2].weight.grad is None


def test_the_slopes_of_rectifiers() -> None:
    weight = torch.tensor([0.1, 0.3], requires_grad=True)
    assert slope_of("leaky_relu", (ROW,), {}) == 0.01  # torch's default
    assert slope_of("leaky_relu", (ROW, 0.2), {}) == 0.2
    assert slope_of("leaky_relu", (ROW,), {"negative_slope": 0.3}) == 0.3
    assert slope_of("prelu", (ROW, weight), {}) == pytest.approx(0.2)
    assert slope_of("prelu", (ROW,), {"weight": weight}) == pytest.approx(0.2)
    assert slope_of("rrelu", (ROW,), {}) == pytest.approx((1 / 8 + 1 / 3) / 2)  # torch's defaults
    assert slope_of("rrelu", (ROW, 0.1, 0.5), {}) == pytest.approx(0.3)
    assert slope_of("rrelu", (ROW, 0.1), {"upper": 0.3}) == pytest.approx(0.2)
    drawn = slope_of(
        "rrelu", (ROW,), {"lower": 0.0, "upper": 0.9, "training": True, "inplace": True}
    )
    assert drawn**2 == pytest.approx(0.27)  # E[a²], for a uniform between 0 and 0.9
    assert slope_of("rrelu", (ROW, 0.4, 0.4, True), {}) == pytest.approx(0.4)
    assert slope_of("relu", (ROW, 0.5), {}) == 0


def test_the_mean_square_of_a_random_slope_is_its_integral() -> None:
    """Checked as the steps of a derivation are: for the slope l + (u - l) t, t uniform from 0 to 1."""
    low, high, t = sp.symbols("low high t", real=True)
    square = (low**2 + low * high + high**2) / 3
    step = Step("slope", sp.Integral((low + (high - low) * t) ** 2, (t, 0, 1)), square, "uniform")
    assert check(step).status == "proved"
    with pytest.raises(DerivationError, match="the sides differ"):
        check(replace(step, rhs=square * 3 / 4))
    for bounds in ((1 / 8, 1 / 3), (0.0, 0.9), (-0.5, 0.25)):
        expected = float(square.subs({low: bounds[0], high: bounds[1]}))
        assert random_slope(*bounds, training=True) ** 2 == pytest.approx(expected)
        assert random_slope(*bounds, training=False) == pytest.approx(sum(bounds) / 2)


# A model that runs


def test_a_run_is_told_in_its_order_with_modules_weights_and_inputs() -> None:
    model = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Sequential(nn.Flatten(), nn.Linear(128, 5)))
    nodes = recorded(model, [IMAGE])
    assert [(n.index, n.kind, n.module, n.inputs, n.weight) for n in nodes] == [
        (0, "input", "", (), None),
        (1, "conv2d", "0", (0,), "0.weight"),
        (2, "flatten", "1.0", (1,), None),
        (3, "linear", "1.1", (2,), "1.1.weight"),
    ]
    assert nodes[1].weights == ("0.weight",) and nodes[2].weights == ()
    assert [n.structural for n in nodes] == [False, False, True, False]


def test_both_sides_of_a_sum_are_its_inputs_and_numbers_and_inputs_of_no_use_are_not() -> None:
    model = of(lambda m, x: x.sin() + x.cos() * 2 + torch.ones(2, 4).exp())
    nodes = recorded(model, [ROW])
    assert kinds(nodes) == ["input", "sin", "cos", "mul", "add", "add"]
    assert [n.inputs for n in nodes] == [(), (0,), (0,), (2,), (1, 3), (4,)]


def test_a_word_or_a_number_may_stand_beside_the_inputs() -> None:
    class Chosen(nn.Module):
        def forward(self, how: str, x: Tensor, times: Tensor) -> Tensor:
            out: Tensor = getattr(x, how)() * times
            return out

    assert kinds(recorded(Chosen(), ["relu", ROW, torch.tensor(2)])) == ["input", "relu", "mul"]


def test_whole_numbers_and_what_comes_of_them_are_not_followed() -> None:
    assert kinds(recorded(of(lambda m, x: x.relu() + (x > 0).sum()), [ROW])) == [
        *("input", "relu", "add")
    ]


def test_the_matrix_is_a_layers_weight_though_its_bias_comes_first() -> None:
    parts = {"a": nn.Linear(4, 4)}
    model = of(lambda m, x: torch.addmm(m.a.bias, x, m.a.weight) + m.a.bias, **parts)
    _, product, plus = recorded(model, [ROW])
    assert (product.kind, product.weight, product.weights) == ("addmm", "a.weight", ("a.weight",))
    assert (plus.kind, plus.weight, plus.inputs) == ("add", "a.bias", (1,))


def test_torchs_attention_is_one_operation_of_two_matrices() -> None:
    model = nn.MultiheadAttention(4, 2, batch_first=True)
    x = torch.ones(1, 3, 4)
    attends = next(n for n in recorded(model, [x, x, x]) if n.weights)
    assert attends.kind == "multi_head_attention_forward"
    assert attends.weights == ("in_proj_weight", "out_proj.weight")


def test_tokens_are_followed_from_their_embedding_on() -> None:
    table, head = recorded(Tokens(), [torch.zeros(2, 3, dtype=torch.long)])
    assert (table.kind, table.inputs, table.weight) == ("embedding", (), "table.weight")
    assert (head.kind, head.inputs, head.weight) == ("linear", (0,), "head.weight")


def test_a_clip_to_six_is_torchs_relu6() -> None:
    clip = functional.hardtanh
    for call in (lambda m, x: clip(x, 0.0, 6.0), lambda m, x: clip(x, min_val=0.0, max_val=6.0)):
        assert kinds(recorded(of(call), [ROW])) == ["input", "relu6"]
    assert kinds(recorded(of(lambda m, x: clip(x, -1.0, 6.0)), [ROW])) == ["input", "hardtanh"]
    assert kinds(recorded(nn.ReLU6(), [ROW])) == ["input", "relu6"]


@pytest.mark.parametrize(
    ("epsilon", "expected"),
    [({}, None), ({"eps": 1e-3}, 1e-3), ({"eps": 1e-3, "variance_epsilon": 1e-4}, 1e-4)],
)
def test_what_is_written_out_is_one_operation(
    epsilon: dict[str, float], expected: float | None
) -> None:
    seen: list[tuple[str, Any, tuple[int, ...]]] = []

    class Watch(Recorder):
        def observe(self, node: Node, function: Any, args: Any, kwargs: Any, out: Any) -> None:
            seen.append((node.kind, kwargs.get("eps"), tuple(out.shape)))

    model = nn.Sequential(OwnRMSNorm(**epsilon), NewGELUActivation(), nn.Linear(4, 3))
    with Watch(model) as record:
        record.start(ROW)
        out = model(ROW)
    *_, norm, gelu, last = record.nodes
    assert seen == [
        *(("input", None, (2, 4)), ("rms_norm", expected, (2, 4)), ("gelu", None, (2, 4))),
        ("linear", None, (2, 3)),
    ]
    assert (norm.module, norm.weight, norm.inputs, gelu.inputs) == ("0", "0.weight", (0,), (1,))
    assert (gelu.module, last.module, last.inputs) == ("1", "2", (2,))
    assert record.node_of(out) is last and record.node_of(ROW) is record.nodes[0]
    assert record.node_of(torch.ones(1)) is None
    record.forget()
    assert record.node_of(out) is None


def test_what_is_written_out_inside_of_such_a_module_is_not_told() -> None:
    norm = OwnRMSNorm()
    norm.register_module("inner", NewGELUActivation())
    norm.forward = lambda x: norm.inner(x) * x  # type: ignore[method-assign, operator]
    assert kinds(recorded(nn.Sequential(norm, nn.ReLU()), [ROW])) == ["input", "rms_norm", "relu"]


def test_afterwards_a_model_is_as_before() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    nodes = recorded(model, [ROW])
    model(ROW)
    assert len(nodes) == 3
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_an_operation_may_be_changed_before_it_runs() -> None:
    class Doubled(Recorder):
        def before(self, args: Any, kwargs: dict[str, Any]) -> None:
            for x in (*args, *kwargs.values()):
                x.mul_(2)

    with Doubled(of(lambda m, x: torch.relu(input=torch.relu(x)))) as record:
        x = torch.ones(2)
        record.start(x)
        out = record.model(x)
    assert out.tolist() == [4, 4]


# What reads what


def graph(*rows: tuple[str, tuple[int, ...]]) -> list[Node]:
    return [Node(i, kind, "", inputs) for i, (kind, inputs) in enumerate(rows)]


def test_readers_are_counted_once() -> None:
    nodes = graph(("input", ()), ("mul", (0, 0)), ("add", (0, 1)))
    assert consumers(nodes) == [[1, 2], [2], []]


def test_followers_are_found_past_what_moves_pools_or_drops() -> None:
    for kind in ("view", "max_pool2d", "dropout", "mean"):
        nodes = graph(("linear", ()), (kind, (0,)), ("relu", (1,)), ("tanh", (2,)), ("gelu", (1,)))
        assert [n.kind for n in followers(nodes, 0)] == ["relu", "gelu"]


def test_followers_come_in_depth_and_each_once() -> None:
    nodes = graph(
        *(("linear", ()), ("view", (0,)), ("relu", (0, 1)), ("tanh", (1,)), ("gelu", (0,))),
    )
    assert [n.kind for n in followers(nodes, 0)] == ["relu", "tanh", "gelu"]
    assert list(followers(nodes, 4)) == []
