"""Random problems for the losses, exactly; and where exponentials overflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


def errors(batch: int, stream: Generator) -> dict[str, float]:
    """The largest differences from torch, from the derivation and from differences, for one problem."""
    import torch
    from torch.nn import functional

    from derivations.backprop.loss import DERIVATION
    from impl.backprop import cross_entropy, loss
    from impl.backprop.chain_rule import central_difference

    output, target = torch.randn(2, batch, dtype=torch.float64, generator=stream)
    column = output[:, None]
    gradient = loss.mse_loss_gradient(column, target)
    expected = DERIVATION.predict("mse_gradient")(output=output, target=target, batch=batch)
    mse = loss.mse_loss(column, target) - functional.mse_loss(output, target)
    z = torch.randn(batch, 4, dtype=torch.float64, generator=stream)
    label = torch.randint(4, (batch,), generator=stream)
    leaf = z.clone().requires_grad_()
    theirs = functional.cross_entropy(leaf, label)
    (peer,) = torch.autograd.grad(theirs, leaf)
    p = functional.softmax(z[0], -1)
    entries = DERIVATION.predict("hessian_entry")(probability=p[:, None], other_probability=p)
    diagonal = DERIVATION.predict("hessian_diagonal")(probability=p)
    hessian = entries - torch.diag(torch.diag(entries)) + torch.diag(diagonal)
    first = [
        central_difference(
            lambda v, c=c: cross_entropy.cross_entropy_gradient(v[None], label[:1])[0, c],  # type: ignore[misc]
            z[0],
        )
        for c in range(4)
    ]
    return {
        "shapes changed": float(gradient.shape != column.shape),
        "mse / torch": abs(float(mse)),
        "mse gradient / derived": _largest(gradient.flatten() - expected),
        "cross-entropy / torch": abs(
            float(cross_entropy.cross_entropy(z, label) - theirs.detach())
        ),
        "cross-entropy gradient / autograd": _largest(
            cross_entropy.cross_entropy_gradient(z, label) - peer
        ),
        "Hessian / differences": _largest(torch.stack(first) - hessian),
    }


def _largest(difference: Tensor) -> float:
    return float(difference.abs().max())


def overflow() -> dict[str, tuple[float, float]]:
    """Where exp(z) leaves float32, measured by bisection and predicted; and our loss ten times beyond."""
    import torch

    from derivations.backprop.loss import DERIVATION
    from impl.backprop import cross_entropy

    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        finite = bool(torch.tensor(middle).exp().isfinite())
        low, high = (middle, high) if finite else (low, middle)
    predicted = float(DERIVATION.predict("overflow")(largest=torch.finfo(torch.float32).max))
    logits = torch.tensor([[10 * low, 0.0]])
    beyond = cross_entropy.cross_entropy(logits, torch.tensor([1]))
    return {"overflow": (low, predicted), "loss beyond": (float(beyond), 10 * low)}
