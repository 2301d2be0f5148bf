"""Runs of init/conv_default: the lesson's network on digits, with PyTorch's default parameters and Kaiming's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from experiments.init.conv_default import Settings
    from experiments.stack import Track


def digits(settings: Settings) -> Tensor:
    """Validation digits, evenly spread, as images: shape (images, 1, 28, 28)."""
    import torch

    from experiments import data

    flat = data.digits(settings.data).validation  # which may be sorted by what they show
    return torch.from_numpy(flat[:: len(flat) // settings.images][: settings.images]).reshape(
        -1, 1, 28, 28
    )


def lesson(settings: Settings, track: Track) -> list[tuple[str, int, int, float]]:
    """The lesson's network with default parameters, and Kaiming's."""
    import torch

    from experiments.init import _lesson_cnn as cnn
    from experiments.stack import one_thread_each, random_stream
    from impl.init import conv_default, kaiming

    images, rows = digits(settings), []
    with one_thread_each():
        for draw in track(range(settings.draws), description="the lesson's network"):
            stream = random_stream(settings.seed, 1, draw)

            def by_default(w: Tensor, b: Tensor, s: torch.Generator = stream) -> None:
                conv_default.reset_parameters_(w, b, s)

            made = cnn.parameters(by_default, torch.float32)
            found = cnn.preactivations(images, made)
            rows += [
                ("lesson", layer, draw, float(z.double().square().mean()))
                for layer, z in enumerate(found, 1)
            ]
            rows.append(("default output", 0, draw, float(cnn.output(images, made).std())))

            def by_kaiming(w: Tensor, b: Tensor, s: torch.Generator = stream) -> None:
                kaiming.kaiming_uniform_(w, generator=s)
                b.zero_()

            ours = cnn.parameters(by_kaiming, torch.float32)
            rows.append(("Kaiming output", 0, draw, float(cnn.output(images, ours).std())))
    for name, value in _same_noise(images[:8].double(), settings.seed).items():
        rows.append((name, 0, 0, value))
    return rows


def _same_noise(images: Tensor, seed: int) -> dict[str, float]:
    """Kaiming's output and first gradient over the default's, without biases, for the same noise."""
    import torch

    from experiments.init import _lesson_cnn as cnn
    from experiments.stack import random_stream
    from impl.init import conv_default, kaiming

    def run(kaimings: bool) -> tuple[Tensor, Tensor]:
        stream = random_stream(seed, 2)

        def fill(w: Tensor, b: Tensor) -> None:
            b.zero_()
            if kaimings:
                kaiming.kaiming_uniform_(w, generator=stream)
            else:
                conv_default.reset_parameters_(w, None, stream)

        made = cnn.parameters(fill, torch.float64)
        made[0][0].requires_grad_()
        out = cnn.output(images, made)
        out.sum().backward()
        assert made[0][0].grad is not None  # noqa: S101 - for the type checker
        return out.detach(), made[0][0].grad

    theirs, ours = run(False), run(True)
    norms = [
        float(torch.linalg.vector_norm(b) / torch.linalg.vector_norm(a))
        for a, b in zip(theirs, ours, strict=True)
    ]
    return dict(zip(("same noise: output", "same noise: first gradient"), norms, strict=True))
