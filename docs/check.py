"""``make site-check``: every page of the built site in Chromium, light and dark, on a desk and on a phone.

No violation that axe-core finds, no sideways scrolling, no error, no request to another origin, at most 300 kB for a
page with its figures as a server sends them (gzip), and text without JavaScript. Exits with 1 if something is found.
"""

from __future__ import annotations

import functools
import gzip
import http.server
import re
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import track

from derivations.options import parse
from derivations.rows import ROOT
from docs.katex import PACKAGE

AXE = PACKAGE.parent / "axe-core" / "axe.min.js"
LARGEST = 300_000  # bytes of a page
PATIENCE = 180_000  # milliseconds that a page may take on a busy machine
MODES = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 360)]
COLOURS = ["color-contrast", "link-in-text-block"]  # axe's rules that a scheme may break
# What is far below is looked at, too, and colours at once as they will be.
LAID_OUT = (
    "*, ::before, ::after { content-visibility: visible !important; transition: none !important; }"
)
TOGGLE = "input[data-md-color-media='(prefers-color-scheme: {})']"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]


def browser_path() -> str | None:
    """Debian's Chromium, or a browser that is nearly the same; None if there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A handler that says nothing."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(
    folder: Path, handled: type[http.server.SimpleHTTPRequestHandler] = Quiet
) -> Iterator[str]:
    """The address of ``folder`` on a server for this machine only."""
    handler = functools.partial(handled, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
        yield browser
        browser.close()


def pages(site: Path) -> list[str]:
    """The addresses of all pages, relative to the site."""
    found = sorted(path.parent.relative_to(site).as_posix() for path in site.rglob("index.html"))
    return ["" if name == "." else f"{name}/" for name in found]


def problems(
    browser: Any, address: str, names: Sequence[str], modes: Sequence[tuple[str, int]] = MODES
) -> Iterator[str]:
    """What is wrong with the pages ``names``, in one line each.

    A page is loaded once for each width; the theme's own button changes its scheme where it stands, and only what
    depends on colours is looked for again.
    """
    axe = AXE.read_text(encoding="utf-8")
    for width in dict.fromkeys(width for _, width in modes):
        schemes = [scheme for scheme, w in modes if w == width]
        context = browser.new_context(
            color_scheme=schemes[0], viewport={"width": width, "height": 800}, bypass_csp=True
        )
        context.set_default_timeout(PATIENCE)
        view = context.new_page()
        said: list[str] = []
        view.on("console", lambda m, s=said: s.append(m.text) if m.type == "error" else None)
        view.on("response", lambda r, s=said: s.append(r.url) if r.status >= 400 else None)
        view.on("request", lambda r, s=said: None if r.url.startswith(address) else s.append(r.url))
        for name in names:
            page = name or "front page"
            view.goto(address + name)
            view.add_style_tag(content=LAID_OUT)
            if width == 360 and view.evaluate("document.documentElement.scrollWidth") > width:
                yield f"{page} ({width} px): scrolls sideways"
            view.add_script_tag(content=axe)
            for number, scheme in enumerate(schemes):
                view.evaluate(
                    "media => document.querySelector(media)?.click()", TOGGLE.format(scheme)
                )
                wanted = {"resultTypes": ["violations"], **({"runOnly": COLOURS} if number else {})}
                found = view.evaluate("wanted => axe.run(wanted)", wanted)
                for each in found["violations"]:
                    node, times = each["nodes"][0]["html"][:160], len(each["nodes"])
                    yield f"{page} ({scheme}, {width} px): {each['id']}, {times} times: {node}"
            yield from (f"{page} ({width} px): {text}" for text in said)
            said.clear()
        context.close()


def too_large(site: Path, names: Sequence[str]) -> Iterator[str]:
    """Pages that are more than 300 kB with their figures, compressed."""
    for name in names:
        if (size := weight(site, name)) > LARGEST:
            yield f"{name or 'front page'}: {size / 1000:.0f} kB"


def weight(site: Path, name: str) -> int:
    """Bytes of a page with its figures, compressed."""
    text = (site / name / "index.html").read_text(encoding="utf-8")
    sources = {s for s in re.findall(r'<img[^>]* src="([^"#]+)', text) if "-dark." not in s}
    parts = [text.encode(), *((site / name / s).resolve().read_bytes() for s in sources)]
    return sum(len(gzip.compress(part)) for part in parts)


def without_script(browser: Any, address: str, names: Sequence[str]) -> Iterator[str]:
    """Pages that say nothing to a browser without JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    view = context.new_page()
    for name in names:
        view.goto(address + name)
        if len(view.locator("article").inner_text()) < 200:
            yield f"{name or 'front page'}: nothing to read without JavaScript"
    context.close()


@dataclass(frozen=True)
class Options:
    """Look at every page of the built site in Chromium, light and dark, on a desk and on a phone."""

    site: Annotated[Path, tyro.conf.arg(metavar="DIR")] = ROOT / "site"
    """The folder of the site."""


def main() -> int:
    """0 if nothing is wrong, 1 if something is, 2 if there is nothing to check with."""
    site = parse(Options, None, "python -m docs.check").site
    names = pages(site)
    if not names or browser_path() is None:
        missing = (
            "no site (make site)" if not names else "no Chromium (Debian: apt install chromium)"
        )
        print(f"error: there is {missing}", file=sys.stderr)
        return 2
    found = 0
    with served(site) as address, chromium() as browser:
        shown = track(names, description="pages", console=Console(stderr=True), transient=True)
        for problem in chain(
            *(problems(browser, address, [name]) for name in shown),
            too_large(site, names),
            without_script(browser, address, names),
        ):
            print(problem, flush=True)
            found += 1
    print(f"{len(names)} pages in {len(MODES)} modes: {found} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
