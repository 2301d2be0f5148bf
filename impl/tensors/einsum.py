"""Einsum: sums of products, written by naming the axes; parsed, executed and differentiated from scratch.

``einsum("ij,jk->ik", a, b)`` multiplies every a[i, j] by every b[j, k] with the same j, and sums over
what the output does not name (Einstein 1916, §5, with the output added).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor

from impl.tensors.broadcasting import unbroadcast
from impl.tensors.subscripts import Label, Labels, parse, sizes_of

USES = (
    *("torch.Tensor.as_strided", "torch.Tensor.__getitem__", "torch.Tensor.__setitem__"),
    *("torch.Tensor.mul", "torch.Tensor.sum", "torch.Tensor.new_zeros", "torch.Tensor.item"),
)


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """The sum of products that ``equation`` names, as ``torch.einsum``.

    Without ``->`` the output has the letters that occur once, in alphabetical order, after "...". A
    letter twice in one operand takes its diagonal; sizes of 1 are stretched. Raises ValueError that points into the
    equation where it cannot be read, or does not fit the operands.
    """
    inputs, output = parse(equation, operands)
    result, labels = _diagonals(operands[0], inputs[0])
    later = [set(labels) for labels in inputs[1:]]
    for place, operand in enumerate(operands):
        if place:
            other, names = _diagonals(operand, inputs[place])
            union = tuple(dict.fromkeys((*labels, *names)))
            result = _aligned(result, labels, union) * _aligned(other, names, union)
            labels = union
        needed = set(output).union(*later[place:])
        result, labels = _summed(result, labels, needed)
    return _aligned(result, labels, output)


def einsum_loops(equation: str, *operands: Tensor) -> Tensor:
    """The definition as it stands: a loop over every label, one product at a time. As :func:`einsum`."""
    inputs, output = parse(equation, operands)
    sizes = sizes_of(inputs, operands)
    names = list(dict.fromkeys((*output, *itertools.chain(*inputs))))
    result = operands[0].new_zeros(tuple(sizes[label] for label in output))
    for values in itertools.product(*(range(sizes[name]) for name in names)):
        at = dict(zip(names, values, strict=True))
        product: float = 1
        for labels, operand in zip(inputs, operands, strict=True):
            pairs = zip(labels, operand.shape, strict=True)
            product *= operand[tuple(at[name] if size != 1 else 0 for name, size in pairs)].item()
        place = tuple(at[label] for label in output)
        result[place] = result[place].item() + product
    return result


def einsum_gradients(equation: str, gradient: Tensor, *operands: Tensor) -> list[Tensor]:
    """The gradient with respect to each operand: an einsum with the subscripts permuted.

    ``gradient`` has the shape of the output. For "ij,jk->ik" these are "ik,jk->ij" and "ij,ik->jk". A letter that only
    one operand has, and the output has not, was summed: its gradient is stretched again. Raises as :func:`einsum`.
    """
    inputs, output = parse(equation, operands)
    sizes = sizes_of(inputs, operands)
    expected = tuple(sizes[label] for label in output)
    if tuple(gradient.shape) != expected:
        raise ValueError(f"gradient must have shape {expected}, got {tuple(gradient.shape)}")
    found = []
    for place, (operand, labels) in enumerate(zip(operands, inputs, strict=True)):
        result, names = gradient, output
        for k, other in enumerate(operands):
            if k != place:
                view, its = _diagonals(other, inputs[k])
                union = tuple(dict.fromkeys((*names, *its)))
                result, names = _aligned(result, names, union) * _aligned(view, its, union), union
        wanted = tuple(dict.fromkeys(labels))
        result, names = _summed(result, names, set(wanted))
        whole = _aligned(result, names, wanted, [sizes[label] for label in wanted])
        target = operand.new_zeros(tuple(operand.shape))
        diagonal, _ = _diagonals(target, labels)
        diagonal[...] = unbroadcast(whole, tuple(diagonal.shape))
        found.append(target)
    return found


def _diagonals(operand: Tensor, labels: Labels) -> tuple[Tensor, Labels]:
    """A view with each label once: along a label that is repeated, all its strides are walked at once."""
    once = tuple(dict.fromkeys(labels))
    shape = [operand.shape[labels.index(label)] for label in once]
    steps = list(zip(labels, operand.stride(), strict=True))
    strides = [sum(step for name, step in steps if name == label) for label in once]
    return operand.as_strided(shape, strides), once


def _aligned(
    tensor: Tensor, labels: Labels, wanted: Labels, sizes: Sequence[int] | None = None
) -> Tensor:
    """A view with one dimension for each of ``wanted``, in this order; new ones have size 1, or ``sizes``."""
    known = dict(zip(labels, zip(tensor.shape, tensor.stride(), strict=True), strict=True))
    shape, strides = [], []
    for place, label in enumerate(wanted):
        size, stride = known.get(label, (1, 0))
        whole = sizes[place] if sizes is not None and size == 1 else size
        shape.append(whole)
        strides.append(stride if whole == size else 0)
    return tensor.as_strided(shape, strides)


def _summed(tensor: Tensor, labels: Labels, needed: set[Label]) -> tuple[Tensor, Labels]:
    """The sum over every label that is not ``needed``, in the tensor's own type."""
    gone = [axis for axis, label in enumerate(labels) if label not in needed]
    if gone:  # the sum over no axis at all would be the sum over every one
        tensor = tensor.sum(gone, dtype=tensor.dtype)
    return tensor, tuple(label for label in labels if label in needed)
