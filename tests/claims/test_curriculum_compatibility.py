"""The claim on compatible partners is judged right on accuracies that are known."""

import numpy as np
import pytest
import xarray as xr

from companion.claims.curriculum_compatibility import (
    BUDGETS,
    COMPATIBLE,
    FRACTION,
    PLENTY,
    SHARED,
    compatible,
)
from companion.claims.protocol import decides
from companion.compute.seeds import CONFIRMATORY_ROOT

GIVEN = {"none": 0.01, "add": 0.8, "mul": 0.02, "max": 0.02, "shuffled add": 0.03, "private add": 0.1}
RICH = {"none": 0.9, "add": 0.97}


def runs(replicates=8, *, spread=0.03, rich=None, budgets=BUDGETS, attrs=None, **partners):
    """Final accuracies by partner; a number for both budgets or one for each, with differences between seeds."""
    noise = np.random.default_rng(5)
    given = GIVEN | {name.replace("_", " "): value for name, value in partners.items()}
    labels, values = [], []
    for fraction, cells in ((FRACTION, given), (PLENTY, RICH | (rich or {}))):
        for place, budget in enumerate(budgets):
            for name, value in cells.items():
                if value is not None:
                    labels.append((name, fraction, budget))
                    mean = np.broadcast_to(value, 2)[place]
                    values.append(np.clip(mean + spread * noise.standard_normal(replicates), 0, 1))
    final, by_run = np.array(values), ("setting", "replicate")
    columns = zip(("partner", "fraction", "budget"), zip(*labels, strict=True), strict=True)
    return xr.Dataset(
        {
            "final_test": (by_run, final),
            "final_seen": (by_run, final),
            "final_unseen": (by_run, final),
            "stopped_at": (by_run, np.full(final.shape, -1)),
        },
        coords={name: ("setting", list(column)) for name, column in columns},
        attrs=SHARED | {"root_seed": CONFIRMATORY_ROOT, "companion_key": "p" * 40} | (attrs or {}),
    )


@pytest.mark.parametrize(
    ("partners", "expected"),
    [
        ({}, "holds"),
        ({"add": 0.3}, "holds"),
        ({"add": 0.1}, "fails"),
        ({"none": 0.75}, "fails"),
        ({"none": (0.01, 0.9)}, "fails"),
        ({"shuffled_add": 0.78}, "fails"),
        ({"max": (0.7, 0.02)}, "fails"),
        ({"mul": np.nan}, "not evaluated"),
        ({"mul": None}, "not evaluated"),
        ({"private_add": None}, "holds"),
    ],
)
def test_every_difference_at_both_budgets_decides(partners, expected):
    assert compatible(runs(**partners)).verdict == expected


def test_a_difference_that_straddles_the_edge_decides_nothing():
    assert compatible(runs(add=0.24, spread=0.1)).verdict == "inconclusive"


def test_what_is_reported():
    found = compatible(runs(spread=0.01))
    assert found.value == pytest.approx(0.77, abs=0.02)  # the weakest: shuffled add
    assert found.value is not None and found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]
    assert (found.replicates, found.root_seed, found.seeds) == (8, CONFIRMATORY_ROOT, "confirmatory")
    assert found.keys == ("p" * 40,)
    assert "shuffled add, 5000 steps: 0.7" in found.value_text
    assert found.notes[0] == "5000 steps say rescue: alone it does not get there"
    assert any(note.startswith("private add minus none 1200 steps: 0.09") for note in found.notes)


def test_acceleration_is_told_from_rescue():
    found = compatible(runs(none=(0.01, 0.78)))
    assert found.verdict == "fails"
    assert "5000 steps say acceleration: alone it gets there later" in found.notes
    assert any(note.startswith("none, 5000 steps: fails") for note in found.notes)


@pytest.mark.parametrize(
    ("changes", "regime", "verdict", "unexpected"),
    [
        ({}, "shuffled add", "fails", False),
        ({"shuffled_add": 0.5}, "shuffled add", "holds", True),
        ({"mul": 0.5}, "mul", "holds", True),
        ({"max": 0.21, "spread": 0.05}, "max", "inconclusive", False),
        ({}, "f = .6", "fails", False),
        ({"rich": {"none": 0.2}}, "f = .6", "holds", True),
        ({"rich": {"none": None}}, "f = .6", "not evaluated", False),
    ],
)
def test_regimes(changes, regime, verdict, unexpected):
    found = {each.name: each for each in compatible(runs(**changes)).regimes}
    assert list(found) == [each.name for each in COMPATIBLE.regimes]
    assert (found[regime].verdict, found[regime].unexpected) == (verdict, unexpected)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"replicates": 7}, "needs night"),
        ({"budgets": (1200, 4000)}, "needs add at f = 0.25 and 5000 steps"),
        ({"attrs": {"batch": 128}}, "batch = 128 (256)"),
        ({"attrs": {"target": "add"}}, "target = add (sub)"),
        ({"attrs": {"partner_fraction": 0.5}}, "partner_fraction = 0.5 (0.7)"),
        ({"attrs": {"prime": 97, "width": 128}}, "prime = 97 (31), width = 128 (32)"),
    ],
)
def test_other_settings_than_the_registered_ones_are_not_judged(changes, reason):
    found = compatible(runs(**changes))
    assert found.verdict == "not evaluated" and found.value is None
    assert reason in found.notes[0]
    assert {each.verdict for each in found.regimes} == {"not evaluated"}


def test_a_network_that_stopped_is_missing():
    data = runs()
    data.stopped_at[1, 3] = 700
    found = compatible(data)
    assert found.verdict == "not evaluated"
    assert found.notes[-1] == "stopped on a loss that is no number: 1 networks"


def test_it_is_registered_as_promised():
    assert (COMPATIBLE.id, COMPATIBLE.profile, COMPATIBLE.figure) == (
        "e4_q4_compatible",
        "night",
        "e4_f3_compatibility",
    )
    assert decides("night", COMPATIBLE) and not decides("laptop", COMPATIBLE)
    assert [regime.name for regime in COMPATIBLE.regimes] == ["shuffled add", "mul", "max", "f = .6"]
