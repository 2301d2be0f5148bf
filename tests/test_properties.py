"""Ours against torch over generated shapes, types and layouts, with zero sizes, NaN and infinities.

``pytest tests/test_properties.py --hypothesis-profile=thorough`` tries 1,000 examples of each, other ones every time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import Tensor, nn
from torch.nn import functional
from torch.testing import assert_close

from impl.backprop.chain_rule import forward_and_backward, relu_gradient
from impl.backprop.layers import Linear, Model, ReLU
from impl.backprop.linear import linear, linear_gradients
from impl.backprop.loss import mse_loss, mse_loss_gradient
from impl.init import kaiming, xavier
from impl.init.relu import leaky_relu, relu
from impl.init.shifted_relu import shifted_relu
from impl.tensors.broadcasting import unbroadcast
from impl.tensors.einsum import einsum
from impl.tensors.frobenius import frobenius_norm, frobenius_norm_gradient

TYPES = st.sampled_from((torch.float64, torch.float32, torch.bfloat16))
LAYOUTS = st.sampled_from(("plain", "transposed", "strided", "stretched"))
SHAPES = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
SIZES = st.integers(0, 4)
SLOPES = st.sampled_from((0.0, 0.01, 0.5, 1.0, -0.3))
EXACT: dict[str, Any] = {"rtol": 0, "atol": 0, "equal_nan": True}


@st.composite
def tensors(
    draw: st.DrawFn, shape: tuple[int, ...], dtype: torch.dtype, *, special: bool = True
) -> Tensor:
    """Any numbers (NaN and infinite ones, if ``special``), laid out in memory in four ways."""
    numbers = st.floats(-8, 8, width=16, allow_subnormal=False)
    if special:
        numbers |= st.sampled_from((float("nan"), float("inf"), -float("inf"), -0.0))
    plain = torch.from_numpy(draw(arrays(np.float32, shape, elements=numbers))).to(dtype)
    layout = draw(LAYOUTS) if plain.dim() else "plain"
    if layout == "transposed" and plain.dim() > 1:
        return plain.mT.contiguous().mT
    if layout == "strided":
        return plain.repeat_interleave(2, -1)[..., ::2]
    if layout == "stretched" and shape[0]:
        return plain[:1].expand(shape)
    return plain


def near(dtype: torch.dtype, terms: int = 1) -> dict[str, Any]:
    """What ``terms`` numbers of size 64 may lose when they are summed in another order."""
    return {"rtol": 0, "atol": 64 * (terms + 2) * torch.finfo(dtype).eps, "equal_nan": True}


@given(data=st.data(), shape=SHAPES, dtype=TYPES, slope=SLOPES)
def test_rectifiers(
    data: st.DataObject, shape: tuple[int, ...], dtype: torch.dtype, slope: float
) -> None:
    x = data.draw(tensors(shape, dtype))
    assert_close(relu(x), functional.relu(x), **EXACT)
    assert_close(leaky_relu(x, slope), functional.leaky_relu(x, slope), **EXACT)
    assert_close(shifted_relu(x, 0.25), functional.relu(x) - 0.25, **EXACT)


@given(data=st.data(), shape=SHAPES, dtype=TYPES, slope=SLOPES)
def test_a_rectifiers_gradient(
    data: st.DataObject, shape: tuple[int, ...], dtype: torch.dtype, slope: float
) -> None:
    x, upstream = (data.draw(tensors(shape, dtype)) for _ in range(2))
    leaf = x.clone().requires_grad_()
    made = functional.leaky_relu(leaf, slope) if slope else functional.relu(leaf)
    (expected,) = torch.autograd.grad(made, leaf, upstream)
    assert_close(relu_gradient(x, upstream, slope), expected, **EXACT)


@given(
    data=st.data(),
    batch=st.lists(SIZES, min_size=1, max_size=2),
    sizes=st.tuples(SIZES, SIZES),
    dtype=TYPES,
)
def test_a_linear_layer_and_its_gradients(
    data: st.DataObject, batch: list[int], sizes: tuple[int, int], dtype: torch.dtype
) -> None:
    fan_in, fan_out = sizes
    special = data.draw(st.booleans())
    shapes = ((*batch, fan_in), (fan_in, fan_out), (fan_out,), (*batch, fan_out))
    x, w, b, upstream = (data.draw(tensors(s, dtype, special=special)) for s in shapes)
    leaves = [t.clone().requires_grad_() for t in (x, w, b)]
    made = functional.linear(leaves[0], leaves[1].T, leaves[2])
    terms = max(1, *sizes, int(np.prod(batch)))
    assert_close(linear(x, w, b), made.detach(), **near(dtype, terms))
    expected = torch.autograd.grad(made, leaves, upstream)
    for ours, theirs in zip(linear_gradients(x, w, upstream), expected, strict=True):
        assert_close(ours, theirs, **near(dtype, terms))


@given(data=st.data(), shape=SHAPES, dtype=TYPES, column=st.booleans())
def test_the_loss_and_its_gradient(
    data: st.DataObject, shape: tuple[int, ...], dtype: torch.dtype, column: bool
) -> None:
    output = data.draw(tensors((*shape, 1) if column else shape, dtype))
    target = data.draw(tensors(shape, dtype))
    leaf = output.clone().requires_grad_()
    loss = functional.mse_loss(leaf.squeeze(-1) if column else leaf, target)
    loss.backward()
    precision = {"rtol": 8 * torch.finfo(dtype).eps, "atol": 0, "equal_nan": True}
    assert_close(mse_loss(output, target), loss.detach(), **precision)
    assert leaf.grad is not None
    assert_close(mse_loss_gradient(output, target), leaf.grad, **precision)


@given(
    data=st.data(),
    widths=st.lists(SIZES, min_size=2, max_size=4),
    batch=st.integers(1, 3),
    dtype=TYPES,
    slope=SLOPES,
)
def test_a_network_and_its_layers_say_the_same(
    data: st.DataObject, widths: list[int], batch: int, dtype: torch.dtype, slope: float
) -> None:
    pairs = list(zip(widths, widths[1:], strict=False))
    layers = [(data.draw(tensors(p, dtype)), data.draw(tensors(p[1:], dtype))) for p in pairs]
    x, target = (data.draw(tensors((batch, w), dtype)) for w in (widths[0], widths[-1]))
    loss, x_gradient, gradients = forward_and_backward(x, target, *layers, negative_slope=slope)
    parts: list[Any] = [Linear(*layers[0])]
    for pair in layers[1:]:
        parts += [ReLU(slope), Linear(*pair)]
    model = Model(*parts)
    assert_close(model(x, target), loss, **EXACT)
    model.backward()
    assert_close(x.g, x_gradient, **EXACT)
    for made, (w, b) in zip(parts[::2], gradients, strict=True):
        assert_close(made.w.g, w, **EXACT)
        assert_close(made.b.g, b, **EXACT)


@given(data=st.data(), shape=array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=4), dtype=TYPES)  # fmt: skip
def test_a_norm_and_its_gradient(
    data: st.DataObject, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    m = data.draw(tensors(shape, dtype))
    precision = {"rtol": 16 * torch.finfo(dtype).eps, "atol": 0, "equal_nan": True}
    expected = torch.linalg.matrix_norm(m.double()).to(dtype)
    assert_close(frobenius_norm(m), expected, **precision)
    leaf = m.double().requires_grad_()
    gradient = torch.autograd.grad(torch.linalg.matrix_norm(leaf).sum(), leaf)[0].to(dtype)
    known = (expected.isfinite() & (expected > 0))[..., None, None].expand_as(m)
    assert_close(frobenius_norm_gradient(m)[known], gradient[known], **precision)


@given(data=st.data(), sizes=st.tuples(SIZES, SIZES, SIZES), dtype=TYPES)
def test_products_of_matrices_by_einsum(
    data: st.DataObject, sizes: tuple[int, int, int], dtype: torch.dtype
) -> None:
    rows, inner, columns = sizes
    a, b = (data.draw(tensors(s, dtype)) for s in ((rows, inner), (inner, columns)))
    assert_close(einsum("ij,jk->ik", a, b), a @ b, **near(dtype, inner))
    assert_close(einsum("ij->ji", a), a.T, **EXACT)
    assert_close(einsum("ij->", a), a.sum(), **near(dtype, rows * inner))


@given(data=st.data(), shape=SHAPES, dtype=TYPES)
def test_a_stretched_tensors_gradient(
    data: st.DataObject, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    small = tuple(1 if data.draw(st.booleans()) else size for size in shape)
    small = small[data.draw(st.integers(0, len(small))) :]
    upstream = data.draw(tensors(shape, dtype))
    leaf = torch.zeros(small, dtype=dtype, requires_grad=True)
    (expected,) = torch.autograd.grad(leaf.expand(shape), leaf, upstream)
    terms = max(1, upstream.numel())
    assert_close(unbroadcast(upstream, small), expected, **near(dtype, terms))


PAIRS: list[tuple[Callable[..., Tensor], Callable[..., Tensor]]] = [
    (kaiming.kaiming_normal_, nn.init.kaiming_normal_),
    (kaiming.kaiming_uniform_, nn.init.kaiming_uniform_),
    (xavier.xavier_normal_, nn.init.xavier_normal_),
    (xavier.xavier_uniform_, nn.init.xavier_uniform_),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@given(data=st.data(), shape=array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=5), dtype=TYPES)  # fmt: skip
def test_the_same_bits_in_any_layout(
    ours: Callable[..., Tensor],
    theirs: Callable[..., Tensor],
    data: st.DataObject,
    shape: tuple[int, ...],
    dtype: torch.dtype,
) -> None:
    seed = data.draw(st.integers(0, 2**32))
    layout = data.draw(st.sampled_from(("plain", "transposed", "strided")))
    made = []
    for fill in (ours, theirs):
        tensor = torch.zeros((*shape[:-1], 2 * shape[-1]), dtype=dtype)[..., ::2]
        if layout != "strided":
            tensor = torch.zeros(shape, dtype=dtype)
        if layout == "transposed":
            tensor = torch.zeros((*shape[:-2], shape[-1], shape[-2]), dtype=dtype).mT
        made.append(fill(tensor, generator=torch.Generator().manual_seed(seed)))
    assert_close(*made, **EXACT)
    assert made[0].stride() == made[1].stride()
