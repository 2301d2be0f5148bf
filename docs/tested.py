"""Which of our files are mutated, which tests must notice, and whether the record of that is still of today's files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from derivations.rows import ROOT

COUNTS = ROOT / "docs" / "counts" / "tests.json"

# Which tests try the machinery. A file impl/a/b.py has tests/a/test_impl_b.py, or else tests/a/test_b.py, which tries
# the row's derivation and experiment, too.
ROADS = ("test_values", "test_laws", "test_points", "test_algebra")
MACHINERY = {
    "impl/rules.py": ("test_rules_of_the_game",),
    "impl/init/fans.py": ("init/test_impl_fans", "init/test_fans"),
    "impl/init/_graph.py": ("init/test_graph", "init/test_symbolic", "init/test_apply"),
    "impl/init/_symbolic.py": ("init/test_symbolic", "init/test_apply"),
    "derivations/algebra.py": (*ROADS, "test_sceptic", "test_proof"),
    "derivations/cumulative.py": ("test_vectorised", "test_distributions"),
    "derivations/domains.py": ("test_domains", *ROADS, "test_sceptic"),
    "derivations/expectation.py": (*ROADS, "test_sceptic", "test_proof"),
    "derivations/mean_field.py": ("test_mean_field",),
    "derivations/notation.py": ("test_notation", "test_papers"),
    "derivations/numeric.py": (*ROADS, "test_sceptic", "test_proof"),
    "derivations/outcomes.py": (*ROADS, "test_sceptic", "test_proof"),
    "derivations/points.py": (*ROADS, "test_domains", "test_sceptic", "test_proof"),
    "derivations/proof.py": (*ROADS, "test_sceptic", "test_proof"),
    "derivations/record.py": ("test_record",),
    "derivations/second_engine.py": ("test_second_engine",),
    "derivations/solve.py": (*ROADS, "test_sceptic", "test_proof"),
    "derivations/vectorised.py": ("test_vectorised",),
    "derivations/wrong_steps.py": ("test_wrong_steps",),
    "experiments/activations.py": ("test_activations", "test_passes"),
    "experiments/cells.py": ("test_sketch", "test_sweep", "depth/test_jacobian_sweep"),
    "experiments/coins.py": ("test_coins",),
    "experiments/distributions.py": ("test_distributions", "test_verdict"),
    "experiments/final_law.py": ("test_final_law",),
    "experiments/fingerprint.py": ("test_fingerprint",),
    "experiments/heavy_tails.py": ("test_heavy_tails",),
    "experiments/inverse.py": ("test_final_law",),
    "experiments/law.py": ("test_law", "test_coins"),
    "experiments/law_inputs.py": ("test_law_inputs",),
    "experiments/law_kinds.py": ("test_law_kinds", "test_law_inputs"),
    "experiments/law_passes.py": ("test_law", "test_law_kinds"),
    "experiments/losses.py": ("test_losses", "test_labels"),
    "experiments/orthogonal.py": ("test_orthogonal",),
    "experiments/passes.py": ("test_stack", "test_passes"),
    "experiments/paths.py": ("test_ratios",),
    "experiments/philox.py": ("test_philox", "test_philox_compiled"),
    "experiments/philox_long.py": ("test_philox",),
    "experiments/ratios.py": ("test_ratios",),
    "experiments/rescaling.py": ("test_passes",),
    "experiments/results.py": ("test_results",),
    "experiments/settings.py": ("test_settings",),
    "experiments/sketch.py": ("test_sketch",),
    "experiments/stack.py": ("test_stack", "test_passes", "test_labels"),
    "experiments/statistics.py": ("test_statistics", "test_distributions"),
    "experiments/streams.py": ("test_philox",),
    "experiments/verdict.py": ("test_verdict", "test_distributions"),
    "experiments/weights.py": ("test_weights",),
}


def sources() -> Iterator[str]:
    """The files that are mutated: all of impl/, and the machinery that ``MACHINERY`` lists."""
    names = (p.relative_to(ROOT).as_posix() for p in (ROOT / "impl").glob("*/*.py"))
    yield from sorted({*MACHINERY, *(name for name in names if not name.endswith("__init__.py"))})


def tests(file: str) -> list[str]:
    """The test files that try ``file``."""
    if file in MACHINERY:
        return [f"tests/{name}.py" for name in MACHINERY[file]]
    _, chapter, name = file.split("/")
    like = (f"tests/{chapter}/test_impl_{name}", f"tests/{chapter}/test_{name}")
    return [test for test in like if (ROOT / test).exists()][:1]


def key(file: str) -> str:
    """A key of a file and of the tests that try it."""
    texts = ((ROOT / name).read_bytes() for name in (file, *tests(file)))
    return sha256(b"\0".join(texts)).hexdigest()[:16]


def stale(found: dict[str, Any]) -> list[str]:
    """The files that were not tried, or that changed, they or their tests, since they were."""
    return [file for file in sources() if found.get(file, {}).get("key") != key(file)]


def totals(found: dict[str, Any]) -> Counter[str]:
    """The counts of all files together."""
    total: Counter[str] = Counter()
    for one in found.values():
        total.update({name: one[name] for name in ("made", "tried", "killed", "cpu time")})
        total["explained"] += sum(number for _, number in one["explained"])
    return total
