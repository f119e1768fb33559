"""The explorer of VAEs lists stored networks by their imbalance and draws what each latent does."""

import numpy as np
import pytest

from companion.explore import panel
from companion.explore.vae_initialisation import explorer, listed, view
from companion.studies.vae_initialisation import vae_runs
from companion.studies.vae_recipes import VAERecipe

TINY = VAERecipe(
    side=8,
    levels=(2, 4, 4),
    latents=3,
    widths=(16,),
    batch_size=16,
    steps=12,
    checkpoints=3,
    importance_looks=1,
    trees=3,
)
IMBALANCES = (-1.0, 0.0, 0.5)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_STORE", str(folder))
        return folder, vae_runs([{"replicate": 0, "imbalance": value} for value in IMBALANCES], TINY, 0)


@pytest.fixture
def store(filled, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", str(filled[0]))
    monkeypatch.delenv("COMPANION_RUN", raising=False)


def test_networks_are_listed_by_imbalance(store):
    assert [each.imbalance for each in listed()] == ["L = -1", "L = 0", "L = 0.5"]
    assert all("side 8" in each.rest and "beta 4" in each.rest for each in listed())


def test_a_view_shows_the_traversals_of_its_network(store, filled):
    own = filled[1].isel(condition=2)
    pictures, bars, errors, _ = view(*listed()[2].replicates[0]).axes
    divergence = own.divergence.transpose("step", "latent").values[-1]
    order = np.argsort(-divergence)
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], divergence[order])
    mosaic = pictures.images[0].get_array()
    first = own.traversal.transpose("latent", "value", "pixel").values[order[0], 0].reshape(8, 8)
    np.testing.assert_array_equal(mosaic[:8, :8], first)
    np.testing.assert_array_equal(errors.lines[-1].get_ydata(), own.error.values[1:])


def test_the_explorer_begins_where_it_is_asked_to_and_offers_another_start(store, monkeypatch):
    shown = []
    monkeypatch.setattr(panel, "display", shown.append)
    imbalance, _, replicate = explorer("L = 0.5").children[0].children
    assert imbalance.value == "L = 0.5"
    replicate.value = 1
    text, _ = shown[-1].children
    assert text.value.startswith("replicate 1: not stored. Computing it takes about")
