"""The start decides how two units share one task: published tables, laws, draws."""

import numpy as np
import pytest

from companion.studies import committee_starts as study

#: S_use at nine angles from 0 to pi/4 for small weights, an independent computation.
TABLE = {
    0.1: [1, 0.9003, 0.7580, 0.6268, 0.5008, 0.3678, 0.2193, 0.0713, 0],
    0.3: [1, 0.9092, 0.7743, 0.6466, 0.5225, 0.3900, 0.2385, 0.0801, 0],
    1.0: [1, 0.9706, 0.9103, 0.8332, 0.7403, 0.6259, 0.4727, 0.2347, 0],
}
LAW = [1, 0.9218, 0.7667, 0.5830, 0.3991, 0.2358, 0.1084, 0.0276, 0]
#: S_use and error against e_w, from one draw of weights of unknown d, readouts learning at rate 1.
RATES = {1.0: 0.66, 2.0: 0.47, 4.0: 0.26, 6.0: 0.15}
FLOOR = {4.0: 5e-6, 6.0: 4e-6, 8.0: 2.5e-4, 10.0: 2.0e-3, 12.0: 4.1e-3, 16.0: 8.1e-3}


@pytest.fixture(scope="module")
def decided(run_store):
    rates = sorted({*RATES, *FLOOR})
    return study.decided_by_start([*TABLE, 2.0], rates, [6.0, 8.0], [1e-3, 1.0], 9, 9, 12, 500, 0)


def test_tables_of_the_readout_angle(decided):
    for scale, row in TABLE.items():
        np.testing.assert_allclose(decided.usage.sel(readout_scale=scale), row, atol=1e-3)
    np.testing.assert_allclose(decided.law, LAW, atol=1e-4)
    usual = decided.error.sel(readout_scale=list(TABLE))
    assert float(usual.max()) == pytest.approx(7e-5, rel=0.05)
    assert (np.diff(decided.entropy) > 0).all()


def test_too_large_readouts_are_not_monotonic(decided):
    steps = np.diff(decided.usage.sel(readout_scale=2.0))
    assert (steps > 0.05).any()
    assert (steps < -0.05).any()


def test_the_rate_of_learning_matters(decided):
    fixed = decided.sel(readout_rate="one")
    # The table stands for one draw, whose spread is .02 at d = 500.
    np.testing.assert_allclose(
        fixed.rate_usage.sel(learning_rate=list(RATES)), list(RATES.values()), atol=0.02
    )
    np.testing.assert_allclose(
        fixed.rate_error.sel(learning_rate=list(FLOOR)), list(FLOOR.values()), rtol=0.1
    )
    assert float(fixed.rate_usage.sel(learning_rate=16.0)) < 1e-3
    same = decided.sel(readout_rate="as the weights", learning_rate=1.0)
    assert float(same.rate_usage) == float(fixed.rate_usage.sel(learning_rate=1.0))


def test_fast_learning_leaves_a_noise_floor(decided):
    assert (decided.fast_error.max("few_angle") > 1e-3).all()
    assert (decided.fast_usage.isel(few_angle=4) < 0.2).all()


def test_draws_matter_for_large_weights_alone(decided):
    tiny, large = decided.drawn_usage.transpose("weight_scale", "few_angle", "draw").values
    np.testing.assert_allclose(tiny, np.array(TABLE[0.3])[:, None].repeat(12, axis=1), atol=2e-3)
    assert large.min() < 0.15
    assert large.max() > 0.98
    assert (large.std(axis=1) > 0.05).all()
    assert large.std(axis=1).max() > 0.2


def test_the_landscape_goes_with_the_angle_for_small_weights(project):
    found = study.landscape([1e-3, 1.0], [2, 4], [0.1, 0.3], 5, 300, 0)
    assert found["mean"].dims == ("weight_scale", "readout_scale", "angle")
    np.testing.assert_allclose(found["mean"][0, 1], TABLE[0.3][::2], atol=1e-3)
    assert float(found.spread[0].max()) < 1e-3
    assert float(found.spread[1].max()) > 0.2
    assert found.draws.values.tolist() == [2, 4]


def test_draws_belong_to_scales(project):
    with pytest.raises(ValueError, match=r"draws: 3 given; allowed: one for each of 2 scales"):
        study.landscape([1e-3, 1.0], [1, 1, 1], [0.1], 3, 300, 0)


def test_the_figure_holds_both_and_the_largest_scale_of_the_draws(project):
    arguments = ([0.1], [1.0, 2.0], [6.0], [1.0, 1e-3], 5, 3, 2)
    whole = study.starts([1e-3, 1.0], [1, 2], [0.1, 1.0], 3, *arguments, 200, 1)
    assert whole.weight_scale.values.tolist() == [1.0]
    part = study.decided_by_start(*arguments, 200, 1)
    np.testing.assert_array_equal(whole.drawn_usage[0], part.drawn_usage[0])
    np.testing.assert_array_equal(whole.usage, part.usage)
    assert whole.map_mean.dims == ("map_weight_scale", "map_readout_scale", "map_angle")
    assert whole.map_draws.values.tolist() == [1, 2]
    assert (whole.attrs["root_seed"], whole.attrs["dimension"]) == (1, 200)
