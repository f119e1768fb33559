"""Two-layer students Σ_k a_k φ(w_k·x) with any second layer and activation: loss and gradient.

Inputs x ~ N(0, 1_D), students W (K, D) with second layer a (K,), teacher Σ_m φ(v_m·x) with rows of
V (M, D), L = 1/2 E[(student - teacher)²]. Everything follows from the covariance of two activated
fields, κ(w, v) = E[φ(w·x) φ(v·x)], and its derivatives with respect to the overlaps
(arXiv:2604.09412 for ReLU; Cho & Saul 2009; Saad & Solla 1995 for the error function).
"""

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.settings.problems import did_you_mean
from companion.theory import relu_kernels

#: φ(z) = max(z, 0); max(z, 0) + β min(z, 0), β the negative slope; erf(z/√2).
Activation = Literal["relu", "leaky_relu", "erf"]

_Array = NDArray[np.float64]


def check_activation(activation: str, negative_slope: float) -> float:
    """The slope β that the activation has for negative fields (0 for ReLU and the error function).

    Raises ValueError for an unknown activation (with the nearest name), for a slope that is not a
    finite number, and for a slope other than zero of an activation that has none.
    """
    known = get_args(Activation)
    if activation not in known:
        hint = did_you_mean(str(activation), known, f"there are: {', '.join(known)}")
        raise ValueError(f"activation must be one of {', '.join(known)}, got {activation!r}; {hint}")
    if not math.isfinite(negative_slope):
        raise ValueError(f"negative_slope must be finite, got {negative_slope}")
    if negative_slope and activation != "leaky_relu":
        raise ValueError(f"negative_slope belongs to leaky_relu, got {negative_slope} with {activation}")
    return float(negative_slope)


def field_covariance(
    a_squared: ArrayLike,
    b_squared: ArrayLike,
    overlap: ArrayLike,
    activation: Activation = "relu",
    negative_slope: float = 0.0,
) -> tuple[_Array, _Array, _Array]:
    """κ = E[φ(a·x) φ(b·x)], ∂κ/∂(a·b) and ∂κ/∂|a|², elementwise, from |a|², |b|² and a·b.

    With s = |a||b| sin θ, ReLU has κ = (s + (π - θ) a·b) / 2π. A leaky ReLU of slope β is
    (1 - β) ReLU + β times the identity: κ_β = (1 - β)² κ + β a·b. erf(z/√2) has
    κ = (2/π) arcsin(a·b / √((1 + |a|²)(1 + |b|²))).

    Raises ValueError as ``check_activation`` does.

    >>> [round(float(part), 6) for part in field_covariance(1.0, 1.0, 0.0)]  # 1/2π, 1/4, 1/4π
    [0.159155, 0.25, 0.079577]
    """
    beta = check_activation(activation, negative_slope)
    a2, b2, g = (np.asarray(each, dtype=np.float64) for each in (a_squared, b_squared, overlap))
    if activation == "erf":
        root = np.sqrt((1.0 + a2) * (1.0 + b2) - g * g)
        by_overlap = 2.0 / (np.pi * root)
        return 2.0 / np.pi * np.arctan2(g, root), by_overlap, -0.5 * by_overlap * g / (1.0 + a2)
    s = np.sqrt(np.maximum(a2 * b2 - g * g, 0.0))
    share = (np.pi - np.arctan2(s, g)) / (2.0 * np.pi)
    gain = (1.0 - beta) ** 2
    value = gain * (s / (2.0 * np.pi) + share * g) + beta * g
    return value, gain * share + beta, gain * s / (4.0 * np.pi * a2)


