"""One audit: the model copied, its weights drawn, measured, predicted, and explained."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from experiments.audit.explain import findings
from experiments.audit.finding import Finding
from experiments.audit.measure import Measured, Track, chosen, measure, redrawer
from experiments.audit.trace import Layer, layers, predict_gradients, predicted
from experiments.settings import Unusable, at_least
from impl.init.apply import initialise_


@dataclass
class Audited:
    """What an audit found: a :class:`Layer` for each operation, and the findings, the gravest first."""

    name: str
    layers: list[Layer]
    findings: list[Finding]
    draws: int
    asked: int
    redrawn: str
    seconds: float
    measured: Measured = field(repr=False)
    after: Audited | None = None

    def __str__(self) -> str:
        from experiments.audit.report import text

        return text(self)

    def _repr_html_(self) -> str:
        from experiments.audit.page import fragment

        return fragment(self)

    def layer(self, name: str) -> Layer:
        """The layer called ``name``; raises KeyError with those there are."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(f"no layer {name!r}; there are {', '.join(x.name for x in self.layers)}")


def audited(
    model: nn.Module | Callable[[], nn.Module],
    *inputs: Any,
    draws: int = 20,
    seed: int = 0,
    seconds: float = 40.0,
    output: str = "",
    fix: bool = False,
    name: str = "",
    track: Track = iter,
    **named: Any,
) -> Audited:
    """Audit a model, or a function that makes one, on example inputs, by position or by name.

    ``draws`` networks are drawn, fewer if they do not fit into ``seconds`` (three at least). ``output`` names the part
    of the result that counts. With ``fix`` a copy is initialised by :func:`impl.init.apply.initialise_` and audited,
    too: it is ``.after``. ``track`` shows the draws' progress, as ``rich.progress.track`` does. Raises Unusable, in one
    line, for what cannot be audited.
    """
    at_least(3, draws=draws)
    factory = None if isinstance(model, nn.Module) else model
    with undisturbed(seed):
        first = made(factory) if factory else model
        assert isinstance(first, nn.Module)  # noqa: S101 - for the type checker
        title = name or type(first).__name__
        first = first if factory else _copied(first)
        draw, said = redrawer(first, factory)
        found = _once(title, draw, said, inputs, named, draws, seed, seconds, output, track)
        if fix:

            def again() -> nn.Module:
                return initialise_(draw(), *_in_order(first, inputs, named))

            said = "initialise_ was applied to each draw"
            found.after = _once(
                title, again, said, inputs, named, draws, seed, seconds, output, track
            )
    return found


def _in_order(model: nn.Module, inputs: Any, named: dict[str, Any]) -> tuple[Any, ...]:
    """The inputs by position, as ``initialise_`` takes them."""
    import inspect

    if not named:
        return tuple(inputs)
    order = list(inspect.signature(model.forward).parameters)
    last = max(order.index(n) if n in order else 0 for n in named)
    return (*inputs, *(named.get(n) for n in order[len(inputs) : last + 1]))


def _once(
    title: str,
    draw: Callable[[], nn.Module],
    said: str,
    inputs: Any,
    named: dict[str, Any],
    draws: int,
    seed: int,
    seconds: float,
    output: str,
    track: Track,
) -> Audited:
    with explained(inputs, named):
        options: dict[str, Any] = {"seed": seed, "seconds": seconds, "output": output}
        measured = measure(draw, said, inputs, named, draws=draws, track=track, **options)
        theory = predicted(measured, inputs, named)
        predict_gradients(theory, chosen(theory.result, output))
    lines = layers(measured, theory)
    return Audited(
        title,
        lines,
        findings(lines, measured, theory),
        measured.draws,
        draws,
        said,
        measured.seconds,
        measured,
    )


def made(factory: Callable[[], nn.Module]) -> nn.Module:
    """What the factory makes; raises Unusable if that is no module, or if it fails."""
    if not callable(factory):
        raise Unusable(
            f"the model must be a torch.nn.Module or a function that makes one, got {type(factory).__name__}"
        )
    try:
        model = factory()
    except Exception as error:
        raise Unusable(f"the factory failed: {type(error).__name__}: {error}") from None
    if not isinstance(model, nn.Module):
        raise Unusable(
            f"the factory must return a torch.nn.Module, and returned {type(model).__name__}"
        )
    return model


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model).float().cpu()
    except (RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise Unusable(
            f"the model cannot be copied ({reason}); give a function that makes it"
        ) from None


@contextmanager
def undisturbed(seed: int) -> Iterator[None]:
    """The random states of torch, numpy and Python as they were, afterwards; ``seed`` within."""
    # A user's model may draw from NumPy's global state; it must find it as it was.
    python, numbers, grad = random.getstate(), np.random.get_state(), torch.is_grad_enabled()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        torch.set_grad_enabled(True)
        try:
            yield
        finally:
            torch.set_grad_enabled(grad)
            np.random.set_state(numbers)  # noqa: NPY002
            random.setstate(python)


@contextmanager
def explained(inputs: Any, named: dict[str, Any]) -> Iterator[None]:
    """A model that fails on its inputs is the user's to mend: one line says what it said, and what it was given."""
    try:
        yield
    except Unusable:
        raise
    except (
        RuntimeError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        KeyError,
        AssertionError,
    ) as error:
        if _ours(error):
            raise
        given = ", ".join([*map(_shown, inputs), *(f"{k}={_shown(v)}" for k, v in named.items())])
        reason = " ".join(str(error).split())[:220]
        raise Unusable(
            f"the model fails on {given or 'no inputs'}: {reason} {_hint(error)}".strip()
        ) from None


def _ours(error: BaseException) -> bool:
    """Whether an error was raised by the audit's own code, and not by the model's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (
        trace is not None
        and Path(trace.tb_frame.f_code.co_filename).parent == Path(__file__).parent
    )


def _shown(x: Any) -> str:
    return (
        f"{str(x.dtype).removeprefix('torch.')}{tuple(x.shape)}"
        if isinstance(x, torch.Tensor)
        else repr(x)[:40]
    )


def _hint(error: BaseException) -> str:
    said = str(error)
    if "missing" in said and "argument" in said:
        return "(it wants several inputs: --input SHAPE SHAPE, or NAME=SHAPE NAME=SHAPE)"
    if "Long, Int" in said or ("indices" in said and "Float" in said):
        return "(it wants token ids: add --tokens VOCABULARY)"
    if "out of range" in said:
        return "(ids beyond the vocabulary, or a sequence that is too long?)"
    if "long int" in said or ("dtype" in said and "Long" in said):
        return "(it wants numbers, not token ids: leave out --tokens)"
    if "shape" in said or "size" in said or "channels" in said:
        return "(is --input the shape of one example, without the batch?)"
    return ""
