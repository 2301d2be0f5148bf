"""The networks of depth/exact_law, of five kinds: with real weights, and drawn from their laws."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from torch import Generator

    from experiments.depth.exact_law import Settings
    from experiments.law import Law
    from experiments.law_kinds import Residual
    from experiments.stack import Track
    from impl.depth.exact_law import Layer

SLOPE, SCALE, KEPT = 0.3, 0.7, 0.8  # of the leaky, the residual, the dropped-out networks
KINDS = ("ReLU", "leaky", "orthogonal", "residual", "dropout")


def laws(width: int, depth: int) -> dict[str, Law | Residual]:
    """The law of each kind, with the gain that keeps the mean square (of the branch, if residual)."""
    from derivations import load
    from experiments.law import Law, constant
    from experiments.law_kinds import Orthogonal, Residual

    gain = load("init/kaiming").predict("gain")
    widths = constant(width, depth)
    he, dropped = float(gain(negative_slope=0)), 1 - KEPT
    return {
        "ReLU": Law(widths, he),
        "leaky": Law(widths, float(gain(negative_slope=SLOPE)), SLOPE),
        "orthogonal": Orthogonal(widths, he),
        "residual": Residual(width, depth, SCALE, he),
        "dropout": Law(widths, he * math.sqrt(KEPT), dropout=dropped),
    }


def layer_of(kind: str, law: Any, stream: Generator) -> Layer:
    """One layer with fresh weights."""
    import torch

    from impl.depth import exact_law
    from impl.init.kaiming import kaiming_normal_

    n = int(law.widths[0])
    weights = torch.empty(n, n, dtype=torch.float64)
    if kind == "orthogonal":
        return exact_law.dense(exact_law.orthogonal_(weights, law.gain, stream))
    kaiming_normal_(weights, law.negative_slope, generator=stream)
    if kind == "dropout":
        kept = (torch.rand(1, n, generator=stream) < KEPT).double() / KEPT
        return exact_law.dense(weights * math.sqrt(KEPT), mask=kept)
    if kind == "residual":
        second = kaiming_normal_(
            torch.empty(n, n, dtype=torch.float64), nonlinearity="linear", generator=stream
        )
        return exact_law.residual(weights, second, SCALE)
    return exact_law.dense(weights, law.negative_slope)


def networks(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a network of each kind, with weights and drawn: log2 squares x_l, u_l, and the kernel's."""
    import pandas as pd

    known = laws(settings.width, settings.depth)
    with_weights = _with_weights(settings, known, track)
    return pd.concat([with_weights, *_drawn(settings, known)], ignore_index=True)


def _names(settings: Settings) -> list[str]:
    return [f"{name}_{i}" for name in "xu" for i in range(settings.depth + 1)]


def _with_weights(
    settings: Settings, known: dict[str, Law | Residual], track: Track
) -> pd.DataFrame:
    """Networks built with ``impl``, on an input of mean square 1."""
    import numpy as np
    import pandas as pd
    import torch

    from experiments.stack import random_stream
    from impl.depth.exact_law import there_and_back

    n, rows = settings.width, []
    jobs = [(kind, network) for kind in KINDS for network in range(settings.real)]
    for kind, network in track(jobs, description="real networks"):
        stream = random_stream(settings.seed, KINDS.index(kind), network)
        x = torch.randn(1, n, dtype=torch.float64, generator=stream)
        x = x * (n / float((x * x).sum())) ** 0.5
        layers = [layer_of(kind, known[kind], stream) for _ in range(settings.depth)]
        readout = torch.randn(1, n, dtype=torch.float64, generator=stream)
        squares = there_and_back(layers, x, readout / n**0.5)
        rows.append([*squares.forward, *squares.backward, squares.kernel])
    with np.errstate(divide="ignore"):
        logs = pd.DataFrame(np.log2(np.array(rows)), columns=[*_names(settings), "kernel"])
    return pd.DataFrame(jobs, columns=["kind", "network"]).assign(source="weights").join(logs)


def _drawn(settings: Settings, known: dict[str, Law | Residual]) -> Iterator[pd.DataFrame]:
    """Networks drawn from their laws."""
    import numpy as np
    import pandas as pd

    from experiments import law

    for number, kind in enumerate(KINDS):
        found = law.gradients(
            known[kind],
            networks=settings.real * settings.drawn,
            seed=settings.seed,
            key=(len(KINDS) + number,),
            readout=settings.width**-0.5,
        )
        squares = np.concatenate([found.forward, found.backward], axis=1)
        frame = pd.DataFrame(squares + math.log2(settings.width), columns=_names(settings))
        yield frame.assign(kernel=found.kernel, kind=kind, source="law", network=frame.index)
