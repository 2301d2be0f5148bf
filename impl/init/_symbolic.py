"""The graph of a model without running it: ``torch.fx``'s symbolic trace, as the nodes of ``impl.init._graph``."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import Any

from torch import fx, nn
from torch.utils._pytree import tree_leaves

from impl.init._graph import (
    ATTENDS,
    SPELLINGS,
    Node,
    kind_of,
    random_slope,
    slope_of,
    weights_of,
    whole_kind,
)

USES: tuple[str, ...] = ()  # it computes nothing

MODULES = {"GELU": "gelu", "SiLU": "silu", "ReLU6": "relu6", "Embedding": "embedding"}
MODULES |= {
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "MultiheadAttention": "multi_head_attention_forward",
}


class _Tracer(fx.Tracer):
    """Looks into modules but for those that are one operation: torch's smallest, and what is written out elsewhere."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module becomes one node."""
        if isinstance(m, nn.MultiheadAttention) or whole_kind(m) is not None:
            return True
        return not any(m.children()) and super().is_leaf_module(m, module_qualified_name)


def traced(model: nn.Module) -> list[Node]:
    """The nodes of ``torch.fx``'s symbolic trace. Raises whatever it raises for a model that it cannot trace."""
    names = {id(p): name for name, p in model.named_parameters()}
    nodes: list[Node] = []
    index: dict[fx.Node, int] = {}
    for each in _Tracer().trace(model).nodes:
        if each.op in ("output", "get_attr"):
            continue
        inputs = tuple(index[x] for x in each.all_input_nodes if x in index)
        node = Node(len(nodes), "input", "", inputs)
        weights: tuple[Any, ...] = ()
        if each.op == "call_module":
            module = model.get_submodule(each.target)
            node.kind, node.module = _module_kind(module), each.target
            weights, node.slope = _weights(node.kind, module), _slope(node.kind, module)
        elif each.op in ("call_function", "call_method"):
            method = each.op == "call_method"
            node.kind = _spelled(each.target) if method else kind_of(each.target)
            node.module = next(reversed(each.meta.get("nn_module_stack") or ("",)))
            args, kwargs = fx.node.map_arg((each.args, each.kwargs), partial(_value, model))
            named = (x for x in tree_leaves((args, kwargs)) if id(x) in names)
            weights = weights_of(node.kind, named)
            node.slope = slope_of(node.kind, args, kwargs)
        node.weights = tuple(names[id(x)] for x in weights)
        node.weight = node.weights[0] if node.weights else None
        index[each] = node.index
        nodes.append(node)
    return nodes


def _value(model: nn.Module, node: fx.Node) -> Any:
    """A parameter for the node that stands for it; any other node itself."""
    return attrgetter(str(node.target))(model) if node.op == "get_attr" else node


def _spelled(method: str) -> str:
    return SPELLINGS.get(method, method.rstrip("_"))


def _weights(kind: str, module: Any) -> tuple[Any, ...]:
    """A module's matrices, or else its vectors."""
    if kind == ATTENDS:
        one_size = module._qkv_same_embed_dim
        return (module.in_proj_weight, module.out_proj.weight) if one_size else ()
    return weights_of(kind, module.parameters())


def _slope(kind: str, module: Any) -> float:
    if kind == "leaky_relu":
        return float(module.negative_slope)
    if kind == "rrelu":
        return random_slope(module.lower, module.upper, module.training)
    return slope_of(kind, (None, getattr(module, "weight", None)), {})


def _module_kind(module: nn.Module) -> str:
    name = type(module).__name__
    if name in MODULES or whole_kind(module):
        return MODULES.get(name) or str(whole_kind(module))
    for ending in ("BatchNorm", "Dropout", "InstanceNorm"):
        if name.startswith(ending):
            return _snake(ending)
    return _snake(name)


def _snake(name: str) -> str:
    """``AdaptiveAvgPool2d`` as adaptive_avg_pool2d, ``ReLU`` as relu, ``LayerNorm`` as layer_norm."""
    if name.isupper() or name in ("ReLU", "RReLU"):
        return name.lower()
    return "".join(
        f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name)
    ).replace("r_m_s_norm", "rms_norm")
