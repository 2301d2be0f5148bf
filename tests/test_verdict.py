"""The verdict in words and as data: all of it."""

from __future__ import annotations

import math

import pytest

from experiments.distributions import noticeable_distance
from experiments.settings import Unusable
from experiments.statistics import Comparison, exact_value, judge, mean_value, noticeable
from experiments.verdict import describe, sensitivity, verdict

GOOD = Comparison("forward", 1.01, 1.0, "normal", 0.02, order=2, layer=3, input="digit")
WHOLE = Comparison("forward", 1.001, 1.0, "normal", 0.005, order=2)
WORSE = Comparison("backward", 1.5, 1.0, "normal", 0.02, layer=7)
WORST = Comparison("backward", 2.0, 1.0, "normal", 0.02, layer=8)
EXACT = exact_value(1.0, 1.0, 1e-13, statistic="norm / torch")


def test_an_agreement_is_told_with_its_least_likely_comparison() -> None:
    found = verdict(judge([WHOLE, GOOD, EXACT]), [WHOLE, GOOD, EXACT], blind=["the weather"])
    assert list(found) == [
        *("agrees", "sentence", "error_rate", "comparisons", "disagreements", "worst"),
        *("sensitivity", "blind"),
    ]
    assert found["agrees"] is True
    assert found["sentence"] == (
        "Theory and measurement agree in all of 3 comparisons. The least likely is forward (digit) "
        "at layer 3: 1.01 measured, 1 predicted, z = +0.5; "
        "a rejection by mere chance comes once in 1,000 runs."
    )
    assert (found["error_rate"], found["comparisons"]) == (0.001, 3)
    assert (found["disagreements"], found["blind"]) == ([], ["the weather"])
    assert found["worst"]["layer"] == "3"
    assert set(found["worst"]) == {
        *("layer", "statistic", "input", "measured", "standard_error", "predicted", "z", "p")
    }


def test_a_disagreement_is_told_with_the_clearest() -> None:
    comparisons = [WORSE, WORST, WHOLE]
    found = verdict(judge(comparisons), comparisons)
    assert found["agrees"] is False
    assert found["sentence"] == (
        "Theory and measurement disagree in 2 of 3 comparisons. The clearest is backward at layer 8: "
        "2 measured, 1 predicted, z = +50.0."
    )
    assert [line["layer"] for line in found["disagreements"]] == ["8", "7"]
    assert found["worst"]["layer"] == "8"


def test_one_comparison_is_singular_and_chance_is_named_only_where_there_is_some() -> None:
    found = verdict(judge([EXACT]), [EXACT])
    assert found["sentence"] == (
        "Theory and measurement agree in all of 1 comparison, which leave nothing to chance."
    )
    wrong = exact_value(1.1, 1.0, 1e-13, statistic="norm / torch")
    assert verdict(judge([wrong]), [wrong])["sentence"] == (
        "Theory and measurement disagree in 1 of 1 comparison. The clearest is norm / torch over all "
        "layers: 1.1 measured, 1 predicted."
    )


def test_a_comparison_in_words() -> None:
    (line,) = (row for _, row in judge([GOOD]).iterrows())
    assert describe(line) == "forward (digit) at layer 3: 1.01 measured, 1 predicted, z = +0.5"
    (line,) = (row for _, row in judge([WHOLE]).iterrows())
    assert describe(line) == "forward over all layers: 1.001 measured, 1 predicted, z = +0.2"


def test_what_would_have_been_noticed_in_all_layers_and_in_one() -> None:
    found = sensitivity([WHOLE, GOOD])
    everywhere, single = (math.sqrt(1 + noticeable(c, 2)) - 1 for c in (WHOLE, GOOD))
    assert found["effect"] == pytest.approx(everywhere)
    assert found["single_layer"] == pytest.approx(single)
    assert found["power"] == 0.9
    assert found["sentence"] == (
        "Weights too large by 1.2 % in all layers, or by 4.7 % in any single one, would have been noticed "
        "with 90 % power."
    )


