"""backprop/chain_rule: the experiment agrees with theory (tests/test_experiment_mutants.py: with nothing else)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.backprop.chain_rule import Settings, compare, gradient_errors, measure
from experiments.statistics import judge

FEW = Settings(networks=20, depth=12)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


def agrees(settings: Settings) -> bool:
    return bool(judge(compare(measure(settings, quiet), settings))["agrees"].all())


def test_theory_and_measurement_agree() -> None:
    assert agrees(FEW)


def test_random_signs_are_as_good_a_cotangent() -> None:
    assert agrees(replace(FEW, cotangent="signs"))


def test_all_ones_are_not() -> None:
    assert not agrees(replace(FEW, cotangent="ones", networks=60))


@pytest.mark.parametrize("seed", [472, 664, 1707, 1872, 2104, 2503])
def test_a_large_loss_is_no_disagreement(seed: int) -> None:
    errors = gradient_errors(replace(FEW, seed=seed))
    assert all(autograd < 1e-12 and near < 1e-8 for autograd, near in errors.values())
