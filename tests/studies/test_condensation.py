"""The stored experiments on copying agree with the exact law at finite size."""

import numpy as np

from companion.studies import condensation


def test_the_weights_follow_the_law(project):
    found = condensation.sharpening([6, 10], [32], 0.5, 150, 12, 0, moments=4)
    assert found.points.values.tolist() == [20, 148]
    law = found.law.interp(moment=found.time)
    for name in ("own", "participation"):
        measured = found[name]
        error = measured.std("draw") / np.sqrt(12)
        assert (np.abs(measured.mean("draw") - law) < 4 * error + 0.01).all()
    assert (found.entropy_density.mean("draw").diff("time") > 0).all()
    assert float(found.limit) == float(0.5 * np.log1p(1 / np.expm1(1.0)))


def test_classes_are_copied_at_their_own_times(project):
    found = condensation.copied_classes(10, [32, 256], [0.5, 1.5], 64, 60, 6, 0, moments=6)
    half = found.half_time.mean("class_draw")
    np.testing.assert_allclose(half, found.half_law.sel(line_count=[32, 256], method="nearest"), rtol=0.12)
    assert (half.isel(label=1) > 3 * half.isel(label=0)).all()
    assert (half.diff("count") < 0).all()
    assert (found.class_weight >= found.own_class - 1e-9).all()
    before = found.class_weight.mean("class_draw") - found.own_class.mean("class_draw")
    assert float(before.max()) > 0.8  # between t_C and t_S the class is certain and the point is not
    assert (found.half_law > found.collapse).all()


def test_the_mixture_speciates_as_attribution_says(project):
    found = condensation.copied_classes(12, [600], [1.0, 1.0], 600, 100, 3, 1, moments=8)
    curve = found.class_curve.interp(class_moment=found.class_time.clip(0.01, 3.0))
    assert float(np.abs(found.class_weight.mean("class_draw") - curve).max()) < 0.05


def test_both_parts_are_in_one_dataset(project):
    whole = condensation.condensation([4], [8], 0.5, 4, [4, 8], [0.5, 1.0], 4, 5, 2, 0)
    assert {"law", "own", "half_time", "class_law"} <= set(whole.data_vars)
    assert (whole.attrs["rate"], whole.attrs["class_dimension"], whole.attrs["shown"]) == (0.5, 4, 4)
