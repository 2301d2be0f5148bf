"""Directives of the page "Audit your model": the worked example, run when the site is built."""

from __future__ import annotations

from collections.abc import Callable

from docs.records import Missing
from experiments.audit.audited import Audited
from experiments.audit.page import PICTURE, curves
from experiments.audit.report import beside, ends, headline, pair
from experiments.audit.worked import worked
from experiments.figures import render
from experiments.settings import Unusable

FOLDER = "results/audit"
CODE = {  # a notebook's cells, in place of what the page shows
    "curves": """from experiments.audit.worked import worked

found = worked()
found""",
    "causes": """from experiments.audit.report import causes, ends, headline, table
from rich import print

print(headline(found), *causes(found), ends(found), sep="\\n")""",
    "layers": "print(table(found, everything=True))",
    "after": """print(headline(found.after), *causes(found.after), ends(found.after), sep="\\n")""",
    "beside": """from experiments.audit.report import beside

print(beside(found, everything=True))""",
    "yours": """import torch
from torch import nn

from experiments.audit import audit


def make_model():  # your model here
    layers = [layer for _ in range(10) for layer in (nn.Linear(128, 128), nn.GELU())]
    return nn.Sequential(*layers, nn.Linear(128, 10))


x = torch.randn(16, 128)  # and an example of its inputs
mine = audit(make_model, x, draws=10, fix=True)
mine""",
}


def example() -> Audited:
    """The worked example. Raises Missing if it is refused, as where theory that it follows does not hold."""
    try:
        return worked()
    except Unusable as error:
        raise Missing(f"the worked example, which is refused: {error}") from None


def files() -> dict[str, bytes]:
    """The curves of the worked example, and their numbers, by their place in the site. Raises Missing."""
    data = curves(example())
    made = {f"{FOLDER}/{name}": content for name, content in render(PICTURE, data).items()}
    made = {name: content for name, content in made.items() if name.endswith(".svg")}
    return {**made, f"{FOLDER}/curves.csv": data.to_csv(index=False).encode()}


def report(what: str, up: str) -> str:
    """``<!-- audit: curves -->``, or ``causes``, ``after``, ``layers``, ``beside``, ``yours``."""
    parts: dict[str, Callable[[str], str]] = {
        "curves": _curves,
        "causes": lambda _: _causes(False),
        "after": lambda _: _causes(True),
        "layers": _layers,
        "beside": _beside,
        "yours": lambda _: f"```python\n{CODE['yours']}\n```",
    }
    return parts[what](up)


def _curves(up: str) -> str:
    images = "\n".join(
        f"![{PICTURE.alt}]({up}{FOLDER}/curves-{theme}.svg#only-{theme}){{ loading=lazy }}"
        for theme in ("light", "dark")
    )
    found = example()
    return (
        f"{images}\n\n*The lesson's small network on {len(found.layers)} operations, "
        f"{found.draws} draws. Orange: as torch "
        "begins it; blue: after `initialise_`. Lines are predicted, dots measured, with two "
        "standard errors.* If theory "
        f"were wrong, dots would leave their line. Its numbers: [curves.csv]({up}{FOLDER}/curves.csv)."
    )


def _causes(after: bool) -> str:
    found = example()
    one = found.after if after and found.after else found
    lines = [f"**{headline(one)}**", ""]
    for f in one.findings:
        lines.append(f"- {f.sentence} [{f.row}]({f.row}.md)")
        if f.snippet:
            lines.append(f"\n    ```python\n{_indent(f.snippet)}\n    ```\n")
    return "\n".join([*lines, "", ends(one)])


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _layers(up: str) -> str:
    rows = [
        "| layer | operation | gain / needs | ratio | signal | gradient | cosine |",
        "| --- " * 7 + "|",
    ]
    for x in example().layers:
        gain = f"{x.gain:.3g} / {x.needed_gain:.3g}" if x.weight else ""
        ratio = "" if x.kind == "input" else pair(x.ratio, x.ratio_error, x.ratio_predicted, x.how)
        rows.append(
            f"| {x.name} | `{x.kind}` | {gain} | {ratio} | "
            f"{pair(x.forward, x.forward_error, x.forward_predicted, x.how)} "
            f"| {pair(x.backward, x.backward_error, x.backward_predicted, x.how_back)} | {x.alike:.2f} |"
        )
    return "\n".join(rows)


def _beside(up: str) -> str:
    """The terminal's own table."""
    from rich.console import Console

    console = Console(width=110, no_color=True)
    with console.capture() as capture:
        console.print(beside(example(), everything=True))
    text = "\n".join(line.rstrip() for line in capture.get().splitlines())
    return f"```text\n{text.strip(chr(10))}\n```"
