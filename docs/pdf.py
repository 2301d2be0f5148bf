"""``make pdf``: the whole site as one file, site/companion.pdf, in the order of its navigation.

Chromium prints each page as a reader's browser would; pypdf joins them, with an outline.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from derivations.options import parse
from derivations.rows import ROOT
from docs.check import browser_path, chromium, served

MARGIN = dict.fromkeys(("top", "bottom", "left", "right"), "16mm")
BARE = (
    ".md-header, .md-footer, .md-sidebar, .headerlink, .md-code__nav { display: none !important }"
)
IN_ORDER = """[...document.querySelectorAll('.md-nav--primary a.md-nav__link')]
  .map((link) => link.href.replace(/#.*/, ''))"""


def write(site: Path, out: Path) -> int:
    """Print every page that the navigation lists; returns how many."""
    from pypdf import PdfReader, PdfWriter

    whole = PdfWriter()
    with served(site) as address, chromium() as browser:
        view = browser.new_context(color_scheme="light").new_page()
        view.goto(f"{address}trust/")
        links = list(dict.fromkeys(view.evaluate(IN_ORDER)))
        for link in links:
            view.goto(link)
            view.add_style_tag(content=BARE)
            view.evaluate(
                "document.querySelectorAll('details').forEach((box) => { box.open = false })"
            )
            printed = PdfReader(io.BytesIO(view.pdf(format="A4", margin=MARGIN)))
            first = len(whole.pages)
            whole.append(printed, import_outline=False)
            title = view.locator("h1").first.inner_text().strip("¶ \n")
            whole.add_outline_item(title=title, page_number=first)
    whole.compress_identical_objects()
    with out.open("wb") as file:
        whole.write(file)
    return len(links)


@dataclass(frozen=True)
class Options:
    """Print the whole built site into one file, for reading offline."""

    site: Annotated[Path, tyro.conf.arg(metavar="DIR")] = ROOT / "site"
    """The folder of the site."""


def main() -> int:
    """0 if the file was written, 2 if there is nothing to print, or nothing to print it with."""
    site = parse(Options, None, "python -m docs.pdf").site
    if not (site / "trust" / "index.html").exists() or browser_path() is None:
        print("error: a built site (make site) and Chromium are needed", file=sys.stderr)
        return 2
    out = site / "companion.pdf"
    count = write(site, out)
    print(f"{out}: {count} pages of the site, {out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
