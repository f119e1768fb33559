"""The claim on attractors is judged right on results whose verdict is known."""

import numpy as np
import pytest
import xarray as xr

from companion.claims import relu_dynamics as claims


def spectra(
    difference: float = 1e-12, largest: float = -0.01, saddle: float = 0.008, sizes: tuple[int, ...] = (5, 7)
) -> xr.Dataset:
    """I(1) at K = M = 5 and 7, beside points that the claim is not about."""
    points = {5: (1e-12, saddle), 7: (difference, largest)}
    rows = [("I(1)", size, size, *points[size]) for size in sizes]
    rows += [("II(7)", 7, 7, 1.0, 1.0), ("I(1)", 7, 6, 1.0, 1.0)]
    names = ("family", "students", "teachers", "difference", "largest")
    return xr.Dataset(
        {name: ("point", list(values)) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
    )


def states(
    loss: float = 1.0, transverse: float = 1.0, curvature: float = 3.0, students: int = 7
) -> xr.Dataset:
    """Shifts ``loss`` and ``transverse`` times the predicted ones at η → 0, with a curvature beyond."""
    rates = np.array([0.02, 0.05, 0.1, 0.3])
    bend = rates * (1 + curvature * rates)
    at, size = ("students", "learning_rate"), "students"
    return xr.Dataset(
        {
            "loss": (at, [np.full(4, 9.0), 0.02 + 0.04 * loss * bend]),
            "transverse": (at, [np.full(4, 9.0), 0.2 * transverse * bend]),
            "leading": (at, np.full((2, 4), -0.01)),
            "minimum_loss": (size, [1.0, 0.02]),
            "loss_slope": (size, [1.0, 0.04]),
            "transverse_slope": (size, [1.0, 0.2]),
            "fold": (size, [0.3, 0.4746]),
        },
        coords={"learning_rate": rates, "students": [12, students]},
    )


@pytest.mark.parametrize(
    ("of_spectra", "of_states", "expected"),
    [
        ({}, {}, "holds"),
        ({"difference": 2e-8}, {}, "fails"),
        ({"largest": 0.001}, {}, "fails"),
        ({}, {"loss": 1.04}, "holds"),
        ({}, {"loss": 0.94}, "fails"),
        ({}, {"transverse": 1.06}, "fails"),
        ({"difference": np.nan}, {}, "not evaluated"),
        ({}, {"students": 6}, "not evaluated"),
    ],
)
def test_attractor_verdicts(of_spectra, of_states, expected):
    assert claims.sgd_attractor(spectra(**of_spectra), states(**of_states)).verdict == expected


def test_the_slope_is_the_one_at_zero_and_not_that_of_a_line_through_the_points():
    assert claims.sgd_attractor(spectra(), states(curvature=6.0)).value == pytest.approx(1.0, abs=1e-9)


def test_missing_step_sizes_and_sizes_decide_nothing():
    assert claims.sgd_attractor(spectra(), states().isel(learning_rate=[0, 2, 3])).verdict == "not evaluated"
    assert claims.sgd_attractor(spectra(sizes=(5,)), states()).verdict == "not evaluated"


def test_failing_regimes_are_judged_each_on_its_own_numbers():
    found = claims.sgd_attractor(spectra(), states()).regimes
    assert [(regime.verdict, regime.unexpected) for regime in found] == [("fails", False), ("fails", False)]
    found = claims.sgd_attractor(spectra(saddle=-0.001), states(curvature=0.1)).regimes
    assert [(regime.verdict, regime.unexpected) for regime in found] == [("holds", True), ("holds", True)]
    found = claims.sgd_attractor(spectra(sizes=(7,)), states().isel(learning_rate=slice(3))).regimes
    assert [regime.verdict for regime in found] == ["not evaluated", "not evaluated"]


def test_the_note_says_where_the_state_of_rest_ends():
    (note,) = claims.sgd_attractor(spectra(), states()).notes
    assert "0.4746 at K = M = 7" in note
