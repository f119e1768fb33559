"""The experiment on gains returns what was measured, at equal fit too, and grows without recomputing."""

import numpy as np
import pytest

from companion.studies import vae_initialisation as study
from companion.studies.vae_recipes import VAERecipe, checked_imbalances, run_name

TINY = VAERecipe(
    side=8,
    levels=(2, 4, 4),
    latents=3,
    widths=(16,),
    learning_rate=5e-3,
    batch_size=16,
    steps=80,
    checkpoints=8,
    importance_looks=2,
    trees=3,
)
IMBALANCES = [-0.5, 0.0, 0.5]


@pytest.fixture(scope="module")
def found(run_store):
    return study.initialisation(IMBALANCES, [TINY, TINY.changed(beta=1.0)], 2, 0)


def test_measures_are_in_their_range(found):
    assert found.error.dims == ("setting", "replicate", "imbalance", "checkpoint")
    assert found.setting.values.tolist() == [r"Adam, $\beta=4$", r"Adam, $\beta=1$"]
    for name in ("gap", "disentanglement", "completeness", "informativeness"):
        values = found[name].values
        assert (values[~np.isnan(values)] >= 0).all() and (values[~np.isnan(values)] <= 1).all()
    assert (found.active >= 0).all() and (found.active <= 3).all()
    assert (found.error > 0).all() and np.isfinite(found.gap).all()
    # Training runs: the error comes down.
    assert (found.error.isel(checkpoint=-1) < 0.8 * found.error.isel(checkpoint=0)).all()
    assert (found.stopped_at == -1).all()


def test_the_oracle_and_the_images(found):
    assert float(found.oracle_gap) == pytest.approx(1.0, abs=1e-9)
    images = TINY.images.images()
    assert float(found.variance) == pytest.approx(images.var(axis=0, dtype=float).sum(), rel=1e-6)
    assert (found.attrs["root_seed"], found.attrs["beta"], found.attrs["data"]) == (0, 4.0, "sprites-3")


def test_less_pressure_fits_better_and_uses_more(found):
    """A smaller β costs less to fit: lower error and larger divergence, on average."""
    strong, weak = (found.isel(setting=place) for place in (0, 1))
    assert float(weak.error.isel(checkpoint=-1).mean()) < float(strong.error.isel(checkpoint=-1).mean())
    assert float(weak.divergence.sum("latent").mean()) > float(strong.divergence.sum("latent").mean())


def test_equal_fit_is_where_the_worst_run_ends(found):
    common = found.common_error.sel(contrast=0.5)
    errors = found.error.min("checkpoint").max("imbalance")
    np.testing.assert_allclose(common, errors)
    for setting, replicate in np.ndindex(2, 2):
        cell = found.isel(setting=setting, replicate=replicate)
        target = float(cell.common_error.sel(contrast=0.5))
        for side, imbalance in enumerate(IMBALANCES):
            run = cell.sel(imbalance=imbalance)
            at = int(np.flatnonzero(run.error.values <= target)[0])
            around = run.gap.values[max(at - 1, 0) : at + 1]
            value = float(cell.matched_gap.sel(contrast=0.5)[side])
            assert around.min() - 1e-12 <= value <= around.max() + 1e-12
    assert np.isnan(found.matched_gap.sel(contrast=1.0)).all()
    assert np.isnan(found.common_error.sel(contrast=1.0)).all()


def test_importances_are_found_at_their_steps(found):
    measured = found.measured_step.isel(setting=0).values
    assert measured.tolist() == list(TINY.importance_steps)
    assert measured[-1] == TINY.steps and len(measured) == 2
    assert np.isfinite(found.informativeness).all()


def test_traversals_move_one_latent(found):
    pictures = found.traversal
    assert pictures.dims == ("imbalance", "latent", "value", "pixel")
    assert pictures.shape == (3, 3, 7, 64)
    assert (pictures.std("value").max(["latent", "pixel"]) > 0.01).all()


def test_more_replicates_keep_the_first_ones(found, run_store):
    blocks = list(run_store.glob("**/vae_initialisation.vae_runs/*/manifest.json"))
    fewer = study.initialisation(IMBALANCES, [TINY], 1, 0)
    for name in ("error", "gap", "disentanglement"):
        np.testing.assert_array_equal(fewer[name][0, 0], found[name][0, 0])
    assert blocks == list(run_store.glob("**/vae_initialisation.vae_runs/*/manifest.json")) != []


def test_a_run_is_the_same_with_other_imbalances(found):
    other = study.initialisation([0.5, 1.0], [TINY], 1, 0)
    np.testing.assert_allclose(
        other.error.sel(imbalance=0.5)[0, 0], found.error.sel(imbalance=0.5)[0, 0], rtol=1e-3
    )
    assert np.isnan(other.matched_gap).all()


def test_names_draw_apart():
    first, same, other = (run_name(*each).numpy("x").random() for each in ((0, 1), (0, 1), (1, 1)))
    assert first == same != other


def test_recipes_are_checked():
    with pytest.raises(ValueError, match="latents"):
        VAERecipe(latents=1)
    with pytest.raises(ValueError, match="levels"):
        VAERecipe(levels=(1, 2))
    assert TINY.changed(beta=1.0).beta == 1.0
    assert TINY.looks[0] == 0 and TINY.looks[-1] == 80
    sgd = TINY.changed(optimiser="sgd")
    assert sgd.label == r"SGD, $\beta=4$" and sgd.training.optimiser == "sgd"


@pytest.mark.parametrize(
    ("imbalances", "recipes", "replicates", "said"),
    [
        ([], [TINY], 1, r"imbalances: \[\] given"),
        ([0.5, 0.5], [TINY], 1, "imbalances"),
        ([np.nan], [TINY], 1, "imbalances"),
        ([0.0], [TINY], 0, "replicates: 0 given; allowed: 1 or more"),
        ([0.0], [], 1, "recipes: none given"),
        ([0.0], [TINY, TINY], 1, "recipes: .* given; allowed: different optimisers"),
        ([0.0], [TINY, TINY.changed(beta=1.0, latents=4)], 1, "the same images"),
    ],
)
def test_bad_input_is_named(project, imbalances, recipes, replicates, said):
    with pytest.raises(ValueError, match=said):
        study.initialisation(imbalances, recipes, replicates, 0)


def test_checked_imbalances_are_an_array():
    assert checked_imbalances([0, 0.5], 1).tolist() == [0.0, 0.5]
