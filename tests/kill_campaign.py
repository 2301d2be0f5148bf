"""``make kill``: a sweep, killed with SIGKILL at random instants, ends as if it had never been killed.

Each trial starts the sweep where the last one was killed, lets it run for a random time, and kills it: the
process alone, or one of its workers, or all of them. After each kill every file must be whole. When a
sweep is complete its folder must be that of an uninterrupted one, byte for byte, and the next one begins.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Annotated

import tyro

from derivations.options import parse
from derivations.rows import ROOT

KILLS = 60
OPTIONS = "depth/finite_width --depth 20 200 --width 16 64 --law both --nets 30000 --budget 0.5"
SHORT = "depth/finite_width --depth 20 60 --width 16 --law law --nets 30000"  # and no figures


def small_jobs(options: list[str], figures: bool) -> None:
    """A sweep of many small jobs, that saves after each of them: a kill meets all that can happen."""
    from experiments import sweeping
    from experiments.sweep import main

    os.setsid()
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1), os.dup2(quiet, 2)
    sweeping.JOB, sweeping.SAVE = 0.02, 0.0
    if not figures:
        sweeping.render = lambda picture, data: {}
    main(options)


def start(folder: Path, workers: int, short: bool) -> BaseProcess:
    """The sweep in a process of its own, which finds all modules imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["experiments.sweeping", "experiments.law", "matplotlib.figure"])
    options = [
        *(SHORT if short else OPTIONS).split(),
        "--workers",
        str(workers),
        "--out",
        str(folder),
    ]
    process = context.Process(target=small_jobs, args=(options, not short))
    process.start()
    return process


def content(folder: Path) -> dict[str, bytes]:
    """All files of a folder, but for those that a killed process has not finished."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in files if not p.name.endswith(".part")
    }


def done(folder: Path) -> int:
    """How many jobs are in the files of the cells, all of which must be whole."""
    return sum(json.loads(p.read_bytes())["done"] for p in (folder / "cells").glob("[!.]*.json"))


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    path = Path(f"/proc/{process}/task/{process}/children")
    return [int(each) for each in path.read_text("utf-8").split()] if path.exists() else []


def kill(process: BaseProcess, whom: str) -> None:
    """Kill the process, one of its workers, or all; without mercy, and without a warning."""
    victims = children(process.pid or 0)
    if whom == "worker" and victims:
        os.kill(victims[-1], signal.SIGKILL)
        return
    for victim in (*victims, process.pid) if whom == "all" else (process.pid,):
        with suppress(ProcessLookupError):
            os.kill(victim or 0, signal.SIGKILL)
    process.join()


def campaign(
    kills: int, folder: Path, *, workers: tuple[int, ...], short: bool = False, seed: int = 0
) -> dict[str, int]:
    """Kill a sweep until it has been killed so many times; AssertionError if a kill leaves a trace."""
    began = time.monotonic()
    process = start(folder / "whole", 1, short)
    process.join()
    assert process.exitcode == 0
    length, whole, killed = time.monotonic() - began, content(folder / "whole"), folder / "killed"
    rng, counts = random.Random(seed), dict.fromkeys(("kills", "process", "worker", "all"), 0)
    counts |= {"completed": 0, "files_half_written": 0, "jobs_lost": 0, "jobs_found_again": 0}
    known = 0
    while True:
        last = counts["kills"] >= kills
        process = start(killed, rng.choice(workers), short)
        process.join(None if last else length * rng.uniform(0, 0.6))
        if process.exitcode is None:
            whom = rng.choice(("process", "worker", "all"))
            kill(process, whom)
            counts["kills"] += 1
            counts[whom] += 1
        process.join()  # where a worker died, the sweep goes on without it
        found = done(killed)
        counts["jobs_lost"] += max(0, known - found)
        counts["jobs_found_again"] += known
        counts["files_half_written"] += len(list(killed.rglob("*.part")))
        known = found
        if process.exitcode == 0:
            assert content(killed) == whole, "a killed sweep differs from an uninterrupted one"
            assert not list(killed.rglob("*.part"))
            shutil.rmtree(killed)
            known = 0
            counts["completed"] += 1
            if last:
                return counts
        else:
            assert process.exitcode == -signal.SIGKILL, process.exitcode


@dataclass(frozen=True)
class Options:
    """Kill a sweep at random instants, and see it end as if it never had been; put the counts on record."""

    kills: Annotated[int, tyro.conf.Positional] = KILLS
    """How often."""


def main() -> None:
    """Run the campaign and put its counts on record."""
    kills = parse(Options, None, "python tests/kill_campaign.py").kills
    with tempfile.TemporaryDirectory() as folder:
        counts = campaign(kills, Path(folder), workers=(1, 1, 2))
    print(json.dumps(counts))
    path = ROOT / "docs" / "counts" / "kills.json"
    path.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
