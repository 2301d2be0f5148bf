"""Directives of the page on speed: what ``make bench`` measured last, against whom, and on what."""

from __future__ import annotations

from typing import Any

from docs.records import COUNTS, counts, table

COMMAND = "make bench"


def races(group: str, up: str) -> str:
    """The ratios of one group of races."""
    found = _record()["races"].get(group, [])
    rows = [
        [
            race["name"],
            f"`{race['peer']}`" if race["peer"].startswith(("torch.", "numpy.")) else race["peer"],
            _time(race["ours"]),
            _time(race["theirs"]),
            f"**{race['ratio']:.3g}** ({race['low']:.3g} to {race['high']:.3g})",
        ]
        for race in found
    ]
    return table(["what", "against", "ours", "theirs", "ours / theirs"], rows)


def machine(_: str, up: str) -> str:
    """What the numbers were measured on, and what was left out."""
    record = _record()
    on, settings = record["machine"], record["settings"]
    told = (
        f"Measured on {on['cores']} cores of {on['processor']} ({on['vectors']}), Python {on['python']}, "
        f"torch {on['torch']}, NumPy {on['numpy']}, Numba {on['numba']}: {settings['rounds']} rounds, "
        "ours and theirs in turn in one process, on one thread where nothing else is said. "
        "The ratio is the median of the rounds' ratios, with their quartiles. "
        f"Again, on yours: `{COMMAND}`."
    )
    left = "\n".join(
        f"- **{peer}** is left out: {why}." for peer, why in record["left out"].items()
    )
    return f"{told}\n\n{left}" if left else told


def memory(_: str, up: str) -> str:
    """Megabytes of a deep stack, by depth."""
    found = _record()["memory"]
    depths = list(next(iter(found.values()), {}))
    rows = [[kind, *(f"{sizes[d]:.0f} MB" for d in depths)] for kind, sizes in found.items()]
    return table(["width 1024, batch 64", *(f"{depth} layers" for depth in depths)], rows)


def verification(_: str, up: str) -> str:
    """Seconds to verify each derivation."""
    found = _record()["verification"]
    rows = [[f"[{row}]({up}{row}.md)", f"{seconds:.1f} s"] for row, seconds in found.items()]
    total = ["all", f"{sum(found.values()):.1f} s"]
    return table(["derivation", "one process, nothing kept"], [*rows, total])


def _record() -> dict[str, Any]:
    return counts(COUNTS / "benchmarks.json", COMMAND)


def _time(seconds: float) -> str:
    """Three digits, in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


RULES = {
    "machine": machine,
    "memory": memory,
    "races": races,
    "verification": verification,
}
