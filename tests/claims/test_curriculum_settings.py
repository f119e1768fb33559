"""Settings that differ from the registered ones are named, whatever kind of value they have."""

import numpy as np
import pytest
import xarray as xr

from companion.claims.curriculum_settings import OPERATIONS, PARITY, stopped_notes, told, unregistered
from companion.studies.curriculum_runs import recorded_settings
from companion.training.curriculum_spec import CurriculumSpec
from companion.training.parity_curricula import ParitySpec

REGISTERED = {"prime": 31, "learning_rate": 5e-3, "target": "sub", "fractions": (0.6, 0.3)}


def test_the_same_settings_have_nothing_to_say():
    assert unregistered(REGISTERED | {"other": 3}, REGISTERED) == ""
    stored = {"prime": np.int64(31), "learning_rate": np.float64(5e-3), "fractions": np.array([0.6, 0.3])}
    assert unregistered(REGISTERED | stored, REGISTERED) == ""


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"prime": 97}, "prime = 97 (31)"),
        ({"prime": None}, "prime = missing (31)"),
        ({"prime": np.nan}, "prime = nan (31)"),
        ({"target": "add", "prime": 97}, "prime = 97 (31), target = add (sub)"),
        ({"fractions": (0.6, 0.6)}, "fractions = 0.6 and 0.6 (0.6 and 0.3)"),
        ({"fractions": 0.6}, "fractions = 0.6 (0.6 and 0.3)"),
    ],
)
def test_those_that_differ_are_named(changes, text):
    found = unregistered(REGISTERED | changes, REGISTERED)
    assert found == f"settings differ from the registered ones: {text}"


def test_what_is_registered_is_what_studies_record_of_their_defaults():
    assert unregistered(recorded_settings(CurriculumSpec()), OPERATIONS) == ""
    spec = ParitySpec()
    recorded = {name: getattr(spec, name) for name in PARITY if name != "threshold"}
    assert unregistered(recorded | {"threshold": 0.9}, PARITY) == ""


def test_a_note_tells_what_was_recorded():
    data = xr.Dataset(attrs={"layers": 2, "width": 128, "prime": 97, "learning_rate": 1e-3})
    assert told(data) == "layers: 2, width: 128, modulus: 97, learning rate: 0.001, weight decay: missing"


def test_networks_that_stopped_are_counted_in_all_or_by_setting():
    stopped = np.array([[-1, -1, 30], [-1, -1, -1], [0, 20, -1]])
    data = xr.Dataset(
        {"stopped_at": (("setting", "replicate"), stopped)}, coords={"setting": ["a", "b", "c"]}
    )
    assert stopped_notes(data) == ("stopped on a loss that is no number: 3 networks",)
    assert stopped_notes(data, "setting") == ("stopped on a loss that is no number: a (1), c (2)",)
    assert stopped_notes(data.isel(setting=[1])) == stopped_notes(data.isel(setting=[1]), "setting") == ()
