"""Accuracies on corrupted rows stand at their corruption and weight decay."""

import numpy as np
import pytest

from companion.studies.curriculum_corruption import corrupted_labels
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

SPEC = CurriculumSpec(
    tasks=TaskSpec(operations=("add",), prime=11, fractions=(0.6,)),
    steps=80,
    width=16,
    heads=2,
    hidden=32,
    every=20,
    logarithmic=5,
)


@pytest.fixture(scope="module")
def data(run_store):
    return corrupted_labels(SPEC, [0.1, 0.3], [0.1, 10.0], 2, 0, block=2)


def test_values_are_those_of_the_runs(data):
    own = {"corruption": 0.3, "weight_decay": 10.0}
    runs = trained(SPEC, 2, 0, block=2, variations=[own]).isel(variation=0, operation=0)
    found = data.sel(own)
    for name, source in {
        "clean": "clean",
        "wrong": "wrong",
        "corrected": "corrected",
        "test": "test",
    }.items():
        values = runs[f"{source}_accuracy"].transpose("replicate", "step").values
        np.testing.assert_allclose(found[f"final_{name}"], values[:, -3:].mean(axis=1))
        np.testing.assert_allclose(found[name].isel(step=-1), values[:, -1], atol=1e-4)
        earlier = values[:, runs.step.values <= 56]
        np.testing.assert_allclose(found[f"before_{name}"], earlier[:, -3:].mean(axis=1))


def test_the_learning_rate_falls_over_the_last_share(data):
    assert data.attrs["decay_from"] == 56


def test_an_answer_is_not_both_wrong_and_true(data):
    assert (data.wrong + data.corrected <= 1 + 1e-4).all()
    assert float(data.clean.max()) > 0.3


def test_decay_keeps_wrong_labels_from_being_fitted(data):
    gap = data.final_wrong.sel(weight_decay=0.1) - data.final_wrong.sel(weight_decay=10.0)
    assert float(gap.mean()) > 0.2


@pytest.mark.parametrize(
    ("corruptions", "decays", "words"),
    [
        ([0.0, 0.1], [1.0], "corruptions"),
        ([0.1], [], "weight_decays"),
        ([0.1], [1.0, 0.3], "weight_decays"),
        ([0.2, 0.1], [1.0], "corruptions"),
    ],
)
def test_bad_grids_are_named(corruptions, decays, words):
    with pytest.raises(ValueError, match=words):
        corrupted_labels.function(SPEC, corruptions, decays, 2, 0, block=2)


def test_several_operations_are_refused():
    two = SPEC.changed(tasks=SPEC.tasks.model_dump() | {"operations": ("add", "sub")})
    with pytest.raises(ValueError, match="operations"):
        corrupted_labels.function(two, [0.1], [1.0], 2, 0, block=2)
