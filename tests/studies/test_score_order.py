"""Stored maps of the order of learning: coordinates that match their rows, known runs at known places."""

import numpy as np
import pytest

from companion.studies import score_curves, score_order
from companion.studies.score_settings import SETTINGS


def advantage(order, clock="gen_passage", **level):
    """log(T_2/T_1)."""
    times = order[clock].sel(level, method="nearest")
    return np.log(times.isel(label=1) / times.isel(label=0))


def test_rows_carry_the_ratio_that_they_were_computed_at(project):
    """Ratios that neither go up nor are in the order of their names."""
    order = score_order.variance_order([3.0, 1.0, 10.0, 1.5], [10.0, 1.5], 8, 2, 0)
    assert order.ratio.values.tolist() == [3.0, 1.0, 10.0, 1.5]
    assert order.point_ratio.values.tolist() == [10.0, 1.5]
    ahead = advantage(order, share=0.5)
    assert abs(float(ahead[1])) < 1e-6
    assert float(ahead[1]) < float(ahead[3]) < float(ahead[0]) < float(ahead[2])
    # At 1.5 the deviations are (1.2, .8): run V2.
    theory = score_curves.theory_curves({"V2": SETTINGS["V2"]}).sel(setting="V2")
    np.testing.assert_allclose(order.gen_passage[3], theory.gen_passage, rtol=1e-6)
    simulated = score_curves.simulated_curves({"V2": SETTINGS["V2"]}, 8, 2, 0).sel(setting="V2")
    for clock in ("gen_passage", "mem_gap_absolute", "mem_gap", "early_stop"):
        found = order[f"simulated_{clock}"].isel(point=1)
        np.testing.assert_allclose(found, simulated[clock].transpose(*found.dims), rtol=1e-6)
    assert (order.attrs["dimension"], order.attrs["root_seed"]) == (8, 0)


def test_norms_and_angles_meet_at_the_same_run(project):
    order = score_order.geometry_order([2.0, 0.5], [2.0], [90, 10], [90], 8, 1, 0)
    assert order.axis.values.tolist() == ["norm", "norm", "angle", "angle"]
    assert order.value.values.tolist() == [2.0, 0.5, 90.0, 10.0]
    assert order.point_axis.values.tolist() == ["norm", "angle"]
    passage = order.gen_passage.values
    theory = score_curves.theory_curves({"G1": SETTINGS["G1"]}).sel(setting="G1")
    np.testing.assert_allclose(passage[0], theory.gen_passage, rtol=1e-6)
    np.testing.assert_allclose(passage[2], passage[0], rtol=1e-6)
    # The classes change places with the ratio of their norms.
    np.testing.assert_allclose(passage[1], passage[0][::-1], rtol=1e-6)
    simulated = order.simulated_gen_passage.values
    np.testing.assert_allclose(simulated[0], simulated[1], rtol=1e-6)


def test_the_three_panels_of_the_phase_diagram_meet_at_the_registered_runs(project):
    """With three values the middle one is (1.2, .8), |mu|^2/d = 16, 90 degrees on every axis: R5 and R1."""
    phases = score_order.phase_diagram(3, [0.1, 0.5])
    assert phases.advantage.dims == phases.reduced.dims == ("axis", "share", "place")
    np.testing.assert_allclose(phases.value.isel(place=1), [1.5, 16.0, 90.0])
    runs = score_curves.theory_curves({name: SETTINGS[name] for name in ("R1", "R5")})
    wanted = advantage(runs, share=0.5).sel(setting=["R1", "R5"]).values
    assert wanted[0] < -0.1 < 0.2 < wanted[1]
    for axis in phases.axis.values:
        middle = phases.sel(axis=axis).isel(place=1)
        np.testing.assert_allclose(middle.advantage, wanted, atol=2e-3)
        np.testing.assert_allclose(middle.reduced, wanted, atol=0.03)
    # No reversal without centroids, nor where they are opposite or the same.
    assert (phases.advantage.sel(axis="centroid norm").isel(place=0) > 0).all()
    assert (phases.advantage.sel(axis="angle").isel(place=[0, 2]) > 0).all()
    # Equal classes of equal shares are equal.
    assert abs(float(phases.advantage.sel(axis="deviation ratio", share=0.5).isel(place=0))) < 1e-6


def test_shares_stay_with_their_rows_in_any_order(project):
    forward, backward = (score_order.phase_diagram(2, shares) for shares in ([0.05, 0.5], [0.5, 0.05]))
    assert backward.share.values.tolist() == [0.5, 0.05]
    np.testing.assert_allclose(backward.advantage.isel(share=[1, 0]), forward.advantage, atol=1e-9)


@pytest.mark.parametrize(
    ("axis", "value", "deviations", "gram"),
    [
        ("deviation ratio", 2.0, (4 / 3, 2 / 3), [[16, 0], [0, 16]]),
        ("centroid norm", 4.0, (1.2, 0.8), [[4, 0], [0, 4]]),
        ("angle", 60.0, (1.2, 0.8), [[16, 8], [8, 16]]),
        ("angle", 180.0, (1.2, 0.8), [[16, -16], [-16, 16]]),
    ],
)
def test_one_thing_is_changed_along_an_axis(axis, value, deviations, gram):
    setting = score_order.phase_setting(axis, value, 0.2)
    assert setting.standard_deviations == pytest.approx(deviations)
    np.testing.assert_allclose(setting.mixture.gram, gram, atol=1e-9)
    assert setting.weights == pytest.approx((0.2, 0.8))
    assert (setting.diffusion_time, setting.sizes) == (0.5, (16.0, 16.0))


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (
            lambda: score_order.variance_order([1.0, 0.0], [1.0], 8, 1, 0),
            "ratios, points: given .*; allowed: pos",
        ),
        (
            lambda: score_order.variance_order([1.0], [-1.0], 8, 1, 0),
            "ratios, points: given .*; allowed: pos",
        ),
        (
            lambda: score_order.geometry_order([0.0], [1.0], [90], [90], 8, 1, 0),
            "norm_ratios, norm_points: given .*; allowed: positive numbers",
        ),
        (lambda: score_order.variance_order([1.0], [1.5], 8, 0, 0), "draws: given 0; allowed: at least 1"),
        (lambda: score_order.phase_diagram(1, [0.1, 0.5]), "values: given 1; allowed: at least 2"),
        (lambda: score_order.phase_diagram(2, [0.1]), "shares: given 1; allowed: at least 2"),
        (lambda: score_order.phase_diagram(2, [0.1, 1.5]), "weights"),
    ],
)
def test_bad_arguments_are_refused_by_name(project, study, message):
    with pytest.raises(ValueError, match=message):
        study()
