"""An audit as one HTML file: the cause, the two curves over depth as SVG, light and dark, and the table."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from derivations.rows import ROOT
from experiments.audit.report import ends, header, headline, number, pair
from experiments.figures import Picture, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from experiments.audit.audited import Audited

STYLE = """
.audit{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:auto;padding:1rem;color:#1b1f24;background:#fff}
.audit h1{font-size:1.5rem;margin:.2em 0}.audit h2{font-size:1.15rem;margin:1.2em 0 .3em}
.audit .grave{border-left:4px solid #d55e00;padding:.3em 0 .3em .8em;margin:.7em 0}
.audit .minor{border-left:4px solid #8a929c;padding:.3em 0 .3em .8em;margin:.7em 0}
.audit pre{background:#f1f3f5;padding:.5em .7em;overflow-x:auto;border-radius:4px;margin:.4em 0;font-size:.85rem}
.audit .wide{overflow-x:auto}.audit table{border-collapse:collapse;font-size:.85rem;white-space:nowrap}
.audit th,.audit td{text-align:right;padding:.2em .6em;border-bottom:1px solid #d8dce0}
.audit th:first-child,.audit td:first-child{text-align:left}
.audit tr.grave td:first-child{border-left:4px solid #d55e00;font-weight:600}
.audit .curves svg{width:100%;height:auto;max-width:46rem}.audit .dark{display:none}
.audit small{color:#59626c}.audit a{color:#0b5fa5}
@media (prefers-color-scheme:dark){.audit{color:#e8eaed;background:#14171c}.audit pre{background:#22272e}
.audit .light{display:none}.audit .dark{display:block}.audit th,.audit td{border-color:#39414a}
.audit small{color:#a7b0ba}.audit a{color:#7cc0f5}}
"""


def curves(found: Audited) -> pd.DataFrame:
    """Second moments over depth: one line for each operation, before, and after ``initialise_`` if that was audited."""
    rows = []
    for when, one in (("as it is", found), ("after initialise_", found.after)):
        if one is None:
            continue
        for place, x in enumerate(one.layers):
            rows.append(
                {
                    "when": when,
                    "place": place,
                    "layer": x.name,
                    "how": x.how,
                    "forward": x.forward,
                    "forward_error": x.forward_error,
                    "forward_predicted": x.forward_predicted,
                    "backward": x.backward,
                    "backward_error": x.backward_error,
                    "backward_predicted": x.backward_predicted,
                }
            )
    return pd.DataFrame(rows)


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """Both passes, one above the other: lines are predicted, dots with error bars measured."""
    axes = figure.subplots(2, 1, sharex=True)
    for panel, (name, title) in zip(
        axes, (("forward", "signal"), ("backward", "gradient")), strict=True
    ):
        for colour, (when, lines) in zip(
            ("C1", "C0"), data.groupby("when", sort=False), strict=False
        ):
            good = lines[lines[name] > 0]
            panel.errorbar(
                good["place"],
                good[name],
                yerr=2 * good[f"{name}_error"].fillna(0),
                fmt="o",
                color=colour,
                markersize=3,
                linewidth=0.8,
                label=when,
            )
            told = lines[f"{name}_predicted"].where(lines[f"{name}_predicted"] > 0)
            panel.plot(lines["place"], told, color=colour, linewidth=1.2)
        panel.set_yscale("log")
        panel.set_title(f"{title}: second moment")
    axes[0].legend(loc="best", fontsize=8)
    axes[1].set_xlabel("operation, from input to output")


PICTURE = Picture(
    draw,
    data="curves.csv",
    height=4.6,
    name="curves",
    caption="Second moments of the signal and of the gradient at each operation.",
    wrong="Dots off the line.",
    alt="Two panels with a line of predictions and dots of measurements over depth, on logarithmic axes.",
)


def svg(found: Audited) -> dict[str, str]:
    """The curves as SVG, for a light and a dark page."""
    files = render(PICTURE, curves(found))
    return {
        theme: _bare(files[f"curves-{theme}.svg"].decode(), theme) for theme in ("light", "dark")
    }


def _bare(text: str, theme: str) -> str:
    """Without the XML head; names in it made the theme's own, as both pictures are in one page."""
    inner = text[text.index("<svg") :]
    return (
        inner.replace('id="', f'id="{theme}-')
        .replace('"#', f'"#{theme}-')
        .replace("url(#", f"url(#{theme}-")
    )


def place(row: str) -> str:
    """Where a row's page is: in the built site if there is one, else its source."""
    built = ROOT / "site" / row / "index.html"
    return (built if built.exists() else Path(ROOT / "docs" / f"{row}.md")).as_uri()


def fragment(found: Audited, link: Any = place) -> str:
    """The report as HTML to put into a page or a notebook. ``link`` says where a row's page is."""
    pictures = svg(found)
    parts = [f"<style>{STYLE}</style>", '<section class="audit">', f"<h1>{escape(found.name)}</h1>"]
    parts += _causes(found, link)
    parts.append(f"<p>{escape(ends(found))}</p>")
    if found.after:
        parts += ["<h2>After <code>initialise_</code></h2>", *_causes(found.after, link)]
        parts.append(f"<p>{escape(ends(found.after))}</p>")
    parts.append(
        '<h2>Over depth</h2><p>Lines are predicted, dots measured, with two standard errors.</p><div class="curves">'
    )
    parts += [
        f'<div class="{theme}" role="img" aria-label="{PICTURE.alt}">{pictures[theme]}</div>'
        for theme in pictures
    ]
    parts += ["</div>", *_table(found, "Layer by layer")]
    if found.after:
        parts += _table(found.after, "Layer by layer, after initialise_")
    parts += [f"<p><small>{escape(line)}</small></p>" for line in header(found)]
    return "\n".join([*parts, "</section>"])


def document(found: Audited) -> str:
    """The report as a page of its own."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>Audit: {escape(found.name)}</title></head>"
        f'<body style="margin:0">{fragment(found)}</body></html>\n'
    )


def _causes(found: Audited, link: Any) -> list[str]:
    parts = [f"<p><strong>{escape(headline(found))}</strong></p>"]
    for f in found.findings:
        code = f"<pre><code>{escape(f.snippet)}</code></pre>" if f.snippet else ""
        kind = "grave" if f.grave else "minor"
        parts.append(
            f'<div class="{kind}">{escape(f.sentence)} <a href="{escape(link(f.row))}">{f.row}</a>{code}</div>'
        )
    return parts


def _table(found: Audited, title: str) -> list[str]:
    heads = (
        "layer",
        "operation",
        "fans",
        "deviation",
        "gain",
        "needs",
        "ratio",
        "forward",
        "ratio back",
        "backward",
        "product",
        "cosine",
        "dead",
        "predicted",
    )
    grave = {name for f in found.findings if f.grave for name in f.layers}
    first = found.layers[0].forward
    rows = []
    for x in found.layers:
        fans = ""
        if x.weight:
            fans = f"{x.fan_in:g} → {x.fan_out:g}"
            if (x.true_fan_in, x.true_fan_out) != (x.fan_in, x.fan_out):
                fans += f" (true {x.true_fan_in:g} → {x.true_fan_out:g})"
        told = f"{x.how}{': ' + x.why if x.why else ''}" + (
            f"; backwards {x.how_back}" if x.how_back != x.how else ""
        )
        cells = (
            x.name,
            x.kind,
            fans,
            number(x.weight_std),
            number(x.gain),
            number(x.needed_gain),
            pair(x.ratio, x.ratio_error, x.ratio_predicted, x.how)
            if math.isfinite(x.ratio)
            else "–",
            pair(x.forward, x.forward_error, x.forward_predicted, x.how),
            pair(x.back_ratio, x.back_ratio_error, x.back_ratio_predicted, x.how_back)
            if math.isfinite(x.back_ratio)
            else "–",
            pair(x.backward, x.backward_error, x.backward_predicted, x.how_back),
            number(x.forward / first if first else math.nan),
            f"{number(x.alike)} (≈ {number(x.alike_predicted)})" if math.isfinite(x.alike) else "–",
            f"{x.dead:.0%}" if math.isfinite(x.dead) else "–",
            told,
        )
        mark = ' class="grave"' if x.name in grave else ""
        rows.append(f"<tr{mark}>" + "".join(f"<td>{escape(c)}</td>" for c in cells) + "</tr>")
    head = "".join(f"<th>{h}</th>" for h in heads)
    return [
        f'<h2>{escape(title)}</h2><div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>',
        *rows,
        "</tbody></table></div>",
    ]
