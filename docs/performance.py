"""Directives of the page on speed: what ``make bench`` measured last, against whom, and on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from docs.records import COUNTS, counts, table

COMMAND = "make bench"


@dataclass(frozen=True)
class Aim:
    """What a race was to reach: ours over theirs at most this, and if it is not reached, why."""

    group: str
    name: str
    peer: str
    at_most: float
    why: str


TORCH = "torch.mm"
RUNGS = "Matrix products"
FEW_REGISTERS = (
    "with 16 registers (AVX2) its inner loop reads 15 vectors and writes six for 18 instructions that multiply; the "
    "ports to the first cache are as busy as those that multiply"
)
AIMS = (
    *(
        Aim(RUNGS, f"product by tiles, {n:,} × {n} @ {n} × {n}", TORCH, 1 / 0.7, FEW_REGISTERS)
        for n in (512, 1024, 2048)
    ),
    *(
        Aim(
            RUNGS,
            f"product by vector instructions, {n:,} × {n} @ {n} × {n}",
            TORCH,
            1 / 0.95,
            "to pack both operands is a share of the time that falls as one over the size",
        )
        for n in (512, 1024, 2048)
    ),
    Aim(
        RUNGS,
        "product by vector instructions, 50,000 × 784 @ 784 × 50",
        TORCH,
        1 / 1.2,
        "both read A from memory once, and wait for it most of the time",
    ),
    Aim(
        RUNGS,
        "product by vector instructions, 5 × 784 @ 784 × 10",
        TORCH,
        1 / 1.5,
        "the product itself is a fifth of our time; a new tensor, the questions whether the operands fit, and the "
        "call into compiled code are the rest",
    ),
    Aim(
        "The lesson's network",
        "back by hand, transposed, 50,000 × 784 → 50 → 1",
        "torch.autograd, not the input's",
        0.85,
        "one product of the library's is nearly all of it, on both sides; only one pass for both ways saves more",
    ),
    Aim(
        "The lesson's network",
        "there and back in one pass, 50,000 × 784 → 50 → 1",
        "torch.autograd, not the input's",
        0.8,
        "",
    ),
    *(
        Aim(
            "Deep stacks",
            f"real weights, a layer of 512, batch {batch}",
            peer,
            at_most,
            "weights are drawn faster than by torch; the products, both ways, are the library's own on "
            "both sides",
        )
        for peer in ("torch.nn.Sequential with hooks", "torch.randn and a loop over layers")
        for batch, at_most in ((1, 0.4), (64, 0.55))
    ),
    *(
        Aim(
            "Deep stacks",
            f"norms {ways}, a layer of {n}",
            "torch.randn and a loop over layers",
            at_most,
            "both ways take nearly twice the random numbers of one, and the loop only one product more",
        )
        for n, at_most in ((512, 1 / 10_000), (1024, 1 / 40_000))
        for ways in ("forwards", "both ways")
    ),
)


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


def aims(_: str, up: str) -> str:
    """What was to be reached, what was, and where not, why."""
    record = _record()["races"]
    found = {(group, r["name"], r["peer"]): r for group in record for r in record[group]}
    rows = []
    for aim in AIMS:
        race = found.get((aim.group, aim.name, aim.peer))
        if race is None:  # a quick run has fewer
            continue
        reached = race["ratio"] <= aim.at_most
        verdict = "yes" if reached else f"no: {aim.why}" if aim.why else "no"
        rows.append([aim.name, aim.peer, f"{aim.at_most:.2g}", f"**{race['ratio']:.3g}**", verdict])
    return table(["what", "against", "ours / theirs, at most", "measured", "reached?"], rows)


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
    "aims": aims,
    "machine": machine,
    "memory": memory,
    "races": races,
    "verification": verification,
}
