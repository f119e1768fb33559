"""The claims on width are judged right on results whose verdict is known."""

import numpy as np
import pytest
import xarray as xr

from companion.claims import relu_width as claims


def frequencies(
    spurious: list[int], unconverged: list[int], teachers: int = 17, runs: int = 100
) -> xr.Dataset:
    free = [runs - s - u for s, u in zip(spurious, unconverged, strict=True)]
    counts = np.array([free, spurious, [0, 0, 0], unconverged]).T
    return xr.Dataset(
        {
            "runs": (("cell", "outcome"), counts),
            "students": ("cell", [teachers, teachers + 1, teachers + 2]),
            "teachers": ("cell", [teachers] * 3),
            "converged": ("cell", runs - np.array(unconverged)),
            "spurious": ("cell", spurious),
            "anti_aligned_runs": (("cell", "anti_aligned"), np.array([[0, 0, 0], spurious]).T),
        },
        coords={"outcome": ["global", "I(1)", "unmatched", "unconverged"], "anti_aligned": [0, 1]},
        attrs={"initialisations": runs, "root_seed": 1},
    )


SMALL = frequencies([30, 0, 0], [0, 0, 0], teachers=10)


@pytest.mark.parametrize(
    ("spurious", "unconverged", "runs", "expected"),
    [
        ([90, 25, 0], [0, 0, 0], 100, "holds"),
        ([90, 25, 0], [0, 5, 25], 100, "inconclusive"),
        ([10, 60, 90], [0, 0, 0], 100, "fails"),
        ([90, 25, 24], [0, 0, 0], 100, "inconclusive"),
        ([45, 12, 0], [0, 0, 0], 50, "inconclusive"),
    ],
)
def test_width_reaches_global(spurious, unconverged, runs, expected):
    verdict = claims.width_reaches_global(frequencies(spurious, unconverged, runs=runs), SMALL)
    assert verdict.verdict == expected
    assert verdict.regimes[0].verdict == "inconclusive"


def test_another_teacher_decides_nothing():
    assert claims.width_reaches_global(SMALL, SMALL).verdict == "not evaluated"


@pytest.mark.parametrize("which", [0, 1])
def test_other_widths_decide_nothing(which):
    cells = [frequencies([90, 25, 0], [0, 0, 0]), SMALL]
    cells[which] = cells[which].assign(students=cells[which].students + 1)
    assert claims.width_reaches_global(*cells).verdict == "not evaluated"
    cells[which] = cells[which].isel(cell=[0, 1])
    assert claims.width_reaches_global(*cells).verdict == "not evaluated"


def test_the_notes_count_what_did_not_converge_and_where_the_others_ended():
    notes = claims.width_reaches_global(frequencies([90, 25, 0], [0, 4, 0]), SMALL).notes
    assert notes == (
        "K = 17: 0 unconverged; spurious by anti-aligned students: k1 = 1: 90",
        "K = 18: 4 unconverged; spurious by anti-aligned students: k1 = 1: 25",
        "K = 19: 0 unconverged; spurious by anti-aligned students: none",
    )


def softness(
    hessian: list[float], transverse: list[float], wide: list[float], teachers: int = 17
) -> xr.Dataset:
    return xr.Dataset(
        {
            "hessian_ratio": ("flipped", hessian),
            "transverse_ratio": ("flipped", transverse),
            "hessian_min_wide": ("flipped", wide),
            "hessian_min_narrow": ("flipped", [0.03] * 4),
        },
        coords={"flipped": [2, 3, 4, 5]},
        attrs={"teachers": teachers},
    )


@pytest.mark.parametrize(
    ("hessian", "transverse", "wide", "expected"),
    [
        ([-0.5, 0.001, 0.2, 0.4], [0.4, 0.4, 0.4, 0.5], [-0.02, 0.001, 0.01, 0.01], "holds"),
        ([-0.5, 0.001, 0.2, 0.6], [0.4, 0.4, 0.4, 0.5], [-0.02, 0.001, 0.01, 0.01], "fails"),
        ([-0.5, 0.001, 0.2, 0.4], [0.4, 0.4, 0.4, 0.7], [-0.02, 0.001, 0.01, 0.01], "fails"),
        ([-0.5, -0.001, 0.2, 0.4], [0.4, 0.4, 0.4, 0.5], [-0.02, -0.001, 0.01, 0.01], "fails"),
        ([-0.5, 0.001, 0.2, np.nan], [0.4, 0.4, 0.4, np.nan], [-0.02, 0.001, 0.01, 0.01], "not evaluated"),
    ],
)
def test_width_changes_stability(hessian, transverse, wide, expected):
    verdict = claims.width_changes_stability(softness(hessian, transverse, wide))
    assert verdict.verdict == expected
    assert verdict.regimes[0].verdict == "fails"


def test_the_note_on_softness_tells_the_eigenvalues():
    (note,) = claims.width_changes_stability(
        softness([-0.5, 0.001, 0.2, 0.4], [0.4] * 4, [-0.02, 0.001, 0.006, 0.012])
    ).notes
    assert "0.03 and 0.001 (p = 3), 0.03 and 0.006 (p = 4), 0.03 and 0.012 (p = 5)" in note
