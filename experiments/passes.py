"""One network with real weights: forwards layer by layer, then backwards, in little memory.

Weights are drawn into buffers that are used again. On the way there a checkpoint is kept every few
layers: the signal, and where the random numbers stand. On the way back the layers between two
checkpoints are run anew, with the same weights. So memory grows as the square root of depth.

Vectors (one a row) are rescaled at every layer by a power of two, which is exact, and the exponents
are summed: no depth under- or overflows. That asks for a homogeneous activation; biases are scaled
along. For any other the numbers are float32's own, and what leaves its range is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from experiments.activations import IDENTITY, Activation, leaky
from experiments.settings import Unusable
from experiments.streams import is_plain, layer_of
from experiments.traces import FloatArray

Initialiser = Callable[
    [Tensor, torch.Generator], object
]  # fills weights of shape (fan_out, fan_in)
Bias = Callable[
    [Tensor, int, torch.Generator], object
]  # fills biases of shape (fan_out,), told the fan_in
Draw = Callable[
    [int, torch.Generator], Tensor
]  # (units, stream) -> vectors of shape (count, units)
Watch = Callable[[int, Tensor, Tensor], object]  # (layer, z, x), before x is rescaled

KEPT = 2**26  # bytes of weights that are kept for the way back; others are drawn a second time
STATE = 5056  # bytes of a state of torch's CPU generator
SMALLEST = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Stack:
    """Layers x_l = f(W_l x_{l-1} + b_l) of ``widths`` n_0, n_1, …, n_L.

    f is ``activation``, or if there is none z where z > 0, elsewhere slope * z: the slope 0 is ReLU, 1 makes a linear
    stack. Without ``biases`` there are none. With ``linear_output`` the last layer is without f, as logits are.
    """

    widths: Sequence[int]
    initialise: Initialiser
    negative_slope: float = 0.0
    activation: Activation | None = None
    biases: Bias | None = None
    linear_output: bool = False

    @property
    def depth(self) -> int:
        """The number of layers L."""
        return len(self.widths) - 1

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """The shape (fan_out, fan_in) of the weights of each layer."""
        return list(zip(self.widths[1:], self.widths, strict=False))

    @property
    def homogeneous(self) -> bool:
        """May the signal be rescaled from layer to layer?"""
        return self.activation is None or self.activation.homogeneous

    def after(self, layer: int) -> Activation:
        """What follows W_l x_{l-1} + b_l."""
        if self.linear_output and layer == self.depth:
            return IDENTITY
        return self.activation or leaky(self.negative_slope)


class Rescaled:
    """A sequence of vectors (rows), each held as a vector of ordinary size times a power of two.

    The first one's factor is 2**exponent, or 1. Exponents are at least ``lowest``: 0 if biases of
    ordinary size are to be added. If they are ``fixed`` none changes, and a vector that float32
    cannot hold is Unusable.
    """

    def __init__(
        self, exponent: Tensor | None = None, *, lowest: float = -math.inf, fixed: bool = False
    ) -> None:
        self.lowest, self.fixed = lowest, fixed
        self.vectors = torch.empty(0)
        self.exponent = torch.zeros(1, 1, dtype=torch.int64) if exponent is None else exponent
        # One tensor, doubled when it is full: a small one a layer would keep the heap from using its gaps again.
        self.logs, self.steps = torch.empty(0, 0), 0

    def append(self, vectors: Tensor) -> None:
        """Take the next vectors, which came from the last ones, and bring them to size 1/2 to 1."""
        before = self.exponent.to(vectors.device)
        if is_plain(vectors) and not self.fixed and self.lowest == -math.inf:
            self._append_plain(vectors.detach().contiguous(), before)
            return
        largest = vectors.abs().amax(dim=1, keepdim=True)
        if self.fixed:
            self._check(largest)
            factor, self.exponent = torch.ones_like(largest), before
        else:
            largest = torch.where(largest == 0, torch.ones_like(largest), largest)
            mantissa, exponent = torch.frexp(largest)
            factor, self.exponent = mantissa / largest, before + exponent  # exactly 2**-exponent
            if self.lowest > -math.inf:
                self.exponent = self.exponent.clamp_min(int(self.lowest))
                factor = torch.exp2((before - self.exponent).to(vectors.dtype))
        self.vectors = vectors * factor
        self._log()

    def _append_plain(self, vectors: Tensor, before: Tensor) -> None:
        """The same in one go over the numbers, which costs less than its functions of torch."""
        from experiments.rescaling import rescaled

        scaled = torch.empty_like(vectors)
        more = torch.empty(len(vectors), 1, dtype=torch.int64)
        rescaled(vectors.numpy(), scaled.numpy(), more.numpy())
        self.vectors, self.exponent = scaled, before + more
        self._log()

    def _log(self) -> None:
        found = mean_square(self.vectors).log2() + 2 * self.exponent[:, 0]
        if self.steps == len(self.logs):
            more = found.new_empty(max(64, self.steps), len(found))
            self.logs = torch.cat((self.logs, more)) if self.steps else more
        self.logs[self.steps] = found
        self.steps += 1

    def _check(self, largest: Tensor) -> None:
        held = largest.isfinite() & ((largest == 0) | (largest >= SMALLEST))
        if not held.all():
            raise Unusable(
                f"float32 cannot hold layer {self.steps}, and this activation forbids to rescale it: "
                "take fewer layers, or weights that keep the signal"
            )

    def log_mean_squares(self) -> FloatArray:
        """log2 of the mean square of every vector so far, shape (steps, vectors)."""
        return self.logs[: self.steps].cpu().numpy()


def mean_square(vectors: Tensor) -> Tensor:
    """The second moment of each vector's entries, in float64."""
    if not is_plain(vectors):
        return vectors.double().square().mean(dim=1)
    from experiments.rescaling import mean_squares

    found = torch.empty(len(vectors), dtype=torch.float64)
    mean_squares(vectors.detach().contiguous().numpy(), found.numpy())
    return found


