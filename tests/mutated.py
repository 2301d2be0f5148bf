"""Try the mutants of one file: ``python tests/mutated.py impl/init/kaiming.py JOB.json``; see tests/mutation.py.

Tests are collected once. Each mutant gets a fork, in which its code takes the place of its function's, and those tests
run that reach the function, the quickest first, until one fails.
A mutant that never ends is stopped after CPU time, not time on the clock: a busy machine kills no mutant.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: a fork has one thread

import pytest
from mutmut.mutation.file_mutation import mutate_file_contents

CPU = (5.0, 4.0)  # seconds, and multiples of what its tests take, that a mutant may compute
LONGEST = 4.0  # seconds: a test that takes longer is not asked
CLOCK = 60  # multiples of that on the clock, after which it counts as not tried


class Mutants:
    """All mutants of one file, each ready to take the place of the function that it is made from."""

    def __init__(self, path: Path) -> None:
        name = ".".join(path.with_suffix("").parts)
        self.module = vars(importlib.import_module(name))
        made = mutate_file_contents(str(path), path.read_text(encoding="utf-8"))
        self.text, self.keys = made.code, list(made.mutant_names)
        with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as file:
            file.write(self.text)
            file.flush()
            spec = importlib.util.spec_from_file_location(name, file.name)
            assert spec
            assert spec.loader
            mutated = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(mutated)
        self.made = vars(mutated)

    def original(self, key: str) -> FunctionType:
        """The function that the mutant ``key`` changes."""
        return _plain(self.module, *_place(key.rpartition("__mutmut_")[0]))

    def apply(self, key: str) -> None:
        """Put the mutant ``key`` into its function, which stays the same object for all who hold it."""
        *owner, _ = _place(key)
        mutant, original = _plain(self.made, *owner, key), self.original(key)
        original.__code__ = mutant.__code__
        original.__defaults__, original.__kwdefaults__ = mutant.__defaults__, mutant.__kwdefaults__


def _place(key: str) -> tuple[str, ...]:
    """Where a function is: its class, if it has one, and its name."""
    return tuple(key.split("ǁ")[1:]) if "ǁ" in key else (key.removeprefix("x_"),)


def _plain(module: dict[str, Any], *place: str) -> FunctionType:
    """The function at this place, without what makes it a static method or a class's."""
    *owner, name = place
    found = vars(module[owner[0]])[name] if owner else module[name]
    return getattr(found, "__func__", found)


