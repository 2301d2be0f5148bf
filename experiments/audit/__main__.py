"""``python -m experiments.audit mypackage.module:make_model --input 3x224x224``: audit a model before training it.

0: nothing is to be mended. 1: something is. 2: the model cannot be audited; the reason is one line.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import tyro

from experiments.command import guarded, parse
from experiments.settings import Unusable, at_least


@dataclass(frozen=True)
class Options:
    """Does your network keep its signal? Theory and measurement, layer by layer, before any training."""

    factory: tyro.conf.Positional[str]
    """MODULE:NAME of a function without arguments, or a class, that makes the model; or a model itself."""
    input: tuple[str, ...] = ()
    """Shapes of one example, one for each input: 3x224x224, or 128 for 128 numbers or tokens; or NAME=SHAPE."""
    batch: int = 8
    """How many examples."""
    nets: int = 20
    """How many networks to draw; fewer if the time is up."""
    tokens: int = 0
    """The size of the vocabulary, if the inputs are token ids (of several inputs, those named with "id")."""
    output: str = ""
    """Which part of the result counts, by name or number, if it is a tuple or a dict."""
    fix: bool = False
    """Print the function to call, and audit a copy that it was applied to."""
    eval: bool = False
    """Audit in evaluation mode: no dropout, and BatchNorm with the statistics that it has."""
    all: bool = False
    """Show all operations in the terminal."""
    seed: int = 0
    """Of the draws and of the inputs."""
    seconds: float = 30.0
    """Begin no new draw that would end after so many seconds."""
    json: Annotated[Path | None, tyro.conf.arg(help="Write all that was found to this file.")] = (
        None
    )
    html: Annotated[
        Path | None, tyro.conf.arg(help="Write a report with the curves to this file.")
    ] = None


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """The command line."""
    options = parse(Options, argv, "python -m experiments.audit")
    sys.exit(guarded(lambda: work(options)))


def work(options: Options) -> int:
    """Audit, and write what was asked for."""
    from experiments.audit.audited import audited, undisturbed
    from experiments.audit.report import as_json, print_report

    at_least(1, batch=options.batch)
    at_least(3, nets=options.nets)
    at_least(0, tokens=options.tokens, seconds=options.seconds)
    made = found_factory(options.factory)
    with undisturbed(options.seed):
        inputs, named = examples(options)
    factory = (lambda: made().eval()) if options.eval and not hasattr(made, "parameters") else made
    found = audited(
        factory,
        *inputs,
        draws=options.nets,
        seed=options.seed,
        seconds=options.seconds,
        output=options.output,
        fix=options.fix,
        name=options.factory.rpartition(":")[2],
        track=progress(),
        **named,
    )
    print_report(found, options.all)
    if options.fix:
        print(
            CALL.format(x=", ".join(f"x{i or ''}" for i in range(len(inputs) + len(named))) or "x")
        )
    for path, write in ((options.json, as_json), (options.html, _document)):
        if path is not None:
            save(path, write(found))
    return int(any(f.grave for f in found.findings))


def progress() -> Any:
    """rich's progress bar of the draws, in a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = not console.is_terminal
    return partial(track, description="draws", console=console, transient=True, disable=hidden)


CALL = """The function to call, after making the model; it writes into the model, and nothing else:

    from impl.init.apply import initialise_
    initialise_(model, {x})
"""


def _document(found: Any) -> str:
    from experiments.audit.page import document

    return document(found)


def save(path: Path, text: str) -> None:
    """Write a report; raises Unusable if that is not possible."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Unusable(f"cannot write {path}: {error.strerror}") from None
    print(f"wrote {path}")


def found_factory(name: str) -> Callable[[], Any]:
    """The function or class behind MODULE:NAME; raises Unusable, saying which part is not there."""
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise Unusable(
            f"the factory must be MODULE:NAME, such as mypackage.models:make_model, got {name!r}"
        )
    sys.path.insert(0, "")  # as python -m does: the folder that one is in
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise Unusable(
            f"there is no module {error.name!r}; run this where {module_name!r} can be imported"
        ) from None
    except Exception as error:
        raise Unusable(f"importing {module_name} failed: {type(error).__name__}: {error}") from None
    value: Any = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            names = [n for n in vars(value) if not n.startswith("_")][:12]
            raise Unusable(f"{module_name} has no {attribute!r}; it has {', '.join(names)}")
        value = getattr(value, part)
    if isinstance(value, type) or callable(value):
        return value
    raise Unusable(f"{name} is no function, class or model, but {type(value).__name__}")


def examples(options: Options) -> tuple[list[Any], dict[str, Any]]:
    """Standard normal inputs, or random tokens, of the shapes asked for."""
    import torch

    if not options.input:
        raise Unusable("give the shape of one example: --input 3x224x224")
    inputs, named = [], {}
    for text in options.input:
        name, _, shape = text.rpartition("=")
        sizes = dimensions(shape)
        ids = options.tokens and (len(options.input) == 1 or "id" in name)
        try:
            shape_ = (options.batch, *sizes)
            value = torch.randint(options.tokens, shape_) if ids else torch.randn(shape_)
        except (RuntimeError, OverflowError):
            raise Unusable(f"{options.batch} examples of {shape} are too many numbers") from None
        if name:
            named[name] = value
        else:
            inputs.append(value)
    return inputs, named


def dimensions(shape: str) -> list[int]:
    """The sizes in "3x224x224"; raises Unusable for anything else."""
    parts = shape.lower().replace("×", "x").replace(",", "x").split("x")
    if not all(p.isdecimal() and int(p) > 0 for p in parts):
        raise Unusable(f"--input wants sizes such as 3x224x224, got {shape!r}")
    return [int(p) for p in parts]


if __name__ == "__main__":
    main()
