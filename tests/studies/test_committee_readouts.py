"""Entropy of the readouts: published numbers within their sampling error, pairing, settings."""

import numpy as np
import pytest

from companion.analysis.statistics import fisher_exact
from companion.studies import committee_readouts as study

ANGLES = [0.0, 0.1, 0.2, 0.4, 0.6, float(np.pi / 4)]
#: S_sel and number of 32 draws with eps < 1e-3 of two teacher units, from an independent computation.
SELECTIVITY = np.array([0.11, 0.79, 0.88, 0.93, 0.97, 0.97])
SOLVED = (1, 29, 32, 32, 32, 32)
PUBLISHED_DRAWS = 32


@pytest.fixture
def only(monkeypatch):
    """Some of the settings alone."""

    def choose(*names):
        chosen = {name: study.SETTINGS[name] for name in names}
        monkeypatch.setattr(study, "SETTINGS", chosen)

    return choose


def test_entropy_helps_two_teacher_units(project, only):
    only("two units")
    found = study.even_readouts(ANGLES, 128, 500, 0).isel(setting=0)
    np.testing.assert_allclose(found.entropy, [0, 0.44, 0.65, 0.88, 0.97, 1], atol=6e-3)
    mean, spread = found.specialisation.mean("draw"), found.specialisation.std("draw")
    # The numbers of 32 draws have an error of their own.
    assert (np.abs(mean - SELECTIVITY) < 0.03 + 2 * spread / PUBLISHED_DRAWS**0.5).all()
    solved = (found.error < study.SOLVED).sum("draw").values
    for own, published in zip(solved, SOLVED, strict=True):
        assert fisher_exact(int(own), 128, published, PUBLISHED_DRAWS) > 0.01
    assert float(found.error.isel(angle=0).median()) == pytest.approx(0.017, abs=0.002)


def test_entropy_harms_with_one_teacher_unit(project, only):
    only("one unit")
    usage = study.even_readouts(ANGLES, 8, 500, 0).specialisation.isel(setting=0)
    assert (usage.mean("draw").diff("angle") < 0).all()
    assert float(usage.isel(angle=0).min()) > 0.9
    assert float(usage.isel(angle=-1).max()) < 0.02


def test_tiny_weights_take_time(project, only):
    """At half the rate nothing has happened by T = 300; at the full rate equal readouts have specialised."""
    only("two units, sigma_w = 0.001", "two units, sigma_w = 0.001, half the rate")
    found = study.even_readouts([0.0, ANGLES[-1]], 16, 500, 0).specialisation.mean("draw")
    full, half = found.isel(angle=-1).values
    assert half < 0.1 < 0.9 < full
    assert float(found.isel(angle=0).max()) < 0.01


def test_every_setting_is_named(project):
    found = study.even_readouts([0.0, 0.4], 2, 100, 0, first_time=5.0)
    assert found.setting.values.tolist() == list(study.SETTINGS)
    row = found.sel(setting="four students, half the rate")
    assert (int(row.students), int(row.teachers), float(row.learning_rate)) == (4, 2, 0.5)
    assert (found.attrs["first_time"], found.attrs["root_seed"]) == (5.0, 0)
    assert np.isfinite(found.specialisation).all()


def test_random_readouts_correlate_where_students_match_the_units(project):
    found = study.random_readouts([2], [0.1, 0.5, 1.0], 144, 500, 0)
    chosen = found.selectivity.sel(students=2)
    entropy = found.random_entropy.sel(students=2)
    strengths = [float(np.corrcoef(entropy, row)[0, 1]) for row in chosen]
    # Of 48 draws; measured standard errors of theirs and ours together are .11, .056 and .047.
    assert (np.abs(np.array(strengths) - [0.76, 0.77, 0.79]) < 2.5 * np.array([0.11, 0.056, 0.047])).all()
    assert min(strengths) > 0.4
    mean, even = chosen.mean("draw").values, found.even_selectivity.sel(students=2).mean("draw").values
    assert ((mean > 0.36) & (mean < 0.6)).all()
    assert ((even > 0.82) & (even < 0.95)).all()


def test_random_readouts_are_paired_over_scales_and_keep_their_draws(project):
    few, more = (study.random_readouts([2, 4], [0.1, 0.5], draws, 60, 3, first_time=10.0) for draws in (2, 3))
    np.testing.assert_array_equal(more.selectivity.isel(draw=slice(2)), few.selectivity)
    np.testing.assert_array_equal(more.random_entropy.isel(draw=slice(2)), few.random_entropy)


def test_the_figure_holds_both(project, only):
    only("two units", "one unit")
    whole = study.readout_evenness([0.0, 0.5], [2], [0.5], 2, 3, 100, 0)
    part = study.even_readouts([0.0, 0.5], 2, 100, 0)
    assert whole.specialisation.equals(part.specialisation)
    np.testing.assert_array_equal(whole.solved, part.error < study.SOLVED)
    assert whole.selectivity.dims == ("random_students", "random_scale", "random_draw")
    assert (whole.attrs["root_seed"], whole.attrs["random_learning_rate"]) == (0, 0.5)
