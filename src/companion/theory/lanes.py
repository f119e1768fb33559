"""Vectors of independent float64 lanes for compiled code: one register, one run per lane.

numba has no type for a SIMD register; loops over an array's last axis instead pay loads, stores
and aliasing checks at every operation. ``Lanes`` values stay in registers, and compiled functions
write +, -, *, / and the functions below on them as if they were numbers. Every operation is exactly
rounded and acts on each lane alone: a lane's bits depend neither on its neighbours nor on the width
nor, fused multiply-add included, on the machine.

Arrays of lanes are C-contiguous float64 with the lanes on the last axis; an ``index`` into them
counts vectors.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, overload, register_model

from companion.compute.compiled import compiled

_DOUBLE = ir.DoubleType()
_INT = ir.IntType(32)


class Lanes(types.Type):
    """numba type of a vector of ``width`` float64."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"Lanes({width})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, _vector(lanes))


def _vector(lanes: Lanes) -> ir.VectorType:
    return ir.VectorType(_DOUBLE, lanes.width)


def _spread(builder: Any, value: Any, given: types.Type, lanes: Lanes) -> Any:
    """The LLVM vector of an argument: itself, or a float in every lane."""
    if isinstance(given, Lanes):
        return value
    first = builder.insert_element(ir.Constant(_vector(lanes), ir.Undefined), value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(_INT, lanes.width), None))


def _elementwise(emit: Callable[[Any, Lanes, list[Any]], Any], arguments: int) -> Any:
    """Intrinsic of one to three arguments, at least one of them Lanes, the others floats."""

    def typed(given: tuple[types.Type, ...]) -> Any:
        lanes = next((kind for kind in given if isinstance(kind, Lanes)), None)
        if lanes is None:
            return None
        accepted = [kind if isinstance(kind, Lanes) else types.float64 for kind in given]

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            vectors = zip(values, accepted, strict=True)
            return emit(builder, lanes, [_spread(builder, value, kind, lanes) for value, kind in vectors])

        return lanes(*accepted), codegen

    # numba reads the number of arguments from the signature, so each count is spelled out.
    if arguments == 1:
        return intrinsic(lambda context, a: typed((a,)))
    if arguments == 2:
        return intrinsic(lambda context, a, b: typed((a, b)))
    return intrinsic(lambda context, a, b, c: typed((a, b, c)))


def _operator(symbol: Any, instruction: str) -> None:
    """Teach numba an arithmetic operator between Lanes and Lanes or floats."""
    apply = _elementwise(lambda builder, _, values: getattr(builder, instruction)(*values), 2)

    @overload(symbol)
    def _(a, b):  # numba compares this signature with the implementation's
        if isinstance(a, Lanes) or isinstance(b, Lanes):
            return lambda a, b: apply(a, b)
        return None


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_symbol, _instruction)


def _llvm(name: str, arguments: int) -> Any:
    """An LLVM intrinsic on vectors."""

    def emit(builder: Any, lanes: Lanes, values: list[Any]) -> Any:
        kind = ir.FunctionType(_vector(lanes), [_vector(lanes)] * arguments)
        callee = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{lanes.width}f64")
        return builder.call(callee, values)

    return _elementwise(emit, arguments)


def _emit_positive_part(builder: Any, lanes: Lanes, values: list[Any]) -> Any:
    zero = ir.Constant(_vector(lanes), None)
    return builder.select(builder.fcmp_ordered(">", values[0], zero), values[0], zero)


def _emit_where_positive(builder: Any, lanes: Lanes, values: list[Any]) -> Any:
    zero = ir.Constant(_vector(lanes), None)
    return builder.select(builder.fcmp_ordered(">", values[0], zero), values[1], values[2])


square_root: Any = _llvm("sqrt", 1)
magnitude: Any = _llvm("fabs", 1)
with_sign_of: Any = _llvm("copysign", 2)  # |a| with the sign of b
multiply_add: Any = _llvm("fma", 3)  # a b + c, rounded once
positive_part: Any = _elementwise(_emit_positive_part, 1)  # max(a, 0)
where_positive: Any = _elementwise(_emit_where_positive, 3)  # b where a > 0, c elsewhere


def _zeros(context: Any, width: Any) -> Any:
    lanes = Lanes(width.literal_value)
    return lanes(width), lambda *_: ir.Constant(_vector(lanes), None)


def _address(context: Any, builder: Any, lanes: Lanes, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    offset = builder.mul(index, ir.Constant(index.type, lanes.width))
    return builder.bitcast(builder.gep(data, [offset]), _vector(lanes).as_pointer())


def _load(context: Any, like: Any, array: Any, index: Any) -> Any:
    def codegen(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_address(target, builder, like, array, values[1], values[2]), align=8)

    return like(like, array, types.intp), codegen


def _store(context: Any, array: Any, index: Any, value: Any) -> Any:
    def codegen(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[2], _address(target, builder, value, array, values[0], values[1]), align=8)
        return target.get_dummy_value()

    return types.void(array, types.intp, value), codegen


zeros: Any = intrinsic(prefer_literal=True)(_zeros)  # zeros(width), the width known when compiling
load: Any = intrinsic(_load)  # load(like, array, index), as wide as the vector ``like``
store: Any = intrinsic(_store)  # store(array, index, vector)


# arctan(t) = t P(t²) for |t| <= tan(π/8), over π; P has the least relative error, 3e-17.
_SHIFT = 2.0**0.5 - 1.0
_PI = 3.141592653589793
_P0 = 0.99999999999999996686 / _PI
_P1 = -0.33333333333328616797 / _PI
_P2 = 0.19999999998889208035 / _PI
_P3 = -0.14285714183509308785 / _PI
_P4 = 0.11111106276064967578 / _PI
_P5 = -0.090907751488006676237 / _PI
_P6 = 0.076899808962807304277 / _PI
_P7 = -0.066404580411121829967 / _PI
_P8 = 0.056894572438247170418 / _PI
_P9 = -0.043510857772788225296 / _PI
_P10 = 0.021170677837651823765 / _PI


@compiled()
def sine_and_overlap_probability(squares, product, g):
    """s = |a||b| sin θ and P(a·x > 0, b·x > 0) = (π - θ) / 2π, given |a|²|b|², |a||b| and a·b.

    No branches and one division: tan(θ/2) = s / (|a||b| + |g|) is shifted by tan(π/8), where a
    polynomial gives the arctangent with an absolute error of about 1e-16.
    """
    s = square_root(positive_part(squares - g * g))
    base = product + magnitude(g)
    t = (s - base * _SHIFT) / multiply_add(s, _SHIFT, base)
    u = t * t
    p = multiply_add(u, _P10, _P9)
    p = multiply_add(p, u, _P8)
    p = multiply_add(p, u, _P7)
    p = multiply_add(p, u, _P6)
    p = multiply_add(p, u, _P5)
    p = multiply_add(p, u, _P4)
    p = multiply_add(p, u, _P3)
    p = multiply_add(p, u, _P2)
    p = multiply_add(p, u, _P1)
    p = multiply_add(p, u, _P0)
    return s, with_sign_of(0.125 - t * p, g) + 0.25
