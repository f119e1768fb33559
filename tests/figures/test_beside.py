"""Two datasets become one without mixing, and come apart again."""

import pytest
import xarray as xr

from companion.figures.beside import beside, taken_out
from companion.figures.tables import tidy_csv


@pytest.fixture
def data():
    return xr.Dataset(
        {"lead": (("gain", "replicate"), [[1.0, 2.0]])}, {"gain": [1.5]}, {"companion_key": "one"}
    )


@pytest.fixture
def other():
    return xr.Dataset(
        {"lead": (("pair", "replicate"), [[3.0, 4.0, 5.0]], {"units": "steps"})},
        {"pair": ["a"], "norm": ("pair", [2.0])},
        {"companion_key": "two"},
    )


def test_nothing_is_lost_and_nothing_aligned(data, other):
    both = beside(data, other, "natural")
    assert dict(both.sizes) == {"gain": 1, "replicate": 2, "natural_pair": 1, "natural_replicate": 3}
    assert both.attrs == {"companion_key": "one"}
    xr.testing.assert_identical(both[["lead"]], data)
    found = taken_out(both, "natural")
    assert found is not None
    xr.testing.assert_identical(found.assign_attrs(other.attrs), other)


def test_the_table_holds_the_numbers_of_both(data, other):
    table = tidy_csv(beside(data, other, "natural"))
    assert "natural_lead" in table
    assert all(f",{value}" in table for value in (1, 2, 3, 4, 5))


def test_without_another_there_is_none(data):
    assert taken_out(data, "natural") is None


@pytest.mark.parametrize("name", ["natural_lead", "natural_pair"])
def test_a_prefix_that_is_taken_is_refused(data, other, name):
    with pytest.raises(ValueError, match="prefix: 'natural' given"):
        beside(data.rename({"lead" if "lead" in name else "gain": name}), other, "natural")
