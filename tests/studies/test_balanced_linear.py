"""The stored experiment on balanced linear networks."""

import numpy as np
import pytest

from companion.studies.balanced_linear import balanced_paths


@pytest.fixture
def paths(project):
    return balanced_paths([-5, 0, 1], [3, 2, 1], (4, 3, 5), 0.1, 2.0, 4, 12, 0, points=9, step=1e-3)


def test_closed_form_and_integration_agree(paths):
    assert paths.attrs["agreement"] < 1e-9
    at = paths.sel(time=paths.moment.values)
    np.testing.assert_allclose(paths.integrated_loss, at.loss, atol=1e-9)
    np.testing.assert_allclose(paths.integrated_size, at.mode_size, atol=1e-9)


def test_training_runs_from_the_start_to_the_task(paths):
    np.testing.assert_allclose(paths.mode_size.isel(time=0), 0.1, atol=1e-12)
    np.testing.assert_allclose(paths.mode_size.sel(imbalance=-5).isel(time=-1)[:2], [3, 2], atol=1e-2)
    assert (paths.loss.diff("time") < 0).all()
    # Singular values of a matrix that is off by |Σ - W₂ W₁| differ by no more in sum of squares.
    missing = ((paths.mode_size - paths["mode"]) ** 2).sum("mode")
    assert (missing <= 2 * paths.loss + 1e-12).all()


def test_the_common_imbalance_leaves_the_basis_free(paths):
    assert paths.concentration.sizes == {"imbalance": 3, "rotation": 12}
    assert (paths.concentration.std("rotation") > 0.03).all()
    assert ((paths.concentration > 0.05) & (paths.concentration < 0.95)).all()


def test_a_task_has_no_more_modes_than_the_shape():
    with pytest.raises(ValueError, match=r"^singular_values: 4 given; allowed are up to 3"):
        balanced_paths.function([0], [4, 3, 2, 1], (4, 3, 5), 0.1, 1.0, 2, 2, 0)
