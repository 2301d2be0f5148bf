"""Broadcasting against torch and numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, mutually_broadcastable_shapes
from torch import Tensor
from torch.autograd import gradcheck
from torch.testing import assert_close

from impl.tensors.broadcasting import broadcast_shapes, broadcast_to, normalize, unbroadcast

PROPERTY = settings(max_examples=150)
SHAPE = st.lists(st.integers(0, 4), max_size=4).map(tuple)
DTYPES = st.sampled_from((torch.float64, torch.float32, torch.bfloat16))
EXACT = {"rtol": 0, "atol": 0, "equal_nan": True}
IMAGES, MEAN, STD = torch.rand(2, 3, 4, 4), torch.rand(3), torch.ones(3)

EXAMPLES = {
    "broadcast_shapes": lambda: broadcast_shapes((5, 1), 3),
    "broadcast_to": lambda: broadcast_to(MEAN, (2, 3)),
    "unbroadcast": lambda: unbroadcast(IMAGES, (3, 1, 1)),
    "normalize": lambda: normalize(IMAGES, MEAN, STD),
}


@st.composite
def tensors(draw: st.DrawFn, shape: tuple[int, ...]) -> Tensor:
    """NaN and infinite entries, three types, and three layouts in memory."""
    values = draw(arrays(np.float32, shape, elements=st.floats(width=16)))
    plain = torch.from_numpy(values).to(draw(DTYPES))
    layout = draw(st.sampled_from(("plain", "transposed", "strided")))
    if layout == "transposed" and plain.dim() > 1:
        return plain.mT.contiguous().mT
    if layout == "strided" and plain.dim():
        return plain.repeat_interleave(2, -1)[..., ::2]
    return plain


@PROPERTY
@given(shapes=st.lists(SHAPE, max_size=4))
def test_shapes_meet_as_in_torch_and_numpy_or_are_refused_by_all(
    shapes: list[tuple[int, ...]],
) -> None:
    try:
        expected = np.broadcast_shapes(*shapes)
    except ValueError:
        with pytest.raises(RuntimeError):
            torch.broadcast_shapes(*shapes)
        with pytest.raises(ValueError, match="do not broadcast: at dimension -"):
            broadcast_shapes(*shapes)
        return
    assert broadcast_shapes(*shapes) == expected == tuple(torch.broadcast_shapes(*shapes))


@PROPERTY
@given(data=st.data(), shape=SHAPE, wanted=SHAPE)
def test_stretching_is_torchs_and_copies_nothing(
    data: st.DataObject, shape: tuple[int, ...], wanted: tuple[int, ...]
) -> None:
    tensor = data.draw(tensors(shape))
    try:
        theirs = torch.broadcast_to(tensor, wanted)
    except RuntimeError:
        with pytest.raises(ValueError, match=r"broadcast|stretched"):
            broadcast_to(tensor, wanted)
        return
    ours = broadcast_to(tensor, wanted)
    assert_close(ours, theirs, **EXACT)
    assert ours.stride() == theirs.stride() or 0 in wanted or 1 in wanted
    assert ours.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()


def test_a_stretched_row_has_one_copy_of_each_entry() -> None:
    row = torch.tensor([10.0, 20.0, 30.0])
    table = broadcast_to(row, (4, 3))
    assert table.stride() == (0, 1)
    assert table.untyped_storage().nbytes() == 3 * 4
    row[1] = 5.0
    assert table[:, 1].tolist() == [5.0] * 4


@PROPERTY
@given(data=st.data(), shapes=mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=4))
def test_the_gradient_is_the_sum_over_what_was_stretched(
    data: st.DataObject, shapes: object
) -> None:
    shape, whole = shapes.input_shapes[0], shapes.result_shape  # type: ignore[attr-defined]
    gradient = data.draw(tensors(whole))
    ours, theirs = unbroadcast(gradient, shape), gradient.sum_to_size(shape)
    assert ours.shape == shape and ours.dtype == gradient.dtype
    assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)


@PROPERTY
@given(data=st.data(), shape=SHAPE, other=SHAPE)
def test_a_gradient_of_another_shape_is_refused(
    data: st.DataObject, shape: tuple[int, ...], other: tuple[int, ...]
) -> None:
    try:
        fits = torch.broadcast_shapes(shape, other) == other
    except RuntimeError:
        fits = False
    assume(not fits)
    with pytest.raises(ValueError, match=r"broadcast|does not come from"):
        unbroadcast(torch.zeros(other), shape)


@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=1, max_side=3))
@settings(max_examples=30)
def test_gradients_are_those_of_autograd_and_of_differences(shapes: object) -> None:
    a, b = (torch.rand(s, dtype=torch.float64) + 0.5 for s in shapes.input_shapes)  # type: ignore[attr-defined]
    whole = shapes.result_shape  # type: ignore[attr-defined]
    a.requires_grad_()
    assert gradcheck(lambda x: broadcast_to(x, whole) * broadcast_to(b, whole), (a,))
    (theirs,) = torch.autograd.grad((a * b).sum(), a)
    assert_close(unbroadcast(broadcast_to(b, whole), a.shape), theirs)


def test_numbers_are_shapes_and_negative_sizes_are_none() -> None:
    assert broadcast_shapes(3, (2, 1)) == (2, 3)
    assert broadcast_shapes() == ()
    with pytest.raises(ValueError, match=r"sizes must not be negative, got \(2, -1\)"):
        broadcast_shapes((2, -1))


def test_the_error_names_both_shapes_and_the_dimension() -> None:
    with pytest.raises(ValueError, match="do not broadcast") as caught:
        broadcast_shapes((7, 5, 3), (1,), (4, 1))
    assert str(caught.value) == (
        "shapes (7, 5, 3) and (4, 1) do not broadcast: at dimension -2 the sizes 5 and 4 are neither "
        "equal nor 1"
    )


@given(batch=st.lists(st.integers(0, 3), max_size=2), channels=st.integers(0, 4))
@settings(max_examples=30)
def test_channels_are_normalised_as_by_loops(batch: list[int], channels: int) -> None:
    images = torch.rand(*batch, channels, 4, 5, dtype=torch.float64)
    mean, std = (
        torch.rand(channels, dtype=torch.float64),
        0.5 + torch.rand(channels, dtype=torch.float64),
    )
    ours = normalize(images, mean, std)
    expected = images.clone()
    for k in range(channels):
        expected[..., k, :, :] = (images[..., k, :, :] - mean[k]) / std[k]
    assert_close(ours, expected, **EXACT)


@pytest.mark.parametrize("shape", [(3, 4), (4, 3, 2), (3,)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"images must be \(\*batch, channels, height, width\)"):
        normalize(torch.rand(shape), MEAN, STD)
