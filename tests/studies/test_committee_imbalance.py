"""Imbalance of the layers: published means within their sampling error, draws that are left out, summaries."""

import numpy as np
import pytest
import xarray as xr

from companion.analysis.statistics import wilson_interval
from companion.studies import committee_imbalance as study

#: Mean S_use of 200 draws by g and log10(sigma_h / sigma_w), from an independent computation.
PUBLISHED = {
    (1e-3, -2.0): 0.515,
    (1e-3, 0.0): 0.510,
    (1e-3, 2.0): 0.518,
    (0.1, -2.0): 0.755,
    (0.1, 0.0): 0.515,
    (0.1, 2.0): 0.688,
    (0.03, -3.0): 0.751,
    (0.03, 3.0): 0.677,
}
DRAWS = 200


def draws_at(means, ratios):
    return study.imbalance_draws(ratios, means, DRAWS, 200, 1)


def test_means_are_the_published_ones(project):
    middle, ends = draws_at([1e-3, 0.1], [-2.0, 0.0, 2.0]), draws_at([0.03], [-3.0, 3.0])
    for (g, ratio), published in PUBLISHED.items():
        cell = (ends if g == 0.03 else middle).sel(geometric_mean=g, ratio=ratio).usage
        # Both are means of 200 draws, with a standard error of about .022 each.
        error = np.sqrt(2 / DRAWS) * float(cell.std())
        assert abs(float(cell.mean()) - published) < 2.6 * error, (g, ratio)
    large = middle.usage.sel(geometric_mean=0.1)
    gain = large.sel(ratio=-2.0) - large.sel(ratio=0.0)
    assert float(gain.mean()) == pytest.approx(0.24, abs=0.06)
    alone = (large > 0.9).mean("draw")
    np.testing.assert_allclose(alone.sel(ratio=[-2.0, 0.0]), [0.56, 0.14], atol=0.08)
    tiny = middle.usage.sel(geometric_mean=1e-3)
    assert abs(float((tiny.sel(ratio=-2.0) - tiny.sel(ratio=0.0)).mean())) < 0.04
    assert float(middle.error.max()) < 1e-3


def test_the_summary_leaves_out_what_is_not_fitted(project, monkeypatch):
    usage = np.array([[0.95, 0.2, 0.4, 1.0], [0.1, 0.1, 0.1, 0.1]])[None]
    error = np.array([[1e-4, 1e-4, 0.5, 1e-3], [1.0, 1.0, 1.0, 1.0]])[None]
    dims = ("geometric_mean", "ratio", "draw")
    made = xr.Dataset(
        {"usage": (dims, usage), "error": (dims, error)},
        coords={"geometric_mean": [0.1], "ratio": [0.0, 3.0]},
        attrs={"dimension": 200, "first_time": 300.0, "fitted": study.FITTED, "root_seed": 0},
    )
    monkeypatch.setattr(study, "imbalance_draws", lambda *arguments: made)
    found = study.imbalance([0.0, 3.0], [0.1], 4, 200, 0)
    np.testing.assert_allclose(found["mean"], [[2.15 / 3, np.nan]])
    np.testing.assert_allclose(found.alone, [[2 / 3, np.nan]])
    np.testing.assert_allclose(found.unfitted, [[0.25, 1.0]])
    np.testing.assert_allclose(found.mean_of_all, [[2.55 / 4, 0.1]])
    bounds = float(found.alone_lower[0, 0]), float(found.alone_upper[0, 0])
    assert bounds == pytest.approx(wilson_interval(2, 3))
    assert float(found.mean_lower[0, 0]) < 2.15 / 3 < float(found.mean_upper[0, 0])


def test_more_draws_keep_the_first_ones(project):
    few, more = (
        study.imbalance_draws([-1.0, 1.0], [0.1, 0.3], draws, 50, 0, first_time=10.0) for draws in (2, 4)
    )
    np.testing.assert_array_equal(more.usage.isel(draw=slice(2)), few.usage)
    assert few.usage.dims == ("geometric_mean", "ratio", "draw")


def test_a_condition_knows_nothing_of_its_neighbours(project):
    """g = .1 at ratio 1 is the same whether it stands alone or in a block."""
    whole = study.imbalance_draws([-1.0, 1.0], [0.03, 0.1], 3, 50, 0, first_time=10.0)
    alone = study.imbalance_draws([1.0], [0.1], 3, 50, 0, first_time=10.0)
    np.testing.assert_array_equal(alone.usage[0, 0], whole.usage.sel(geometric_mean=0.1, ratio=1.0))
