"""The directive that shows which learning rates were tried for depth/training, and what became of the networks."""

from __future__ import annotations

from docs.records import COUNTS, counts, table

COMMAND = "python -m benchmarks.rates"


def rates(_: str, up: str) -> str:
    """A line for each search: the mean of the last losses and how many have learnt, at every rate; the best is bold."""
    found = counts(COUNTS / "rates.json", COMMAND)["searches"]
    tried = found[0]["rates"]
    rows = []
    for each in found:
        start = f"{each['rule']}, {each['depth']} layers"
        if not each["biases"]:
            start += ", no biases"
        if each["steps"] != found[0]["steps"]:
            start += f", {each['steps']:,} steps"
        cells = []
        for rate, loss, learnt in zip(tried, each["loss"], each["learnt"], strict=True):
            cell = f"{'no number' if loss is None else format(loss, '.2f')} ({learnt})"
            cells.append(f"**{cell}**" if rate == each["best"] else cell)
        rows.append([start, *cells])
    head = ["start", *(f"{rate:g}" for rate in tried)]
    told = (
        f"Mean loss after {found[0]['steps']:,} steps, and in brackets how many of {found[0]['networks']} networks "
        f"have learnt, at every rate; again, on your machine: `{COMMAND}`."
    )
    return f"{table(head, rows)}\n\n{told}"


RULES = {"rates": rates}
