"""The figure of partners draws what the dataset holds."""

import numpy as np
import pytest
import xarray as xr

from companion.figures.curriculum_compatibility import compatibility, partner_look

PARTNERS = ["none", "add", "shuffled add", "lin(1, 2)"]


@pytest.fixture(scope="module")
def data():
    noise = np.random.default_rng(0)
    settings = [(name, 0.25, 1200) for name in PARTNERS] + [(name, 0.6, 1200) for name in PARTNERS[:2]]
    count, seeds, points = len(settings), 3, 6
    step = np.tile([10.0, 50.0, 200.0, 600.0, 1200.0, np.nan], (count, 1))
    test = np.where(np.isnan(step)[:, None], np.nan, noise.uniform(0, 1, (count, seeds, points)))
    by_run = ("setting", "replicate")
    names = ("final_train", "final_test", "final_seen", "final_unseen")
    columns = zip(("partner", "fraction", "budget"), zip(*settings, strict=True), strict=True)
    return xr.Dataset(
        {name: (by_run, noise.uniform(0, 1, (count, seeds)), {"long_name": name}) for name in names}
        | {
            "step": (("setting", "point"), step, {"long_name": "training steps $t$"}),
            "test": ((*by_run, "point"), test),
        },
        coords={name: ("setting", list(column)) for name, column in columns},
        attrs={"target": "sub"},
    )


@pytest.fixture(scope="module")
def panels(data):
    return np.array(compatibility(data).axes).reshape(2, 3)


def test_there_is_a_row_for_each_fraction(panels):
    assert [axes.get_title() for axes in panels[:, 0]] == ["$f=0.25$, 1200 steps", "$f=0.6$, 1200 steps"]
    assert [len(axes.containers) for axes in panels[:, 1]] == [4, 2]


def test_thin_lines_are_seeds_and_thick_ones_their_means(data, panels):
    thick = [line for line in panels[0, 0].lines if line.get_linewidth() > 1]
    thin = [line for line in panels[0, 0].lines if line.get_linewidth() < 1]
    assert (len(thick), len(thin)) == (4, 12)
    np.testing.assert_allclose(thick[1].get_ydata(), data.test.values[1, :, :5].mean(axis=0))
    np.testing.assert_allclose(thin[3].get_ydata(), data.test.values[1, 0, :5])
    np.testing.assert_allclose(thick[1].get_xdata(), data.step.values[1, :5])
    assert thick[2].get_color() == partner_look("shuffled add")["color"] and thick[2].is_dashed()


def test_ends_are_means_in_the_order_of_partners(data, panels):
    centres = [container.lines[0].get_xydata()[0] for container in panels[0, 1].containers]
    expected = [(place, data.final_test.values[place].mean()) for place in range(4)]
    np.testing.assert_allclose(centres, expected)
    labels = [text.get_text() for text in panels[0, 1].get_xticklabels()]
    assert labels == ["none", "add", "shuffled\nadd", "lin(1,\n2)"]


def test_mirror_halves_stand_side_by_side(data, panels):
    centres = np.array([container.lines[0].get_xydata()[0] for container in panels[0, 2].containers])
    np.testing.assert_allclose(centres[0::2, 1], data.final_seen.values[:4].mean(axis=1))
    np.testing.assert_allclose(centres[1::2, 1], data.final_unseen.values[:4].mean(axis=1))
    crosses = [line.get_ydata()[0] for line in panels[0, 2].lines if line.get_marker() == "x"]
    np.testing.assert_allclose(crosses, data.final_train.values[:4].mean(axis=1))


def test_partners_keep_their_colours():
    assert partner_look("add", 0) == partner_look("add", 3)
    colours = {
        partner_look(name)["color"] for name in ("none", "add", "mul", "max", "shuffled add", "private add")
    }
    assert len(colours) == 6
    assert partner_look("sq")["color"] not in colours


def test_words_name_the_claim():
    assert compatibility.words.claims == ("e4_q4_compatible",)
