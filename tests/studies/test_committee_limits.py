"""What limits the maps of forgetting is what single blocks say."""

import numpy as np
import pytest

from companion.analysis.specialisation import SHAPES
from companion.studies import committee_limits as study
from companion.studies.committee_maps import map_start, shape_block, shape_maps

MONOTONIC = SHAPES.index("monotonic")
ARGUMENTS = ([1e-3], 5, 4, 5)


@pytest.fixture(scope="module")
def found(run_store):
    return study.shape_limits(
        *ARGUMENTS, 2, 0, time=200.0, other_times=(100.0,), area_scales=2, distances=12, finer_step=0.2
    )


def test_the_monotonic_set_shrinks_with_time_and_grows_with_the_readouts(found):
    later, earlier = found.monotonic_below.values
    assert (later <= earlier).all()
    assert (later < earlier).any()
    assert (np.diff(later) > 0).all()
    for time in range(2):
        monotonic = found.near_shape.isel(time=time).values == MONOTONIC
        below = found.distance.values[:, None] <= found.monotonic_below.isel(time=time).values
        np.testing.assert_array_equal(np.logical_and.accumulate(monotonic), below)


def test_a_peak_at_no_similarity_is_a_monotonic_profile_near_the_tie(found):
    nearest = found.isel(distance=0)
    assert (nearest.near_shape == MONOTONIC).all()
    assert (nearest.near_peak == 0).all()
    assert (nearest.near_relative_start == 1).all()


def test_areas_of_all_shapes_are_one(found):
    np.testing.assert_allclose(found.area.sel(kind=list(SHAPES)).sum("kind"), 1)
    np.testing.assert_allclose(found.drawn_area.sel(kind=list(SHAPES)).sum("kind"), 1)
    assert found.drawn_area.sizes["draw"] == 2
    # Where the weights are small, no start but the tie is monotonic; where they are of order one, many are.
    assert found.area.sel(kind="monotonic").values[0] == 0 < found.area.sel(kind="monotonic").values[1]


def test_changes_are_those_of_the_blocks(found, run_store):
    assert found.comparison.values.tolist() == ["$T=100$", "step 0.2"]
    assert (found.changed.sel(comparison="step 0.2") == 0).all()
    maps = shape_maps(*ARGUMENTS, 0, time=200.0)
    few = maps.isel(angle=[0, 4], scale=[0, 3]).sel(panel="copied")
    starts = [
        map_start(np.pi / 4 - a, r, weight_scale=1e-3, second_readout="copied")
        for a in few.angle.values
        for r in few.scale.values
    ]
    other = shape_block(starts, np.linspace(0, 1, 5).tolist(), 100.0, 0.4, 1000, 0)
    part = found.changed.sel(comparison="$T=100$", panel="copied")
    for kind in ("shape", "criterion"):
        assert float(part.sel(change=kind)) == (other[kind].values != few[kind].values.ravel()).mean()


def test_it_says_what_it_solved(found):
    starts = 6 * 4 * 2 + 12 * 2 * 2 + 2 * 3 * 54
    assert found.attrs["conditions"] == 5 * starts
    assert 0 < found.attrs["largest_error"] < 2e-2
    assert found.weight_scale.attrs["long_name"]
    assert found.distance.attrs["long_name"]


@pytest.mark.parametrize(
    ("given", "message"),
    [({"distances": 1}, "distances: 1"), ({"draws": 0}, "draws: 0"), ({"area_scales": 0}, "area_scales: 0")],
)
def test_nothing_to_solve_is_refused(run_store, given, message):
    with pytest.raises(ValueError, match=message):
        study.shape_limits(*ARGUMENTS, **{"draws": 1, "seed": 0} | given)
