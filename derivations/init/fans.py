"""The fans: how many terms one output adds up, how many outputs one input reaches, and when the shape misleads."""

from __future__ import annotations

import sympy as sp
from sympy import KroneckerDelta, Mod, Subs, Sum

from derivations.notation import by_layer, symbols
from derivations.proof import Derivation, Given, Prediction, Step

fan_in, fan_out, fan, weight_var = symbols("he2015", "fan_in fan_out fan weight_var")
second_moment, depth, layer = symbols("he2015", "second_moment depth layer")
kernel_volume, groups, stride_volume = symbols("he2015", "kernel_volume groups stride_volume")
group_channels, group_filters = symbols("he2015", "group_channels group_filters")
stride, dilation, positions = symbols("he2015", "stride dilation positions")
(units,) = by_layer("he2015", "units")

i, p, q, t = sp.symbols("i p q t", integer=True, nonnegative=True)
one_terms = kernel_volume * group_channels  # of one group's kernel, over the channels that it reads
one_copies = kernel_volume * group_filters  # over the channels that it writes

DERIVATION = Derivation(
    row="init/fans",
    title="Fan-in and fan-out",
    papers=("he2015",),
    section="2.2",
    claim="A fan is a number of terms: of the sum that is one output, or of the sum that is one input's "
    "gradient. Read off a weight's shape, the fan-in is right for layers that are stored as (out, in); the fan-out is "
    "wrong for groups and strides, and both are wrong for transposed convolutions.",
    lines=(
        Given(
            "borders",
            "Images are closed to a ring in every dimension (circular padding), of a size that is a multiple of the "
            "stride. So every output adds up the same number of terms; with zeros around the image, "
            "those near a border add up fewer.",
        ),
        Step(
            "ratio",
            Subs(fan * weight_var * second_moment, second_moment, 1),
            fan * weight_var,
            why="a sum of so many terms has so many times the second moment, forwards and backwards "
            "(row init/kaiming, dot product): the weights want $1/\\text{fan}$, twice that before a ReLU",
            ref="he2015:7",
        ),
        Step(
            "other_fan",
            Subs(fan_in * weight_var / 2, weight_var, 2 / fan_out),
            fan_in / fan_out,
            why="one layer with the other fan: forwards with $2/\\hat n_l$. A weight stored as (in, out), as the "
            "lesson's $784 \\times 50$, has its two fans confused, and needs the name of the other one",
            ref="he2015:14",
        ),
        Step(
            "telescope/base",
            Subs(units(layer - 1) / units(layer), layer, 1),
            units(0) / units(1),
            why="base case: one layer of a stack in which each layer's outputs are the next one's inputs",
            ref="he2015:§2.2",
        ),
        Step(
            "telescope",
            Subs(
                second_moment * units(depth - 1) / units(depth),
                second_moment,
                units(0) / units(depth - 1),
            ),
            units(0) / units(depth),
            why="one more layer cancels the last width: a whole stack with the other fan changes the signal by "
            "$n_0/n_L$ (backwards with the fan-in by its inverse), whatever its depth. That is why either fan will do",
            ref="he2015:§2.2",
            same=(("lost term", 2, "any width between the first and the last cancels"),),
        ),
        Step(
            "conv_fan_in",
            Sum(1, (i, 1, group_channels), (t, 1, kernel_volume)),
            one_terms,
            why="an output adds up the channels of its own group, at every entry of the kernel",
            ref="he2015:§2.2",
        ),
        Step(
            "taps",
            Sum(
                KroneckerDelta(Mod(stride * q + dilation * t - p, stride * positions), 0),
                (p, 0, stride * positions - 1),
                (q, 0, positions - 1),
                (t, 0, kernel_volume - 1),
            ),
            positions * kernel_volume,
            why="on the ring, entry $t$ of the kernel at position $q$ lands on exactly one input $p$: stride and "
            "dilation move it, and do not change how many pairs there are",
            cases=(
                (stride, (1, 2)),
                (dilation, (1, 2)),
                (positions, (2, 3)),
                (kernel_volume, (2, 3)),
            ),
            same=(
                ("lost term", 2, "stride and dilation say where a pair is, not how many there are"),
            ),
        ),
        Step(
            "conv_fan_out",
            Sum(1, (i, 1, group_filters), (t, 1, positions * kernel_volume))
            / (stride_volume * positions),
            one_copies / stride_volume,
            why="those pairs, for every filter of the group, shared by $S$ times as many inputs as there are "
            "positions. If the stride does not divide the kernel, inputs differ, and this is their mean",
        ),
        Step(
            "transposed_fan_out",
            Sum(1, (i, 1, group_filters), (t, 1, kernel_volume)),
            one_copies,
            why="a transposed convolution runs the other way: it is the input that writes a whole kernel",
        ),
        Step(
            "transposed_fan_in",
            Sum(1, (i, 1, group_channels), (t, 1, positions * kernel_volume))
            / (stride_volume * positions),
            one_terms / stride_volume,
            why="and the outputs, $S$ times as many, share what is written",
        ),
        Given(
            "shape",
            "PyTorch stores a convolution's weight as (out, in / groups, *kernel), a transposed one's as "
            "(in, out / groups, *kernel). It takes the second size times $K$ for the fan-in, the first for the "
            "fan-out, and asks for neither groups, stride nor direction.",
        ),
        Step(
            "conv_forward",
            Subs(one_terms * weight_var, weight_var, 1 / (kernel_volume * group_channels)),
            sp.S.One,
            why="so its fan-in of a convolution is right, with groups and with a stride",
        ),
        Step(
            "conv_backward",
            Subs(
                one_copies / stride_volume * weight_var,
                weight_var,
                1 / (kernel_volume * groups * group_filters),
            ),
            1 / (groups * stride_volume),
            why="its fan-out is not: gradients shrink by groups and stride, a depthwise one's by its channels",
        ),
        Step(
            "transposed_forward",
            Subs(
                one_terms / stride_volume * weight_var,
                weight_var,
                1 / (kernel_volume * group_filters),
            ),
            group_channels / (stride_volume * group_filters),
            why="of a transposed convolution the two fans are confused, and the stride is missing",
        ),
        Step(
            "transposed_backward",
            Subs(
                one_copies * weight_var, weight_var, 1 / (kernel_volume * groups * group_channels)
            ),
            group_filters / (groups * group_channels),
            why="and backwards the groups are",
        ),
    ),
    predictions=(
        Prediction("ratio", "ratio", "A sum's second moment over that of its terms' numbers."),
        Prediction("other_fan", "other_fan", "A ReLU layer's forward ratio with 2/fan-out."),
        Prediction("conv_fan_in", "conv_fan_in", "Fan-in of a convolution."),
        Prediction("conv_fan_out", "conv_fan_out", "Its fan-out, over all inputs."),
        Prediction("transposed_fan_in", "transposed_fan_in", "Fan-in of a transposed one."),
        Prediction("transposed_fan_out", "transposed_fan_out", "Its fan-out."),
        Prediction("conv_forward", "conv_forward", "Forward ratio with torch's fan-in."),
        Prediction("conv_backward", "conv_backward", "Backward ratio with torch's fan-out."),
        Prediction("transposed_forward", "transposed_forward", "The same, transposed."),
        Prediction("transposed_backward", "transposed_backward", "The same, transposed."),
    ),
)
