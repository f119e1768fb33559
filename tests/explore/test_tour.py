"""The stops of the tour draw what they say, from theory, tracked tables and a few runs."""

import numpy as np
import pytest
import xarray as xr
from IPython.display import Image

from companion.explore import tour


def test_a_descent_ends_on_a_level_of_the_list():
    drawing = tour.descent(3)
    left, right = drawing.axes
    end = left.lines[-1].get_ydata()[-1]
    levels = left.collections[0].get_segments()
    assert min(abs(end - level[0][1]) for level in levels) < 2e-3
    assert sum(bar.get_width() for bar in right.patches) == 500
    assert [text.get_text() for text in right.texts][:2] == ["solved: 332", "I(1): 155"]


def test_other_starts_end_elsewhere():
    ends = {round(float(tour.descent(start).axes[0].lines[-1].get_ydata()[-1]), 3) for start in (1, 2)}
    assert ends == {0.0, 0.019}


def test_generated_images_stand_above_their_neighbours():
    _, sheet = tour._watched()
    last = int(sheet.step[-1])
    left, right = tour.generated(last).axes
    assert len(left.images) == 2 * sheet.sizes["shown"]
    ratio = sheet.ratio.sel(step=last).values
    assert sum(text.get_text() == "copy" for text in left.texts) == (ratio < 1 / 3).sum() > 0
    assert left.images[0].get_array().shape == (16, 16)
    assert right.lines[0].get_ydata()[-1] > 0.3


def runs(shares, replicates, steps=(0, 5, 10)):
    """Accuracies that tell share and replicate."""
    conditions = [(share, each) for share in shares for each in range(replicates)]
    accuracy = np.array([[[0.1 * each, 0.5 * share, share] for share, each in conditions]])
    named = ("operation", "condition", "step")
    return xr.Dataset(
        {"test_accuracy": (named, accuracy), "train_accuracy": (named, 0 * accuracy + 1)},
        {"step": list(steps)},
    )


def test_curves_are_those_of_the_share_that_is_chosen():
    left, right = tour.learning(runs([0.2, 0.6], 2), [0.2, 0.6], 0.6).axes
    np.testing.assert_allclose(left.lines[-1].get_ydata(), [0.3, 0.6])
    np.testing.assert_allclose(right.lines[0].get_ydata(), [(0.1 + 0.2 + 0.05) / 3, (0.3 + 0.6 + 0.05) / 3])
    assert list(right.lines[-1].get_xdata()) == [0.6, 0.6]


@pytest.mark.parametrize("make", [tour.descents, tour.shares, tour.checkpoints, tour.angles])
def test_in_a_batch_run_every_stop_shows_its_picture(make, monkeypatch):
    monkeypatch.setenv("COMPANION_RUN", "1")
    assert isinstance(make(), Image)


def test_a_slider_changes_the_picture(monkeypatch):
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    shown = []
    monkeypatch.setattr("companion.explore.panel.display", shown.append)
    box = tour.tables(runs([0.2, 0.6], 1), [0.2, 0.6])
    box.children[0].children[0].value = 0.6
    first, second = shown
    assert first.data != second.data
