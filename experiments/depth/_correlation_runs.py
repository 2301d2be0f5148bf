"""The runs of depth/correlation: pairs through deep networks, batches through single layers, kernels of two inputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from torch import Generator, Tensor

    from experiments.stack import Track

BATCHES = {  # what is made of Gaussian numbers: as they are, after a layer, of one sign
    "gaussian": lambda x: x,
    "rectified": lambda x: x.clamp_min(0),
    "positive": lambda x: x.abs(),
}


def fan_of_inputs(angles: tuple[float, ...], width: int, stream: Generator) -> Tensor:
    """Vectors of length 1 in a random plane: the first, and one at each of ``angles`` (degrees) from it."""
    import torch

    x, y = torch.randn(2, width, dtype=torch.float64, generator=stream)
    x = x / x.norm()
    y = y - (y @ x) * x
    y = y / y.norm()
    turned = [math.radians(a) for a in angles]
    return torch.stack([x, *(math.cos(a) * x + math.sin(a) * y for a in turned)])


def pairs(settings: Any, stream: Generator) -> pd.DataFrame:
    """One network: for each layer and pair the angle before it, the inner product, and the ratios of both."""
    import numpy as np
    import pandas as pd
    import torch

    from impl.depth import correlation

    x = fan_of_inputs(settings.angles, settings.width, stream)
    layers = correlation.layer_products(x, settings.widths[1:], stream)
    products = torch.stack([x @ x.T, *layers]).numpy()
    ratios = np.diagonal(products, axis1=1, axis2=2)
    with np.errstate(invalid="ignore"):  # the last layer may be one of zeros
        cosines = products[:, 0, 1:] / np.sqrt(ratios[:, :1] * ratios[:, 1:])
    angles = np.arccos(np.clip(cosines, -1, 1))
    layer, pair = np.indices(angles[1:].shape)
    units = np.asarray(settings.widths)[layer + 1]
    columns = {
        "layer": layer + 1,
        "units": units,
        "start": np.asarray(settings.angles)[pair],
        "angle": angles[:-1],
        "cosine": cosines[1:],
        "product": products[1:, 0, 1:],
        "covariance": (ratios[1:, :1] - 1) * (ratios[1:, 1:] - 1) * units,
    }
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def batches(settings: Any, kind: str, stream: Generator, track: Track) -> list[tuple[float, float]]:
    """What theory makes of one batch, and the square of its mean ratio's deviation in many layers; both times n."""
    import torch

    from derivations.depth.correlation import DERIVATION
    from impl.depth import correlation

    n = settings.units
    x = torch.randn(settings.batch, n, dtype=torch.float64, generator=stream)
    x = BATCHES[kind](x)
    cosines = correlation.cosine_similarity(x[:, None], x[None], dim=2).clamp(-1, 1)
    predict = DERIVATION.predict("covariance")
    theory = float(predict(angle=cosines.acos().numpy(), units=n).mean()) * n
    found = []
    for _ in track(range(settings.draws), description=f"{kind} batches"):
        (products,) = correlation.layer_products(x, [n], stream)
        found.append((theory, n * float(products.diagonal().mean() - 1) ** 2))
    return found


def kernels(settings: Any) -> list[tuple[str, float, int, float]]:
    """The kernels of two inputs of lengths 2 and 3 at each angle, over their lengths, both ways."""
    import torch

    from impl.depth import correlation

    found = []
    for angle in settings.angles:
        a = math.radians(angle)
        x = torch.tensor([2.0, 0.0], dtype=torch.float64)
        y = torch.tensor([3 * math.cos(a), 3 * math.sin(a)], dtype=torch.float64)
        for degree in (0, 1, 2):
            whole = float(correlation.arc_cosine_kernel(x[None], y[None], degree))
            loops = correlation.arc_cosine_kernel_loops(x, y, degree)
            found += [("kernel", angle, degree, whole / 6**degree)]
            found += [("kernel loops", angle, degree, loops / 6**degree)]
    return found
