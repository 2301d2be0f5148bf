"""A convolution as a matrix product, in both pictures, and its gradients (row backprop/conv).

Shapes as in torch: x (batch, channels, height, width), weight (filters, channels, rows, columns).
As there, the kernel is not turned round: a cross-correlation.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

USES = (
    *("torch.Tensor.add", "torch.Tensor.sum", "torch.Tensor.matmul", "torch.Tensor.T"),
    *("torch.Tensor.as_strided", "torch.Tensor.reshape", "torch.Tensor.new_zeros"),
    *("torch.Tensor.__getitem__", "torch.Tensor.__setitem__", "torch.functional.einsum"),
)

Nested = list[list[list[list[float]]]]


def conv2d_loops(
    x: Nested, weight: Nested, bias: list[float], stride: int = 1, padding: int = 0
) -> Nested:
    """What a convolution is, in loops over nested lists: a window times a filter, and a bias."""
    height, width = len(x[0][0]), len(x[0][0][0])
    rows, columns = len(weight[0][0]), len(weight[0][0][0])
    down = range(_positions(height, rows, stride, padding))
    right = range(_positions(width, columns, stride, padding))

    def response(image: list[list[list[float]]], filter_: int, p: int, q: int) -> float:
        total = bias[filter_]
        for channel, kernel in zip(image, weight[filter_], strict=True):
            for i in range(rows):
                for j in range(columns):
                    row, column = p * stride + i - padding, q * stride + j - padding
                    if 0 <= row < height and 0 <= column < width:
                        total += kernel[i][j] * channel[row][column]
        return total

    return [
        [[[response(image, f, p, q) for q in right] for p in down] for f in range(len(weight))]
        for image in x
    ]


def unfold(x: Tensor, kernel_size: tuple[int, int], stride: int = 1, padding: int = 0) -> Tensor:
    """Every window as a column (im2col): shape (batch, channels · rows · columns, positions).

    Raises ValueError if the kernel is larger than the padded image.
    """
    batch, channels, height, width = x.shape
    rows, columns = kernel_size
    down = _positions(height, rows, stride, padding)
    right = _positions(width, columns, stride, padding)
    padded = x.new_zeros(batch, channels, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding : padding + height, padding : padding + width] = x
    one, two, three, four = padded.stride()
    windows = padded.as_strided(
        (batch, channels, rows, columns, down, right),
        (one, two, three, four, stride * three, stride * four),
    )
    return windows.reshape(batch, channels * rows * columns, down * right)


def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0
) -> Tensor:
    """The weights as one row a filter, times the windows as columns.

    Raises ValueError if channels do not fit, or the kernel is larger than the padded image.
    """
    if x.dim() != 4 or weight.dim() != 4 or x.shape[1] != weight.shape[1]:
        raise ValueError(
            "x and weight must have shapes (batch, channels, height, width) and (filters, channels, "
            f"rows, columns), got {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    windows = unfold(x, (weight.shape[2], weight.shape[3]), stride, padding)
    filters = weight.shape[0]
    responses = weight.reshape(filters, windows.shape[1]) @ windows
    if bias is not None:
        responses = responses + bias[:, None]
    down = _positions(x.shape[2], weight.shape[2], stride, padding)
    right = _positions(x.shape[3], weight.shape[3], stride, padding)
    return responses.reshape(x.shape[0], filters, down, right)


def conv2d_gradients(
    x: Tensor, weight: Tensor, grad: Tensor, stride: int = 1, padding: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, weight and bias from ``grad``, that of the output and of its shape.

    Those of the linear layer, with windows for inputs; then each window goes back to its place.
    """
    batch, filters, down, right = grad.shape
    windows = unfold(x, (weight.shape[2], weight.shape[3]), stride, padding)
    upstream = grad.reshape(batch, filters, down * right)
    matrix = weight.reshape(filters, windows.shape[1])
    return (
        _fold(matrix.T @ upstream, x, weight, grad, stride, padding),
        torch.einsum("nfp,nwp->fw", upstream, windows).reshape(weight.shape),
        upstream.sum((0, 2)),
    )


def weight_matrix(
    weight: Tensor, size: tuple[int, int], stride: int = 1, padding: int = 0
) -> Tensor:
    """The matrix that takes a flat image of ``size`` to its flat output: a band of shared weights.

    Shape (filters · positions, channels · height · width); all else in it is zero.
    """
    filters, channels, rows, columns = weight.shape
    height, width = size
    down = _positions(height, rows, stride, padding)
    right = _positions(width, columns, stride, padding)
    matrix = weight.new_zeros(filters, down, right, channels, height, width)
    for p, q, i, j in _indices(down, right, rows, columns):
        row, column = p * stride + i - padding, q * stride + j - padding
        if 0 <= row < height and 0 <= column < width:
            matrix[:, p, q, :, row, column] = weight[:, :, i, j]
    return matrix.reshape(filters * down * right, channels * height * width)


def _fold(
    windows: Tensor, x: Tensor, weight: Tensor, grad: Tensor, stride: int, padding: int
) -> Tensor:
    """Add up, for every pixel of x, the entries of all windows that it is in: unfold transposed."""
    batch, channels, height, width = x.shape
    rows, columns, (down, right) = weight.shape[2], weight.shape[3], grad.shape[2:]
    padded = x.new_zeros(batch, channels, height + 2 * padding, width + 2 * padding)
    parts = windows.reshape(batch, channels, rows, columns, down, right)
    for i, j in _indices(rows, columns):
        place = (
            *(slice(None), slice(None)),
            *(slice(i, i + stride * down, stride), slice(j, j + stride * right, stride)),
        )
        padded[place] = padded[place] + parts[:, :, i, j]
    return padded[:, :, padding : padding + height, padding : padding + width]


def _indices(*sizes: int) -> product[tuple[int, ...]]:
    return product(*map(range, sizes))


def _positions(size: int, kernel: int, stride: int, padding: int) -> int:
    """How often a kernel fits."""
    if stride < 1 or padding < 0 or not 1 <= kernel <= size + 2 * padding:
        raise ValueError(
            "stride must be at least 1, padding at least 0 and a kernel between 1 and the padded "
            f"size, got stride {stride}, padding {padding}, kernel {kernel} and size {size}"
        )
    return (size + 2 * padding - kernel) // stride + 1
