"""Compositions and permutations: what is held out stays out, steps are the same, and numbers are those of the runs."""

import numpy as np
import pytest

from companion.analysis.curriculum_times import first_checkpoint
from companion.datasets.composed_operations import composed_name, held_out_pairs
from companion.studies.curriculum_families import (
    DIRECT,
    PRIMITIVES_FIRST,
    composed_pairs,
    permutation_products,
)
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

SPEC = CurriculumSpec(
    tasks=TaskSpec(prime=5, degree=3), steps=30, batch=24, width=16, hidden=32, every=1, logarithmic=4
)
PRIMITIVES = ["add", "left"]


@pytest.fixture(scope="module")
def composed(run_store):
    return composed_pairs(SPEC, PRIMITIVES, 1, 2, 3, block=2)


@pytest.fixture(scope="module")
def first(run_store):
    """The training with operations first, put together from its plain description."""
    met, new = held_out_pairs(PRIMITIVES, 1, seed=3)
    tasks = TaskSpec(
        family="composed", operations=("add", "left"), pairs=(*met, *new), prime=5, degree=3,
        fractions=(0.9, 0.9, 0.8, 0.8, 0.8, 0.8), held_out=(composed_name(*new[0]),),
    )  # fmt: skip
    stages = ((0.5, 0.5, 0, 0, 0, 0), (0, 0, 1 / 3, 1 / 3, 1 / 3, 0))
    schedule = {"kind": "staged", "stages": stages, "ends": (0.2, 1.0)}
    return trained(SPEC.changed(tasks=tasks.model_dump(), schedule=schedule), 2, 3, block=2).isel(variation=0)


def test_a_held_out_pair_is_never_met(composed, first):
    _, new = held_out_pairs(PRIMITIVES, 1, seed=3)
    assert composed.pair.values.tolist() == [composed_name(*new[0])] == [str(first.operation.values[-1])]
    rows = first.step_exposure.transpose("replicate", "step", "operation").sel(step=[5, 30]).values
    assert (rows[..., -1] == 0).all()
    assert not first.train.isel(
        row=first.train.sizes["row"] - 125 + np.arange(125)
    ).any()  # all of its rows are judged
    # A fifth of the steps is on the operations alone, the others on the three pairs.
    assert (rows[:, 0, :2].sum(axis=-1) == 5 * 24).all()
    assert (rows[:, 1, :2].sum(axis=-1) == 6 * 24).all()
    assert (rows[:, 1, 2:].sum(axis=-1) == 24 * 24).all()
    assert composed.attrs["switch"] == 6 and composed.attrs["pairs"] == 3


def test_numbers_of_compositions_are_those_of_the_runs(composed, first):
    own = composed.sel(treatment=PRIMITIVES_FIRST)
    steps = np.arange(31)
    test, train = (
        first[name].transpose("replicate", "step", "operation").sel(step=steps).values
        for name in ("test_accuracy", "train_accuracy")
    )
    np.testing.assert_array_equal(own.step, steps)
    np.testing.assert_allclose(own.rows, test[..., 2:5].mean(axis=-1), atol=1e-4)
    np.testing.assert_allclose(own.pairs, test[..., 5], atol=1e-4)
    np.testing.assert_allclose(own.known, train[..., 2:5].mean(axis=-1), atol=1e-4)
    np.testing.assert_allclose(own.alone, train[..., :2].mean(axis=-1), atol=1e-4)
    np.testing.assert_allclose(own.final_rows, test[:, -3:, 2:5].mean(axis=(1, 2)))
    np.testing.assert_allclose(own.final_pair[:, 0], test[:, -3:, 5].mean(axis=1))


def test_treatments_share_start_and_rows(composed):
    both = [composed.sel(treatment=name, step=0) for name in (DIRECT, PRIMITIVES_FIRST)]
    for name in ("rows", "pairs", "known"):
        np.testing.assert_array_equal(both[0][name], both[1][name])
    assert composed.treatment.values.tolist() == [DIRECT, PRIMITIVES_FIRST]
    assert (composed.rows.sel(treatment=DIRECT) != composed.rows.sel(treatment=PRIMITIVES_FIRST)).any()
    assert composed.chance.values.tolist() == [0.2] and (composed.stopped_at == -1).all()


def test_products_have_as_many_rows_a_step_in_company(run_store):
    found = permutation_products(SPEC, ["sgn", "coset(2)"], 2, 3, block=2)
    assert found.company.values.tolist() == ["alone", "+ sgn", "+ coset(2)"]
    assert found.attrs["elements"] == 6 and found.attrs["degree"] == 3
    tasks = TaskSpec(family="permutation", operations=("product", "sgn"), prime=5, degree=3, fractions=(0.7,))
    runs = trained(SPEC.changed(tasks=tasks.model_dump(), batch=48), 2, 3, block=2).isel(variation=0)
    rows = runs.step_exposure.sel(step=30).transpose("replicate", "operation").values
    assert np.abs(rows - 30 * 24).max() < 5 * np.sqrt(30 * 48) / 2  # a batch's halves are drawn
    test = runs.test_accuracy.transpose("replicate", "step", "operation").sel(step=found.step).values
    own = found.sel(company="+ sgn")
    np.testing.assert_allclose(own.product_test, test[..., 0], atol=1e-4)
    np.testing.assert_allclose(own.companion_test, test[..., 1], atol=1e-4)
    np.testing.assert_allclose(own.final_product, test[:, -3:, 0].mean(axis=-1))
    np.testing.assert_array_equal(own.generalised, first_checkpoint(found.step, test[..., 0]))
    assert np.isnan(found.companion_test.sel(company="alone")).all()
    assert np.isfinite(found.product_train).all() and (found.stopped_at == -1).all()


@pytest.mark.parametrize(
    ("study", "given", "named"),
    [
        (composed_pairs, {"spec": SPEC, "primitives": PRIMITIVES, "held_out": 0}, "held_out: 0 given; .* 1 to 1"),
        (composed_pairs, {"spec": SPEC, "primitives": PRIMITIVES, "held_out": 2}, "held_out: 2 given"),
        (permutation_products, {"spec": SPEC.changed(batch=0), "companions": ["sgn"]}, "batch: 0"),
        (permutation_products, {"spec": SPEC, "companions": ["sign"]}, "'sign' given"),
    ],
)  # fmt: skip
def test_refused(run_store, study, given, named):
    with pytest.raises(ValueError, match=named):
        study(**given, replicates=1, seed=0, block=1)
