"""Stored tables of the families of minima of two-layer ReLU networks at K = M (arXiv:2604.09412)."""

from typing import Literal

import numpy as np
import xarray as xr

from companion.store.durable import stored
from companion.theory.relu_landscape import Minimum, family, reduced_loss

LOSS = {"long_name": "loss $L$"}
WIDTH = {"long_name": "width $K=M$"}


@stored
def family_overlaps(students: int) -> xr.Dataset:
    """Overlaps R (student, teacher) and Q (student, student) of five families at K = M, in block form.

    Raises ValueError for sizes below 4, which have no family.
    """
    if students < 4:
        raise ValueError(f"students: given {students}; allowed: at least 4, the smallest size with a family")
    names = dict.fromkeys(("I(1)", "I(2)", "I(3)", "II(6)", f"II({students})"))
    minima = [minimum for name in names if (minimum := _family(name, students))]
    weights = np.stack([minimum.weights for minimum in minima])
    return xr.Dataset(
        {
            "teacher_overlap": (("family", "student", "teacher"), weights, {"long_name": "$R_{km}$"}),
            "student_overlap": (
                ("family", "student", "other_student"),
                weights @ weights.transpose(0, 2, 1),
                {"long_name": "$Q_{kl}$"},
            ),
            "loss": ("family", [minimum.loss for minimum in minima], LOSS),
            "flipped": ("family", [minimum.blocks[-1] for minimum in minima], {"long_name": "flipped units"}),
            "is_minimum": ("family", [minimum.is_minimum for minimum in minima], {"long_name": "minimum"}),
        },
        coords={"family": [minimum.name for minimum in minima]},
    )


_SHOWN = ("I(1)", "I(2)", "I(3)", "II(6)", "II(7)", "II(K)")


@stored
def losses_against_width(largest_spectrum: int, largest_students: int) -> xr.Dataset:
    """Losses of six families against K = M, from the reduced equations, and their stability where checked.

    Dims ``family`` and ``students``; NaN below the smallest K of a family. ``stable`` is 1 (minimum),
    0 (saddle) or -1 (the full Hessian was not computed: K above ``largest_spectrum``).

    Raises ValueError unless 4 <= ``largest_spectrum`` < ``largest_students``.
    """
    if not 4 <= largest_spectrum < largest_students:
        raise ValueError(
            f"largest_spectrum, largest_students: given {largest_spectrum} and {largest_students}; allowed: "
            "4 <= largest_spectrum < largest_students"
        )
    full = np.arange(4, largest_spectrum + 1)
    beyond = np.unique(np.geomspace(largest_spectrum + 1, largest_students, 40).round().astype(int))
    widths = np.concatenate([full, beyond])
    losses = np.array([[_reduced(name, size) for size in widths] for name in _SHOWN])
    stable = np.array(
        [[_stable(name, size) if size <= largest_spectrum else -1 for size in widths] for name in _SHOWN]
    )
    flipped = np.array([[_member(name, size)[1] for size in widths] for name in _SHOWN])
    return xr.Dataset(
        {
            "loss": (("family", "students"), losses, LOSS),
            "scaled_loss": (("family", "students"), widths * losses / flipped, {"long_name": "$K L/p$"}),
            "stable": (("family", "students"), stable, {"long_name": "1 minimum, 0 saddle, -1 not computed"}),
        },
        coords={"family": list(_SHOWN), "students": ("students", widths, WIDTH)},
        attrs={"limit_scaled_loss_I": 1 / 2 - 2 / np.pi**2, "limit_loss_II": 1 / 2 - 1 / np.pi},
    )


@stored
def stability(largest_students: int) -> xr.Dataset:
    """Smallest eigenvalues of the Hessian in the teacher's span and across it, families against K = M."""
    names = ("I(1)", "I(2)", "I(3)", "I(4)", "II(6)", "II(7)", "II(K)")
    widths = list(range(4, largest_students + 1))
    minima = [[_family(name, size) for size in widths] for name in names]

    def values(attribute: str) -> list[list[float]]:
        return [[getattr(minimum, attribute) if minimum else np.nan for minimum in row] for row in minima]

    dims = ("family", "students")
    return xr.Dataset(
        {
            "loss": (dims, values("loss"), LOSS),
            "hessian_min": (dims, values("hessian_min"), {"long_name": r"$\lambda_{\min}(H_\parallel)$"}),
            "transverse_min": (dims, values("transverse_min"), {"long_name": r"$\lambda_{\min}(A)$"}),
        },
        coords={"family": list(names), "students": ("students", widths, WIDTH)},
    )


def _member(name: str, students: int) -> tuple[Literal["I", "II"], int]:
    """Kind and number of flipped units of a family given by its name; II(K) means q = K."""
    kind, _, number = name.rstrip(")").partition("(")
    return "I" if kind == "I" else "II", students if number == "K" else int(number)


def _exists(kind: str, flipped: int, students: int) -> bool:
    return flipped <= students - 3 if kind == "I" else 5 <= flipped <= students


def _family(name: str, students: int) -> Minimum | None:
    kind, flipped = _member(name, students)
    return family(kind, flipped, students) if _exists(kind, flipped, students) else None


def _reduced(name: str, students: int) -> float:
    kind, flipped = _member(name, students)
    return reduced_loss(kind, flipped, students) if _exists(kind, flipped, students) else np.nan


def _stable(name: str, students: int) -> int:
    minimum = _family(name, students)
    return int(minimum.is_minimum) if minimum else -1
