"""P1's claims are judged right on results whose verdict is known."""

import json

import numpy as np
import pytest
import xarray as xr

from companion.claims import relu_landscape as claims

SETTINGS = [
    "K10",
    "K12",
    "stopped early",
    "stopped early, unpolished",
    "without children",
    "correlated teacher",
]


def matches(spurious: list[int], unmatched: list[int]) -> xr.Dataset:
    number = np.full(len(SETTINGS), 500)
    return xr.Dataset(
        {
            "students": ("setting", [10, 12, 12, 12, 19, 12]),
            "initialisations": ("setting", number),
            "converged": ("setting", number),
            "spurious": ("setting", spurious),
            "unmatched": ("setting", unmatched),
        },
        coords={"setting": SETTINGS},
        attrs={
            "root_seed": 5,
            "claim_settings": json.dumps(["K10", "K12"]),
            "unmatched_losses": json.dumps({name: [] for name in SETTINGS}),
            "shared_counts": json.dumps({10: {}, 12: {}, 19: {7: ["II(7)", "I(7)"]}}),
        },
    )


@pytest.mark.parametrize(
    ("spurious", "unmatched", "expected"),
    [
        ([100, 200], [0, 2], "holds"),
        ([100, 200], [40, 60], "fails"),
        ([100, 200], [5, 10], "inconclusive"),
        ([40, 50], [0, 0], "inconclusive"),
        ([0, 0], [0, 0], "not evaluated"),
    ],
)
def test_discrete_minima_verdicts(spurious, unmatched, expected):
    verdict = claims.discrete_minima(matches([*spurious, 100, 100, 300, 90], [*unmatched, 0, 100, 5, 90]))
    assert verdict.verdict == expected


def test_failing_regimes_are_judged_each_on_its_own_numbers():
    verdict = claims.discrete_minima(matches([100, 200, 100, 100, 300, 90], [0, 0, 0, 100, 3, 90]))
    found = {regime.name: (regime.verdict, regime.unexpected) for regime in verdict.regimes}
    assert found == {
        "stopped early": ("holds", True),
        "stopped early, unpolished": ("fails", False),
        "without children": ("holds", True),
        "correlated teacher": ("fails", False),
    }


def test_the_notes_count_what_explains_the_regimes():
    notes = " ".join(claims.discrete_minima(matches([100, 200, 99, 98, 300, 90], [0, 0, 1, 98, 3, 90])).notes)
    assert "98 of 99 endpoints match once polished and 0 of 98 as they are" in notes
    assert "at K = 19 three-block children and endpoints of no family are 3 of 300" in notes
    assert "k1 = 7, K = 19: II(7) and I(7)" in notes


def spectrum(**changes: float) -> xr.Dataset:
    """Signs as claimed and eigenvalues as referenced, but for changes like {"I(1)@9": -1}."""
    widths = np.arange(4, 21)
    names = ["I(1)", "I(2)", "I(3)", "II(6)", "II(7)"]
    windows = {**claims._WINDOWS, "II(7)": (7, 19)}
    values = np.array(
        [
            [0.01 if windows[name][0] <= width <= windows[name][1] else -0.01 for width in widths]
            for name in names
        ]
    )
    smallest = xr.DataArray(values, dims=("family", "students"), coords={"family": names, "students": widths})
    for (name, width), reference in claims._REFERENCES.items():
        smallest.loc[name, width] = reference
    for place, value in changes.items():
        name, _, width = place.partition("@")
        smallest.loc[name, int(width)] = value
    return xr.Dataset({"hessian_min": smallest, "transverse_min": smallest + 0.5})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "holds"),
        ({"I(1)@9": -0.01}, "fails"),
        ({"II(6)@18": 0.001}, "fails"),
        ({"I(1)@6": 0.0048}, "fails"),
        ({"I(1)@6": 0.004705}, "holds"),
    ],
)
def test_stability_windows_verdicts(changes, expected):
    verdict = claims.stability_windows(spectrum(**changes))
    assert verdict.verdict == expected
    assert [regime.verdict for regime in verdict.regimes] == ["fails", "fails"]


def test_other_sizes_than_the_claimed_ones_decide_nothing():
    other = matches([100, 200, 100, 100, 300, 90], [0, 0, 0, 100, 3, 90])
    other["students"] = ("setting", [8, 12, 12, 12, 19, 12])
    assert claims.discrete_minima(other).verdict == "not evaluated"


def test_children_are_judged_where_they_exist():
    small = matches([100, 200, 100, 100, 300, 90], [0, 0, 0, 100, 3, 90])
    small["students"] = ("setting", [10, 12, 12, 12, 10, 12])
    assert claims.discrete_minima(small).regimes[2].verdict == "not evaluated"


@pytest.mark.parametrize("missing", ["hessian_min", "transverse_min"])
def test_a_missing_eigenvalue_is_never_a_pass(missing):
    changed = spectrum()
    changed[missing].loc["I(2)", 12] = np.nan
    assert claims.stability_windows(changed).verdict == "not evaluated"


def test_widths_above_the_claimed_ones_do_not_count():
    wide = spectrum().pad(students=(0, 2), constant_values=-1.0).assign_coords(students=np.arange(4, 23))
    assert claims.stability_windows(wide).verdict == "holds"


def test_stability_needs_all_widths():
    assert claims.stability_windows(spectrum().sel(students=slice(4, 12))).verdict == "not evaluated"


def test_an_unstable_transverse_direction_counts():
    changed = spectrum()
    changed["transverse_min"].loc["I(1)", 12] = -0.2
    assert claims.stability_windows(changed).verdict == "fails"
