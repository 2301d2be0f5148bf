"""Directives of the page "What you may trust": what a sceptic tried, and what became of it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping

from scipy.stats import binomtest

from derivations import mutants
from derivations.__main__ import show
from derivations.record import verify_row
from derivations.rows import ROOT, ROWS
from docs import tested
from docs.records import (
    BADGES,
    COUNTS,
    badge,
    counts,
    indent,
    outdated,
    proof,
    table,
    verdict,
    words,
)
from docs.summary import slowest


def trust(_: str, up: str) -> str:
    """Every claim of every row, with its level."""
    rows = [
        [f"[{row}]({up}{row}.md)", *(str(proof(row)["counts"][s]) for s in BADGES)] for row in ROWS
    ]
    proofs = {row: proof(row) for row in ROWS}
    lines = [table(["idea", *BADGES], rows), "", *(f"{line}." for line in slowest(proofs))]
    for row in ROWS:
        claims = [f"- {badge(e['status'])} {words(e['label'])}" for e in proof(row)["lines"]]
        found = verdict(row)
        level = "measured" if found["agrees"] and not outdated(row) else badge("failed")
        claims.append(f"- {level}: {found['sentence']}")
        folded = indent("\n".join(claims))
        lines.append(f'\n??? note "{proof(row)["title"]}: every claim, and its level"\n{folded}')
    return "\n".join(lines)


def wrong_steps(_: str, up: str) -> str:
    """The mutation campaign over all derivations, by kind."""
    command = "python -m derivations.mutants --no-cache"
    found = [counts(mutants.RESULTS / f"{row}.json", command) for row in ROWS]
    rows = [
        [kind, *(str(count[column]) for column in mutants.COLUMNS.values())]
        for kind, count in mutants.totals(found).items()
    ]
    survivors = [f"{each['row']} {one}" for each in found for one in each["survivors"]]
    alarm = (
        '!!! danger "Wrong steps were accepted"\n' + indent("\n".join(f"- {s}" for s in survivors))
        if survivors
        else ""
    )
    same = [
        f"- [{each['row']}]({up}{each['row']}.md), {words(one['step'])}, {one['kind']} ({one['number']}): {one['why']}"
        for each in found
        for one in each["same"]
    ]
    listed = '??? note "Those that say the same"\n' + indent("\n".join(same))
    return "\n\n".join([table(["kind", *mutants.COLUMNS], rows), alarm, listed, _again(command)])


def wrong_code(_: str, up: str) -> str:
    """Every experiment on wrong implementations, by kind."""
    from experiments.mutants import current

    command = "python -m experiments.mutants"
    record = counts(COUNTS / "experiments.json", command)
    tried = [one for one in record["found"] if one["kind"]]
    kinds = sorted({one["kind"] for one in tried})
    parts = []
    rows = []
    for kind in kinds:
        count = Counter(
            "unseen" if one["unseen"] else "noticed" for one in tried if one["kind"] == kind
        )
        rows.append([kind, str(count.total()), str(count["noticed"]), str(count["unseen"])])
    missed = [f"{one['row']}: {one['name']}" for one in record["found"] if not one["expected"]]
    if missed:
        parts.append('!!! danger "Not as declared"\n' + indent("\n".join(f"- {m}" for m in missed)))
    parts.append(table(["what is wrong", "tried", "noticed", "cannot be seen"], rows))
    unseen = [
        f"- [{one['row']}]({up}{one['row']}.md), {one['kind']}, {one['name']}: {one['unseen']}"
        for one in tried
        if one["unseen"]
    ]
    parts.append("Cannot be seen, and why:\n\n" + "\n".join(unseen))
    changed = [row for row in ROWS if record["fingerprints"].get(row) != current(row)]
    return "\n\n".join([*parts, _again(command, changed)])


def wrong_tests(_: str, up: str) -> str:
    """The mutation testing of our own tests, file by file."""
    record = counts(tested.COUNTS, "make mutants")["files"]
    total = tested.totals(record)
    rows = [tried(f"`{file}`", one) for file, one in record.items()]
    parts = [
        table(
            ["file", "mutants", "tried", "killed", "of those tried"], [*rows, tried("all", total)]
        )
    ]
    if left := total["made"] - total["tried"]:
        parts.append(
            f'!!! warning "Not tried yet: {left:,}"\n    What was tried is a random sample of each file.'
        )
    absent = [f"`{file}`" for file in tested.sources() if file not in record]
    if absent:
        parts.append('!!! danger "No mutant tried"\n' + indent(", ".join(absent)))
    reasons: Counter[str] = Counter()
    for one in record.values():
        reasons.update(dict(one["explained"]))
    lines = [f"- {number}: {why}" for why, number in reasons.most_common()]
    lines += [
        f"- no reason known, `{file}`: `{one}`"
        for file, found in record.items()
        for one in found["unexplained"]
    ]
    parts.append('??? note "Survivors, and why they live"\n' + indent("\n".join(lines)))
    changed = [f"`{file}`" for file in tested.stale(record) if file in record]
    return "\n\n".join([*parts, _again("make mutants", changed)])


def tried(name: str, one: Mapping[str, int]) -> list[str]:
    """A file's line: its counts, and what of all its mutants is killed, with 95 % confidence if a part was tried."""
    numbers = [f"{one[column]:,}" for column in ("made", "tried", "killed")]
    if not one["tried"]:
        return [name, *numbers, ""]
    share = f"{100 * one['killed'] / one['tried']:.0f} %"
    if one["tried"] < one["made"]:
        low, high = binomtest(one["killed"], one["tried"]).proportion_ci(method="exact")
        share += f" ({100 * low:.0f} to {100 * high:.0f} %)"
    return [name, *numbers, share]


