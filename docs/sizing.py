"""Directives of the page on sweeps: figures of a sweep, what larger ones cost, and how many kills it survived."""

from __future__ import annotations

from derivations.rows import ROOT
from docs.records import COUNTS, Missing, agreement, counts, figure, table
from experiments import cells, results

LARGE = (10**9, 10**4)  # networks and layers
CORES = (64, 1024)
YEAR = 365.25 * 24 * 3600


def sweep(row: str, up: str) -> str:
    """The verdict and the figures of a sweep."""
    folder = ROOT / "results" / "sweeps" / row
    try:
        found = results.read_json(folder / "verdict.json", results.NEEDED["verdict.json"])
        settings = results.read_json(folder / "settings.json", {"command": str, "code": str})
    except results.ResultError:
        raise Missing(f"a sweep: run `python -m experiments sweep {row}`") from None
    box = agreement(found, old=settings["code"] != cells.code(row))
    parts = [box, f"```sh\n{settings['command']}\n```"]
    return "\n\n".join(
        [*parts, *(figure(f"{up}results/sweeps/{row}", each) for each in found["figures"])]
    )


def sizing(_: str, up: str) -> str:
    """Measured costs, and those of 10⁹ networks of 10⁴ layers."""
    command = "python -m benchmarks.sizing"
    found = counts(COUNTS / "sizing.json", command)
    rows = []
    for each in found["costs"]:
        total = each["seconds"] * LARGE[0] * LARGE[1]
        kind = "law" if each["law"] == "law" else "real weights"
        cores = [_time(total / count) for count in CORES]
        rows.append([kind, f"{each['width']:,}", _time(each["seconds"]), _time(total), *cores])
    head = ["networks", "width", "a layer", "10⁹ × 10⁴, one core", *(f"{n:,} cores" for n in CORES)]
    told = f"CPU time on one core of {found['processor']}; again, on yours: `{command}`."
    return f"{table(head, rows)}\n\n{told}"


def traffic(_: str, up: str) -> str:
    """How large what travels is."""
    found = counts(COUNTS / "sizing.json", "python -m benchmarks.sizing")
    job, few, many = (
        f"{found[name] / 1000:.1f} kB"
        for name in ("bytes_job", "bytes_result", "bytes_result_64_times")
    )
    return (
        f"To a worker goes a job: the cell's settings and the job's number, {job} as JSON. Back come moments and "
        f"the sketches of 16 layers: {few} for 1,024 networks, {many} for 65,536."
    )


def kills(_: str, up: str) -> str:
    """The campaign of kills, in words."""
    found = counts(COUNTS / "kills.json", "make kill")
    return (
        f"The last campaign killed a sweep {found['kills']} times: {found['process']} times the process, "
        f"{found['worker']} times one of its workers, {found['all']} times all of them. "
        f"{found['files_half_written']} files were left half-written, under names of their own that the next run "
        f"clears away, {found['jobs_lost']} of the jobs on disk were lost, and each of the {found['completed']} sweeps "
        "that came to their end was, byte for byte, "
        "one that had never been killed. Again: `make kill`."
    )


def _time(seconds: float) -> str:
    """A time in the unit that suits it."""
    units = [(YEAR, "years"), (86400.0, "days"), (3600.0, "hours"), (60.0, "min"), (1.0, "s")]
    units += [(1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")]
    size, unit = next((each for each in units if seconds >= each[0]), units[-1])
    return f"{float(f'{seconds / size:.2g}'):,g} {unit}"


RULES = {"kills": kills, "sizing": sizing, "sweep": sweep, "traffic": traffic}