def test_several_inputs_are_averaged_and_several_statistics_are_not() -> None:
    other = Comparison("forward", 1.0, 1.0, "normal", 0.04, order=2, layer=3, input="gaussian")
    each = [math.sqrt(1 + noticeable(c, 3)) - 1 for c in (GOOD, other)]
    pooled = math.sqrt(sum(e**2 for e in each) / 2)
    assert sensitivity([WHOLE, GOOD, other])["single_layer"] == pytest.approx(pooled)
    sharper = Comparison("backward", 1.0, 1.0, "normal", 0.01, order=2, layer=3)
    sharp = math.sqrt(1 + noticeable(sharper, 3)) - 1
    assert sensitivity([WHOLE, GOOD, sharper])["single_layer"] == pytest.approx(sharp)


def test_without_single_layers_none_is_told() -> None:
    found = sensitivity([WHOLE])
    assert found["single_layer"] is None
    assert found["sentence"] == (
        "Weights too large by 1.1 % in all layers, would have been noticed with 90 % power."
    )


def test_what_measures_no_gain_says_so() -> None:
    nothing = {"effect": None, "single_layer": None, "power": None}
    assert sensitivity([WORSE]) == {
        "sentence": "No comparison here measures the gain of the weights.",
        **nothing,
    }
    loose = exact_value(1.0, 1.0, 1e-8, statistic="loose")
    assert sensitivity([EXACT, loose]) == {
        "sentence": "Values without randomness may differ by at most 1e-08.",
        **nothing,
    }


LAW = Comparison("law", 0.01, 0.0, "distance", 0.02, p=0.5, size=400.0)
LOOSER = Comparison("loose law", 0.01, 0.0, "distance", 0.02, p=0.5, size=100.0)
SHARE = Comparison("dead", 0.24, 0.25, "binomial", 0.01, p=0.5, size=1e4)
RARER = Comparison("rare", 0.01, 0.01, "binomial", 0.001, p=0.5, size=1e4)


def test_a_law_is_told_by_the_sharpest_distance() -> None:
    found = sensitivity([LOOSER, LAW, EXACT])
    assert found["distance"] == noticeable_distance(LAW, 2)
    assert found["sentence"] == (
        f"A law (law) whose distribution function is off by {found['distance']:.2g} anywhere "
        "would have been noticed with 90 % power."
    )
    assert found["effect"] is None


def test_a_law_beside_a_gain_is_told_after_it() -> None:
    found = sensitivity([WHOLE, LAW])
    assert found["effect"] == pytest.approx(math.sqrt(1 + noticeable(WHOLE, 2)) - 1)
    first, second = found["sentence"].split(". ")
    assert first.startswith("Weights too large by ") and first.endswith(" with 90 % power")
    assert second == (
        f"So would a law (law) whose distribution function is off by "
        f"{noticeable_distance(LAW, 2):.2g} anywhere."
    )


def test_a_share_is_told_by_its_relative_error_and_a_large_one_is_not() -> None:
    large = Comparison("most", 0.9, 0.9, "binomial", 0.003, p=0.5, size=1e6)
    unsized = Comparison("unsized", 0.2, 0.2, "binomial", 0.003, p=0.5)
    found = sensitivity([RARER, SHARE, large, unsized])
    error = noticeable(SHARE, 4)
    assert error < noticeable(RARER, 4)
    assert found["sentence"] == (
        f"A probability (dead) off by {100 * error:.2g} % would have been noticed with 90 % power."
    )
    assert "distance" not in found
    beside = sensitivity([SHARE, WHOLE])
    assert "probability" not in beside["sentence"]
    half = Comparison("half", 0.5, 0.5, "binomial", 0.005, p=0.5, size=1e4)
    assert "(half)" in sensitivity([half])["sentence"]


def test_the_words_of_refusals() -> None:
    with pytest.raises(Unusable) as nothing:
        judge([])
    assert str(nothing.value) == "nothing to compare: too few networks or units for any test"
    with pytest.raises(
        ValueError, match=r"^a standard error cannot be estimated from fewer than two"
    ):
        mean_value([1.0], 1.0, statistic="one")


def test_integers_are_a_sample_too() -> None:
    assert mean_value([1, 2, 3], 2, statistic="n").measured == 2.0


def test_an_exact_value_is_never_judged_by_its_error() -> None:
    off = Comparison("a", 1.5, 1.0, "exact", standard_error=10.0, tolerance=1.0)
    assert judge([off])["agrees"].all()
    assert noticeable(off, 1) < math.inf
    for blind in (
        Comparison("a", 0.1, 0.0, "normal", 1.0),
        Comparison("a", 1.0, 1.0, "normal", 0.0),
    ):
        assert noticeable(blind, 1) == math.inf
