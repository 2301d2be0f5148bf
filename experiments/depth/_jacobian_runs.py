"""The runs of depth/jacobian: Jacobians of four kinds of stacks, frames, and single matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from torch import Generator, Tensor

STACKS = {  # which weights, and the probability that a unit is active
    "Gaussian, linear": ("gaussian", 1.0),
    "Gaussian, ReLU": ("gaussian", 0.5),
    "orthogonal, linear": ("orthogonal", 1.0),
    "orthogonal, ReLU": ("orthogonal", 0.5),
}


def jacobians(settings: Any, stack: str, stream: Generator) -> list[Tensor]:
    """Those of one network with fresh weights, with respect to a random input."""
    import torch

    from impl.depth import jacobian
    from impl.init import kaiming

    kind, share = STACKS[stack]
    n = settings.width
    weights = torch.empty(settings.depth, n, n, dtype=torch.float64)
    for weight in weights:
        if kind == "gaussian":
            rule = "linear" if share == 1 else "relu"
            kaiming.kaiming_normal_(weight, nonlinearity=rule, generator=stream)
        else:
            jacobian.orthogonal_(weight, gain=math.sqrt(1 / share), generator=stream)
    x = torch.randn(n, dtype=torch.float64, generator=stream)
    return jacobian.stack_jacobians(x, list(weights), negative_slope=float(share == 1))


def moments(jacobians: list[Tensor]) -> pd.DataFrame:
    """For each layer Σ s⁴, (Σ s²)² and Σ s⁶, and what they were before: of the identity, n, n² and n."""
    import pandas as pd

    from impl.tensors import frobenius

    n = float(jacobians[0].shape[1])
    fourth, square, sixth = [n], [n * n], [n]
    for j in jacobians:
        gram = j @ j.T
        fourth.append(float(frobenius.frobenius_norm(gram)) ** 2)
        square.append(float(frobenius.frobenius_norm(j)) ** 4)
        sixth.append(float(frobenius.frobenius_norm(gram @ j)) ** 2)
    columns = {"fourth": fourth[1:], "square": square[1:], "sixth": sixth[1:]}
    columns |= {"before": fourth[:-1], "square_before": square[:-1], "sixth_before": sixth[:-1]}
    return pd.DataFrame(columns | {"layer": list(range(1, len(fourth)))})


def given(rows: pd.DataFrame, stack: str, width: int) -> dict[str, Any]:
    """The mean of each of a layer's sums of powers, given those before: sixth powers for Gaussian weights alone."""
    from derivations.depth.jacobian import DERIVATION

    kind, share = STACKS[stack]
    prefix = "next" if kind == "gaussian" else "orthogonal"
    two = {"fourth": rows["before"], "square": rows["square_before"]}
    trace = two["square"] ** 0.5
    three = {"sixth": rows["sixth_before"], "mixed": trace * two["fourth"], "cubed": trace**3}
    names = {"fourth": two, "square": two} | ({"sixth": three} if kind == "gaussian" else {})
    return {
        name: DERIVATION.predict(f"{prefix}_{name}")(**known, share=share, units=width)
        for name, known in names.items()
    }


def spectrum(jacobians: list[Tensor]) -> pd.DataFrame:
    """The singular values of a network's Jacobian after 1, 2, 4, … layers, with Σ s⁴ for a check."""
    import pandas as pd

    from impl.depth import jacobian

    layers = [2**k for k in range(len(jacobians).bit_length())]
    found = []
    for layer in layers:
        values = jacobian.svdvals(jacobians[layer - 1].T).numpy()  # dead units are zero columns
        rank = range(1, len(values) + 1)
        found.append(pd.DataFrame({"layer": layer, "direction": rank, "value": values}))
    return pd.concat(found)


def lengths(settings: Any, stream: Generator) -> pd.DataFrame:
    """The logarithm of what each image of a frame adds to those before it, layer by layer."""
    import pandas as pd
    import torch

    from impl.depth import jacobian
    from impl.init import kaiming

    n, found = settings.frame_width, []
    frame = torch.eye(n, dtype=torch.float64)
    weight = torch.empty(n, n, dtype=torch.float64)
    for _ in range(settings.frame_depth):
        kaiming.kaiming_normal_(weight, nonlinearity="linear", generator=stream)
        frame, lengths = jacobian.gram_schmidt(weight @ frame)
        found.append([math.log(float(length)) for length in lengths])
    table = pd.DataFrame(found, columns=range(n, 0, -1), index=range(1, len(found) + 1))
    return table.rename_axis("layer").melt(ignore_index=False, var_name="direction").reset_index()


def matrix(settings: Any, stream: Generator) -> pd.DataFrame:
    """The singular values of one matrix of Glorot and Bengio's normalised weights."""
    import pandas as pd
    import torch

    from impl.depth import jacobian
    from impl.init import xavier

    weight = torch.empty(settings.width, settings.width, dtype=torch.float64)
    xavier.xavier_uniform_(weight, generator=stream)
    return pd.DataFrame({"value": jacobian.svdvals(weight).numpy()})
