"""Exact Euclidean distances in one fixed order of summation, and the list of nearest found so far.

The distance of two vectors is defined operation by operation: float64 differences of the original
numbers, squared and added to 16 lanes (lane l takes coordinates l, l + 16, …), the lanes added in
halves (8, 4, 2, 1), the coordinates beyond the last full 16 added one by one, then the square root.
Each operation is rounded by itself, none is fused, so the bits depend on the two vectors alone:
not on blocks, threads, workers or the device. Relative error: below (D/16 + 22) 2⁻⁵³.
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from companion.compute.compiled import compiled

LANES = 16
#: Coordinates between two looks at the limit: a sum that is beyond it already is given up.
_STRIDE = 128
#: A vector is left out only if its distance exceeds the limit by more than all rounding can explain.
SLACK = 1e-9

_F64 = ir.DoubleType()
_VECTOR = ir.VectorType(_F64, LANES)
_INT = ir.IntType(32)
_LETTER = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}


def _wide(builder: Any, kind: Any, pointer: Any, index: Any) -> Any:
    """16 numbers from ``pointer[index:]`` as float64, which holds each of them exactly."""
    address = builder.gep(pointer, [index])
    narrow = ir.VectorType(_LETTER[kind], LANES)
    given = builder.load(builder.bitcast(address, narrow.as_pointer()), align=kind.bitwidth // 8)
    return given if kind == types.float64 else builder.fpext(given, _VECTOR)


def _single(builder: Any, kind: Any, pointer: Any, index: Any) -> Any:
    given = builder.load(builder.gep(pointer, [index]))
    return given if kind == types.float64 else builder.fpext(given, _F64)


def _halved(builder: Any, vector: Any) -> Any:
    """Sum of the lanes: halves are added until one is left."""
    width = LANES
    while width > 1:
        width //= 2
        undefined = ir.Constant(vector.type, ir.Undefined)
        low = ir.Constant(ir.VectorType(_INT, width), list(range(width)))
        high = ir.Constant(ir.VectorType(_INT, width), list(range(width, 2 * width)))
        vector = builder.fadd(
            builder.shuffle_vector(vector, undefined, low), builder.shuffle_vector(vector, undefined, high)
        )
    return builder.extract_element(vector, ir.Constant(_INT, 0))


def _squared_distance(context: Any, a: Any, i: Any, b: Any, j: Any, limit: Any) -> Any:
    """``|a[i] - b[j]|²`` of rows of C-contiguous matrices, or a number above ``limit`` where it is above.

    ``a`` is float64; ``b`` is float64 or float32, which float64 holds exactly.

    numba knows no SIMD registers, and LLVM may not reorder a sum of floats: hence written in LLVM's
    own language, one vector of 16 float64 accumulators.
    """

    def codegen(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        first, second = (_rows(target, builder, signature, values, n) for n in (0, 2))
        size = first[1]
        intp = size.type

        def number(value: int) -> Any:
            return ir.Constant(intp, value)

        row_a = builder.gep(first[0], [builder.mul(values[1], size)])
        row_b = builder.gep(second[0], [builder.mul(values[3], size)])
        kind = signature.args[2].dtype
        lanes = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, None))
        result = cgutils.alloca_once_value(builder, ir.Constant(_F64, 0.0))
        start = cgutils.alloca_once_value(builder, number(0))
        full = builder.and_(size, number(-LANES))

        def pass_over(stop: Any) -> None:
            """Add the coordinates from ``start`` to ``stop``, a multiple of 16, to the lanes."""
            with cgutils.for_range_slice(builder, builder.load(start), stop, number(LANES), intp) as (at, _):
                gap = builder.fsub(_wide(builder, types.float64, row_a, at), _wide(builder, kind, row_b, at))
                builder.store(builder.fadd(builder.load(lanes), builder.fmul(gap, gap)), lanes)
            builder.store(stop, start)

        done = builder.append_basic_block("done")
        look = builder.append_basic_block("look")
        again = builder.append_basic_block("again")
        rest = builder.append_basic_block("rest")
        builder.branch(look)
        builder.position_at_end(look)
        ahead = builder.add(builder.load(start), number(_STRIDE))
        builder.cbranch(builder.icmp_signed("<", ahead, full), again, rest)
        builder.position_at_end(again)
        pass_over(ahead)
        partial = _halved(builder, builder.load(lanes))
        builder.store(partial, result)
        builder.cbranch(builder.fcmp_ordered(">", partial, values[4]), done, look)
        builder.position_at_end(rest)
        pass_over(full)
        builder.store(_halved(builder, builder.load(lanes)), result)
        with cgutils.for_range_slice(builder, full, size, number(1), intp) as (at, _):
            gap = builder.fsub(_single(builder, types.float64, row_a, at), _single(builder, kind, row_b, at))
            builder.store(builder.fadd(builder.load(result), builder.fmul(gap, gap)), result)
        builder.branch(done)
        builder.position_at_end(done)
        return builder.load(result)

    matrices = all(kind.ndim == 2 and kind.layout == "C" for kind in (a, b))
    if not matrices or a.dtype != types.float64 or b.dtype not in _LETTER:
        return None
    return types.float64(a, types.intp, b, types.intp, types.float64), codegen


squared_distance: Any = intrinsic(_squared_distance)


def _rows(target: Any, builder: Any, signature: Any, values: Any, position: int) -> tuple[Any, Any]:
    """Data pointer and row length of the matrix that is argument ``position``."""
    array = target.make_array(signature.args[position])(target, builder, values[position])
    return array.data, cgutils.unpack_tuple(builder, array.shape, 2)[1]


@compiled()
def offer(distances, indices, distance, index):
    """Put one candidate into the ascending lists of one query unless it is there or not near enough.

    Nearer comes first, of equal distances the smaller index. ``indices`` is -1 where nothing is yet.
    """
    last = distances.size - 1
    if distance > distances[last] or (distance == distances[last] and index > indices[last] >= 0):
        return
    place = last
    for at in range(distances.size):
        if indices[at] == index:
            return
    while place > 0 and (
        distance < distances[place - 1]
        or (distance == distances[place - 1] and (index < indices[place - 1] or indices[place - 1] < 0))
    ):
        distances[place] = distances[place - 1]
        indices[place] = indices[place - 1]
        place -= 1
    distances[place] = distance
    indices[place] = index


@compiled()
def limit_of(distances):
    """What a squared distance must exceed so that the candidate is surely not among the nearest."""
    farthest = distances[distances.size - 1]
    return farthest * farthest * (1.0 + SLACK)


@compiled()
def refine(queries, references, rows, candidates, distances, indices):
    """Offer the references ``candidates[n]`` (none where negative) to each query ``rows[n]``."""
    for n in range(rows.size):
        row = rows[n]
        for c in range(candidates.shape[1]):
            j = candidates[n, c]
            if j >= 0:
                squared = squared_distance(queries, row, references, j, limit_of(distances[row]))
                offer(distances[row], indices[row], math.sqrt(squared), j)


@compiled()
def search_directly(queries, references, rows, distances, indices):
    """Offer every reference to each query of ``rows``: no bounds, no screening, nothing to prove."""
    for j in range(references.shape[0]):
        for n in range(rows.size):
            row = rows[n]
            limit = limit_of(distances[row])
            squared = squared_distance(queries, row, references, j, limit)
            if squared <= limit:
                offer(distances[row], indices[row], math.sqrt(squared), j)


def blank(count: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists of nearest in which nothing is yet: infinite distances (count, k), indices -1."""
    return np.full((count, k), np.inf), np.full((count, k), -1, dtype=np.int64)
