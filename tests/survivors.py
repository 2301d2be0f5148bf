"""Why a change of our code that no test notices changes nothing that one could notice."""

from __future__ import annotations

import re

STRICT = re.compile(r", strict=(True|False|None)")
LENGTHS = "both have one length by construction; strict= guards against a change of the code"

# Why a mutant lives: what its file and its change (function: removed line -> added line) match, and the reason.
REASONS: tuple[tuple[str, str, str], ...] = (
    ("", r"raise .* -> raise ", "the words of an error, of which tests read a part"),
    ("", r"-> .*encoding='UTF-8'", "the same encoding"),
    ("derivations/algebra.py", r"gap = sp.S.One", "what every way of simplifying replaces"),
    ("derivations/algebra.py", r"if swaps", "to replace nothing changes nothing"),
    ("derivations/cumulative.py", r"p\.base >= 1", "SymPy never writes a power of one"),
    ("derivations/domains.py", r"span = 10", "how far integers are drawn is cut again one line on"),
    ("derivations/domains.py", r"evalf\(None\)", "a range whose ends are whole numbers or π"),
    (
        "derivations/expectation.py",
        r"Dummy\(",
        "the name of a symbol that nobody sees, or a slower road",
    ),
    ("derivations/expectation.py", r"Poly\(both", "a polynomial in one symbol knows which"),
    ("experiments/", r"device", "without a GPU, no device is the CPU"),
    ("experiments/", r"ensure_ascii=|indent=None", "the same content, in other letters"),
    ("experiments/results.py", r"scratch, 'OLD'", "the name of a folder that nobody sees"),
    ("experiments/sketch.py", r"count and \(not other", "nothing added changes nothing"),
    ("experiments/streams.py", r"generate_state\(5\)$", "numpy's words have 32 bits by default"),
    ("experiments/ratios.py", r"asarray\(inputs\)", "pandas makes Python's words of numpy's"),
    ("experiments/passes.py", r"self\.vectors = torch\.empty", "what the first vectors replace"),
    ("experiments/passes.py", r"exp2\(\(before", "powers of two, the same in either precision"),
    ("experiments/stack.py", r"description|networks'|total=", "what a progress bar says"),
    ("experiments/stack.py", r"initializer|initargs", "threads change how long it takes"),
    ("experiments/stack.py", r"cpu_count", "on a machine whose number of cores is known"),
    (
        "experiments/final_law.py",
        r", 65\)|geomspace\(0\.0001, 150",
        "in steps of another size, to the same precision",
    ),
    ("experiments/inverse.py", r"searchsorted", "from a step before, it goes on to the same place"),
    ("experiments/law_inputs.py", r"if slope or True", "zero times the slope is zero"),
    ("experiments/law_inputs.py", r"signals\[1\]\.exp", "every layer has as many inputs"),
    (
        "experiments/law_kinds.py",
        r"1 - branch \* along|- deviation \* stream",
        "a normal number of the other sign has the same law",
    ),
    ("experiments/law_passes.py", r"default=1", "where no layer is kept, one is drawn in vain"),
    ("impl/init/_graph.py", r"'hardtanh' and .*-> .*args\[2:3\]", "torch hands both on by name"),
    ("impl/init/_graph.py", r"observe\(node, None, None", "an input is made by no call"),
    ("impl/", r"FAN_IN", "modes are read in lower case"),
    ("impl/tensors/subscripts.py", r"XX, XX", "an X is a letter anyway"),
    ("impl/tensors/subscripts.py", r"len\(terms\) >= len", "if they were equal nothing is said"),
    ("impl/tensors/einsum.py", r"get\(label, \(1, 1\)\)", "the one place along it is the first"),
    ("impl/tensors/frobenius.py", r"== 0, 2\)", "nothing divided by anything is nothing"),
    ("impl/init/relu.py", r"number <= 0", "zero times the slope is zero"),
    (
        "derivations/mean_field.py",
        r"asarray\(variance, None|asarray\(found\)|ones_like\(None",
        "roots and products of whole numbers and of numpy's objects are floats as well",
    ),
    ("derivations/proof.py", r"time\.process_time", "how long it took, which no test times"),
    (
        "derivations/points.py",
        r"none was tried|NONE WAS TRIED",
        "one point at least is always tried",
    ),
    ("derivations/points.py", r"range\(5 \* points", "how often another point is tried at most"),
    ("derivations/proof.py", r"replace\('_', 'XX", "the words of a reason"),
    ("derivations/outcomes.py", r"nodes = \[0", "the same five points in another order"),
    ("derivations/outcomes.py", r"choice\(|side / v", "another random law that is as good"),
    ("derivations/numeric.py", r"Dummy\(", "the name of a symbol that nobody sees"),
    ("derivations/numeric.py", r"_inside\(z", "one end says it if the variable has a sign"),
    ("derivations/vectorised.py", r"dtype\.kind in", "what is a float already stays one"),
    (
        "impl/depth/dying.py",
        r"dead\.mul\(2|length - dead",
        "nothing divided by anything is nothing",
    ),
    ("impl/depth/weight_law.py", r"uniform_\(-1, generator", "torch draws up to 1 by default"),
    ("impl/depth/weight_law.py", r"\] - g\[2\]", "another random law that is as good"),
    ("experiments/verdict.py", r"RECORDS|STABLE", "pandas and numpy read them in lower case"),
    ("impl/tensors/tile.py", r"NUMBER\(None\)", "llvmlite writes zero where there is no number"),
    ("impl/tensors/simd.py", r"\(DEPTH \+ 2\) \* COLUMNS", "room beyond all that is used"),
    ("impl/tensors/tile.py", r"store\(corners, add=None\)", "None is False to an if"),
    ("impl/tensors/schedules.py", r"^schedule: ", "a schedule decides how long it takes alone"),
    ("impl/backprop/loss.py", r"float\('NAN'\)", "Python reads it in either case"),
    ("impl/tensors/simd.py", r"hasattr\(None|Executor\(None", "it changes how long it takes"),
    ("impl/backprop/fused.py", r"new_zeros\(3\)|\(3, strips", "zeros beyond all that is read"),
    ("impl/depth/exact_law.py", r"shape\[0\] >= tensor", "a square matrix, from either side"),
    ("impl/depth/exact_law.py", r"if i else 1|if i or True", "the first has none before it"),
    ("impl/depth/exact_law.py", r"range\(3 if", "a third time changes no more than rounding does"),
    (
        "impl/tensors/broadcasting.py",
        r"before = \(2,\)",
        "what is missing is summed, whatever its size",
    ),
    ("impl/", r"einsum\('[^']*[A-Z]", "the letters of an einsum, which are as good in upper case"),
    ("impl/backprop/conv.py", r"new_zeros\(.*3 \* padding", "zeros beyond all that is read"),
    ("impl/backprop/cross_entropy.py", r"gradient\.sum\(\+1\)", "of two dimensions, the last is 1"),
    ("impl/init/_", r"strip\('XX_XX'\)", "no operation has a name that ends in X"),
    ("impl/init/xavier.py", r"else 1\.0", "where there is nothing to fill"),
    (
        "impl/depth/jacobian.py",
        r"divisor\.masked_fill\(straight, 2\)",
        "what is at right angles is not turned, whatever the divisor",
    ),
)


def reason(file: str, change: str) -> str:
    """Why the mutant of ``file`` with this ``change`` (function: removed line -> added line) lives; or nothing."""
    sides = change.partition(": ")[2].split(" -> ")
    if len({STRICT.sub("", side) for side in sides}) == 1:
        return LENGTHS
    found = (why for where, what, why in REASONS if where in file and re.search(what, change))
    return next(found, "")
