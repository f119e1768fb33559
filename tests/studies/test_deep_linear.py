"""The stored experiments on linear networks agree with the laws, and show where imbalance matters and where not."""

import numpy as np
import pytest

from companion.analysis.statistics import bootstrap_interval
from companion.compute.seeds import generator
from companion.studies import deep_linear as study


def interval(samples):
    return bootstrap_interval(np.asarray(samples), generator=generator(0, "test"))


def test_the_map_has_the_exact_mean(project):
    found = study.imbalance_map(100_000, 100.0, 20, 50, 1)
    assert float(found.usage_mean.mean()) == pytest.approx(0.186, abs=2e-3)
    assert found.attrs["exact_mean"] == pytest.approx(0.18657, abs=1e-5)
    low, high = interval(found.usage_mean)
    assert high - low < 4e-3
    # Symmetric, even on the diagonal, one neuron alone at the edges.
    np.testing.assert_allclose(found.usage, found.usage.T, atol=0.1)
    assert float(found.usage.sel(imbalance_1=97.5, imbalance_2=97.5)) < 1e-3
    assert float(found.usage.sel(imbalance_1=97.5, imbalance_2=2.5)) > 0.7
    sparse = study.imbalance_map(3, 1.0, 4, 1, 0)
    assert np.isnan(sparse.usage).sum() >= 13


def test_flows_obey_the_law_of_the_ratio_and_readouts_break_it(project):
    found = study.ratio_law([1, 4, 16, 10_000], 60, 0)
    np.testing.assert_allclose(found.integrated.mean("draw"), [0, 0.2781, 0.6772, 0.9985], atol=5e-5)
    assert found.attrs["agreement"] < 1e-12
    assert found.law[0] == pytest.approx(0, abs=1e-12)
    assert (found.law.diff("line_ratio") > 0).all()
    assert (found.readouts_too.std("draw")[:3] > 0.05).all()


def test_a_common_ratio_is_flat(project):
    found = study.common_ratio([-3, 0, 3], [2, 4], [0.01, 1.0], 2000, 10, 0)
    np.testing.assert_allclose(found.law, [0.4427, 0.3607], atol=5e-5)
    means = found.usage.mean("part")
    np.testing.assert_allclose(
        means.sel(scale=0.01), found.law.broadcast_like(means.sel(scale=0.01)), atol=8e-3
    )
    # Large starts are flat too, elsewhere.
    large = means.sel(scale=1.0)
    assert float((large.max("log_ratio") - large.min("log_ratio")).max()) < 0.012
    assert (large < found.law - 0.02).all()


def test_no_regime_of_the_claim_gains_by_a_ratio_of_the_layers(project):
    found = study.imbalance_regimes([1e-2, 1.0], 0.1, 200, 0)
    assert found.common_ratio.dims == found.modes.dims == ("ratio", "draw")
    assert found.attrs["root_seed"] == 0
    for samples in (found.common_ratio, found.modes):
        assert ((samples >= 0) & (samples <= 1)).all()
        difference = samples.sel(ratio=1e-2) - samples.sel(ratio=1.0)
        assert interval(difference)[0] < 0.1
        assert abs(float(difference.mean())) < 0.1
    assert float(found.common_ratio.mean()) == pytest.approx(0.4427, abs=0.05)


def test_draws_are_paired_and_stay_when_others_are_added(project):
    few = study.imbalance_regimes([1.0], 0.1, 5, 3)
    both = study.imbalance_regimes([1e-2, 1.0], 0.1, 5, 3)
    np.testing.assert_allclose(few.modes[0], both.modes[1], atol=1e-12)
    other = study.imbalance_regimes([1.0], 0.1, 5, 4)
    assert (few.common_ratio != other.common_ratio).all()


def test_a_ratio_of_the_neurons_does_tell_modes_apart(project):
    found = study.several_modes([0.0, 2.0, 3.0], [0.01, 1.0], 40, 0, samples=500)
    small, large = found.concentration.mean("draw").values
    assert small[1] > 0.85 > 0.6 > small[0]
    np.testing.assert_allclose(small[:2], found.law[[0, 26]], atol=0.15)
    assert large[0] == pytest.approx(small[0], abs=0.15)
    assert np.isnan(large[1:]).all()


def test_the_concentration_knows_its_ends():
    assert study.mode_concentration(np.eye(3)) == pytest.approx(1.0)
    assert study.mode_concentration(np.ones((2, 4))) == pytest.approx(0.0, abs=1e-12)
    # A neuron that carries nothing counts for nothing.
    assert study.mode_concentration(np.array([[2.0, 0.0], [1e-9, 1e-9]])) == pytest.approx(1.0, abs=1e-8)


def test_the_overview_holds_its_parts(project):
    whole = study.linear_imbalance(4000, 100.0, 5, [1, 100], [-3, 0, 2], [2, 3], [0.01, 0.1], 10, 2, parts=3)
    regimes = study.imbalance_regimes([1e-3, 1.0, 1e2], 0.1, 10, 2)
    np.testing.assert_array_equal(whole.layer_modes, regimes.modes)
    assert whole.usage_map.equals(study.imbalance_map(4000, 100.0, 5, 30, 2).usage.rename("usage_map"))
    assert whole.sizes["part"] == 3
    assert whole.weight_ratio.values.tolist() == [0, 0.5, 1, 1.5, 2]
    assert {"samples": 4000, "largest": 100.0, "root_seed": 2}.items() <= whole.attrs.items()
    assert all(
        whole[name].attrs["long_name"] for name in (*whole.data_vars, "log_ratio", "ratio", "imbalance_1")
    )
