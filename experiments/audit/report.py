"""An audit as text, as a table in the terminal, and as JSON."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from experiments.audit.agreement import verdict

if TYPE_CHECKING:
    from experiments.audit.audited import Audited
    from experiments.audit.trace import Layer

ROWS = 18  # of a table that leaves room for the causes on one screen
NARROW = 110  # columns
HOW = {"exact": "=", "mean field": "≈", "from measured": "≈", "not predicted": "?"}


def number(x: float) -> str:
    """Three digits, and a dash for what is not there."""
    return "–" if not math.isfinite(x) else f"{x:.3g}"


def pair(measured: float, error: float, predicted: float, how: str, narrow: bool = False) -> str:
    """Measured, with its standard error, and predicted: "0.335 ±0.001 = 0.335"; a ? where nothing was predicted."""
    plus = f" ±{error:.1g}" if error > 0 and not narrow else ""
    told = f" {HOW[how]} {number(predicted)}" if math.isfinite(predicted) else " ?"
    return number(measured) + plus + told


def graph(found: Audited) -> str:
    """Where the layers come from."""
    return (
        "Layers are the operations of one run, in the order of execution (recorded as they were "
        "called: a model needs no "
        "tracing)."
    )


def header(found: Audited) -> list[str]:
    """What was done, and whether theory holds."""
    few = f" of {found.asked} (the time was up)" if found.draws < found.asked else ""
    unknown = [x for x in found.layers if x.how == "not predicted"]
    lines = [f"{found.draws} draws{few}: {found.redrawn}.", graph(found), verdict(found.layers)[0]]
    if unknown:
        reasons = "; ".join(dict.fromkeys(f"{x.name}: {x.why}" for x in unknown[:4]))
        lines.append(f"{len(unknown)} operations were measured, not predicted ({reasons}).")
    reasons_ = list(dict.fromkeys(x.why for x in found.layers if x.how == "mean field"))
    if reasons_:
        lines.append(f"Approximate (≈): {'; '.join(reasons_)}.")
    return lines


def headline(found: Audited) -> str:
    """One line: sound, or how many causes there are, of which the gravest comes first."""
    grave = [f for f in found.findings if f.grave]
    if not grave:
        return "The signal is kept, both ways."
    return f"{len(grave)} cause{'s' if len(grave) > 1 else ''} to mend; the main one:"


def ends(found: Audited) -> str:
    """What is left of the signal at the end, and of the gradient at the beginning."""
    first, last = found.layers[0], found.layers[-1]
    signal = last.forward / first.forward if first.forward else math.nan
    back = next((x for x in found.layers if math.isfinite(x.backward)), first)
    return (
        f"Forwards, input to output: second moment × {number(signal)}. Backwards, output to {back.name}: × "
        f"{number(back.backward)}. Cosine between two inputs: {number(_first(found, 'alike'))} → "
        f"{number(_last(found, 'alike'))}."
    )


def _first(found: Audited, name: str) -> float:
    return next(
        (getattr(x, name) for x in found.layers if math.isfinite(getattr(x, name))), math.nan
    )


def _last(found: Audited, name: str) -> float:
    values = [getattr(x, name) for x in found.layers if math.isfinite(getattr(x, name))]
    return values[-1] if values else math.nan


def shown(found: Audited, everything: bool = False) -> list[Layer]:
    """The layers of the table: all, or what fits a screen, the named ones and the ends first."""
    layers = found.layers
    if everything or len(layers) <= ROWS:
        return layers
    weighted = [x for x in layers if x.weight or x.kind in ("input", "add")] or layers
    if len(weighted) <= ROWS:
        return weighted
    step = (len(weighted) - 1) / (ROWS - 1)
    return [weighted[round(i * step)] for i in range(ROWS)]


def short(name: str, width: int = 26) -> str:
    """The end of a long name, which tells layers apart."""
    return name if len(name) <= width else f"…{name[1 - width :]}"


def _grave(found: Audited) -> set[str]:
    """The names of the layers that a grave finding is about."""
    return {name for f in found.findings if f.grave for name in f.layers}


def _gain(x: Layer) -> str:
    if not x.weight:
        return ""
    fan = f" (fan {x.true_fan_in:g}, not {x.fan_in:g})" if x.true_fan_in != x.fan_in else ""
    return f"{number(x.gain)}/{number(x.needed_gain)}{fan}"


def table(found: Audited, everything: bool = False, narrow: bool = False) -> Table:
    """The layers: measured, with the standard error over draws, and predicted (= exactly, ≈ by mean field)."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    made.add_column("layer", no_wrap=True)
    names = ["gain/needs", "ratio", "signal", "gradient", "cosine"] + ([] if narrow else ["dead"])
    for name in names:
        made.add_column(name, justify="right", no_wrap=True)
    grave = _grave(found)
    for x in shown(found, everything):
        cells = [
            _gain(x),
            "" if x.kind == "input" else pair(x.ratio, 0, x.ratio_predicted, x.how),
            pair(x.forward, x.forward_error, x.forward_predicted, x.how, narrow),
            pair(x.backward, x.backward_error, x.backward_predicted, x.how_back, narrow),
            "" if math.isnan(x.alike) else f"{x.alike:.2f}",
            f"{x.dead:.0%}" if math.isfinite(x.dead) else "",
        ]
        made.add_row(
            Text(short(x.name), style="bold red" if x.name in grave else ""), *cells[: len(names)]
        )
    return made


