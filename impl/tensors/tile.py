"""One tile of a product, in vector registers: Python writes the instructions, LLVM makes machine code of them.

A vector register holds 16 float32 numbers with AVX-512, 8 with AVX2. A tile of 14 rows by 2 vectors takes 28 of the 32
registers (6 by 2 takes 12 of 16): what is left holds two vectors of B, and one entry of A in all places of a third.
Where a machine has narrower registers, or no fused multiplication and addition, LLVM takes several instructions for
one: the result is right, and slow.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

USES: tuple[str, ...] = ()
COMPILED_BY = ("numba", "llvmlite")

# What Numba compiles for: this machine, or what NUMBA_CPU_FEATURES says.
HOST = binding.get_host_cpu_features().flatten()
WIDE = "+avx512f" in (HOST if config.CPU_FEATURES is None else config.CPU_FEATURES)
VECTOR = 64 if WIDE else 32  # bytes
ROWS, VECTORS = (14, 2) if WIDE else (6, 2)
LINE = 64  # bytes that come from memory at once
AHEAD = 8  # terms: how far in advance B is asked for
NARROW = 6, LINE // VECTOR  # rows and vectors of a tile for small products

INDEX, NUMBER = ir.IntType(64), ir.IntType(32)


@intrinsic  # type: ignore[untyped-decorator]
def multiply_tile(
    _: Any,
    a: Any,
    from_a: Any,
    row_step: Any,
    term_step: Any,
    b: Any,
    from_b: Any,
    terms: Any,
    c: Any,
    from_c: Any,
    step: Any,
    add: Any,
    after: Any,
    from_after: Any,
    ahead: Any,
) -> Any:
    """Write (or ``add``) ROWS rows of A times a strip of B into a tile of C; for kernels only.

    Each array has no gaps, and what is meant begins ``from`` so many numbers after its first. Entry (i, k) of A lies at
    i · ``row_step`` + k · ``term_step``, B row after row, and C's rows ``step`` apart. With every term, ``ahead``
    numbers of ``after`` are asked for, unless it is None: what the next tile will need. Nothing is checked: a kernel
    must know.
    """
    index = types.intp
    left, right = (a, index, index, index), (b, index, index)
    kinds = (*left, *right, c, index, index, types.boolean, after, index, index)
    return types.void(*kinds), _write


@intrinsic  # type: ignore[untyped-decorator]
def multiply_narrow(
    _: Any,
    a: Any,
    from_a: Any,
    row_step: Any,
    last: Any,
    b: Any,
    from_b: Any,
    b_step: Any,
    terms: Any,
    c: Any,
    from_c: Any,
    step: Any,
    add: Any,
) -> Any:
    """As :func:`multiply_tile`, a NARROW tile, from operands as they are: B's rows lie ``b_step`` apart.

    Of A no row after the ``last`` is read, but that one again: what the tile has below is for nobody.
    """
    index = types.intp
    kinds = (a, index, index, index, b, index, index, index, c, index, index, types.boolean)
    return types.void(*kinds), _write_narrow


@intrinsic  # type: ignore[untyped-decorator]
def narrow_width(_: Any, array: Any) -> Any:
    """Columns of a narrow tile of numbers like ``array``'s."""
    width = NARROW[1] * VECTOR * 8 // array.dtype.bitwidth
    return types.intp(array), lambda *_: INDEX(width)


@intrinsic  # type: ignore[untyped-decorator]
def tile_width(_: Any, array: Any) -> Any:
    """Columns of a tile of numbers like ``array``'s: one that the compiler knows, so that it can unroll loops."""
    width = VECTORS * VECTOR * 8 // array.dtype.bitwidth
    return types.intp(array), lambda *_: INDEX(width)


def _write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """The instructions: zeros, a loop over the terms, and the tile to memory."""
    row_step, term_step, terms, step, add, ahead = (values[at] for at in (2, 3, 6, 9, 10, 13))
    a, b, c = (_place(context, builder, signature, values, at) for at in (0, 4, 7))
    tile = _Tile(builder, a.type.pointee, ROWS, VECTORS)
    corners = [builder.gep(c, [builder.mul(step, INDEX(i))]) for i in range(ROWS)]
    tile.ask_rows(corners)
    asked = signature.args[11] is not types.none
    after = _place(context, builder, signature, values, 11) if asked else None
    with cgutils.for_range(builder, terms) as loop:
        strip = builder.gep(b, [builder.mul(loop.index, INDEX(tile.lanes * VECTORS))])
        if asked:
            tile.ask(builder.gep(after, [builder.mul(loop.index, ahead)]))
        column = builder.gep(a, [builder.mul(loop.index, term_step)])
        entries = [builder.gep(column, [builder.mul(row_step, INDEX(i))]) for i in range(ROWS)]
        tile.ask_ahead(strip)
        tile.add_products(entries, strip)
    tile.finish(corners, add)
    return context.get_dummy_value()


