"""The lesson's network forwards and backwards in one pass over its input, in compiled Python.

A block of examples is read once: while it is in the cache, its hidden layer is computed, its share of the loss, and
its share of every gradient. Nothing is kept but sums: the memory does not grow with the examples. Shapes as in
impl/backprop/lean.py; the products are tiles in vector registers (impl/tensors/tile.py).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from impl.backprop.lean import Gradients
from impl.tensors.compiled import compiled, operands, run
from impl.tensors.tile import ROWS, VECTOR, VECTORS, multiply_tile, tile_width

USES = (
    *("torch.Tensor.new_zeros", "torch.Tensor.new_empty", "torch.Tensor.double"),
    *("torch.Tensor.__getitem__", "torch.Tensor.contiguous", "torch.Tensor.detach"),
    *("torch.Tensor.reshape", "torch.Tensor.item"),
)
COMPILED_BY = ("numba",)

BLOCK = 8 * ROWS  # examples; of 784 numbers each they fit into the second cache
LINE = 64  # bytes that come from memory at once


def loss_and_gradients(
    x: Tensor, target: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> tuple[float, Gradients]:
    """The mean squared error, and the gradients of all parameters.

    Raises ValueError for shapes that do not fit, for no examples, and for what is neither float32 nor float64 in
    memory.
    """
    x, w1 = operands(x, w1)
    examples, hidden = x.shape[0], w1.shape[1]
    shapes = [tuple(tensor.shape) for tensor in (b1, w2, b2)]
    if shapes != [(hidden,), (hidden, 1), (1,)] or tuple(target.shape) not in (
        (examples,),
        (examples, 1),
    ):
        raise ValueError(
            f"b1, w2, b2 and target must have shapes {(hidden,)}, {(hidden, 1)}, (1,) and {(examples,)}, "
            f"got {shapes[0]}, {shapes[1]}, {shapes[2]} and {tuple(target.shape)}"
        )
    small = [tensor.detach().reshape(-1).contiguous() for tensor in (target, b1, w2, b2)]
    if not examples or any(tensor.dtype != x.dtype for tensor in small):
        raise ValueError("there must be examples, and all tensors of one type")
    found = Gradients(x.new_empty(w1.shape), *(x.new_zeros(size) for size in (hidden, hidden, 1)))
    loss = x.new_zeros(2).double()
    run(one_pass, x, w1, *small, *found, loss, *_room(x, hidden))
    return loss[0].item() / examples, found._replace(w2=found.w2.reshape((hidden, 1)))


def _room(x: Tensor, hidden: int) -> list[Tensor]:
    """All that the pass takes besides its results, whatever the number of examples. It is zero at first."""
    fan_in, width = x.shape[1], VECTORS * VECTOR // x.dtype.itemsize
    strips = max(1, -(-hidden // width))
    return [
        x.new_zeros((ROWS, fan_in + 16)),  # examples of a tile
        x.new_zeros((strips, fan_in, width)),  # w1 in strips
        x.new_zeros((strips, fan_in, width)),  # the sums of its gradient
        x.new_zeros((strips, BLOCK, width)),  # the hidden layer, then its gradient
        x.new_zeros((5, strips * width)),  # b1, w2, a block's share of their gradients, and one row
        x.new_zeros((2, strips * width)).double(),  # the sums of these
    ]


@compiled
def one_pass(
    x: Any,
    w1: Any,
    target: Any,
    b1: Any,
    w2: Any,
    b2: Any,
    to_w1: Any,
    to_b1: Any,
    to_w2: Any,
    to_b2: Any,
    loss: Any,
    tile: Any,
    strips: Any,
    sums: Any,
    hidden: Any,
    small: Any,
    totals: Any,
) -> None:
    """Block by block: the hidden layer, what its examples add to loss and gradients, and Xᵀ G."""
    width, count = strips.shape[2], len(b1)
    for k in range(w1.shape[0]):
        for j in range(count):
            strips[j // width, k, j % width] = w1[k, j]
    small[0, :count], small[1, :count] = b1, w2
    for start in range(0, len(x), BLOCK):
        taken = min(BLOCK, len(x) - start)
        hidden_layer(x, start, taken, tile, strips, hidden)
        small[2:] = 0
        for row in range(taken):
            through_the_end(row, target[start + row], len(x), b2[0], hidden, small, loss)
        totals += small[2:4]
        add_outer_products(x, start, taken, hidden, sums)
    for k in range(w1.shape[0]):
        for j in range(count):
            to_w1[k, j] = sums[j // width, k, j % width]
    to_b1[:], to_w2[:], to_b2[0] = totals[0, :count], totals[1, :count], loss[1]


@compiled
def hidden_layer(x: Any, start: int, taken: int, tile: Any, strips: Any, hidden: Any) -> None:
    """X times w1, for the examples of a block; what comes after them is asked for."""
    terms, width = x.shape[1], tile_width(x)
    for first in range(0, taken, ROWS):
        inside = min(ROWS, taken - first)
        for row in range(inside):
            for k in range(terms):
                tile[row, k] = x[start + first + row, k]
        after = min(start + first + ROWS, len(x) - 1) * terms
        for j in range(len(strips)):
            multiply_tile(
                *(tile, 0, tile.shape[1], 1, strips, j * terms * width, terms),
                *(hidden, (j * BLOCK + first) * width, width, False, x, after, LINE // x.itemsize),
            )


@compiled
def through_the_end(
    row: int, target: float, examples: int, b2: float, hidden: Any, small: Any, loss: Any
) -> None:
    """ReLU, last layer and loss of one example, and back: its hidden layer is overwritten by its gradient."""
    width = tile_width(hidden)
    b1, w2, to_b1, to_w2, products = small[0], small[1], small[2], small[3], small[4]
    products[:width] = 0
    for j in range(len(hidden)):
        units, biases, weights = hidden[j, row], b1[j * width :], w2[j * width :]
        for column in range(width):
            unit = units[column] + biases[column]
            units[column] = 0 if unit <= 0 else unit  # so that NaN stays
            products[column] += units[column] * weights[column]
    output = b2
    for column in range(width):
        output += products[column]
    difference = output - target
    upstream = 2 * difference / examples
    loss[0] += difference * difference
    loss[1] += upstream
    for j in range(len(hidden)):
        units, weights = hidden[j, row], w2[j * width :]
        for_b1, for_w2 = to_b1[j * width :], to_w2[j * width :]
        for column in range(width):
            for_w2[column] += upstream * units[column]
            units[column] = 0 if units[column] <= 0 else upstream * weights[column]
            for_b1[column] += units[column]


@compiled
def add_outer_products(x: Any, start: int, taken: int, hidden: Any, sums: Any) -> None:
    """Xᵀ G of a block, on top of the sums: the tile reads X down its columns."""
    terms, width = x.shape[1], tile_width(x)
    whole = terms - terms % ROWS
    for k in range(0, whole, ROWS):
        for j in range(len(hidden)):
            multiply_tile(
                *(x, start * terms + k, 1, terms, hidden, j * BLOCK * width, taken),
                *(sums, (j * terms + k) * width, width, True, x, 0, 0),
            )
    for j in range(len(hidden)):
        for row in range(taken):
            for k in range(whole, terms):
                for column in range(width):
                    sums[j, k, column] += x[start + row, k] * hidden[j, row, column]
