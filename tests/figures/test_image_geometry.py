"""The geometry of classes is drawn where the table puts it; pairs that are used are named."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_hex

from companion.figures import image_geometry as figures
from companion.figures.style import PALETTE
from companion.studies.image_geometry import class_geometry_table


@pytest.fixture(scope="module")
def table():
    return class_geometry_table.evaluate_afresh("embedded", 16)


def drawn(data):
    drawing = figures.geometry(data)
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return drawing.axes


def test_bars_fall_and_are_named(table):
    bars = drawn(table)[0]
    widths = [patch.get_width() for patch in bars.patches]
    np.testing.assert_allclose(widths, np.sort(table.variance.values)[::-1])
    names = [tick.get_text() for tick in bars.get_yticklabels()]
    assert names[0] == "Bag"
    assert set(names) == set(table.label.values)


def test_spectra_have_the_colours_of_the_bars_and_leave_zeros_out(table):
    changed = table.copy(deep=True)
    changed.eigenvalues[{"label": 0, "eigenvalue": slice(-5, None)}] = 0.0
    bars, spectra, *_ = drawn(changed)
    assert [to_hex(line.get_color()) for line in spectra.lines] == [
        to_hex(patch.get_facecolor()) for patch in bars.patches
    ]
    order = np.argsort(-table.variance.values, kind="stable")
    for line, label in zip(spectra.lines, order, strict=True):
        known = np.isfinite(line.get_ydata())
        spectrum = changed.eigenvalues[int(label)].values
        np.testing.assert_array_equal(known, spectrum > 1e-9 * spectrum[0])
        assert not known[-5:].any() or label
        np.testing.assert_allclose(line.get_ydata()[known], changed.eigenvalues[label].values[known])


def test_centroids_stand_at_their_places(table):
    places = drawn(table)[2]
    points = np.array([line.get_xydata()[0] for line in places.lines])
    wanted = table.place.transpose("label", "axis").values
    assert {tuple(point) for point in points.round(9)} == {tuple(point) for point in wanted.round(9)}
    assert {text.get_text() for text in places.texts} == set(table.label.values)


def test_all_pairs_are_points_and_the_used_ones_are_named(table):
    pairs = drawn(table)[3]
    points = np.concatenate([line.get_xydata() for line in pairs.lines if line.get_marker() == "o"])
    assert len(points) == 45
    wanted = np.stack([table.separation.values, table.variance_ratio.values], axis=1)
    assert {tuple(point) for point in points.round(9)} == {tuple(point) for point in wanted.round(9)}
    named = {text.get_text() for text in pairs.texts if text.get_text()}
    assert named == set(table.pair.values[table.purpose.values != ""])
    ink = next(line for line in pairs.lines if line.get_color() == PALETTE["ink"])
    null = table.pair.values[table.purpose.values == "null"]
    np.testing.assert_allclose(ink.get_xydata()[0], wanted[table.pair.values == null[0]][0])
