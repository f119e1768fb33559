"""Stored tables of the families of minima of two-layer ReLU networks (arXiv:2604.09412)."""

from typing import Any, Literal

import numpy as np
import xarray as xr

from companion.store.durable import stored
from companion.theory.relu_continuation import BranchEndedError
from companion.theory.relu_landscape import (
    Minimum,
    family,
    first_width,
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


@stored
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


@stored
def losses_against_width(largest_spectrum: int, largest_students: int) -> xr.Dataset:
    """Losses and stability of six families against K = M, at whole and at real widths.

    Dim ``width`` (real, to ``largest_students``): loss and the smallest eigenvalue from the equations of the
    blocks, NaN where a family does not exist. Dim ``students`` (whole, to ``largest_spectrum``): ``stable`` is
    1 for a minimum and 0 for a saddle by the full Hessian, and -1 where the family does not exist.

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
    minima = [[_family(name, size) for size in whole] for name in _SHOWN]
    stable = [[-1 if minimum is None else int(minimum.is_minimum) for minimum in row] for row in minima]
    real, dims = ("family", "width"), ("family", "students")
    return xr.Dataset(
        {
            "loss": (real, losses, LOSS),
            "scaled_loss": (real, widths * losses / flipped, {"long_name": "$K L/p$"}),
            "least": (real, least, {"long_name": "smallest eigenvalue"}),
            "whole_loss": (dims, _attribute(minima, "loss"), LOSS),
            "stable": (dims, stable, {"long_name": "1 minimum, 0 saddle, -1 no such family"}),
        },
        coords={
            "family": list(_SHOWN),
            "width": ("width", widths, WIDTH),
            "students": ("students", whole, WIDTH),
        },
        attrs={"limit_scaled_loss_I": 1 / 2 - 2 / np.pi**2, "limit_loss_II": 1 / 2 - 1 / np.pi},
    )


@stored
def stability(largest_spectrum: int, largest_width: float) -> xr.Dataset:
    """Smallest eigenvalues of the Hessian in the teacher's span and across it, against width.

    Dims ``family`` and ``students``: full Hessian of the families at whole K = M up to ``largest_spectrum``.
    Dims ``branch`` and ``width``: the same from the symmetry types at real K up to ``largest_width``, also
    for the families S and X at K = M + 1, with the real widths ``crossing`` where stability changes.
    """
    whole = np.arange(4, largest_spectrum + 1)
    minima = [[_family(name, size) for size in whole] for name in _WINDOWS]
    widths = _real_widths(4.0, largest_width)
    names = (*_WINDOWS, *_WIDER)
    branches = np.array([[_branch(name, width) for width in widths] for name in names])
    found = [() if name == "II(K)" else stability_crossings(*_fixed(name), largest_width) for name in names]
    crossings = np.full((len(names), max(map(len, found))), np.nan)
    for row, values in zip(crossings, found, strict=True):
        row[: len(values)] = values
    dims, real = ("family", "students"), ("branch", "width")
    return xr.Dataset(
        {
            "loss": (dims, _attribute(minima, "loss"), LOSS),
            "hessian_min": (dims, _attribute(minima, "hessian_min"), _HESSIAN_MIN),
            "transverse_min": (dims, _attribute(minima, "transverse_min"), _TRANSVERSE_MIN),
            "branch_hessian_min": (real, branches[..., 1], _HESSIAN_MIN),
            "branch_transverse_min": (real, branches[..., 2], _TRANSVERSE_MIN),
            "crossing": (("branch", "crossing_number"), crossings, {"long_name": "width of a crossing"}),
        },
        coords={
            "family": list(_WINDOWS),
            "students": ("students", whole, WIDTH),
            "branch": list(names),
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
    kind, flipped = _member(name, students)
    exists = flipped <= students - 3 if kind == "I" else 5 <= flipped <= students
    return family(kind, int(flipped), students) if exists else None


def _attribute(minima: list[list[Minimum | None]], name: str) -> list[list[float]]:
    return [[getattr(minimum, name) if minimum else np.nan for minimum in row] for row in minima]
