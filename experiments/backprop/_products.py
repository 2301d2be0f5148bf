"""How many products the passes of a network take, as torch counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

CHAIN = (6, 32)  # layers and width of the chain whose products are counted


def products(x: Tensor, target: Tensor, parameters: dict[str, Any]) -> dict[str, float]:
    """Products in matrix products, as torch counts them: of the network, and of a chain of layers."""
    import torch

    from impl.backprop import module

    w1, b1, w2, b2 = (parameters[name].clone() for name in ("w1", "b1", "w2", "b2"))
    model = module.Model(module.Linear(w1, b1), module.ReLU(), module.Linear(w2, b2))
    inputs = x.clone()
    with _counted() as forward:
        model(inputs, target)
    with _counted() as backward:
        model.backward()
    peer = module.TorchModel((w1, b1), (w2, b2))
    with _counted() as autograd:
        peer(x.detach(), target).backward()
    depth, width = CHAIN
    chain = [module.Linear(torch.ones(width, width), torch.zeros(width)) for _ in range(depth - 1)]
    chain.append(module.Linear(torch.ones(width, 1), torch.zeros(1)))
    whole = module.Model(*chain)
    whole(torch.ones(1, width), torch.zeros(1))
    with _counted() as from_the_loss:
        whole.backward()
    tangents = torch.eye(width)
    with _counted() as from_the_input:
        for layer in chain:
            tangents = layer(tangents)
    return {
        "forward": forward(),
        "backward": backward(),
        "autograd": autograd() - forward(),
        "from the loss": from_the_loss(),
        "from the input": from_the_input(),
    }


class _counted:  # noqa: N801 - a context manager
    """Counts products; torch counts a product and its sum as two operations."""

    def __enter__(self) -> Any:
        from torch.utils.flop_counter import FlopCounterMode

        self.mode = FlopCounterMode(display=False)
        self.mode.__enter__()
        return lambda: self.mode.get_total_flops() / 2

    def __exit__(self, *error: Any) -> None:
        self.mode.__exit__(*error)
