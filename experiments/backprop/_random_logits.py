"""An untrained classifier: the loss, the gradient and its alignment for random logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from torch import Generator, Tensor

    from experiments.backprop.loss import Settings


def draw_logits(settings: Settings, std: float, stream: Generator) -> tuple[Tensor, Tensor]:
    """Logits of an untrained classifier, and labels that know nothing of them."""
    import torch

    shape = settings.draws, settings.classes
    logits = std * torch.randn(shape, dtype=torch.float64, generator=stream)
    return logits, torch.randint(settings.classes, (settings.draws,), generator=stream)


def untrained(settings: Settings, std: float, stream: Generator) -> dict[str, pd.DataFrame]:
    """For every draw the loss, the gradient's squared length and z·p, with what p makes of the latter."""
    import pandas as pd

    from derivations.backprop.loss import DERIVATION
    from impl.backprop import cross_entropy

    logits, label = draw_logits(settings, std, stream)
    gradient = cross_entropy.cross_entropy_gradient(logits, label) * settings.draws
    p = cross_entropy.softmax(logits)
    collision = p.square().sum(1)
    known = {"collision": collision.numpy()}
    predict, start = DERIVATION.predict, initial_loss(settings.classes, std)
    rows = range(settings.draws)
    loss = -cross_entropy.log_softmax(logits)[rows, label]
    values = {
        "loss": (loss, start),
        "squared gradient": (
            gradient.square().sum(1),
            predict("squared_gradient")(classes=settings.classes, **known),
        ),
        "alignment": ((logits * p).sum(1), predict("alignment")(logit_std=std, **known)),
    }
    return {
        name: pd.DataFrame({"number": rows, "value": value.numpy(), "expected": expected})
        for name, (value, expected) in values.items()
    }


def initial_loss(classes: int, std: float) -> float:
    """The expected loss, to fourth order in the logits' standard deviation."""
    from derivations.backprop.loss import DERIVATION

    return float(DERIVATION.predict("initial_loss")(classes=classes, logit_std=std))