def two_layer_loss(
    W: ArrayLike,
    second_layer: ArrayLike,
    V: ArrayLike,
    activation: Activation = "relu",
    negative_slope: float = 0.0,
) -> float:
    """L = 1/2 E[(Σ_k a_k φ(w_k·x) - Σ_m φ(v_m·x))²], never below zero.

    Keeps its relative accuracy near zero for ReLU and leaky ReLU; for the error function the terms
    cancel to about 1e-15. Raises ValueError for bad arrays and as ``check_activation`` does.
    """
    student, a, teacher = _checked(W, second_layer, V)
    beta = check_activation(activation, negative_slope)
    if activation == "erf":
        rows, signs = np.vstack([student, teacher]), np.concatenate([a, -np.ones(len(teacher))])
        gram = rows @ rows.T
        norms = np.diag(gram)
        kappa, _, _ = field_covariance(norms[:, None], norms[None, :], gram, activation)
        return max(0.5 * float(signs @ kappa @ signs), 0.0)
    # a ReLU(w·x) = sign(a) ReLU(|a| w·x): units of negative sign stand on the teacher's side.
    scaled = np.abs(a)[:, None] * student
    positive = relu_kernels.loss(scaled[a >= 0], np.vstack([teacher, scaled[a < 0]]))
    mean = a @ student - teacher.sum(axis=0)
    return (1.0 - beta) ** 2 * positive + 0.5 * beta * float(mean @ mean)


def two_layer_gradient(
    W: ArrayLike,
    second_layer: ArrayLike,
    V: ArrayLike,
    activation: Activation = "relu",
    negative_slope: float = 0.0,
) -> tuple[_Array, _Array]:
    """∇_W L (K, D) and ∇_a L (K,).

    With c = (a, -1), ∇_{w_k} L = Σ_{j≠k} c_k c_j (∂κ/∂g w_j + 2 ∂κ/∂|w_k|² w_k) over students and
    teachers j, plus the unit's own term; ∂L/∂a_k = Σ_j c_j κ_kj. The gradient flow conserves
    a_k² - |w_k|² for ReLU and leaky ReLU.
    Raises ValueError for bad arrays, a student row of zeros (except for the error function) and as
    ``check_activation`` does.
    """
    student, a, teacher = _checked(W, second_layer, V)
    beta = check_activation(activation, negative_slope)
    if activation != "erf" and (empty := np.flatnonzero(~student.any(axis=1))).size:
        raise ValueError(f"W has a row of zeros (row {empty[0]}), where the loss is not differentiable")
    rows, c = np.vstack([student, teacher]), np.concatenate([a, -np.ones(len(teacher))])
    norms = (rows**2).sum(axis=1)
    Q = norms[: len(a)]
    kappa, by_overlap, by_norm = field_covariance(
        Q[:, None], norms[None, :], student @ rows.T, activation, beta
    )
    # Along the diagonal κ(w, w) is a function of |w|² alone.
    own = 2.0 / (np.pi * (1.0 + Q) * np.sqrt(1.0 + 2.0 * Q)) if activation == "erf" else (1.0 + beta**2) / 2.0
    units = np.arange(len(a))
    by_overlap[units, units], by_norm[units, units] = own, 0.0
    pull = by_overlap * c
    pull[units, units] += 2.0 * by_norm @ c
    return a[:, None] * (pull @ rows), kappa @ c


def _checked(W: ArrayLike, second_layer: ArrayLike, V: ArrayLike) -> tuple[_Array, _Array, _Array]:
    arrays = []
    for name, given, dimensions in (("W", W, 2), ("second_layer", second_layer, 1), ("V", V, 2)):
        array = np.ascontiguousarray(given, dtype=np.float64)
        if array.ndim != dimensions or 0 in array.shape:
            raise ValueError(f"{name} must have {dimensions} dimensions, got shape {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite")
        arrays.append(array)
    student, a, teacher = arrays
    if student.shape[1] != teacher.shape[1]:
        raise ValueError(f"W and V must have the same D, got shapes {student.shape} and {teacher.shape}")
    if len(a) != len(student):
        raise ValueError(
            f"second_layer must have one entry for each of {len(student)} students, got {len(a)}"
        )
    return student, a, teacher
