"""``python -m experiments stack``: run a stack of your own, and print it layer by layer."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from experiments.command import guarded, parse
from experiments.own_stack import Options, measure

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for them
    import pandas as pd

LAW = (
    "law: the mean over all networks, exact at these widths. In a deep narrow stack a few networks make it up, and a "
    "sample stays below it: row depth/finite_width."
)
NO_LAW = "law: none is derived for this activation, or none with biases."


def number(log2: float) -> str:
    """2**log2 with four digits, whatever its size."""
    if not math.isfinite(log2):
        return "0" if log2 < 0 else str(2.0**log2)
    if abs(log2) < 1000:
        return f"{2.0**log2:.4g}"
    power = math.floor(log2 * math.log10(2))
    return f"{10 ** (log2 * math.log10(2) - power):.3f}e{power:+d}"


def show(table: pd.DataFrame) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    shown = Table("layer", "units", title="mean square, over networks")
    names = [name for name in ("forward", "backward") if name in table]
    for name in names:
        shown.add_column(f"{name} ± SE", justify="right")
        if f"{name}_law" in table:
            shown.add_column("law", justify="right")
    for _, row in table.iterrows():
        cells = [f"{row['layer']:.0f}", f"{row['units']:.0f}"]
        for name in names:
            cells.append(f"{number(row[name])} ± {row[f'{name}_error']:.1%}")
            if f"{name}_law" in table:
                cells.append(number(row[f"{name}_law"]))
        shown.add_row(*cells)
    console = Console(highlight=False)
    console.print(shown)
    console.print(
        LAW if "forward_law" in table else "law: none for this activation, or with biases."
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Returns 0; 2 for options that cannot be used."""
    options = parse(Options, argv, "python -m experiments stack")

    def work() -> int:
        from rich.console import Console
        from rich.progress import track

        console = Console(stderr=True)

        def shown(items: Any, **how: Any) -> Any:
            return track(
                items, **how, console=console, transient=True, disable=not console.is_terminal
            )

        table = measure(options, shown)
        show(table)
        if options.out is not None:
            table.to_csv(options.out, index=False)
            print(options.out)
        return 0

    sys.exit(guarded(work))
