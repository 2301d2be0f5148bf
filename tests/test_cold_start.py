"""No command imports what is slow before it needs it: modules are asserted, and never seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from derivations.rows import ROOT, ROWS

SLOW = {"torch", "scipy.stats", "matplotlib.pyplot"}  # a second each, or more
LIBRARIES = SLOW | {"matplotlib", "numba", "pandas", "scipy", "sklearn", "sympy"}
ASKED = """
import contextlib, io, runpy, sys
sys.argv = sys.argv[1:]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    if sys.argv[0].endswith(".py"):
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
print(*sys.modules)
"""


def imported(code: str, *arguments: str) -> set[str]:
    """The modules that a fresh Python holds in the end."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "command",
    [
        *("experiments --list", "experiments --help", "derivations --list", "derivations --help"),
        *("experiments sweep --help", "experiments.mutants --help", "experiments no/row"),
        *("experiments/init/kaiming.py --help", "experiments/init/kaiming.py --width 0"),
        "experiments/depth/exact_law.py --help",
    ],
)
def test_help_lists_and_refusals_need_no_library(command: str) -> None:
    found = imported(ASKED, *command.split())
    assert "derivations.rows" in found
    assert found & LIBRARIES == set()


def test_a_list_of_rows_needs_no_command_line_parser() -> None:
    assert not imported(ASKED, "experiments", "--list") & {"tyro", "numpy", "rich"}


@pytest.mark.parametrize("row", ["init/kaiming", "depth/exact_law"])
def test_a_derivation_needs_sympy_and_no_more(row: str) -> None:
    found = imported(ASKED, "derivations", row)
    assert "sympy" in found
    assert found & (LIBRARIES - {"sympy"}) == set()


def test_all_experiments_together_ask_for_no_library_before_they_run() -> None:
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    found = imported(code, *(f"experiments.{row.replace('/', '.')}" for row in ROWS))
    assert found & LIBRARIES == set()


@pytest.mark.parametrize(
    "run",
    [
        "from experiments.law import Law, constant, sample\n"
        "sample(Law(constant(64, 30), 2**0.5), networks=100, seed=0, both=True)",
        "from experiments.law import Law, constant, gradients\n"
        "from experiments.law_kinds import Orthogonal\n"
        "gradients(Orthogonal(constant(64, 30), 2**0.5), networks=100, seed=0)",
        "from experiments.final_law import FinalLaw\nfrom experiments.law import Law, constant\n"
        "FinalLaw(Law(constant(64, 30), 2**0.5)).quantile(0.5)",
    ],
)
def test_networks_from_their_law_need_neither_torch_nor_a_compiler(run: str) -> None:
    found = imported(f"{run}\nimport sys\nprint(*sys.modules)")
    assert "experiments.law" in found
    assert found & (SLOW | {"numba", "pandas", "sympy"}) == set()


def test_a_sweep_over_laws_runs_to_its_end_without_torch(tmp_path: Path) -> None:
    """With its verdict and pictures; torch, a compiler and pyplot have no part in it."""
    small = ["--depth", "2", "--width", "8", "--workers", "1", "--out"]
    found = imported(ASKED, "experiments", "sweep", "depth/finite_width", *small, str(tmp_path))
    assert {"pandas", "matplotlib"} <= found
    assert found & (SLOW | {"numba"}) == set()
    assert list(tmp_path.iterdir())


def test_an_experiment_without_weights_of_its_own_never_compiles(tmp_path: Path) -> None:
    """Numba is imported by the first matrix that is filled, and not by what could fill one."""
    code = "import sys\nimport experiments.stack, experiments.passes, experiments.streams\nprint(*sys.modules)"
    found = imported(code)
    assert "torch" in found and "numba" not in found


def test_what_is_compiled_is_kept_on_disk() -> None:
    """A second process loads it: no test waits for a compiler twice."""
    code = """
import numpy as np
from experiments import inverse, philox
philox.normal(np.empty(8, np.float32), (1, 2), (3, 4, 5))
inverse.inverse(np.array([0.5]), *np.array([[0.0, 1.0]] * 2), np.array([0, 0]), 1.0)
kernels = philox._fill, inverse.inverse
print(*(sum(kernel.stats.cache_misses.values()) for kernel in kernels))
"""
    imported(code)
    assert imported(code) == {"0"}
