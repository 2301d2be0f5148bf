"""Gradients of many ReLU networks at once: with their own masks, and with coins in the place of these.

He et al. 2015, section 2.2, take the two for the same. Networks are side by side in the first dimension.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from impl.backprop.chain_rule import relu

USES = (
    *("torch.Tensor.matmul", "torch.Tensor.mul", "torch.Tensor.add", "torch.Tensor.sum"),
    *("torch.Tensor.__getitem__", "torch.Tensor.gt", "torch.Tensor.mT"),
)


def activations(
    x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor] | None = None
) -> list[Tensor]:
    """x_0, …, x_L, of shape (networks, vectors, n_l), for ``x`` of shape (networks, vectors, n_0).

    ``weights`` are (networks, n_l, n_{l-1}), ``biases``, if any, (networks, n_l). Raises ValueError
    if they are not as many.
    """
    if biases is not None and len(biases) != len(weights):
        raise ValueError(f"expected a bias for each of {len(weights)} layers, got {len(biases)}")
    found = [x]
    for layer, w in enumerate(weights):
        z = found[-1] @ w.mT
        found.append(relu(z if biases is None else z + biases[layer][:, None]))
    return found


def gradients(
    weights: Sequence[Tensor], masks: Sequence[Tensor], cotangent: Tensor
) -> list[Tensor]:
    """The gradients at x_0, z_1, …, z_L for ``cotangent`` at x_L, of shape (networks, vectors, n_L).

    ``masks`` are 1 where a unit is active and 0 elsewhere, and broadcast with the gradients: those
    of :func:`active`, or coins. Raises ValueError if they are not as many as ``weights``.
    """
    if len(masks) != len(weights):
        raise ValueError(f"expected a mask for each of {len(weights)} layers, got {len(masks)}")
    found = [cotangent]
    for w, mask in zip(reversed(weights), reversed(masks), strict=True):
        found[0] = found[0] * mask
        found.insert(0, found[0] @ w)
    return found


def active(x: Tensor) -> Tensor:
    """The masks of rectifiers, from what they let through: where ``x`` is positive."""
    return x > 0


def squared_length(x: Tensor) -> Tensor:
    """|x|² along the last dimension."""
    return (x * x).sum(-1)


def weight_gradient_square(inputs: Tensor, gradient: Tensor) -> Tensor:
    """|Σ_b u_b x_bᵀ|², of shape (networks,): the batch's gradient of the weights between the two.

    ``inputs`` are (networks, batch, n_{l-1}), ``gradient`` (networks, batch, n_l): products of
    all pairs, so that no gradient of the weights' size is built.
    """
    return ((inputs @ inputs.mT) * (gradient @ gradient.mT)).sum((-2, -1))
