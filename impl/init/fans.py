"""The fans of a weight tensor: how many numbers a unit sums, and how many units a number reaches.

He et al. 2015, section 2.2, call them n = k²c and n̂ = k²d for kernels of k × k.
"""

from __future__ import annotations

import math
from fractions import Fraction

from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)

USES: tuple[str, ...] = ()


def fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """The fans of weights of shape (out, in) or (out, in, *kernel): in and out, times its size.

    As in torch the shape alone decides; groups, stride and transposition would change the true
    fans, which :func:`true_fans` knows. Raises ValueError for fewer than two dimensions.
    """
    if tensor.dim() < 2:
        raise ValueError(f"fans need 2 dimensions or more, got shape {tuple(tensor.shape)}")
    channels_out, channels_in, *kernel = tensor.shape
    return channels_in * math.prod(kernel), channels_out * math.prod(kernel)


def fan(tensor: Tensor, mode: str) -> int:
    """The fan that ``mode`` names, "fan_in" or "fan_out"; raises ValueError for another mode."""
    fan_in, fan_out = fan_in_and_fan_out(tensor)
    fans = {"fan_in": fan_in, "fan_out": fan_out}
    if mode.lower() not in fans:
        raise ValueError(f'mode must be "fan_in" or "fan_out", got {mode!r}')
    return fans[mode.lower()]


def true_fans(module: nn.Module) -> tuple[Fraction, Fraction]:
    """How many terms an output of ``module`` adds up, and an input's gradient, borders aside.

    For Linear, Conv and ConvTranspose in one to three dimensions. If the stride does not divide the
    kernel, positions differ, and the fan is the mean over them; dilation changes nothing. Raises
    TypeError for any other module.
    """
    if isinstance(module, nn.Linear):
        return Fraction(module.in_features), Fraction(module.out_features)
    if not isinstance(module, (*CONVOLUTIONS, *TRANSPOSED)):
        raise TypeError(
            f"module must be Linear, Conv or ConvTranspose, got {type(module).__name__}"
        )
    kernel, step = math.prod(module.kernel_size), math.prod(module.stride)
    reads = Fraction(kernel * module.in_channels, module.groups)
    writes = Fraction(kernel * module.out_channels, module.groups)
    if isinstance(module, TRANSPOSED):
        return reads / step, writes  # there are more outputs than inputs to share them
    return reads, writes / step  # and here fewer
