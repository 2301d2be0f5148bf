"""Broadcasting: shapes that meet from the right, strides of zero, and the gradient that sums them up again.

Sizes are compared from the last dimension backwards; they fit if they are equal or one of them is 1, and a
dimension that is missing counts as 1 (Harris et al. 2020, "NumPy arrays").
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

USES = (
    *("torch.Tensor.as_strided", "torch.Tensor.__getitem__", "torch.Tensor.reshape"),
    *("torch.Tensor.sum", "torch.Tensor.sub", "torch.Tensor.div"),
)


def broadcast_shapes(*shapes: int | Sequence[int]) -> tuple[int, ...]:
    """The shape that all ``shapes`` are stretched to, as ``torch.broadcast_shapes``; a number n is (n,).

    Raises ValueError, naming the shapes and the dimension, if two sizes do not fit, or one is negative.
    """
    found = [(shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes]
    for shape in found:
        if any(size < 0 for size in shape):
            raise ValueError(f"sizes must not be negative, got {shape}")
    result: list[int] = []
    for place in range(1, max(map(len, found), default=0) + 1):
        sizes = [(shape[-place], shape) for shape in found if len(shape) >= place]
        size, first = next(((n, shape) for n, shape in sizes if n != 1), (1, ()))
        for other, second in sizes:
            if other not in (1, size):
                raise ValueError(
                    f"shapes {first} and {second} do not broadcast: at dimension -{place} the sizes "
                    f"{size} and {other} are neither equal nor 1"
                )
        result.insert(0, size)
    return tuple(result)


def broadcast_to(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """A view of ``tensor`` with ``shape``, as ``torch.broadcast_to``: no entry is copied.

    Stretched dimensions have the stride 0: the next entry along them is the same one. Raises
    ValueError if ``tensor`` cannot be stretched to ``shape``.
    """
    wanted, given = tuple(shape), tuple(tensor.shape)
    if broadcast_shapes(given, wanted) != wanted:
        raise ValueError(f"a tensor of shape {given} cannot be stretched to {wanted}")
    missing = len(wanted) - len(given)
    sizes = zip(given, wanted[missing:], tensor.stride(), strict=True)
    strides = [0 if size == 1 != want else stride for size, want, stride in sizes]
    return tensor.as_strided(wanted, [0] * missing + strides)


def unbroadcast(gradient: Tensor, shape: Sequence[int]) -> Tensor:
    """The gradient with respect to a tensor of ``shape``, from the one with respect to its stretched copy.

    The sum over the stretched axes, as ``gradient.sum_to_size(shape)``. Raises ValueError if ``shape`` cannot be
    stretched to that of ``gradient``.
    """
    wanted, given = tuple(shape), tuple(gradient.shape)
    if broadcast_shapes(wanted, given) != given:
        raise ValueError(
            f"a gradient of shape {given} does not come from a tensor of shape {wanted}"
        )
    missing = len(given) - len(wanted)
    before = (1,) * missing + wanted
    stretched = [
        axis for axis, size in enumerate(before) if size == 1 != given[axis] or axis < missing
    ]
    if stretched:  # the sum over no axis at all would be the sum over every one
        gradient = gradient.sum(stretched)
    return gradient.reshape(wanted)


def normalize(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Every channel minus its mean, over its standard deviation: images (*batch, channels, height, width).

    ``mean`` and ``std`` have shape (channels,); no loop runs over channels, images or pixels. As
    ``torchvision.transforms.Normalize``. Raises ValueError for other shapes.
    """
    if images.dim() < 3 or not mean.shape == std.shape == images.shape[-3:-2]:
        raise ValueError(
            f"images must be (*batch, channels, height, width), mean and std (channels,); got "
            f"{tuple(images.shape)}, {tuple(mean.shape)} and {tuple(std.shape)}"
        )
    centre, scale = (broadcast_to(v[:, None, None], images.shape) for v in (mean, std))
    return (images - centre) / scale
