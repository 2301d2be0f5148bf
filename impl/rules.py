"""The rules of the game: what an implementation may take from torch, and from when on.

A module declares in ``USES`` every torch function that it calls. Free from the start are creation,
random numbers and indexing; an operation is earned when a row has rebuilt it, and free from then
on. What is used before it is rebuilt is on loan, and listed as such.
Kernels may use a compiler of what we write, which they declare in ``COMPILED_BY``: it turns our loops
into machine code, and brings no operation of its own. What a kernel works on is memory that
``numpy`` hands it, a view as any other, or ``data_ptr`` its address.
``tests/test_rules_of_the_game.py`` runs every public function of every module inside :class:`only`,
and holds the lists below against ``USES``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from torch.overrides import TorchFunctionMode, resolve_name

# To ask for a tensor's form or to switch gradients off computes nothing: nobody need declare these.
FORM = frozenset(
    {f"torch.Tensor.{name}" for name in ("shape", "dtype", "device", "dim", "numel")}
    | {
        "torch.Tensor.stride",
        "torch.Tensor.storage_offset",
        "torch.Tensor.is_complex",
        "torch.Tensor.is_floating_point",
        "torch.Tensor.is_contiguous",
        "torch.Tensor.is_cpu",
        "torch.Tensor.is_neg",
        "torch._C._set_grad_enabled",
    }
)

# Creation (copies and conversions too), random numbers, indexing (views too): free where declared.
FREE = frozenset(
    {f"torch.Tensor.{name}" for name in ("clone", "detach", "double", "new_zeros", "tolist")}
    | {f"torch.Tensor.{name}" for name in ("contiguous", "new_empty", "numpy", "data_ptr")}
    | {f"torch.Tensor.{name}" for name in ("normal_", "uniform_", "__getitem__", "__setitem__")}
    | {
        f"torch.Tensor.{name}"
        for name in ("T", "mT", "as_strided", "flatten", "imag", "real", "reshape", "squeeze")
    }
    | {"torch.Tensor.item", "torch.Tensor.__float__", "torch.empty_like", "torch.arange"}
)

# Python, and instructions that Python writes, to machine code; only for modules that declare it.
COMPILERS = frozenset({"numba", "llvmlite", "halide"})

# In the order of the rebuild: (module, its function in plain Python, what is earned by that).
EARNED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "tensors/frobenius",
        "frobenius_norm_loops",
        ("torch.Tensor.mul", "torch.Tensor.add", "torch.Tensor.sum", "torch.Tensor.sqrt"),
    ),
    (
        "tensors/frobenius",
        "frobenius_norm_gradient_loops",
        (
            "torch.Tensor.div",
            "torch.Tensor.eq",
            "torch.Tensor.masked_fill",
            "torch.Tensor.masked_fill_",
        ),
    ),
    (
        "init/relu",
        "leaky_relu_loops",
        ("torch.Tensor.clamp_min", "torch.Tensor.clamp_min_", "torch.Tensor.clamp_max"),
    ),
    ("tensors/matmul", "matmul_loops", ("torch.Tensor.matmul",)),
    ("tensors/einsum", "einsum_loops", ("torch.functional.einsum",)),
    ("backprop/loss", "mse_loss_loops", ("torch.Tensor.sub",)),
    (
        "backprop/chain_rule",
        "relu_gradient_loops",
        ("torch.Tensor.le", "torch.Tensor.gt", "torch.where"),
    ),
    (
        "backprop/cross_entropy",
        "cross_entropy_loops",
        ("torch.Tensor.exp", "torch.Tensor.log", "torch.Tensor.amax"),
    ),
    ("depth/correlation", "arc_cosine_kernel_loops", ("torch.Tensor.acos",)),
)

# No row has rebuilt these yet: none at present. A row that does moves them to EARNED.
ON_LOAN: frozenset[str] = frozenset()

# One operation has several spellings: 1 / x asks for __rtruediv__, x / 2 for div.
SPELLINGS = {"__eq__": "eq", "__pow__": "pow", "__rpow__": "pow", "__rsub__": "sub"}
SPELLINGS |= {"__rtruediv__": "div"}


class RuleBroken(Exception):
    """An implementation called a torch function that it does not declare."""


class only(TorchFunctionMode):  # noqa: N801 - a context manager, as contextlib.suppress is
    """Within ``with only("torch.Tensor.sum"):`` any other torch function raises RuleBroken.

    ``called`` gathers the names that were called and had to be declared. What a permitted function
    calls inside is not looked at.
    """

    def __init__(self, *allowed: str) -> None:
        super().__init__()
        self.allowed = frozenset(allowed)
        self.called: set[str] = set()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Let the call through if it is allowed."""
        name = public_name(func)
        if name not in FORM:
            if name not in self.allowed:
                raise RuleBroken(f"{name} is not allowed here, only {sorted(self.allowed)}")
            self.called.add(name)
        return func(*args, **(kwargs or {}))


def public_name(function: Callable[..., Any]) -> str:
    """The name under which torch documents a function: ``torch.Tensor.mul`` for ``2 * x``."""
    name = resolve_name(function) or f"{function.__module__}.{function.__qualname__}"
    owner, _, last = name.removesuffix(".__get__").rpartition(".")
    return f"{owner}.{SPELLINGS.get(last, last)}"


def may_use(module: str) -> frozenset[str]:
    """What a module ("init/kaiming") may declare: free, on loan, or earned by itself or before it.

    A module that earns nothing comes after all that do.
    """
    earners = [earner for earner, _, _ in EARNED]
    mine = [place for place, earner in enumerate(earners) if earner == module]
    last = mine[-1] if mine else len(earners)
    return (FREE | ON_LOAN).union(*(earned for _, _, earned in EARNED[: last + 1]))


def uses(module: ModuleType) -> frozenset[str]:
    """What a module may call: its own ``USES``, and those of the impl modules it imports from."""
    homes = {inspect.getmodule(value) for value in vars(module).values()}
    others = {home for home in homes if home and home.__name__.startswith("impl.")} - {module}
    return frozenset(module.USES).union(*map(uses, others))
