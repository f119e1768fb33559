"""The twin puts each run at its place, and the theory at the same places."""

import numpy as np
import pytest

from companion.studies import mixture_twin as module
from companion.studies.mixture_runs import TwinRecipe, twins
from companion.studies.mixture_theory import class_lead, theory_leads, twin_clocks
from companion.studies.mixture_twin import mixture_twin
from companion.studies.unet_memorisation import pair_setting
from companion.studies.unet_recipes import ImageSetting
from companion.studies.unet_summaries import PRIMARY_INDEX

TINY = TwinRecipe(
    dimension=4,
    width=8,
    steps=12,
    first_checkpoint=2,
    checkpoints=3,
    batch_size=8,
    samples=60,
    sampler_steps=3,
    loss_rows=16,
    held_out=40,
    ruler=60,
)
PAIR = ("Bag", "Trouser")


@pytest.fixture(autouse=True)
def coarse_lines(monkeypatch):
    monkeypatch.setattr(module, "_FINE", 3)


def test_the_twin_has_all_parts_at_their_places(project):
    found = mixture_twin(PAIR, "Bag", 8, [0.8, 1.0], [4, 2], ["pair", "balanced"], TINY, 4, 2, 5)
    sizes = dict(found.sizes)
    wanted = {"prediction": 2, "replicate": 2, "gain": 2, "share": 2, "centring": 2, "clock": 2, "label": 2}
    assert sizes | wanted == sizes
    assert found.prediction.values.tolist() == ["eps_plain", "preconditioned"]
    assert found.share.values.tolist() == [0.5, 0.25]
    assert (found.attrs["sample_ratio"], found.attrs["points"]) == (2.0, 8)

    short = TINY.changed(steps=4, samples=0)
    setting = pair_setting(PAIR, (2, 6), centring="balanced")
    runs = twins([setting], short.changed(prediction="eps_plain"), 2, 5, block=1)
    losses = runs.sel(diffusion_index=PRIMARY_INDEX).transpose("condition", "label", "step", ...)
    times = twin_clocks(runs.step.values, losses.train_loss.values, losses.test_loss.values, 0.1)
    placed = found.share_time.sel(prediction="eps_plain", centring="balanced", share=0.25)
    np.testing.assert_array_equal(placed.transpose("replicate", "label", "clock"), times)

    dial = ImageSetting(second="", first_count=4, second_count=4, gain=0.8)
    runs = twins([dial], short, 2, 5, block=1).sel(diffusion_index=PRIMARY_INDEX)
    losses = runs.transpose("condition", "label", "step", ...)
    times = twin_clocks(runs.step.values, losses.train_loss.values, losses.test_loss.values, 0.1)
    placed = found.gain_time.sel(prediction="preconditioned", gain=0.8)
    np.testing.assert_array_equal(placed.transpose("replicate", "label", "clock"), times)

    predicted = theory_leads([dial, setting], TINY, (2.0, 16.0), 0.1)
    np.testing.assert_array_equal(found.gain_theory.sel(gain=0.8), predicted[0])
    np.testing.assert_array_equal(found.share_theory.sel(centring="balanced", share=0.25), predicted[1])
    # The lines pass through the same values: shares are places of the line's ends.
    for end, share in ((0, 0.25), (-1, 0.5)):
        line = found.share_line.sel(centring="pair").isel(fine_share=end)
        np.testing.assert_allclose(line, found.share_theory.sel(centring="pair", share=share), atol=1e-9)

    gram = found.gram.sel(centring="pair").values
    np.testing.assert_allclose(gram, gram[0, 0] * np.array([[1, -1], [-1, 1]]), atol=1e-9)
    balanced = found.gram.sel(centring="balanced").values
    assert balanced[0, 0] != pytest.approx(balanced[1, 1], rel=0.1)

    times = found.gain_time.transpose("prediction", "replicate", "gain", "label", "clock").values
    assert found.compared.max() <= 5
    known = ~np.isnan(class_lead(times[:, :, [0]])).any(axis=(1, 2))
    assert known.shape == (2, 2)
    assert (found.mismatch > 0).all()
    assert (found.null_queries == 80).all()
    assert (found.own_distance > 0).all()
    assert found.memorised.dims[:2] == ("prediction", "replicate")


def test_a_twin_without_samples_has_losses_alone(project):
    found = mixture_twin(PAIR, "Bag", 4, [1.0], [2], ["pair"], TINY.changed(samples=0), 6, 1, 5)
    assert "memorised" not in found
    assert np.isfinite(found.test_loss).all()


@pytest.mark.parametrize(
    ("points", "minorities", "message"),
    [(7, [2], "points: 7 given; allowed: even"), (8, [2, 8], r"minorities: \[2, 8\] given; allowed: 1 to 7")],
)
def test_counts_that_do_not_fit_are_refused_before_any_work(project, points, minorities, message):
    with pytest.raises(ValueError, match=message):
        mixture_twin.function(PAIR, "Bag", points, [1.0], minorities, ["pair"], TINY, 6, 1, 5)
