"""``python -m benchmarks.explorer``: how soon the Explorer's picture follows a change, in Chromium, on the built site.

From the change to the next frame of the screen after the last network is drawn; and to the first picture.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Any

import tyro

from derivations.options import parse
from derivations.rows import ROOT
from docs import check

SETTINGS = (
    "",
    "blocks=residual",
    "depth=200&width=128",
)  # 50 layers of 64 units; as many blocks; the largest
CHANGES = 40
CHANGE = """async (number) => {
  const {place} = document.querySelector(".explorer"), field = place.form.elements.seed;
  const start = performance.now(), frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  field.value = number;
  field.dispatchEvent(new Event("input", {bubbles: true}));
  await frame();
  const first = performance.now() - start;
  while (place.networks.length < companionExplorer.NETWORKS) await new Promise((done) => setTimeout(done));
  if (first < place.milliseconds) await frame();
  return [first, performance.now() - start];
}"""


def measure(view: Any, address: str, query: str) -> list[tuple[float, float]]:
    """Milliseconds to the first picture and to the last one, for each change of the seed."""
    view.goto(f"{address}explorer/?{query}")
    times = [tuple(view.evaluate(CHANGE, number)) for number in range(CHANGES + 10)]
    return times[10:]  # the first ones are compiled


@dataclass(frozen=True)
class Options:
    """Time the Explorer in Chromium, on the built site."""

    site: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")] = ROOT / "site"
    """The folder of the site (make site)."""


def main() -> int:
    """Print the times; 2 if there is nothing to measure with."""
    site = parse(Options, None, "python -m benchmarks.explorer").site
    if check.browser_path() is None or not (site / "explorer" / "index.html").exists():
        print("error: needs Chromium, and the site (make site)", file=sys.stderr)
        return 2
    print("milliseconds from a change to the picture: the least, and median (19 of 20 are below)")
    with check.served(site) as address, check.chromium() as browser:
        view = browser.new_page(viewport={"width": 1280, "height": 900})
        for query in SETTINGS:
            first, last = zip(*measure(view, address, query), strict=True)
            told = [
                f"{min(t):.0f}, {median(t):.0f} ({quantiles(t, n=20)[-1]:.0f})"
                for t in (first, last)
            ]
            name = query or "50 layers of 64 units"
            print(f"  {name}: first picture {told[0]}; all ten networks {told[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
