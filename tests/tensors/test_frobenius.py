"""tensors/frobenius: the experiment agrees with theory (tests/test_experiment_mutants.py: with nothing else)."""

from __future__ import annotations

from dataclasses import replace

from experiments.statistics import judge
from experiments.tensors.frobenius import Settings, compare, measure

FEW = Settings(networks=30, depth=5, draws=300)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


def agrees(settings: Settings) -> bool:
    return bool(judge(compare(measure(settings, quiet), settings))["agrees"].all())


def test_theory_and_measurement_agree() -> None:
    assert agrees(replace(FEW, networks=100))


def test_layers_that_die_end_their_network_quietly() -> None:
    tiny = replace(FEW, width=4, depth=8, networks=60)
    assert len(measure(tiny, quiet)) < 3 * tiny.draws + 2 + tiny.depth * tiny.networks
    assert agrees(tiny)
