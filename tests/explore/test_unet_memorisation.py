"""The explorer of U-Nets lists stored runs in words, draws samples beside what they copy, and offers a replicate."""

import numpy as np
import pytest

from companion.explore import panel, unet_memorisation
from companion.explore.unet_memorisation import explorer, listed, view, watched
from companion.studies.unet_recipes import ImageSetting, Recipe
from companion.studies.unet_runs import score_runs, trained

TINY = Recipe(
    base=8,
    multipliers=(1,),
    steps=4,
    first_checkpoint=2,
    checkpoints=2,
    batch_size=8,
    samples=30,
    sampler_steps=3,
    check_steps=3,
    loss_rows=4,
    feature_rows=4,
    shown=5,
)
PAIR = ImageSetting(first_count=3, second_count=5)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_STORE", str(folder))
        runs = trained([PAIR], TINY, 2, 0, block=2)
        trained([PAIR], TINY.changed(shown=0), 1, 0, block=1)
    return folder, runs


@pytest.fixture
def store(filled, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", str(filled[0]))
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    watched.cache_clear()
    return filled[0]


def test_runs_are_listed_in_words_those_with_samples_first(store):
    first, second = listed()
    assert (first.classes, first.images) == ("Bag / Trouser", "3 + 5")
    assert "shown 5" in first.rest and "root seed 0" in first.rest and "steps 4" in first.rest
    assert "shown" not in second.rest
    assert [list(each.replicates) for each in (first, second)] == [[0, 1], [0]]


def test_a_view_shows_the_samples_of_its_run(store, filled):
    first, second = listed()
    run = watched(*first.replicates[1])
    np.testing.assert_array_equal(
        run.nearest, filled[1].neighbour.isel(condition=1, neighbour_rank=0).transpose("step", "sample")
    )
    pictures = view(run, 4).axes[0]
    assert len(pictures.images) == 2 * 5
    shown = run.pair.pictures(run.pair.train)[run.nearest[-1, 0]]
    np.testing.assert_array_equal(pictures.images[5].get_array(), shown)
    without = view(watched(*second.replicates[0]), 4).axes[0]
    counts = np.bincount(watched(*second.replicates[0]).nearest[-1], minlength=8)
    assert [int(text.get_text()) for text in without.texts] == sorted(counts, reverse=True)


def test_the_explorer_begins_at_the_last_checkpoint_and_offers_another_replicate(store, monkeypatch):
    shown = []
    monkeypatch.setattr(panel, "display", shown.append)
    box = explorer(classes="Bag / Trouser")
    *_, replicate, step = box.children[0].children
    assert step.value == 4
    assert list(step.options) == [0, 2, 4]
    replicate.value = 2
    text, _ = shown[-1].children
    assert text.value.startswith("replicate 2: not stored. Computing it takes about")
    replicate.value = 0
    assert shown[-1].data.startswith(b"\x89PNG")


def test_an_empty_store_offers_a_first_run(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", str(tmp_path))
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    offer, _ = explorer().children
    assert offer.children[0].value.startswith("a U-Net: not stored.")
    assert not list(tmp_path.glob(f"{score_runs.name}/*"))


def test_in_a_batch_run_it_says_where_it_is(monkeypatch):
    monkeypatch.setenv("COMPANION_RUN", "1")
    monkeypatch.setattr(unet_memorisation, "listed", lambda: pytest.fail("it looked into the store"))
    assert "make lab" in str(explorer())
