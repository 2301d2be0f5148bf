"""The graph of a model without running it: ``torch.fx``'s symbolic trace, as the nodes of ``impl.init._graph``."""

from __future__ import annotations

from torch import fx, nn

from impl.init._graph import ATTENDS, LAYERS, SPELLINGS, Node, kind_of, slope_of, whole_kind

USES: tuple[str, ...] = ()  # it computes nothing

MODULES = {"GELU": "gelu", "SiLU": "silu", "ReLU6": "relu6", "Embedding": "embedding"}
MODULES |= {
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "MultiheadAttention": "multi_head_attention_forward",
}


def traced(model: nn.Module) -> list[Node]:
    """The nodes of ``torch.fx``'s symbolic trace. Raises whatever it raises for a model that it cannot trace."""
    graph = fx.symbolic_trace(model).graph
    nodes: list[Node] = []
    index: dict[fx.Node, int] = {}
    for each in graph.nodes:
        if each.op in ("output", "get_attr"):
            continue
        inputs = tuple(index[x] for x in each.all_input_nodes if x in index)
        node = Node(len(nodes), "input", "", inputs)
        if each.op == "call_module":
            module = model.get_submodule(each.target)
            node.kind, node.module = _module_kind(module), each.target
            if node.kind in LAYERS:
                node.weight = f"{each.target}.weight"
            if node.kind == ATTENDS and module._qkv_same_embed_dim:
                node.weights = (f"{each.target}.in_proj_weight", f"{each.target}.out_proj.weight")
            slope = getattr(module, "negative_slope", 0.0)
            node.slope = (
                slope_of("prelu", (0, module.weight), {}) if node.kind == "prelu" else slope
            )
        elif each.op == "call_function":
            node.kind = kind_of(each.target)
            if node.kind == "leaky_relu":
                node.slope = slope_of(node.kind, each.args, each.kwargs)
        elif each.op == "call_method":
            node.kind = SPELLINGS.get(each.target, each.target.rstrip("_"))
        index[each] = node.index
        nodes.append(node)
    return nodes


def _module_kind(module: nn.Module) -> str:
    name = type(module).__name__
    if name in MODULES or whole_kind(module):
        return MODULES.get(name) or str(whole_kind(module))
    for ending in ("ConvTranspose", "Conv", "BatchNorm", "Dropout", "InstanceNorm"):
        if name.startswith(ending):
            size = name.removeprefix(ending)
            words = {"ConvTranspose": "conv_transpose", "Conv": "conv"}
            return words[ending] + size if ending in words else _snake(ending)
    return _snake(name)


def _snake(name: str) -> str:
    """``AdaptiveAvgPool2d`` as adaptive_avg_pool2d, ``ReLU`` as relu, ``LayerNorm`` as layer_norm."""
    if name.isupper() or name in ("ReLU", "RReLU"):
        return name.lower()
    return "".join(
        f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name)
    ).replace("r_m_s_norm", "rms_norm")