class Weights:
    """The weights of a few layers of one network at a time, in buffers that the next network uses again.

    Those of ``span`` neighbouring layers are there at once: one, unless they are needed ``twice``, as on the way back
    with ``count`` vectors.
    """

    def __init__(self, stack: Stack, device: str, *, twice: bool, count: int = 1) -> None:
        self.stack, self.span = stack, span(stack, count) if twice else 1
        sizes = [n * m for n, m in stack.shapes]
        largest = [max(sizes[slot :: self.span]) for slot in range(self.span)]
        self.buffers = [torch.empty(size, device=device) for size in largest]
        self.vectors = [torch.empty(max(stack.widths), device=device) for _ in largest]

    def draw(self, layer: int, stream: torch.Generator) -> Tensor:
        """Fresh weights of ``layer`` (1 to L), shape (fan_out, fan_in), and fresh biases if it has any."""
        weights = self.of(layer)
        bias = self.bias(layer)
        with layer_of(stream, layer):
            self.stack.initialise(weights, stream)
            if self.stack.biases is not None and bias is not None:
                self.stack.biases(bias, weights.shape[1], stream)
        return weights

    def of(self, layer: int) -> Tensor:
        """The weights that were last drawn for ``layer``, or for one that has the same buffer."""
        fan_in, fan_out = self.stack.widths[layer - 1 : layer + 1]
        return self.buffers[(layer - 1) % self.span][: fan_out * fan_in].view(fan_out, fan_in)

    def bias(self, layer: int) -> Tensor | None:
        """The biases that were drawn with them; None if the stack has none."""
        if self.stack.biases is None:
            return None
        return self.vectors[(layer - 1) % self.span][: self.stack.widths[layer]]


def span(stack: Stack, count: int) -> int:
    """How many layers lie between two checkpoints, for ``count`` vectors.

    All, if all of their weights are few. Else so many that the weights between two checkpoints
    take as much memory as all checkpoints: the least in sum.
    """
    weights = 4 * sum(n * m for n, m in stack.shapes)
    if weights <= KEPT:
        return stack.depth
    vectors = 4 * count * max(stack.widths)
    best = math.sqrt((vectors + STATE) / (weights / stack.depth + vectors) * stack.depth)
    return min(stack.depth, max(1, round(best)))


@dataclass
class Memory:
    """What the way back needs: checkpoints by layer, and z, up to a factor, of those since the last one."""

    checkpoints: dict[int, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)
    preactivations: dict[int, Tensor] = field(default_factory=dict)


def forwards(
    stack: Stack,
    weights: Weights,
    x: Tensor,
    stream: torch.Generator,
    *,
    remember: bool,
    watch: Watch | None = None,
) -> tuple[Rescaled, Memory]:
    """The log mean squares of x_0, …, x_L, and x_L; and, to ``remember``, what :func:`backwards` needs.

    ``watch`` sees every layer. Raises Unusable for what float32 cannot hold, if it may not be rescaled.
    """
    signal, memory = _signal(stack), Memory()
    signal.append(x)
    for first in range(1, stack.depth + 1, weights.span):
        if remember:
            memory.checkpoints[first] = signal.vectors, signal.exponent, stream.get_state()
        preactivations = _to_next(stack, weights, signal, first, stream, watch)
        memory.preactivations = preactivations if remember else {}
    return signal, memory


def backwards(
    stack: Stack,
    weights: Weights,
    cotangent: Tensor,
    memory: Memory,
    stream: torch.Generator,
    *,
    exponent: Tensor | None = None,
) -> FloatArray:
    """The log mean squares of the gradients at x_0, z_1, …, z_L, for a given one at x_L.

    That is ``cotangent``, times 2**exponent.
    """
    gradient, upstream = Rescaled(exponent), cotangent
    while memory.checkpoints:
        first, (vectors, scale, state) = memory.checkpoints.popitem()
        if first not in memory.preactivations:
            signal = _signal(stack, scale)
            signal.append(vectors)
            stream.set_state(state)
            memory.preactivations = _to_next(stack, weights, signal, first, stream)
        for layer, z in reversed(memory.preactivations.items()):
            gradient.append(stack.after(layer).gradient(z, upstream))
            upstream = gradient.vectors @ weights.of(layer)
    gradient.append(upstream)
    return gradient.log_mean_squares()[::-1]


def _signal(stack: Stack, exponent: Tensor | None = None) -> Rescaled:
    lowest = -math.inf if stack.biases is None else 0
    return Rescaled(exponent, lowest=lowest, fixed=not stack.homogeneous)


def _to_next(
    stack: Stack,
    weights: Weights,
    signal: Rescaled,
    first: int,
    stream: torch.Generator,
    watch: Watch | None = None,
) -> dict[int, Tensor]:
    """Send ``signal`` through the layers from ``first`` to the next checkpoint; their z, by layer."""
    found = {}
    for layer in range(first, min(first + weights.span, stack.depth + 1)):
        z = signal.vectors @ weights.draw(layer, stream).T
        bias = weights.bias(layer)
        if bias is not None:
            z += bias * torch.exp2(-signal.exponent.to(bias.dtype))
        x = stack.after(layer).value(z)
        if watch is not None:
            watch(layer, z, x)
        signal.append(x)
        found[layer] = z
    return found
