"""How far central differences are from the derivative, for every step, beside the bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Generator, Tensor

    from experiments.statistics import Comparison

EPSILONS = tuple(10 ** (-k / 4) for k in range(4, 45))
ULP = 2.0**-52  # what a library's exponential may be wrong by, relatively
KINK = 1e-3  # no preactivation of the small network is nearer to zero


def of_exponentials(draws: int, stream: Generator) -> dict[str, list[float]]:
    """At random points of exp: the error for every ε, its bound, and the largest ratio of both.

    ``best`` is the last, at the step that is derived to be best, over the least bound.
    """
    import torch

    from derivations.backprop.module import DERIVATION
    from impl.backprop.chain_rule import central_difference

    points = torch.rand(draws, dtype=torch.float64, generator=stream) * 2 - 1

    def errors(epsilon: float) -> Tensor:
        each = [central_difference(torch.exp, point, epsilon) for point in points]
        return (torch.stack(each) - points.exp()).abs()

    found: dict[str, list[float]] = {"error": [], "bound": [], "largest": []}
    for epsilon in EPSILONS:
        error, size = errors(epsilon), (points + epsilon).exp()
        known = {"rounding": ULP, "value_size": size, "third_derivative": size}
        bound = DERIVATION.predict("error")(epsilon=epsilon, **known)
        found["error"].append(_root_mean_square(error))
        found["bound"].append(_root_mean_square(bound))
        found["largest"].append(float((error / bound).max()))
    best = float(DERIVATION.predict("best_step")(rounding=ULP, value_size=1, third_derivative=1))
    size = (points + best).exp()
    least = DERIVATION.predict("least_error")(rounding=ULP, value_size=size, third_derivative=size)
    return {**found, "best": [float((errors(best) / least).max())]}


def _root_mean_square(error: Tensor) -> float:
    return float(error.square().mean().sqrt())


def of_network(stream: Generator) -> dict[str, list[float]]:
    """The same for the first weights of a small ReLU network, whose loss is a parabola in each of them."""
    import torch

    from derivations.backprop.module import DERIVATION
    from impl.backprop.chain_rule import central_difference, forward_and_backward
    from impl.backprop.linear import linear

    shapes = (5, 6), (5,), (6, 8), (8,), (8, 1), (1,)

    def drawn() -> list[Tensor]:
        return [torch.randn(shape, dtype=torch.float64, generator=stream) for shape in shapes]

    x, target, w1, b1, w2, b2 = drawn()
    while (x @ w1 + b1).abs().min() < KINK:
        x, target, w1, b1, w2, b2 = drawn()

    def loss(w: Tensor) -> Tensor:
        return forward_and_backward(x, target, (w, b1), (w2, b2))[0]

    _, _, ((gradient, _), _) = forward_and_backward(x, target, (w1, b1), (w2, b2))
    # every operation errs by half an ulp of what it adds up, at most of the sum of all sizes
    operations = 2 * (w1.shape[0] + w2.shape[0] + len(x) + 4)
    sizes = linear(linear(x.abs(), w1.abs(), b1.abs()), w2.abs(), b2.abs()) + target.abs()[:, None]
    known = {"rounding": operations * ULP / 2, "value_size": float(sizes.square().mean())}
    found: dict[str, list[float]] = {"error": [], "largest": []}
    for epsilon in EPSILONS:
        error = (central_difference(loss, w1, epsilon) - gradient).abs()
        bound = float(DERIVATION.predict("error")(epsilon=epsilon, third_derivative=0, **known))
        within = epsilon * float(x.abs().max()) < KINK  # beyond, a difference may cross a kink
        found["error"].append(_root_mean_square(error))
        found["largest"].append(float(error.max()) / bound if within else 0.0)
    return found


def draw(figure: Figure, data: pd.DataFrame) -> None:
    """The error of a central difference against its step."""
    axes = figure.subplots()
    axes.plot(data["epsilon"], data["bound"], color="C2", label="bound, exp")
    axes.plot(data["epsilon"], data["exponential"], "o", markersize=3.5, color="C0", label="exp")
    shown = data[data["network"] > 0]
    axes.plot(
        shown["epsilon"], shown["network"], "^", markersize=3.5, color="C1", label="ReLU network"
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("step ε")
    axes.set_ylabel("error of the gradient")
    axes.legend(loc="upper center")


def compare(samples: pd.DataFrame) -> list[Comparison]:
    """No error is above its bound, nor above the least bound at the best step; large steps reach theirs."""
    from experiments.statistics import exact_value

    values = {str(name): group["value"].to_numpy() for name, group in samples.groupby("statistic")}
    found = []
    bounded = {"exponential": "exponential, largest", "network": "network, largest"}
    bounded |= {"exponential, best ε": "exponential, best"}
    for kind, name in bounded.items():
        excess = max(0.0, float(values[name].max()) - 1)
        found.append(exact_value(excess, 0, 0, statistic=f"{kind}: error above its bound"))
    large = EPSILONS.index(10**-2)
    ratio = values["exponential, error"][large] / values["exponential, bound"][large]
    found.append(exact_value(ratio, 1, 0.02, statistic="exponential, ε = 0.01: error / bound"))
    return found
