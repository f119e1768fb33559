"""Stored tables of the families of minima of two-layer ReLU networks (arXiv:2604.09412)."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
import xarray as xr

from companion.store.durable import stored
from companion.store.threads import one_thread
from companion.theory.relu_ansatz import POSITIVE
from companion.theory.relu_continuation import BranchEndedError
from companion.theory.relu_landscape import (
    Minimum,
    family,
    first_width,
    hessian_spectrum,
    population_loss,
    reduced_loss,
    stability_crossings,
    symmetry_minima,
)

LOSS = {"long_name": "loss $L$"}
WIDTH = {"long_name": "width $K=M$"}
_HESSIAN_MIN = {"long_name": r"$\lambda_{\min}(H_\parallel)$"}
_TRANSVERSE_MIN = {"long_name": r"$\lambda_{\min}(A)$"}

_SHOWN = ("I(1)", "I(2)", "I(3)", "II(6)", "II(7)", "II(K)")
_WINDOWS = ("I(1)", "I(2)", "I(3)", "I(4)", "II(6)", "II(7)", "II(K)")
_WIDER = ("S(1)", "S(2)", "X(3)", "X(4)", "X(5)")  # K = M + 1


@stored(work=lambda students, wider_students: students**3 + wider_students**3)
def family_overlaps(students: int, wider_students: int) -> xr.Dataset:
    """Overlaps R (student, teacher) and Q (student, student) of representatives, in block form.

    Five families at K = M = ``students``, and S(1), X(4) at K = M + 1 = ``wider_students`` where they exist.
    Matrices of smaller families are padded with NaN; ``students`` and ``teachers`` (family,) are their sizes.

    Raises ValueError for fewer than 4 students, the smallest size with a family, or 7 at K = M + 1.
    """
    for name, size, least in (("students", students, 4), ("wider_students", wider_students, 7)):
        if size < least:
            raise ValueError(f"{name}: given {size}; allowed: at least {least}, the smallest size shown")
    names = dict.fromkeys(("I(1)", "I(2)", "I(3)", "II(6)", f"II({students})"))
    minima = [minimum for name in names if (minimum := _family(name, students))]
    minima += [family("S", 1, wider_students)]
    minima += [family("X", 4, wider_students)] if wider_students >= first_width("X", 4) else []
    largest = max(len(minimum.weights) for minimum in minima)

    def padded(matrices: list[np.ndarray]) -> np.ndarray:
        fill = {"mode": "constant", "constant_values": np.nan}
        gaps = [[(0, largest - size) for size in matrix.shape] for matrix in matrices]
        return np.stack([np.pad(matrix, gap, **fill) for matrix, gap in zip(matrices, gaps, strict=True)])

    weights = [minimum.weights for minimum in minima]
    return xr.Dataset(
        {
            "teacher_overlap": (("family", "student", "teacher"), padded(weights), {"long_name": "$R_{km}$"}),
            "student_overlap": (
                ("family", "student", "other_student"),
                padded([rows @ rows.T for rows in weights]),
                {"long_name": "$Q_{kl}$"},
            ),
            "students": ("family", [len(rows) for rows in weights], {"long_name": "students $K$"}),
            "teachers": ("family", [rows.shape[1] for rows in weights], {"long_name": "teacher units $M$"}),
            "loss": ("family", [minimum.loss for minimum in minima], LOSS),
            "aligned": ("family", [minimum.blocks[0] for minimum in minima], {"long_name": "aligned units"}),
            "is_minimum": ("family", [minimum.is_minimum for minimum in minima], {"long_name": "minimum"}),
        },
        coords={"family": [minimum.name for minimum in minima]},
    )


@stored(work=lambda largest_spectrum, **_: largest_spectrum)
def losses_against_width(largest_spectrum: int, largest_students: int) -> xr.Dataset:
    """Losses and stability of six families against K = M, at whole and at real widths.

    Dim ``width`` (real, to ``largest_students``): loss and the smallest eigenvalue from the equations of the
    blocks, NaN where a family does not exist. Dim ``students`` (whole, to ``largest_spectrum``): from the
    weights themselves, ``whole_loss`` and ``stable``, 1 for a minimum and 0 for a saddle by the full Hessian, and
    -1 where the family does not exist.

    Raises ValueError unless 4 <= ``largest_spectrum`` < ``largest_students``.
    """
    if not 4 <= largest_spectrum < largest_students:
        raise ValueError(
            f"largest_spectrum, largest_students: given {largest_spectrum} and {largest_students}; allowed: "
            "4 <= largest_spectrum < largest_students"
        )
    whole = np.arange(4, largest_spectrum + 1)
    widths = _real_widths(4.0, largest_students)
    branches = np.array([[_branch(name, width) for width in widths] for name in _SHOWN])
    losses, least = branches[..., 0], branches[..., 1:].min(axis=-1)
    flipped = np.array([[_member(name, width)[1] for width in widths] for name in _SHOWN])
    points = np.array([[_point(name, int(size)) for size in whole] for name in _SHOWN])
    least_whole = points[..., 1:].min(axis=-1)
    stable = np.where(np.isnan(least_whole), -1, least_whole > POSITIVE)
    real, dims = ("family", "width"), ("family", "students")
    return xr.Dataset(
        {
            "loss": (real, losses, LOSS),
            "scaled_loss": (real, widths * losses / flipped, {"long_name": "$K L/p$"}),
            "least": (real, least, {"long_name": "smallest eigenvalue"}),
            "whole_loss": (dims, points[..., 0], LOSS),
            "stable": (dims, stable, {"long_name": "1 minimum, 0 saddle, -1 no such family"}),
        },
        coords={
            "family": list(_SHOWN),
            "width": ("width", widths, WIDTH),
            "students": ("students", whole, WIDTH),
        },
        attrs={"limit_scaled_loss_I": 1 / 2 - 2 / np.pi**2, "limit_loss_II": 1 / 2 - 1 / np.pi},
    )


@stored(work=lambda largest_spectrum, **_: largest_spectrum + 15)
def stability(largest_spectrum: int, largest_width: float) -> xr.Dataset:
    """Smallest eigenvalues of the Hessian in the teacher's span and across it, against width.

    Dims ``family`` and ``students``: eigenvalues of the full Hessian of the weights, and of the matrix A, at
    whole K up to ``largest_spectrum``: families I and II at K = M, and S and X at K = M + 1, NaN where there is no
    such family. Dims ``family`` and ``width``: the same from the symmetry types at real K up to
    ``largest_width``, with the real widths ``crossing`` where stability changes; ``surplus`` is K - M.

    Raises ValueError for a ``largest_spectrum`` below 4, the smallest size with a family, or a ``largest_width``
    that is not above it and finite.
    """
    if largest_spectrum < 4:
        raise ValueError(
            f"largest_spectrum: given {largest_spectrum}; allowed: at least 4, the smallest size with a family"
        )
    if not largest_spectrum < largest_width < np.inf:
        raise ValueError(
            f"largest_width: given {largest_width}; allowed: a finite number above {largest_spectrum}"
        )
    whole = np.arange(4, largest_spectrum + 1)
    widths = _real_widths(4.0, largest_width)
    names = (*_WINDOWS, *_WIDER)
    points = np.array([[_point(name, int(size)) for size in whole] for name in names])
    for name, row in zip(names, points, strict=True):
        if name in _WIDER:  # some exist at a few small sizes apart from the branch that is followed
            row[[np.isnan(_branch(name, size + 0.25)[0]) for size in whole]] = np.nan
    branches = np.array([[_branch(name, width) for width in widths] for name in names])
    found = [() if name == "II(K)" else stability_crossings(*_fixed(name), largest_width) for name in names]
    crossings = np.full((len(names), max(map(len, found))), np.nan)
    for row, values in zip(crossings, found, strict=True):
        row[: len(values)] = values
    dims, real = ("family", "students"), ("family", "width")
    return xr.Dataset(
        {
            "loss": (dims, points[..., 0], LOSS),
            "hessian_min": (dims, points[..., 1], _HESSIAN_MIN),
            "transverse_min": (dims, points[..., 2], _TRANSVERSE_MIN),
            "branch_hessian_min": (real, branches[..., 1], _HESSIAN_MIN),
            "branch_transverse_min": (real, branches[..., 2], _TRANSVERSE_MIN),
            "crossing": (("family", "crossing_number"), crossings, {"long_name": "width of a crossing"}),
            "surplus": ("family", [int(name in _WIDER) for name in names], {"long_name": "$K-M$"}),
        },
        coords={
            "family": list(names),
            "students": ("students", whole, {"long_name": "students $K$"}),
            "width": ("width", widths, {"long_name": "width $K$"}),
        },
    )


def _real_widths(smallest: float, largest: float) -> np.ndarray:
    """Real widths: steps of a quarter where families are born, then evenly in the logarithm."""
    knee = min(24.0, largest)
    fine = np.arange(smallest, knee, 0.25)
    return np.concatenate([fine, np.geomspace(knee, largest, 30 if largest > knee else 1)])


def _member(name: str, width: float) -> tuple[Literal["I", "II", "S", "X"], float]:
    """Kind and number of flipped units of a family given by its name; II(K) means q = K."""
    kind, _, number = name.rstrip(")").partition("(")
    flipped = width if number == "K" else int(number)
    return kind, flipped  # pyright: ignore[reportReturnType]


def _fixed(name: str) -> tuple[Any, int]:
    kind, flipped = _member(name, 0.0)
    return kind, int(flipped)


def _branch(name: str, width: float) -> tuple[float, float, float]:
    """Loss, smallest eigenvalue in the teacher's span and across it; NaN where there is no such branch."""
    kind, flipped = _member(name, width)
    if width < (5 if name == "II(K)" else first_width(kind, int(flipped))):
        return np.nan, np.nan, np.nan
    try:
        eigenvalues = symmetry_minima(kind, flipped, width)
        loss = reduced_loss(kind, flipped, width)
    except BranchEndedError:
        return np.nan, np.nan, np.nan
    across = eigenvalues.pop("transverse")
    return loss, min(eigenvalues.values()), across


def _family(name: str, students: int) -> Minimum | None:
    """The family at this size, or None where there is none."""
    kind, flipped = _member(name, students)
    try:
        return family(kind, int(flipped), students)
    except ValueError:  # out of the family's range, or a branch that has ended
        return None


@lru_cache(maxsize=1024)
def _point(name: str, students: int) -> tuple[float, float, float]:
    """Loss, smallest eigenvalue of the full Hessian in the span and of A, from the weights; NaN for none."""
    minimum = _family(name, students)
    if minimum is None:
        return np.nan, np.nan, np.nan
    V = np.eye(minimum.teachers)
    with one_thread():  # the matrices are small
        spectrum = hessian_spectrum(minimum.weights, V, minimum.teachers)
        loss = population_loss(minimum.weights, V)
    return loss, float(spectrum.in_span[0]), float(spectrum.transverse[0])
