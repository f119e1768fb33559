"""The arcsine of vector lanes, without branches."""

from companion.compute.compiled import compiled
from companion.theory.lanes import magnitude, multiply_add, square_root, where_positive, with_sign_of

# arcsin(w) = w + w z P(z) with z = w² <= 1/4; interpolated at Chebyshev points, relative error 4e-18.
_P0 = 0.16666666666666667827
_P1 = 0.074999999999984329332
_P2 = 0.044642857146355429783
_P3 = 0.030381944138531247287
_P4 = 0.022372172942149887875
_P5 = 0.017352392720869972942
_P6 = 0.013971212973552933304
_P7 = 0.011479177415184905896
_P8 = 0.010322814350185779287
_P9 = 0.0054575067186403583004
_P10 = 0.017400879442694022443
_P11 = -0.014851887071247203224
_P12 = 0.028757851367421564708
_HALF_PI = 1.5707963267948966


@compiled()
def arcsine(x):
    """arcsin(x) to rounding (relative below 1/2, absolute above); NaN where |x| > 1.

    Above 1/2, arcsin(x) = π/2 - 2 arcsin(√((1 - x) / 2)).
    """
    size = magnitude(x)
    beyond = size - 0.5
    half = (1.0 - size) * 0.5
    z = where_positive(beyond, half, x * x)
    w = where_positive(beyond, square_root(half), size)
    p = multiply_add(z, _P12, _P11)
    p = multiply_add(p, z, _P10)
    p = multiply_add(p, z, _P9)
    p = multiply_add(p, z, _P8)
    p = multiply_add(p, z, _P7)
    p = multiply_add(p, z, _P6)
    p = multiply_add(p, z, _P5)
    p = multiply_add(p, z, _P4)
    p = multiply_add(p, z, _P3)
    p = multiply_add(p, z, _P2)
    p = multiply_add(p, z, _P1)
    p = multiply_add(p, z, _P0)
    y = multiply_add(w * z, p, w)
    return with_sign_of(where_positive(beyond, _HALF_PI - (y + y), y), x)
