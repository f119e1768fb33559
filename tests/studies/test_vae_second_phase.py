"""The experiment with two phases: the first is what it would be alone, the second forgets."""

import numpy as np
import pytest

from companion.studies import vae_second_phase as study
from companion.studies.vae_recipes import VAERecipe

TINY = VAERecipe(
    data="sprites-5",
    side=8,
    levels=(3, 2, 1, 4, 4),
    latents=3,
    widths=(16,),
    learning_rate=5e-3,
    batch_size=16,
    steps=200,
    checkpoints=6,
)


@pytest.fixture(scope="module")
def found(run_store):
    return study.second_phase([-0.5, 0.0], TINY, 150, 2, 0)


def test_both_errors_over_both_phases(found):
    assert found.error.dims == ("replicate", "imbalance", "step", "phase")
    assert found.phase.values.tolist() == ["squares", "ellipses"]
    assert found.attrs["switch"] == 200 and found.step.values[[0, -1]].tolist() == [0, 350]
    assert 201 in found.step.values


def test_the_second_phase_learns_and_forgets(found):
    before, after = found.error.sel(step=200), found.error.isel(step=-1)
    assert (after.sel(phase="ellipses") < before.sel(phase="ellipses")).all()
    assert float((after - before).sel(phase="squares").mean()) > 0
    np.testing.assert_allclose(found.forgetting, (after - before).sel(phase="squares"))


def test_the_first_phase_does_not_know_of_the_second(found):
    longer = study.second_phase([-0.5, 0.0], TINY, 10, 1, 0)
    shared = [step for step in longer.step.values if step <= 200]
    np.testing.assert_array_equal(
        longer.error.sel(step=shared)[0].isel(phase=0), found.error.sel(step=shared)[0].isel(phase=0)
    )


@pytest.mark.parametrize(
    ("recipe", "options", "said"),
    [
        (VAERecipe(), {}, "recipe.data: 'sprites-3' given; allowed: 'sprites-5'"),
        (TINY, {"second_steps": 0}, "second_steps: 0 given; allowed: 1 or more"),
        (TINY, {"replicates": 0}, "replicates: 0 given"),
        (TINY, {"imbalances": []}, "imbalances"),
    ],
)
def test_bad_input_is_named(project, recipe, options, said):
    arguments = {"imbalances": [0.0], "recipe": recipe, "second_steps": 5, "replicates": 1, "seed": 0}
    with pytest.raises(ValueError, match=said):
        study.second_phase(**(arguments | options))
