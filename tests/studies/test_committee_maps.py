"""The maps of forgetting hold the numbers of single solutions, and those measured once with other code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.analysis.specialisation import SHAPES
from companion.studies import committee_maps as study
from companion.studies.committee_maps import SECOND_READOUTS, map_start, shape_block, starting_readouts
from companion.theory.committee_conditions import isotropic_start, two_task_conditions
from companion.theory.soft_committee import solve_two_tasks

SIMILARITIES = np.linspace(0, 1, 11).round(12).tolist()
SETTINGS = {"similarities": SIMILARITIES, "time": 200.0, "step": 0.4, "dimension": 1000, "seed": 0}
HUMP, MONOTONIC = SHAPES.index("hump"), SHAPES.index("monotonic")


def block(*starts, **settings):
    return shape_block(tuple(starts), **SETTINGS | settings)


def start(distance, scale=0.3, **rest):
    return map_start(distance, scale, **{"weight_scale": 1e-3} | rest)


@given(st.floats(0, np.pi / 4), st.floats(1e-3, 10.0), st.sampled_from(SECOND_READOUTS))
def test_readouts_start_at_their_angle_and_scale(distance, scale, name):
    first, second = starting_readouts(distance, scale, name)
    angle = np.pi / 4 - distance
    np.testing.assert_allclose(first, scale * np.array([np.cos(angle), np.sin(angle)]), atol=1e-15 * scale)
    size = {"fixed": 0.1, "small": 1e-3}.get(name, scale)
    assert np.hypot(*second) == pytest.approx(size)
    assert second[0] == (0 if name == "free" else second[1])


def test_a_tie_is_one_to_the_last_bit():
    first, _ = starting_readouts(np.zeros(50), np.geomspace(1e-3, 3, 50), "equal")
    assert (first[:, 0] == first[:, 1]).all()


def test_an_unknown_second_readout_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"second_readout: 'copy' given.*copied"):
        starting_readouts(0.1, 0.3, "copy")


def test_canonical_schemes_and_their_exceptions(project):
    specialised = np.pi / 4
    found = block(
        start(specialised),
        start(0.0),
        start(specialised, second_readout="copied"),
        start(specialised, second_readout="small"),
        start(specialised, second_readout="free"),
        start(specialised, 0.1),
        start(specialised, 1.0),
        start(0.0, weight_scale=0.1, draw=0),
    )
    assert found["shape"].values.tolist() == [HUMP, MONOTONIC, MONOTONIC, HUMP, HUMP, HUMP, HUMP, HUMP]
    # F(0) of 15, 345 (of a largest of 149, 345), 338; 0 and 0 of 86; 55 of 145, in thousandths and to 4 of them.
    np.testing.assert_allclose(found.relative_start[:5], [15 / 149, 1, 1, 0, 0], atol=0.03)
    assert float(found.relative_start[6]) == pytest.approx(55 / 145, abs=0.03)
    assert found.peak[[0, 1, 2, 3, 5, 6]].values.tolist() == [0.5, 0.0, 0.0, 0.1, 0.4, 0.5]
    assert float(found.peak[4]) in (0.6, 0.7)  # 86 at both
    assert found.criterion.values.tolist() == [1, 0, 0, 0, 1, 1, 0, 0]
    assert found.specialisation[:2].values.tolist() == [1.0, 0.0]
    assert float(found.error.max()) < 2e-4


def test_the_approach_to_the_tie(project):
    distances = (0.1, 0.03, 0.01, 0.001, 0.0001)
    found = block(*(start(distance) for distance in distances))
    assert found["shape"].values.tolist() == [HUMP] * 3 + [MONOTONIC] * 2
    np.testing.assert_allclose(found.specialisation, [0.083, 0.0085, 0.001, 0, 0], atol=1e-3)
    np.testing.assert_allclose(found.peak[:3], [0.5, 0.3, 0.2])


def test_specialisation_over_the_angle(project):
    measured = {0.1: [1, 0.9003, 0.7580, 0.6268, 0.5008], 1.0: [1, 0.9706, 0.9103, 0.8332, 0.7403]}
    for scale, expected in measured.items():
        angles = np.arange(5) * np.pi / 32
        found = block(*(start(np.pi / 4 - angle, scale) for angle in angles), similarities=[0.0, 0.5, 1.0])
        np.testing.assert_allclose(found.specialisation, expected, atol=1e-3)


def test_a_block_is_its_single_conditions(project):
    starts = [start(0.3), start(0.1, weight_scale=0.3, draw=3), start(0.2, 0.05, second_readout="free")]
    together, reversed_ = block(*starts), block(*starts[::-1])
    for place, each in enumerate(starts):
        alone = block(each)
        for name in together.data_vars:
            assert together[name].values[place] == alone[name].values[0] == reversed_[name].values[2 - place]


def test_the_criterion_is_inclusive_and_the_peak_is_where_f_is_largest(project):
    found = block(start(np.pi / 4), start(0.05, 0.02), start(0.6, second_readout="free"))
    first, second = starting_readouts(0.6, 0.3, "free")
    given = two_task_conditions(isotropic_start(2, 1, 1e-3), first, second, SIMILARITIES)
    errors = solve_two_tasks(given, step=0.4, times=()).error.sel(task=1).values
    forgotten = errors[:, 2] - errors[:, 1]
    assert float(found.peak[2]) == SIMILARITIES[int(forgotten.argmax())] == 0.7
    assert int(found.criterion[2]) == int(forgotten[0] < 0.2 * forgotten.max()) == 1


def test_maps_cover_the_angles_and_end_at_the_tie(project):
    maps = study.shape_maps([1e-3, 0.3], 4, 3, 5, 0, time=60.0)
    assert maps["shape"].dims == ("panel", "angle", "scale")
    assert maps["shape"].shape == (7, 5, 3)
    np.testing.assert_allclose(maps.angle[:4], (np.arange(4) + 0.5) * np.pi / 16, atol=1e-4)
    assert float(maps.angle[4]) == np.pi / 4
    assert maps.scale.values.tolist() == [0.01, 0.1, 1.0]
    assert maps.attrs["second_readouts"] == ["equal", "equal", "equal", *SECOND_READOUTS[1:]]
    assert list(maps.attrs["draws"]) == [-1, -1, 0, -1, -1, -1, -1]
    assert list(maps.attrs["weight_scales"]) == [1e-3, 0.3, 0.1, 1e-3, 1e-3, 1e-3, 1e-3]
    assert maps.attrs["conditions"] == 7 * 5 * 3 * 5
    distance = np.pi / 4 - float(maps.angle[1])
    levels = [0.0, 0.25, 0.5, 0.75, 1.0]
    lone = block(start(distance, 0.1, second_readout="small"), similarities=levels, time=60.0)
    cell = maps.sel(panel="small").isel(angle=1, scale=1)
    assert all(cell[name] == lone[name][0] for name in maps.data_vars)
    assert (maps["shape"].isel(angle=4).sel(panel="weights 0.001") == MONOTONIC).all()


@pytest.mark.parametrize(
    ("counts", "message"),
    [((0, 3, 5), "angles: 0"), ((3, 1, 5), "scales: 1"), ((3, 3, 2), "similarities: 2")],
)
def test_maps_without_extent_are_refused(project, counts, message):
    with pytest.raises(ValueError, match=message):
        study.shape_maps([1e-3], *counts, 0)
