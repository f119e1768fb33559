"""The stored experiments on K > M: spectra, decay, splitting."""

import numpy as np
import pytest

from companion.studies import relu_overparameterisation as study
from companion.theory.relu_landscape import family


@pytest.fixture
def minima(project):
    return study.flatness(7, 9, 4, 40, 5, 200_000, 3)


def test_flat_directions_are_counted(minima):
    assert minima.flat.values.tolist() == [0, 9, 18, 0, 0]
    assert minima.expected.values.tolist() == minima.flat.values.tolist()
    for name, flat in zip(minima.point.values, minima.flat.values, strict=True):
        values = minima.eigenvalue_value.values[minima.eigenvalue_point.values == name]
        assert (np.abs(values) < 1e-9).sum() == flat
        assert (np.diff(values) >= 0).all()
        assert values[0] > -1e-12


@pytest.mark.parametrize(
    ("teachers", "names", "minima"),
    [
        (5, ("I(1), $K=5$ (saddle)", "S(1), $K=6$ (saddle)"), [False, False]),
        (6, ("I(1), $K=6$", "S(1), $K=7$ (saddle)"), [True, False]),
        (7, ("I(1), $K=7$", "S(1), $K=8$"), [True, True]),
    ],
)
def test_a_saddle_is_called_one(teachers, names, minima):
    spectra = study._spectra(teachers, teachers)
    assert spectra.point.values[3:].tolist() == list(names)
    assert spectra.is_minimum.values.tolist() == [True] * 3 + minima
    for name, minimum in zip(names, minima, strict=True):
        values = spectra.eigenvalue_value.values[spectra.eigenvalue_point.values == name]
        assert (values[0] > 1e-4) == minimum


def test_the_decay_is_a_power_law_only_with_more_students(minima):
    wide, narrow = minima.sel(size=5), minima.sel(size=4)
    np.testing.assert_allclose(wide.slope, -3, atol=0.1)
    assert (wide.flat_end == 40).all()
    assert (wide.residual_power < wide.residual_exponential).all()
    assert (narrow.residual_exponential < narrow.residual_power).all()
    assert (narrow.slope < -5).all()
    assert (narrow.flat_end == 0).all()
    assert (narrow.rate < 0).all()


def test_the_valley_is_flat_between_its_corners_only(minima):
    inside = (minima.share > 0) & (minima.share < 1)
    floor = minima.valley.sel(offset=0.0)
    assert float(abs(floor.where(inside)).max()) < 1e-15
    assert float(floor.where(~inside).min()) > 1e-5
    middle = minima.valley.min("share")
    ratio = float(middle.sel(offset=0.2) / middle.sel(offset=0.1))
    assert 7 < ratio < 8.5  # a third power


def test_too_few_points_are_missing_numbers():
    assert np.isnan(study._fits(np.array([1, 2]), np.array([1.0, 0.5]), 0.0)).all()


def test_splitting_makes_saddles_and_the_escape_has_the_predicted_rate(project):
    split = study.splitting([7, 8], 8, 2, 1e-5, 8000, 0)
    assert float(split.unit_smallest.max()) < -0.005
    narrow = split.unit_students == split.unit_teachers
    assert float(abs(split.unit_largest.where(narrow)).max()) < 1e-12
    assert set(split.unit_role.values) == {"aligned", "flipped", "extra"}
    start = family("I", 1, 8).loss
    assert float(split.escape_from) == pytest.approx(start)
    for role in split.split.values:
        for loss in split.escape_loss.sel(split=role).values:
            fallen = start - loss
            early = (fallen > 1e-7) & (fallen < 1e-5)
            slope = np.polyfit(split.time.values[early], np.log(fallen[early]), 1)[0]
            assert slope == pytest.approx(float(split.escape_rate.sel(split=role)), rel=0.12)
    assert float(split.escape_loss.sel(split="aligned").isel(step=-1).max()) < 1e-6
    assert float(split.escape_loss.isel(step=-1).max()) < start - 1e-4


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((3, 5, 4, 40, 5, 100, 0), "teachers: given 3; allowed: whole numbers >= 4"),
        ((8, 4, 4, 40, 5, 100, 0), "dimension: given 4 for 8 teachers"),
        ((8, 8, 0, 40, 5, 100, 0), "decay_teachers: given 0"),
        ((8, 8, 4, 3, 5, 100, 0), "decay_dimension: given 3 for 4 teachers"),
        ((8, 8, 4, 40, 0, 100, 0), "starts: given 0"),
        ((8, 8, 4, 40, 5, 0, 0), "steps: given 0"),
    ],
)
def test_flatness_names_the_wrong_argument(project, arguments, named):
    with pytest.raises(ValueError, match=named):
        study.flatness(*arguments)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (([5], 8, 1, 1e-5, 100, 0), "teachers: given 5; allowed: whole numbers >= 6"),
        (([], 8, 1, 1e-5, 100, 0), "teachers: an empty list"),
        (([6], 5, 1, 1e-5, 100, 0), "escape_teachers: given 5"),
        (([6], 6, 0, 1e-5, 100, 0), "repeats: given 0"),
        (([6], 6, 1, 0.0, 100, 0), "sigma: given 0.0"),
        (([6], 6, 1, float("nan"), 100, 0), "sigma: given nan"),
        (([6], 6, 1, 1e-5, 0, 0), "steps: given 0"),
    ],
)
def test_splitting_names_the_wrong_argument(project, arguments, named):
    with pytest.raises(ValueError, match=named):
        study.splitting(*arguments)
