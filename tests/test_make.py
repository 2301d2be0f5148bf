"""The Makefile's promises that are cheap to check, and the summary that ends `make`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from derivations.rows import ROOT, ROWS
from docs.summary import slowest, summary
from experiments.fingerprint import deciding, fingerprint
from experiments.runner import load

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = (
    *("all", "test", "verify", "experiments", "site", "serve", "lab", "bench", "lint", "format"),
    *("check", "row", "clean", "distclean", "help", "doubt", "fuzz", "kill", "mutants"),
    *("site-check", "pdf", "notebooks"),
)


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )


def test_help_lists_every_target() -> None:
    listed = re.findall(r"^  make ([\w-]+) +\S", make("help").stdout, re.MULTILINE)
    assert sorted(listed) == sorted(TARGETS)
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    assert sorted(phony.group(1).split()) == sorted(TARGETS)


def test_make_alone_does_it_all() -> None:
    first = re.search(r"^([a-z]+):", MAKEFILE, re.MULTILINE)
    assert first
    assert first.group(1) == "all"


def test_only_what_every_make_and_shell_know_is_used() -> None:
    """macOS has GNU make 3.81 and BSD tools; Debian's sh is no bash."""
    for word in ("!=", ".ONESHELL", "$(file", "::=", "[[", "sed -i", "readlink -f", "-printf"):
        assert word not in MAKEFILE


def test_nothing_listens_but_on_this_machine() -> None:
    lines = [line for line in MAKEFILE.splitlines() if "http.server" in line or "jupyter" in line]
    assert len(lines) == 2
    assert all("127.0.0.1" in line for line in lines)
    assert "token" not in "".join(lines)  # Jupyter's own default: a fresh one at every start


def test_every_pin_fits_the_declared_range() -> None:
    import tomllib

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    versions = {canonicalize_name(pin.name): str(pin.specifier)[2:] for pin in pins}
    assert all(str(pin.specifier).startswith("==") for pin in pins)
    assert len(versions) == len(pins)
    assert not [version for version in versions.values() if "+" in version]

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    for line in project["dependencies"] + extras:
        need = Requirement(line)
        assert need.specifier.contains(versions[canonicalize_name(need.name)]), line


@cache
def current(row: str) -> str:
    """The fingerprint of a result that is up to date."""
    return fingerprint(row, deciding(load(row).Settings()))


def write(root: Path, *, verified: bool = True, agrees: bool = True, site: bool = True) -> None:
    """Results of all rows, of which the first may fail."""
    counts = {"proved": 5, "numeric only": 1, "n ≤ 3": 2, "assumed": 3, "failed": 0}
    for row in ROWS:
        proof = {"verified": verified or row != ROWS[0], "counts": counts}
        verdict = {"agrees": agrees or row != ROWS[0]}
        for name, content in (
            (f"derivations/{row}.json", proof),
            (f"experiments/{row}/verdict.json", verdict),
            (f"experiments/{row}/settings.json", {"fingerprint": current(row)}),
            ("../site/index.html", {}),
        ):
            path = root / "results" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content), encoding="utf-8")
    if not site:
        (root / "site" / "index.html").unlink()


def test_the_summary_counts(tmp_path: Path) -> None:
    write(tmp_path)
    lines, well = summary(tmp_path)
    text, rows = "\n".join(lines), len(ROWS)
    assert well
    assert f"{rows} rows" in text
    assert f"{5 * rows} proved, {rows} checked numerically only" in text
    assert f"{2 * rows} checked for n ≤ 3; {3 * rows} assumptions" in text
    assert f"{rows} agree, 0 disagree" in text
    assert "make serve" in text


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        ("verified", "not verified:[/] {row}"),
        ("agrees", "theory and measurement disagree:[/] {row}"),
        ("site", "the site was not built"),
    ],
)
def test_the_summary_names_what_is_wrong(tmp_path: Path, problem: str, message: str) -> None:
    write(tmp_path, **{problem: False})
    lines, well = summary(tmp_path)
    assert not well
    assert message.format(row=ROWS[0]) in "\n".join(lines)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_results_that_are_missing_or_damaged_are_no_success(tmp_path: Path, content: str) -> None:
    for name in ("verdict.json", "settings.json"):
        write(tmp_path)
        (tmp_path / "results/experiments" / ROWS[0] / name).write_text(content, "utf-8")
        lines, well = summary(tmp_path)
        assert not well
        assert f"not measured, or changed since:[/] {ROWS[0]}" in "\n".join(lines)


def test_the_summary_names_the_longest_step() -> None:
    found = json.loads((ROOT / f"results/derivations/{ROWS[0]}.json").read_text(encoding="utf-8"))
    steps = [line for line in found["lines"] if line["kind"] == "step"]
    steps[1]["seconds"] = 40.0
    others = sum(line["seconds"] for line in steps) - 40
    (said,) = slowest({ROWS[0]: found, ROWS[1]: {"lines": 3}})
    assert said == (
        f"Verification: {40 + others:.0f} s of CPU time; "
        f"the longest step, {ROWS[0]} {steps[1]['label']}, 40.0 s"
    )
    assert slowest({}) == slowest({ROWS[0]: {}}) == []


def test_the_summary_is_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docs.summary"], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert done.returncode in (0, 1)
    assert "Experiments:" in done.stdout
    assert done.stderr == ""