def _write_narrow(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """The same for a narrow tile: nothing is asked for, as all is near."""
    row_step, last, b_step, terms, step, add = (values[at] for at in (2, 3, 6, 7, 10, 11))
    a, b, c = (_place(context, builder, signature, values, at) for at in (0, 4, 8))
    tile = _Tile(builder, a.type.pointee, *NARROW)
    starts, corners = [], []
    for i in range(NARROW[0]):
        inside = builder.icmp_signed("<", INDEX(i), last)
        row = builder.select(inside, INDEX(i), last)
        starts.append(builder.gep(a, [builder.mul(row_step, row)]))
        corners.append(builder.gep(c, [builder.mul(step, INDEX(i))]))
    with cgutils.for_range(builder, terms) as loop:
        strip = builder.gep(b, [builder.mul(loop.index, b_step)])
        tile.add_products([builder.gep(start, [loop.index]) for start in starts], strip)
    tile.finish(corners, add)
    return context.get_dummy_value()


def _place(context: Any, builder: Any, signature: Any, values: Any, at: int) -> Any:
    """Where in an array to begin: the argument ``at`` is the array, the next one the number of its first entry."""
    array = context.make_array(signature.args[at])(context, builder, values[at])
    return builder.gep(array.data, [values[at + 1]])


class _Tile:
    """``rows`` × ``vectors`` vectors of one type, which LLVM keeps in registers."""

    def __init__(self, builder: Any, number: Any, rows: int, vectors: int) -> None:
        size = 8 if isinstance(number, ir.DoubleType) else 4
        self.builder, self.lanes = builder, VECTOR // size
        self.size = size
        self.vector = ir.VectorType(number, self.lanes)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fmuladd.v{self.lanes}f{8 * size}"
        self.fused = cgutils.get_or_insert_function(builder.module, kind, name)
        address = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [address, NUMBER, NUMBER, NUMBER])
        self.prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        zeros = ir.Constant(self.vector, [0.0] * self.lanes)
        self.sums = [
            [cgutils.alloca_once_value(builder, zeros) for _ in range(vectors)] for _ in range(rows)
        ]
        for row in self.sums:
            for total in row:
                builder.store(zeros, total)  # for every tile: alloca_once does it once a function

    def at(self, place: Any, offset: int) -> Any:
        """The address ``offset`` numbers on."""
        return self.builder.gep(place, [INDEX(offset)])

    def load(self, place: Any) -> Any:
        """A vector from memory, wherever it starts."""
        pointer = self.builder.bitcast(place, self.vector.as_pointer())
        return self.builder.load(pointer, align=self.size)

    def ask(self, place: Any) -> None:
        """Have memory brought closer that is needed soon."""
        pointer = self.builder.bitcast(place, ir.IntType(8).as_pointer())
        self.builder.call(self.prefetch, [pointer, NUMBER(0), NUMBER(3), NUMBER(1)])

    def ask_rows(self, corners: list[Any]) -> None:
        """All cache lines of the tile's rows; each line may begin before a row."""
        for corner in corners:
            for j in range(len(self.sums[0])):
                self.ask(self.at(corner, j * self.lanes))

    def ask_ahead(self, strip: Any) -> None:
        """The row of B that comes AHEAD terms later, once each line: a request takes as long as a load."""
        width = len(self.sums[0]) * self.lanes
        for j in range(0, width, LINE // self.size):
            self.ask(self.at(strip, AHEAD * width + j))

    def everywhere(self, place: Any) -> Any:
        """A vector with one number in all places."""
        nothing = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(nothing, self.builder.load(place), NUMBER(0))
        zeros = ir.Constant(ir.VectorType(NUMBER, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, nothing, zeros)

    def add_products(self, entries: list[Any], strip: Any) -> None:
        """One term: every entry of a column of A times every vector of a row of B."""
        right = [self.load(self.at(strip, j * self.lanes)) for j in range(len(self.sums[0]))]
        for entry, sums in zip(entries, self.sums, strict=True):
            left = self.everywhere(entry)
            for vector, total in zip(right, sums, strict=True):
                value = self.builder.call(self.fused, [left, vector, self.builder.load(total)])
                self.builder.store(value, total)

    def finish(self, corners: list[Any], add: Any) -> None:
        """The tile to memory, as is told when it runs."""
        with self.builder.if_else(cgutils.as_bool_bit(self.builder, add)) as (yes, no):
            with yes:
                self.store(corners, add=True)
            with no:
                self.store(corners, add=False)

    def store(self, corners: list[Any], *, add: bool) -> None:
        """The tile to memory, on top of what is there if ``add``."""
        for corner, sums in zip(corners, self.sums, strict=True):
            for j, total in enumerate(sums):
                place = self.at(corner, j * self.lanes)
                value = self.builder.load(total)
                if add:
                    value = self.builder.fadd(value, self.load(place))
                pointer = self.builder.bitcast(place, self.vector.as_pointer())
                self.builder.store(value, pointer, align=self.size)