def hostile_files(_: str, up: str) -> str:
    """What the readers were fed."""
    record = counts(COUNTS / "fuzz.json", "make fuzz")
    rows = [
        [
            one["reader"],
            f"{one['inputs']:,}",
            f"{one['read']:,}",
            f"{one['refused']:,}",
            str(one["crashes"]),
            f"{one['slowest']:.2g} s",
        ]
        for one in record["readers"]
    ]
    head = ["reader", "inputs", "read", "refused in one line", "crashes", "slowest"]
    return "\n\n".join([table(head, rows), _again("make fuzz")])


def calibration(_: str, up: str) -> str:
    """How often the verdict errs, counted."""
    command = "python -m experiments.calibration"
    found = counts(COUNTS / "calibration.json", command)
    plan, crowd = found["plan"], found["crowd"]
    size = (
        f"{plan['networks']} networks of width {plan['width']} and depth {plan['depth']}, "
        f"{plan['real']} more with real weights"
    )
    rows = [
        [
            what,
            f"{one['hits']:,} of {one['runs']:,}",
            f"{one['low']:.2g} to {one['high']:.2g}",
            said,
        ]
        for what, one, said in (
            ("networks that are right, rejected", found["false_alarms"], "at most 0.001"),
            ("the same, judged at 5 %", found["loose_alarms"], "at most 0.05"),
            ("weights 1 % too large, rejected", found["noticed"], "at least 0.9"),
            ("right, but units taken for the sample", crowd, "0.001"),
        )
    ]
    tails = [
        [
            f"{one['relative_variance']:g}",
            f"{one['values']:,}",
            *(
                f"{one[test]['skewness']:.2f}: {ratio:.1f} ×"
                for test in ("gamma", "t")
                for ratio in one[test]["too_often"][-1:]
            ),
        ]
        for one in found["tails"]
    ]
    level = f"p = {found['levels'][-1]:g}"
    listed = table(["relative variance", "values", f"gamma, {level}", f"t, {level}"], tails)
    return "\n\n".join(
        [
            f"A run of [depth/finite_width]({up}depth/finite_width.md) has {size}; the last line is one network of "
            f"width {crowd['width']} and depth {crowd['depth']}, with a batch of {crowd['batch']}.",
            table(["what", "counted", "so, with 99.9 % confidence", "promised"], rows),
            '??? note "Means of heavy-tailed values: skewness that a test does not allow for, and how much too '
            'often it rejects"\n' + indent(listed),
            _again(command),
        ]
    )


def _again(command: str, changed: list[str] | None = None) -> str:
    stale = f" Changed since: {', '.join(changed)}." if changed else ""
    return f"Again on your machine: `{command}`.{stale}"


def example(path: str, up: str) -> str:
    """A file with a derivation, and what ``python -m derivations`` says of it."""
    text = (ROOT / path).read_text(encoding="utf-8").strip()
    out = io.StringIO()
    show(verify_row((str(ROOT / path), 0, 5, True)), file=out)
    said = "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())
    return (
        f'```python title="{path}"\n{text}\n```\n\n```sh\npython -m derivations {path}\n```\n\n'
        f"```text\n{said}\n```"
    )


RULES = {
    "calibration": calibration,
    "example": example,
    "hostile-files": hostile_files,
    "trust": trust,
    "wrong-code": wrong_code,
    "wrong-steps": wrong_steps,
    "wrong-tests": wrong_tests,
}
