"""mem(z) of planted answers, histograms that count every row, and accuracies by rank of the right operands."""

import numpy as np
import pytest
import xarray as xr

from companion.studies import curriculum_samples as studies
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

SPEC = CurriculumSpec(
    tasks=TaskSpec(operations=("add",), prime=11, fractions=(0.5,)),
    steps=40,
    width=16,
    heads=2,
    hidden=32,
    every=40,
    logarithmic=2,
    moments=(10, 20, 40),
)


def planted(spec, replicates, seed, *, block, label):
    """At the first moment only own rows are right; then those in the rows' first third, trained on or not; then all."""
    tasks = spec.tasks.tasks(seed)
    train = np.stack([spec.tasks.drawn(tasks, seed, each).train for each in range(replicates)])
    first = np.broadcast_to(tasks.operands[:, 0] < 4, train.shape)
    correct = np.stack([train, first, np.ones_like(train)], axis=1)
    stopped = np.full(replicates, -1)
    stopped[-1] = 5
    return xr.Dataset(
        {
            "correct": (("replicate", "moment", "row"), correct.astype(np.uint8)),
            "train": (("replicate", "row"), train.astype(np.uint8)),
            "stopped_at": ("replicate", stopped),
        },
        {"moment": list(spec.moments)},
    ).expand_dims("variation")


@pytest.fixture
def study(monkeypatch):
    monkeypatch.setattr(studies, "trained", planted)
    return lambda **options: studies.sample_memorisation.function(SPEC, 13, 0, block=1, draws=5, **options)


def test_planted_answers(study):
    data = study(shown=[10, 40])
    np.testing.assert_allclose(data["mean"], [1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(data.train, [1, 4 / 11, 1], atol=0.03)
    np.testing.assert_allclose(data.test[[0, 2]], [0, 1])
    np.testing.assert_allclose(data.same_operands, [1, 0, 0])
    np.testing.assert_allclose(data.memorised.sel(shown=10), 1)
    assert data.attrs["replicates"] == 12  # one stopped
    # Rows that differ whether trained on or not: no mem, less spread than answers dealt out at random.
    assert float(data.variance[1]) < float(data.chance_low[1]) <= float(data.chance_high[1])
    np.testing.assert_array_equal(data.variance[[0, 2]], 0)


def test_histograms_count_every_row(study):
    data = study(shown=[10, 20])
    np.testing.assert_array_equal(data.histogram.sum("bin"), 121)
    np.testing.assert_allclose(data.chance_histogram.sum("bin"), 121, atol=0.05)
    assert int(data.histogram.sel(shown=10)[-1]) == 121


def test_trained_networks_are_better_on_their_own_rows(run_store):
    data = studies.sample_memorisation(
        SPEC, 4, 0, block=2, shown=[40], draws=5, exponent=1.5, exponent_replicates=2, exponent_batch=64
    )
    assert float(data.train[-1] - data.test[-1]) > 0.2
    assert float(data["mean"][-1]) == pytest.approx(float(data.train[-1] - data.test[-1]), abs=0.1)
    assert data.train_by_rank.dims == ("shown", "rank") and data.sizes["rank"] == 11
    np.testing.assert_allclose(data.mem_by_rank, data.train_by_rank - data.test_by_rank, atol=2e-4)
    assert (data.train_by_rank_low <= data.train_by_rank + 1e-4).all()
    assert data.attrs["exponent"] == 1.5


def test_ranks_follow_exposure(run_store):
    uneven = SPEC.changed(batch=64, tasks=SPEC.tasks.model_dump() | {"operand_exponent": 1.5})
    data = studies.operand_frequency(uneven, 4, 0, block=2)
    np.testing.assert_allclose(data.exposure / data.exposure[0], data["rank"].values ** -1.5, rtol=0.05)
    last = data.train_by_rank.isel(moment=-1).mean("replicate")
    assert float(last[:3].mean() - last[-4:].mean()) > 0.1


def test_accuracies_by_rank_are_of_the_rows_with_that_operand(monkeypatch):
    monkeypatch.setattr(studies, "trained", planted)
    uneven = SPEC.changed(batch=8, tasks=SPEC.tasks.model_dump() | {"operand_exponent": 1.0})
    data = studies.operand_frequency.function(uneven, 6, 0, block=1)
    tasks = uneven.tasks.tasks(0)
    for replicate in range(5):
        weights = uneven.tasks.drawn(tasks, 0, replicate).row_weights
        ranked = [tasks.operands[row, 0] for row in np.argsort(-weights, kind="stable")[::11]]
        second = data.train_by_rank.isel(replicate=replicate, moment=1).values
        np.testing.assert_array_equal(second, np.array(ranked) < 4)


@pytest.mark.parametrize(
    ("spec", "replicates", "shown", "words"),
    [
        (SPEC, 4, [30], "shown"),
        (SPEC, 4, [], "shown"),
        (SPEC, 1, [40], "replicates"),
        (SPEC.changed(tasks=SPEC.tasks.model_dump() | {"operations": ("add", "sub")}), 4, [40], "operations"),
    ],
)
def test_bad_arguments_are_named(spec, replicates, shown, words):
    with pytest.raises(ValueError, match=words):
        studies.sample_memorisation.function(spec, replicates, 0, block=1, shown=shown)


def test_even_operands_have_no_ranks():
    with pytest.raises(ValueError, match="operand_exponent 0"):
        studies.operand_frequency.function(SPEC.changed(batch=8), 4, 0, block=1)
