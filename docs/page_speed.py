"""Part of ``make site-check``: Lighthouse's score of the heaviest page, loaded as by a phone and by a desk.

A server for this machine only sends pages compressed, as a code host's does. The score is the median of three
loads; at least 0.8 on a phone and 0.9 on a desk. Exits with 1 if one is lower.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import tyro

from derivations.options import parse
from derivations.rows import ROOT
from docs.check import FLAGS, Quiet, browser_path, pages, served, weight
from docs.katex import install, program

SOURCE = ROOT / "docs" / "lighthouse"
CACHE = ROOT / ".cache" / "lighthouse"
LEAST = {"mobile": 0.8, "desktop": 0.9}
TEXT = {".html", ".css", ".js", ".svg", ".json", ".csv"}
LOADS = 3


class Compressed(Quiet):
    """Sends text compressed and over one connection, to be kept by the browser, as a code host does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802 - the name that the library calls
        """The file, compressed if it is text."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if path.suffix not in TEXT or not path.is_file():
            super().do_GET()
            return
        content = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(content)


def heaviest(site: Path) -> str:
    """The page that takes the most bytes with its figures."""
    return max(pages(site), key=lambda name: weight(site, name))


def score(address: str, form: str) -> float:
    """Lighthouse's performance score of one load, 0 to 1."""
    command = [
        *(
            program("node"),
            str(CACHE / "node_modules" / "lighthouse" / "cli" / "index.js"),
            address,
        ),
        *("--quiet", "--only-categories=performance", "--output=json"),
        f"--chrome-flags=--headless {' '.join(FLAGS)}",
        *(["--preset=desktop"] if form == "desktop" else []),
    ]
    mine = {**os.environ, "CHROME_PATH": str(browser_path())}
    done = subprocess.run(command, capture_output=True, text=True, env=mine, check=True)
    found = json.loads(done.stdout)["categories"]["performance"]["score"]
    return float(found or 0)  # none, if nothing was painted in Lighthouse's time


@dataclass(frozen=True)
class Options:
    """Load the heaviest page of the built site in Lighthouse: is it fast enough on a desk, and on a phone?"""

    site: Annotated[Path, tyro.conf.arg(metavar="DIR")] = ROOT / "site"
    """The folder of the site."""


def main() -> int:
    """0 if the heaviest page loads fast enough, 1 if not, 2 if it cannot be told."""
    site = parse(Options, None, "python -m docs.page_speed").site
    if not pages(site) or browser_path() is None:
        missing = (
            "no Chromium (Debian: apt install chromium)" if pages(site) else "no site (make site)"
        )
        print(f"error: there is {missing}", file=sys.stderr)
        return 2
    install(SOURCE, CACHE)
    name, slow = heaviest(site), False
    with served(site, Compressed) as address:
        for form, least in LEAST.items():
            found = median(score(address + name, form) for _ in range(LOADS))
            print(f"{name or 'front page'}, {form}: performance {found:.2f}, at least {least}")
            slow = slow or found < least
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