def beside(found: Audited, everything: bool = False, narrow: bool = False) -> Table:
    """Before and after ``initialise_``, side by side; without predictions, if there is no room."""
    assert found.after is not None  # noqa: S101 - for the type checker
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    made.add_column("layer", no_wrap=True)
    for name in ("gain", "after", "signal", "after", "gradient", "after"):
        made.add_column(
            name, justify="right", no_wrap=True, style="green" if name == "after" else ""
        )
    after, grave = {x.name: x for x in found.after.layers}, _grave(found)
    for x in shown(found, everything):
        y = after.get(x.name, x)
        values = [(number(a) if x.weight else "") for a in (x.gain, y.gain)]
        if narrow:
            values += [number(v) for v in (x.forward, y.forward, x.backward, y.backward)]
        else:
            values += [pair(z.forward, 0, z.forward_predicted, z.how) for z in (x, y)]
            values += [pair(z.backward, 0, z.backward_predicted, z.how_back) for z in (x, y)]
        made.add_row(Text(short(x.name), style="bold red" if x.name in grave else ""), *values)
    return made


def causes(found: Audited) -> list[Text]:
    """The findings, with what to read and what to type."""
    lines = []
    for f in found.findings:
        text = Text("✗ " if f.grave else "· ", style="bold red" if f.grave else "dim")
        text.append(f.sentence, style="bold" if f.grave else "")
        text.append(f" Row {f.row} (docs/{f.row}.md).", style="dim")
        lines.append(text)
        if f.snippet:
            lines.extend(Text(f"    {line}", style="cyan") for line in f.snippet.splitlines())
    return lines


def print_report(found: Audited, everything: bool = False, console: Console | None = None) -> None:
    """The audit in the terminal: the table first, the cause last, where one looks."""
    console = console or Console()
    parts: list[Any] = [Text(line, style="dim") for line in header(found)]
    narrow = console.width < NARROW
    parts.append(
        beside(found, everything, narrow) if found.after else table(found, everything, narrow)
    )
    left = len(found.layers) - len(shown(found, everything))
    if left > 0:
        parts.append(
            Text(f"{left} more operations: --all, or the JSON and HTML reports.", style="dim")
        )
    parts += [
        Text(f"{found.name}: {headline(found)}", style="bold"),
        *causes(found),
        Text(ends(found)),
    ]
    if found.after:
        parts += [Text(f"After initialise_: {headline(found.after)}", style="bold green")]
        parts += [*causes(found.after), Text(ends(found.after))]
    console.print(Group(*parts))


def text(found: Audited) -> str:
    """The same as plain text, for ``print(audit(model, x))``."""
    console = Console(width=118, no_color=True, highlight=False)
    with console.capture() as capture:
        print_report(found, console=console)
    return capture.get()


def as_json(found: Audited) -> str:
    """All layers and findings, with ``after`` of the same form, or null."""
    return json.dumps(_plain(found), indent=1, ensure_ascii=False)


def _plain(found: Audited) -> dict[str, Any]:
    from dataclasses import asdict

    sentence, wrong = verdict(found.layers)
    return {
        "model": found.name,
        "draws": found.draws,
        "redrawn": found.redrawn,
        "headline": headline(found),
        "verdict": sentence,
        "disagree": wrong,
        "findings": [{**asdict(f), "grave": f.grave} for f in found.findings],
        "layers": [{**x.as_dict(), **product(found, x)} for x in found.layers],
        "after": _plain(found.after) if found.after else None,
    }


def product(found: Audited, layer: Layer) -> dict[str, float | None]:
    """The cumulative products: a layer's second moment over that of the first."""
    first = found.layers[0]
    pairs = {
        "product": (layer.forward, first.forward),
        "product_predicted": (layer.forward_predicted, first.forward_predicted),
    }
    return {k: a / b if b > 0 and math.isfinite(a / b) else None for k, (a, b) in pairs.items()}
