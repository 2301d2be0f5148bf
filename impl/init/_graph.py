"""The graph of any model: which operation's numbers go into which, told by running it or by symbolic tracing.

:func:`recorded` runs a model and watches each torch function it calls, so control flow and hand-written modules are no
obstacle. ``impl.init._symbolic`` does without an input, where the model lets it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

USES: tuple[str, ...] = ()  # it computes nothing

LAYERS = {f"{kind}{n}d" for kind in ("conv", "conv_transpose") for n in (1, 2, 3)}
LAYERS |= {"linear", "addmm"}
ATTENDS = "multi_head_attention_forward"  # torch's own attention, with its projections, in one call
RECTIFIERS = {"relu", "leaky_relu", "prelu", "rrelu"}
SMOOTH = {"tanh", "sigmoid", "gelu", "silu", "elu", "selu", "celu", "softplus", "mish"}
SMOOTH |= {"relu6", "hardtanh", "hardswish", "hardsigmoid", "softsign", "quick_gelu"}
NORMS = {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"}
POOLS = {f"{a}{k}_pool{n}d" for a in ("", "adaptive_") for k in ("avg", "max") for n in (1, 2, 3)}
ATTENTION = {"scaled_dot_product_attention", "multi_head_attention_forward", "softmax"}
ARITHMETIC = {"add", "sub", "mul", "div", "matmul", "bmm", "mean", "neg"}
OTHERS = {"embedding", "dropout", "alpha_dropout", "dropout1d", "dropout2d", "dropout3d"}
# Numbers change their place, and nothing else.
STRUCTURE = {
    *(
        "T",
        "alias",
        "bfloat16",
        "cat",
        "channel_shuffle",
        "chunk",
        "clone",
        "concat",
        "concatenate",
        "contiguous",
    ),
    *(
        "data",
        "detach",
        "double",
        "expand",
        "expand_as",
        "flatten",
        "flip",
        "float",
        "getitem",
        "half",
    ),
    *(
        "index_select",
        "mT",
        "movedim",
        "narrow",
        "pad",
        "permute",
        "pixel_shuffle",
        "pixel_unshuffle",
        "repeat",
    ),
    *(
        "repeat_interleave",
        "reshape",
        "reshape_as",
        "roll",
        "select",
        "split",
        "split_with_sizes",
        "squeeze",
    ),
    *(
        "stack",
        "swapaxes",
        "swapdims",
        "t",
        "tensor_split",
        "to",
        "transpose",
        "type",
        "type_as",
        "unbind",
    ),
    *("unflatten", "unfold", "unsqueeze", "view", "view_as"),
}
SPELLINGS = {"__matmul__": "matmul", "__truediv__": "div", "subtract": "sub", "multiply": "mul"}
SPELLINGS |= {"true_divide": "div", "divide": "div", "mm": "matmul", "__rdiv__": "rdiv"}
SPELLINGS |= {
    "__rsub__": "rsub",
    "avg_pool1d": "avg_pool1d",
    "_softmax": "softmax",
    "swish": "silu",
}
SPELLINGS |= {"feature_dropout": "dropout", "clamp_min": "clamp_min", "truediv": "div"}
# Modules that are one operation, however they compute it.
WHOLE = {"NewGELUActivation": "gelu", "GELUTanh": "gelu", "FastGELUActivation": "gelu"}
WHOLE |= {"QuickGELUActivation": "quick_gelu", "AccurateGELUActivation": "gelu"}


@dataclass
class Node:
    """One operation: what it is, in which module, on the results of which operations (by their index)."""

    index: int
    kind: str
    module: str
    inputs: tuple[int, ...]
    weight: str | None = None  # the name of the parameter that a layer multiplies by
    weights: tuple[str, ...] = ()  # of all matrices, where there are several
    slope: float = 0.0  # of a leaky rectifier

    @property
    def structural(self) -> bool:
        """Whether it only moves numbers about."""
        return self.kind in STRUCTURE


_unwatched = torch._C.DisableTorchFunction


class Recorder(TorchFunctionMode):
    """Within ``with Recorder(model) as record: model(x)`` every operation on tracked tensors becomes a Node.

    ``observe(node, function, args, kwargs, out)`` may be overridden; what is not derived from a tensor that
    :meth:`start` was given is not looked at. With ``constant_weights`` matrices of parameters get no gradient, but
    where one begins: in what is made of parameters alone, as an embedding is.
    """

    constant_weights = False

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.model = model
        self.parameters = {id(p): name for name, p in model.named_parameters()}
        self._where: dict[
            int, tuple[int, Tensor]
        ] = {}  # the tensor is kept, so that no id comes twice
        self._path: list[str] = []
        self._whole = 0
        self._hooks: list[Any] = []

    def __enter__(self) -> Any:
        for name, module in self.model.named_modules():
            whole = whole_kind(module)
            self._hooks.append(module.register_forward_pre_hook(self._enter(name, whole)))
            self._hooks.append(
                module.register_forward_hook(self._leave(name, whole), with_kwargs=True)
            )
        return super().__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for hook in self._hooks:
            hook.remove()

    def start(self, tensor: Tensor) -> Node:
        """Track ``tensor``, an input of the model."""
        node = Node(len(self.nodes), "input", "", ())
        self.nodes.append(node)
        self._put(node, tensor)
        with _unwatched():
            self.observe(node, None, (), {}, tensor)
        return node

    def forget(self) -> None:
        """Let go of the tensors, once nothing more is to be recorded."""
        self._where.clear()

    def node_of(self, tensor: Tensor) -> Node | None:
        """The operation that made ``tensor``."""
        found = self._where.get(id(tensor))
        return self.nodes[found[0]] if found else None

    def observe(
        self, node: Node, function: Any, args: Any, kwargs: dict[str, Any], out: Any
    ) -> None:
        """Look at one operation; here, don't."""

    def before(self, args: Any, kwargs: dict[str, Any]) -> None:
        """Called before an operation, which may change its arguments."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call the function, and record it."""
        kwargs = kwargs or {}
        if self._whole:
            return func(*args, **kwargs)
        with _unwatched():
            return self._record(kind_of(func), func, args, kwargs)

    def _record(self, kind: str, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        inputs = tuple(self._where[id(leaf)][0] for leaf in leaves if id(leaf) in self._where)
        weights = weights_of(kind, (x for x in leaves if id(x) in self.parameters))
        weight = self.parameters[id(weights[0])] if weights else None
        from_weight = kind == "embedding" and weight is not None
        if inputs or from_weight:
            self.before(args, kwargs)
        if kind == "hardtanh" and (*args[1:3], *kwargs.values())[:2] == (0.0, 6.0):
            kind = "relu6"  # as torch's own module calls it
        if self.constant_weights and any(
            x.requires_grad and not isinstance(x, nn.Parameter) for x in leaves
        ):
            args, kwargs = tree_map(_constant, (args, kwargs))
        out = func(*args, **kwargs)
        made = [x for x in tree_leaves(out) if isinstance(x, Tensor) and x.is_floating_point()]
        if (inputs or from_weight) and made:
            path = self._path[-1] if self._path else ""
            node = Node(len(self.nodes), kind, path, inputs, weight)
            node.weights = tuple(self.parameters[id(x)] for x in weights)
            node.slope = slope_of(kind, args, kwargs)
            self.nodes.append(node)
            for tensor in made:
                self._put(node, tensor)
            self.observe(node, func, args, kwargs, out)
        return out

    def _put(self, node: Node, tensor: Tensor) -> None:
        self._where[id(tensor)] = (node.index, tensor)

    def _enter(self, name: str, whole: str | None) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            self._path.append(name)
            self._whole += whole is not None

        return hook

    def _leave(self, name: str, whole: str | None) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
            if whole:
                self._whole -= 1
                if not self._whole:
                    epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
                    with _unwatched():
                        arguments = (*args, *module.parameters())
                        self._record(
                            whole, lambda *_, **__: out, arguments, {**kwargs, "eps": epsilon}
                        )
            self._path.pop()

        return hook


def _constant(x: Any) -> Any:
    return x.detach() if isinstance(x, nn.Parameter) and x.dim() > 1 else x


def kind_of(function: Callable[..., Any]) -> str:
    """The name of an operation, whichever of its spellings was called: "add" for ``+=``."""
    name = getattr(function, "__name__", "unknown")
    if name == "__get__":
        return str(getattr(getattr(function, "__self__", None), "__name__", "attribute"))
    if name in SPELLINGS:
        return SPELLINGS[name]
    if name.startswith("__") and name.endswith("__"):
        bare = name.strip("_")
        for prefix in ("i", "r"):
            if bare.startswith(prefix) and bare[1:] in ARITHMETIC | {"truediv"}:
                bare = bare[1:]
        return SPELLINGS.get(bare, bare)
    name = name.rstrip("_").removesuffix("_with_indices")
    return SPELLINGS.get(name, name)


def whole_kind(module: nn.Module) -> str | None:
    """The operation that a module is as a whole, if it is written out in smaller ones."""
    name = type(module).__name__
    if "RMSNorm" in name and not isinstance(module, nn.RMSNorm):
        return "rms_norm"
    return WHOLE.get(name)


def weights_of(kind: str, parameters: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """The matrices that an operation reads; or its vectors, but of a layer, whose only vector is its bias."""
    found = tuple(parameters)
    matrices = tuple(x for x in found if x.dim() > 1)
    return matrices if matrices or kind in LAYERS else found


def slope_of(kind: str, args: Any, kwargs: dict[str, Any]) -> float:
    """The negative slope of a rectifier; 0 for all else. A learned one is taken at its mean.

    One that is drawn anew for every number (RReLU in training) at its root mean square, which second moments have.
    """
    if kind == "leaky_relu":
        found = args[1] if len(args) > 1 else kwargs.get("negative_slope", 0.01)
        return float(found)
    if kind == "prelu":
        weight = args[1] if len(args) > 1 else kwargs["weight"]
        return float(weight.detach().double().mean())
    if kind == "rrelu":
        usual = {"lower": 1 / 8, "upper": 1 / 3, "training": False}
        given = dict(zip(usual, args[1:4], strict=False)) | kwargs
        return random_slope(**{name: given.get(name, value) for name, value in usual.items()})
    return 0.0


def random_slope(lower: float, upper: float, training: bool) -> float:
    """The slope of RReLU: halfway between its bounds; in training, where it is drawn anew, its root mean square."""
    if training:
        return math.sqrt((lower**2 + lower * upper + upper**2) / 3)
    return (lower + upper) / 2


def recorded(model: nn.Module, inputs: Sequence[Any]) -> list[Node]:
    """The nodes of one run of ``model`` on ``inputs``, without gradients."""
    with torch.no_grad(), Recorder(model) as record:
        for tensor in inputs:
            if isinstance(tensor, Tensor) and tensor.is_floating_point():
                record.start(tensor)
        model(*inputs)
    return record.nodes


def consumers(nodes: Sequence[Node]) -> list[list[int]]:
    """For each node, the indices of those that read it."""
    found: list[list[int]] = [[] for _ in nodes]
    for node in nodes:
        for each in dict.fromkeys(node.inputs):
            found[each].append(node.index)
    return found


def followers(nodes: Sequence[Node], index: int) -> Iterator[Node]:
    """What reads a node's numbers, past what only moves, pools or drops them."""
    readers = consumers(nodes)
    passed = STRUCTURE | POOLS | OTHERS | {"mean"}
    stack, seen = list(readers[index]), set()
    while stack:
        each = stack.pop(0)
        if each in seen:
            continue
        seen.add(each)
        if nodes[each].kind in passed:
            stack = readers[each] + stack
        else:
            yield nodes[each]
