"""Tables beside figures are read back as they were drawn."""

import numpy as np
import pytest
import xarray as xr

from companion.explore.tracked import tracked
from companion.figures.tables import tidy_csv


@pytest.fixture
def tables(project):
    folder = project / "figures" / "laptop"
    folder.mkdir(parents=True)
    return folder


def test_a_table_is_read_along_its_dimensions(tables):
    data = xr.Dataset(
        {
            "loss": (("run", "step"), [[0.5, 0.25], [1.0, np.nan]]),
            "name": ("run", ["first", "second"]),
            "size": ((), 3),
        },
        {"step": [1, 10], "run": [4, 7]},
    )
    (tables / "p1_f1_mine.csv").write_text(tidy_csv(data))
    np.testing.assert_array_equal(tracked("p1_f1_mine", "run", "step").loss, data.loss)
    assert tracked("p1_f1_mine", "run").name.values.tolist() == ["first", "second"]
    assert tracked("p1_f1_mine", "run", "step").step.values.tolist() == [1, 10]


def test_a_single_table_has_no_name(tables):
    (tables / "p1_f1_mine.csv").write_text(
        tidy_csv(xr.Dataset({"loss": ("step", [0.5, 0.25])}, {"step": [1, 10]}))
    )
    assert tracked("p1_f1_mine", "step").loss.values.tolist() == [0.5, 0.25]


def test_a_missing_table_says_how_to_make_it(tables):
    with pytest.raises(FileNotFoundError, match=r"run_all\.py --only p1_f1_mine"):
        tracked("p1_f1_mine", "step")
