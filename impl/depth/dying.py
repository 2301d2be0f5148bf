"""How many layers a signal survives in narrow ReLU networks with fresh Kaiming weights, many networks at once."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Generator, Tensor

from impl.backprop.chain_rule import relu
from impl.init import kaiming

USES = (
    *("torch.Tensor.new_zeros", "torch.Tensor.reshape", "torch.Tensor.__getitem__"),
    *("torch.Tensor.matmul", "torch.Tensor.mul", "torch.Tensor.sum", "torch.Tensor.sqrt"),
    *("torch.Tensor.add", "torch.Tensor.sub", "torch.Tensor.div", "torch.Tensor.eq"),
)


def layers_survived(
    x: Tensor, widths: Sequence[int], networks: int, generator: Generator | None = None
) -> Tensor:
    """The number of layers after which the signal of each input is not zero yet, of shape (networks, inputs).

    ``x`` holds the inputs, shape (inputs, fan_in); all of a network's inputs meet the same weights. ``widths``
    are those of the layers after the input. Each signal is brought back to length 1 after every layer, which a
    ReLU without biases does not notice, so that no depth over- or underflows. Raises ValueError for inputs of
    another shape, or of zeros.
    """
    if x.dim() != 2 or not float((x * x).sum(1).eq(0).sum()) == 0:
        raise ValueError(
            f"x must be of shape (inputs, fan_in), no input zero, got shape {tuple(x.shape)}"
        )
    count, fan_in = x.shape
    signal = x.new_zeros((networks, fan_in, count)) + x.T
    survived = x.new_zeros((networks, count))
    for width in widths:
        weights = x.new_zeros((networks * width, fan_in))
        kaiming.kaiming_normal_(weights, generator=generator)
        signal = relu(weights.reshape(networks, width, fan_in) @ signal)
        length = (signal * signal).sum(1).sqrt()
        dead = length.eq(0)
        survived = survived + (1 - dead.mul(1.0))
        signal = signal / (length + dead.mul(1.0))[:, None]
        fan_in = width
    return survived