class Trials:
    """A pytest plugin that runs the collected tests once for each mutant."""

    def __init__(self, mutants: Mutants, keys: Sequence[str], job: dict[str, Any]) -> None:
        self.mutants, self.keys, self.job = mutants, keys, job
        self.found: dict[str, str] = job["known"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Tell hypothesis not to look for the smallest example: that a test fails is enough."""
        from hypothesis import Phase, settings  # not before pytest is there

        shrinks = {Phase.shrink, Phase.explain}
        phases = [phase for phase in settings().phases if phase not in shrinks]
        settings.register_profile("mutants", settings(), phases=phases, database=None)
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Time the tests, then try mutant by mutant, until all are tried or the time is up."""
        functions = {self.mutants.original(key).__code__ for key in self.keys}
        reach = in_fork(lambda: reached(session.items, functions), 3600, 3600)
        if not isinstance(reach, dict):
            raise pytest.UsageError(f"without a mutant: {reach}")
        kept, start = snapshot(), time.monotonic()
        for key in self.keys[: self.job["sample"]]:
            if key in self.found:
                continue
            if time.monotonic() - start > self.job["seconds"]:
                break
            name = self.mutants.original(key).__qualname__
            mine = [i for i in session.items if name in reach[i.nodeid][1]]
            mine = [i for i in mine if reach[i.nodeid][0] < LONGEST]
            mine.sort(key=lambda i: (i.nodeid != self.job["first"].get(key), reach[i.nodeid][0]))
            cpu = CPU[0] + CPU[1] * sum(reach[i.nodeid][0] for i in mine)
            self.found[key] = str(in_fork(lambda: self.verdict(key, mine), cpu, CLOCK * cpu))  # noqa: B023
            if snapshot() != kept:  # what a mutant wrote must not kill the next
                shutil.rmtree("results")
                shutil.copytree("kept", "results", copy_function=shutil.copy2)
            if len(self.found) % 20 == 0:
                self.save()
        self.save()
        return True

    def verdict(self, key: str, items: Sequence[pytest.Item]) -> str:
        """Run ``items`` with the mutant ``key`` until one fails."""
        if not items:
            return "lives: no test reaches it"
        self.mutants.apply(key)
        for item, following in zip(items, (*items[1:], None), strict=True):
            if failed(item, following):
                return f"killed: {item.nodeid}"
        return "lives"

    def save(self) -> None:
        """Write what was found so far."""
        mutants = {key: self.found.get(key) for key in self.keys}
        made = {"key": self.job["key"], "mutants": mutants, "text": self.mutants.text}
        partial = Path(self.job["out"] + ".part")
        partial.write_text(json.dumps(made, indent=0), encoding="utf-8")
        partial.replace(self.job["out"])


def snapshot() -> set[tuple[str, int, int]]:
    """Which results there are, as the mutants find them."""
    files = (p for p in Path("results").rglob("*") if p.is_file())
    return {(str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files}


def in_fork(work: Any, cpu: float, clock: float) -> Any:
    """What ``work`` returns in a fork of its own; ``killed: …`` or ``not tried: …`` if it does not return."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu) + 1, int(cpu) + 6))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        try:
            with os.fdopen(write, "w") as pipe:
                pipe.write(json.dumps(work()))
        except BaseException:  # such as SystemExit, which must not go on in the fork
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(write)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, clock)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    if os.WIFSIGNALED(status):
        by = os.WTERMSIG(status)
        if by == signal.SIGKILL:
            return "not tried: the machine was too busy"
        return "killed: CPU time" if by == signal.SIGXCPU else f"killed: signal {by}"
    return json.loads(said) if said else "killed: it ends the process"


def failed(item: pytest.Item, following: pytest.Item | None) -> bool:
    """Run one test; did it fail, or a fixture of its?"""
    from _pytest.runner import runtestprotocol

    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


def reached(
    items: Sequence[pytest.Item], functions: set[CodeType]
) -> dict[str, tuple[float, list[str]]]:
    """For each test, alone: its CPU time, and which of ``functions`` it calls. All must pass."""
    called: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in functions:
            called.add(frame.f_code.co_qualname)

    found: dict[str, tuple[float, list[str]]] = {}
    again = [item for item in items for _ in range(2)]
    for item in again:
        before = found.get(item.nodeid)
        if before and (before[0] < LONGEST or not before[1]):
            continue  # else once more: the first time, it may have compiled what is kept from then on
        forget()
        called.clear()
        start = time.process_time()
        threading.setprofile(note)
        sys.setprofile(note)
        fails = failed(item, None)
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
        if fails:
            raise AssertionError(f"{item.nodeid} fails without a mutant")
        took = time.process_time() - start
        names = sorted(called | set(before[1] if before else ()))
        found[item.nodeid] = (min(took, before[0]) if before else took, names)
    return found


def forget() -> None:
    """Empty the caches of our functions: what one test computed is not there for the next."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("derivations", "experiments", "impl"):
            for thing in vars(module).values():
                if callable(getattr(thing, "cache_clear", None)):
                    thing.cache_clear()


def main() -> int:
    """Try the mutants of the file that the job names."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.path.insert(0, str(Path.cwd()))
    mutants = Mutants(Path(job["file"]))
    if Path("results").exists():
        shutil.copytree("results", "kept", copy_function=shutil.copy2, dirs_exist_ok=True)
    # Chance, fixed by the file, decides the order: what was tried is a random sample of all.
    keys = random.Random(mutants.text).sample(sorted(mutants.keys), len(mutants.keys))
    trials = Trials(mutants, keys, job)
    arguments = ["-q", "-pno:cacheprovider", "-pno:xdist", "-oaddopts=--import-mode=importlib"]
    return int(pytest.main([*arguments, *job["tests"]], plugins=[trials]))


if __name__ == "__main__":
    sys.exit(main())
