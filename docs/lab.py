"""What a notebook of a row calls: check a step, show code, run the experiment at any size, right or wrong.

In JupyterLab the results are typeset and the sliders move; where nobody moves them (``nbclient``), each cell
runs once, as it stands. A setting that cannot be used is told in one line, as on the command line.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import fields, replace
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from IPython.display import Image, Markdown, display

from derivations import load
from derivations.latex import equation
from derivations.proof import DerivationError, check
from derivations.record import record
from derivations.rows import ROOT
from experiments.settings import Unusable

if TYPE_CHECKING:  # these come with the experiment
    import pandas as pd

    from experiments.figures import Picture
    from experiments.mutants import Mutant

Code = type | Callable[..., Any]
STEEP = 4  # a slider reaches from a quarter of where it starts to four times as much


def check_step(row: str, label: str, *, seed: int = 0, points: int = 5) -> None:
    """Say how a step of ``row`` fared on both roads; with another seed or more points it is checked anew.

    What was checked as it stands is kept, as for ``python -m derivations``. Raises DerivationError.
    """
    if (seed, points) == (0, 5):
        found = next(each for each in record(load(row))["lines"] if each["label"] == label)
        status, used, digits = (found[name] for name in ("status", "points", "digits"))
        if found["error"]:
            raise DerivationError(found["error"])
    else:
        fresh = check(load(row).step(label), row=row, seed=seed, points=points)
        status, used, digits = fresh.status, fresh.points, fresh.digits
    print(f"{label}: {status}; both sides agree at {used} points, to {digits} digits")


def wrong_step(row: str, label: str, change: Callable[[Any], Any]) -> None:
    """What the machine says to a step whose right side is changed."""
    derivation = load(row)
    step = derivation.step(label)
    wrong = replace(step, rhs=change(step.rhs))
    display(Markdown(f"$${equation(derivation.papers, wrong.lhs, wrong.rhs)}$$"))
    try:
        checked = check(wrong, row=row)
    except DerivationError as error:
        print(f"refused: {error}")
    else:
        print(f"{checked.status}: it says the same as the step")


def show_code(*things: Code) -> None:
    """The source of functions and classes, as it runs."""
    for thing in things:
        path = str(inspect.getsourcefile(inspect.unwrap(thing))).removeprefix(f"{ROOT}/")
        text = inspect.getsource(thing)
        display(Markdown(f"`{path}`\n\n```python\n{text}```"))


def published(row: str, name: str) -> pd.DataFrame:
    """A table that the last full run of ``row`` wrote; empty, with the command to run, if there is none."""
    import pandas as pd

    path = ROOT / "results" / "experiments" / row / name
    if not path.is_file():
        print(f"no {name} yet: python experiments/{row}.py")
        return pd.DataFrame()
    return pd.read_csv(path)


def run(settings: Any, wrong: str = "", *, pictures: int = 1) -> bool | None:
    """Run an experiment at this size, on code that is right or ``wrong`` (a mutant's name), and show what it finds.

    Returns whether theory and measurement agree; None if the settings cannot be used, or wrong code stops.
    """
    from experiments.mutants import planted
    from experiments.stack import one_thread_each
    from experiments.statistics import judge
    from experiments.verdict import verdict

    module = import_module(type(settings).__module__)
    with planted(mutant(module, wrong)) if wrong else nullcontext(), one_thread_each():
        try:
            samples = module.measure(settings, _quiet)
            comparisons = module.compare(samples, settings)
            more = getattr(module, "tables", None)
            tables: dict[str, Any] = more(samples, settings) if more else {}
        except Unusable as error:
            print(f"cannot be used: {error}")
            return None
        except (RuntimeError, ValueError) as error:
            if not wrong:
                raise
            print(f"the wrong code stops: {type(error).__name__}: {error}".splitlines()[0])
            return None
    table = judge(comparisons)
    found = verdict(table, comparisons)
    print("agrees." if found["agrees"] else "DISAGREES.", found["sentence"])
    tables["table.csv"] = table
    for picture in [each for each in module.PICTURES if each.data in tables][:pictures]:
        display(Image(_drawn(picture, tables[picture.data]), width=560, alt=picture.alt))
    return bool(found["agrees"])


def wrongs(row: str) -> list[str]:
    """The names of the wrong implementations on which ``run`` can try an experiment."""
    return [each.name for each in import_module(_module(row)).MUTANTS]


def mutant(module: ModuleType, name: str) -> Mutant:
    """The mutant called ``name``. Raises ValueError, with the names that there are."""
    for each in module.MUTANTS:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in module.MUTANTS)
    raise ValueError(f"no wrong code is called {name!r}; there are {names}")


def sliders(settings: Any, *names: str) -> None:
    """Controls of the settings ``names``, of those with choices, and of the code; whoever moves one runs it."""
    import ipywidgets

    knobs, out = controls(settings, names), ipywidgets.Output()

    def moved(_: Any) -> None:
        out.clear_output(wait=True)
        with out:
            run_changed(settings, **{name: knob.value for name, knob in knobs.items()})

    for name, knob in knobs.items():
        knob.description = name.replace("_", " ")
        knob.observe(moved, names="value")
    display(ipywidgets.VBox([*knobs.values(), out]))


def run_changed(settings: Any, code: str = "", **chosen: Any) -> bool | None:
    """``run`` with some settings changed; one that cannot be used is told in one line."""
    try:
        changed = replace(settings, **chosen)
    except Unusable as error:
        print(f"cannot be used: {error}")
        return None
    return run(changed, code)


def controls(settings: Any, names: Sequence[str]) -> dict[str, Any]:
    """A slider for numbers, a box for yes and no, a list for choices; and one for the code, right or wrong."""
    import ipywidgets

    module = import_module(type(settings).__module__)
    hints, found = get_type_hints(type(settings)), {}
    for field in fields(settings):
        value, kind = getattr(settings, field.name), hints[field.name]
        if get_origin(kind) is Literal:
            found[field.name] = ipywidgets.Dropdown(options=get_args(kind), value=value)
        elif kind is bool:
            found[field.name] = ipywidgets.Checkbox(value=value)
        elif field.name in names and kind in (int, float):
            slider = ipywidgets.IntSlider if kind is int else ipywidgets.FloatSlider
            low, high = sorted((value / STEEP, value * STEEP)) if value else (0, 1)
            found[field.name] = slider(
                value, min=kind(low), max=kind(high), continuous_update=False
            )
    wrong = [("as it is", ""), *((f"{m.kind}: {m.name}", m.name) for m in module.MUTANTS)]
    return found | {"code": ipywidgets.Dropdown(options=wrong, value="")}


def _module(row: str) -> str:
    return f"experiments.{row.replace('/', '.')}"


def _quiet(items: Any, **_: Any) -> Any:
    return items


def _drawn(picture: Picture, data: pd.DataFrame) -> bytes:
    """A picture as PNG, in the colours of a light page."""
    import matplotlib
    from cycler import cycler
    from matplotlib.figure import Figure

    from experiments.figures import COMMON, THEMES, WIDTH

    style: Any = {**COMMON, "axes.prop_cycle": cycler(color=THEMES["light"][-1])}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(WIDTH, picture.height))
        picture.draw(figure, data)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()
