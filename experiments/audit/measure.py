"""What a model does to its signal, measured: both passes of fresh draws, and a hook on every operation."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from experiments.audit.state import cosine_of, mean_square, squares
from experiments.settings import Unusable
from impl.init._graph import RECTIFIERS, Node, Recorder

Track = Callable[[Iterable[int]], Iterable[int]]  # shows progress, as it is iterated
FEWEST = 3  # draws: a standard error wants some
SAME = 6.0  # standard errors within which a variance is that of the module's own reset


class Watch(Recorder):
    """One draw's mean squares, forwards and, as the backward pass comes by, of the gradients."""

    constant_weights = True  # their gradients would take a third of the time

    def __init__(self, model: nn.Module, batch: int) -> None:
        super().__init__(model)
        self.batch = batch
        self.forward: list[float] = []
        self.backward: dict[int, float] = {}
        self.alike: list[float] = []
        self.dead: list[float] = []

    def observe(
        self, node: Node, function: Any, args: Any, kwargs: dict[str, Any], out: Any
    ) -> None:
        """Look at an operation's result, and wait for its gradient."""
        tensor = next(
            x for x in tree_leaves(out) if isinstance(x, Tensor) and x.is_floating_point()
        )
        if node.structural:
            self._put_row(np.nan, np.nan, np.nan)
        else:
            value = tensor.detach()
            batched = value.dim() > 1 and len(value) == self.batch
            square, alike = square_and_cosine(value.float(), batched)
            self._put_row(square, alike, dead_share(value) if node.kind in RECTIFIERS else np.nan)
        if tensor.requires_grad:

            def keep(gradient: Tensor, index: int = node.index) -> None:
                self.backward[index] = mean_square(gradient.float())

            tensor.register_hook(keep)

    def _put_row(self, square: float, alike: float, dead: float) -> None:
        self.forward.append(square)
        self.alike.append(alike)
        self.dead.append(dead)


@dataclass
class Measured:
    """All draws: arrays (draws, nodes) of mean squares, cosines and dead shares; parameters' squares and means."""

    nodes: list[Node]
    forward: npt.NDArray[np.float64]
    backward: npt.NDArray[np.float64]
    alike: npt.NDArray[np.float64]
    dead: npt.NDArray[np.float64]
    parameters: dict[str, tuple[float, float]]
    fourths: dict[str, float]
    redrawn: str
    model: nn.Module = field(repr=False)
    seconds: float = 0.0
    asked: int = 0

    @property
    def draws(self) -> int:
        """How many networks were drawn."""
        return len(self.forward)


def square_and_cosine(x: Tensor, batched: bool) -> tuple[float, float]:
    """The mean square, and of a batch the mean cosine between two inputs, else NaN."""
    if not batched:
        return mean_square(x), np.nan
    rows = x.flatten(1)
    rows = rows.double() if rows.numel() < 2**20 else rows  # copies of large ones take their time
    each = squares(rows)
    return float(each.sum()) / max(rows.numel(), 1), cosine_of(rows, each.sqrt())


def dead_share(x: Tensor) -> float:
    """The share of units that are zero for every input and position."""
    if x.dim() < 2:
        return float("nan")
    units = 1 if x.dim() != 3 else 2
    others = [axis for axis in range(x.dim()) if axis != units]
    return float((x.amax(others) <= 0).double().mean())


def redrawer(
    model: nn.Module, factory: Callable[[], nn.Module] | None
) -> tuple[Callable[[], nn.Module], str]:
    """How to draw the model again, and how that is said.

    By the factory; else each module by its own ``reset_parameters``, if that gives weights of the variance that it has;
    else from its own weights, in another order and with other signs.
    """
    if factory is not None:
        return factory, "the factory was called for each draw"
    original = {name: p.detach() for name, p in model.named_parameters()}
    trial = copy.deepcopy(model)
    resettable = []
    for name, module in trial.named_modules():
        own = dict(module.named_parameters(recurse=False))
        reset = getattr(module, "reset_parameters", None)
        if not own or reset is None:
            continue
        reset()
        prefix = f"{name}." if name else ""
        if all(_alike(original.get(prefix + n), p.detach()) for n, p in own.items()):
            resettable.append(name)

    def again() -> nn.Module:
        made = copy.deepcopy(model)
        done: set[int] = set()
        for name in resettable:
            module = made.get_submodule(name)
            module.reset_parameters()  # type: ignore[operator]
            done |= {id(p) for p in module.parameters(recurse=False)}
        with torch.no_grad():
            for p in made.parameters():
                if id(p) not in done:
                    _shuffle(p)
        return made

    count = sum(1 for m in model.modules() if dict(m.named_parameters(recurse=False)))
    if len(resettable) == count:
        return again, "every module's own reset_parameters was called for each draw"
    rest = count - len(resettable)
    return again, (
        f"{len(resettable)} modules were reset by themselves; in {rest} the weights that are "
        "there were put into another "
        "order, with other signs, for each draw"
    )


def _alike(one: Tensor | None, other: Tensor) -> bool:
    """Whether two tensors have the same mean square, within what chance allows."""
    if one is None or one.numel() == 0:
        return one is not None
    a, b = (x.double().square() for x in (one, other))
    if one.numel() < 2:
        return bool(torch.allclose(a, b, rtol=0.5))
    error = float((a.var() + b.var()) / a.numel()) ** 0.5
    return abs(float(a.mean() - b.mean())) <= SAME * error + 1e-12 * float(a.mean())


