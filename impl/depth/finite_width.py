"""One deep ReLU network with fresh Kaiming weights, layer by layer: what is left of the signal."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Generator, Tensor

from impl.backprop.chain_rule import relu
from impl.init import kaiming

USES = (
    *("torch.Tensor.__getitem__", "torch.Tensor.T", "torch.Tensor.matmul", "torch.Tensor.mul"),
    *("torch.Tensor.sum", "torch.Tensor.div", "torch.Tensor.new_zeros", "torch.Tensor.__float__"),
)


def layer_ratios(
    x: Tensor, widths: Sequence[int], generator: Generator | None = None
) -> list[float]:
    """Each layer's mean square over that of the layer before, for one input ``x`` of shape (fan_in,).

    ``widths`` are those of the layers after the input. The input of every layer is brought back to mean square 1, which
    a ReLU without biases does not notice, so that no depth over- or underflows. A layer whose units
    are all inactive has the ratio 0, and is the last. Raises ValueError for an input of zeros, or of another shape.
    """
    if x.dim() != 1 or not float((x * x).sum()) > 0:
        raise ValueError(f"x must be a vector that is not zero, got shape {tuple(x.shape)}")
    ratios: list[float] = []
    x = x / (float((x * x).sum()) / x.numel()) ** 0.5
    for width in widths:
        weights = x.new_zeros((width, x.numel()))
        kaiming.kaiming_normal_(weights, generator=generator)
        x = relu((x[None] @ weights.T)[0])
        ratio = float((x * x).sum()) / width
        ratios.append(ratio)
        if ratio == 0:
            break
        x = x / ratio**0.5
    return ratios
