"""The explorer of endpoints draws a stored census, and offers one that is not stored."""

import numpy as np
import pytest

from companion.explore import panel
from companion.explore.missing import NotStored
from companion.explore.relu_width import Knobs, census, explorer, view
from companion.studies.relu_landscape import basin_census

SMALL = Knobs(teachers=6, starts=50)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", str(tmp_path))
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    return tmp_path


def test_a_census_that_is_missing_is_told_and_then_drawn(store):
    with pytest.raises(NotStored, match="50 descents at K = 6, M = 6: not stored") as told:
        view(SMALL)
    told.value.compute()
    expected = basin_census(6, 6, 50, 0)
    np.testing.assert_array_equal(census(SMALL).loss, expected.loss)
    left, right = view(SMALL).axes
    drawn = np.sort(np.concatenate([line.get_ydata() for line in left.lines]))
    np.testing.assert_array_equal(drawn, np.sort(expected.loss.values))
    assert sum(bar.get_width() for bar in right.patches) == pytest.approx(1.0)
    assert "global" in [text.get_text() for text in right.get_yticklabels()]


def test_the_explorer_offers_before_it_computes(store, monkeypatch):
    shown = []
    monkeypatch.setattr(panel, "display", shown.append)
    explorer(teachers=6)
    text, _ = shown[-1].children
    assert "200 descents at K = 6, M = 6" in text.value and "Computing it takes" in text.value
    assert not list(store.glob("relu_landscape*"))