def _shuffle(p: Tensor) -> None:
    """The entries in another order, with other signs if their law may be symmetric."""
    flat = p.flatten()
    mixed = flat[torch.randperm(len(flat))]
    error = float(mixed.double().std()) / max(len(flat), 1) ** 0.5 if len(flat) > 1 else 0.0
    if len(flat) > 1 and error > 0 and abs(float(mixed.double().mean())) < 4 * error:
        mixed = mixed * (torch.randint(0, 2, mixed.shape) * 2 - 1)
    p.copy_(mixed.view_as(p))


def run(model: nn.Module, inputs: Sequence[Any], named: dict[str, Any], output: str = "") -> Watch:
    """One draw, both passes: the gradient of the output's sum with independent random signs and sizes."""
    batch = next(
        (len(x) for x in (*inputs, *named.values()) if isinstance(x, Tensor) and x.dim()), 1
    )
    watch = Watch(model, batch)
    inputs, named = fresh(inputs), dict(zip(named, fresh(list(named.values())), strict=True))
    with watch:
        for tensor in (*inputs, *named.values()):
            if isinstance(tensor, Tensor) and tensor.is_floating_point():
                watch.start(tensor)
        out = model(*inputs, **named)
    result = chosen(out, output)
    if not result.requires_grad:
        raise Unusable(
            "the output does not depend on any parameter or input by a gradient; is it under no_grad?"
        )
    result.backward(torch.randn_like(result))
    watch.forget()
    return watch


def fresh(inputs: Sequence[Any]) -> list[Any]:
    """Copies of the inputs; those of floating point ask for a gradient."""
    return [
        x.detach().clone().requires_grad_(x.is_floating_point()) if isinstance(x, Tensor) else x
        for x in inputs
    ]


def chosen(out: Any, name: str = "") -> Tensor:
    """The tensor to send a gradient into: the one named, else the first of floating point."""
    if name:
        try:
            out = (
                out[int(name)]
                if name.isdigit()
                else out[name]
                if isinstance(out, dict)
                else getattr(out, name)
            )
        except (AttributeError, IndexError, KeyError, TypeError):
            raise Unusable(
                f"the model returns no {name!r}, but {_described(out)}; choose another --output"
            ) from None
    values = list(out.values()) if isinstance(out, dict) else out
    for tensor in tree_leaves(values):
        if isinstance(tensor, Tensor) and tensor.is_floating_point():
            return tensor
    raise Unusable(
        f"the model must return a tensor of floating point, or a tuple or dict with one, not {_described(out)}"
    )


def _described(out: Any) -> str:
    if isinstance(out, dict):
        return f"a dict with {', '.join(map(str, out))}"
    return f"{type(out).__name__}" + (f" of {len(out)}" if isinstance(out, (tuple, list)) else "")


def moments_of(p: Tensor, first: bool) -> tuple[float, float, float]:
    """Mean square, mean and fourth moment of a parameter's entries; of many entries the last only once."""
    fourth = first or p.numel() < 2**16
    values = p.double() if p.numel() < 2**12 else p.float()
    return (
        mean_square(values),
        float(values.mean()),
        mean_square(values.square()) if fourth else np.nan,
    )


def measure(
    draw: Callable[[], nn.Module],
    redrawn: str,
    inputs: Sequence[Any],
    named: dict[str, Any],
    *,
    draws: int,
    seed: int,
    seconds: float,
    output: str = "",
    track: Track = iter,
) -> Measured:
    """So many draws, or as many as begin within ``seconds`` (at least 3). The caller keeps the random state."""
    watches: list[Watch] = []
    found: dict[str, list[tuple[float, float, float]]] = {}
    start, model = time.monotonic(), None
    for number in track(range(draws)):
        if number >= FEWEST and (time.monotonic() - start) * (number + 1) / number > seconds:
            break
        torch.manual_seed(seed + 1 + number)
        model = draw()
        for name, p in model.named_parameters():
            p.requires_grad_(True)
            found.setdefault(name, []).append(moments_of(p.detach(), number == 0))
        watch = run(model, inputs, named, output)
        model.zero_grad()
        if watches and [n.kind for n in watch.nodes] != [n.kind for n in watches[0].nodes]:
            raise Unusable(
                "the model does other operations in each draw, so its layers cannot be compared over draws"
            )
        watches.append(watch)
    assert model is not None  # noqa: S101 - for the type checker: there is at least one draw
    nodes = watches[0].nodes
    table = {
        name: np.array([getattr(w, name) for w in watches]) for name in ("forward", "alike", "dead")
    }
    backward = np.array([[w.backward.get(i, np.nan) for i in range(len(nodes))] for w in watches])
    means = {name: np.nanmean(each, axis=0) for name, each in found.items()}
    return Measured(
        nodes,
        table["forward"],
        backward,
        table["alike"],
        table["dead"],
        {name: (float(m[0]), float(m[1])) for name, m in means.items()},
        {name: float(m[2]) for name, m in means.items()},
        redrawn,
        model,
        time.monotonic() - start,
        draws,
    )
