"""Inputs around zero: all sets in the coordinates of the training set (LeCun et al. 1998, section 4.3)."""

from __future__ import annotations

from torch import Tensor

USES = (
    *("torch.Tensor.sum", "torch.Tensor.sub", "torch.Tensor.mul", "torch.Tensor.div"),
    *("torch.Tensor.sqrt", "torch.Tensor.eq", "torch.Tensor.masked_fill", "torch.Tensor.__float__"),
)


def mean_and_std(images: Tensor, per_pixel: bool = False) -> tuple[Tensor, Tensor]:
    """One mean and one deviation of all numbers in ``images`` (count, pixels); or, ``per_pixel``, of each column.

    The deviation divides by the number of numbers, as numpy's. A pixel that never changes gets the deviation 1, as in
    scikit-learn's StandardScaler. Raises ValueError for another shape, for no images, or if all numbers are one.
    """
    if images.dim() != 2 or images.numel() == 0 or not images.is_floating_point():
        raise ValueError(
            f"images must be floating-point numbers (count, pixels), got {images.dtype} of shape "
            f"{tuple(images.shape)}"
        )
    axes, count = ((0,), images.shape[0]) if per_pixel else ((0, 1), images.numel())
    mean = images.sum(axes) / count
    centred = images - mean
    std = ((centred * centred).sum(axes) / count).sqrt()
    if not per_pixel and float(std) == 0:
        raise ValueError("all numbers are equal: there is no deviation to divide by")
    return mean, std.masked_fill(std == 0, 1)


def standardize(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Images (count, pixels) in the coordinates of ``mean`` and ``std``, which are single numbers or (pixels,)."""
    return (images - mean) / std


def standardize_sets(train: Tensor, *others: Tensor, per_pixel: bool = False) -> list[Tensor]:
    """All sets with the statistics of the first one, the training set's. Raises as :func:`mean_and_std`."""
    mean, std = mean_and_std(train, per_pixel)
    return [standardize(images, mean, std) for images in (train, *others)]
