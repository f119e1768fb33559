"""A target beside partners: what each setting trains on, that it is paired, and which numbers are kept."""

import numpy as np
import pytest

from companion.analysis.curriculum_times import first_checkpoint
from companion.studies.curriculum_compatibility import beside, companies, partner_compatibility
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

SPEC = CurriculumSpec(
    tasks=TaskSpec(prime=11), batch=64, width=16, hidden=32, every=10, logarithmic=8, checkpoints=3
)
PARTNERS = ["none", "add", "shuffled add"]


@pytest.fixture(scope="module")
def found(run_store):
    return partner_compatibility(PARTNERS, [0.25, 0.6], [20, 30], SPEC, 2, 0, block=2, drawn_steps=9)


def test_a_partner_is_an_operation_and_its_tokens():
    assert beside(SPEC, "mul").tasks.operations == ("sub", "mul")
    assert beside(SPEC, "mul").tasks.vocabulary == ("shared", "shared")
    assert beside(SPEC, "private add").tasks.vocabulary == ("shared", "private")
    assert beside(SPEC, "shuffled max").tasks.operations == ("sub", "max")
    assert beside(SPEC, "lin(1, 2)", fraction=0.3).tasks.fractions == (0.3, 0.7)
    alone = beside(SPEC, "none", target="add")
    assert alone.tasks.operations == ("add", "sub")
    assert (alone.batch, alone.schedule.weights) == (32, (1.0, 0.0))
    assert (beside(SPEC, "add").batch, beside(SPEC, "add").schedule.weights) == (64, (0.5, 0.5))
    with pytest.raises(ValueError, match="did you mean"):
        beside(SPEC, "ad")


def test_fractions_beyond_the_first_have_one_partner(found):
    settings = list(
        zip(found.partner.values, found.fraction.values, found.budget.values.tolist(), strict=True)
    )
    first = [(name, 0.25, budget) for budget in (20, 30) for name in PARTNERS]
    assert settings == first + [(name, 0.6, budget) for budget in (20, 30) for name in PARTNERS[:2]]
    assert (found.attrs["batch"], found.attrs["target"], found.attrs["root_seed"]) == (64, "sub", 0)
    assert (found.attrs["prime"], found.attrs["width"], found.attrs["learning_rate"]) == (11, 16, 0.005)


def test_alone_and_in_company_start_alike_and_see_the_same_rows(run_store):
    runs = {name: companies(beside(SPEC, name).changed(steps=20), name, 2, 0, 2, "sub") for name in PARTNERS}
    start = runs["none"].weights.isel(checkpoint=0).values
    for name in PARTNERS[1:]:
        np.testing.assert_array_equal(runs[name].weights.isel(checkpoint=0).values, start)
    half = 121  # rows of the target's table
    for name in PARTNERS[1:]:
        np.testing.assert_array_equal(
            runs[name].train.isel(row=slice(half)).values, runs["none"].train.isel(row=slice(half)).values
        )
    seen = runs["none"].step_exposure.isel(step=-1).values
    np.testing.assert_array_equal(seen, [[32 * 20, 0]] * 2)
    together = runs["add"].step_exposure.isel(step=-1).values
    assert (together.sum(axis=1) == 64 * 20).all()
    assert (np.abs(together[:, 0] - 32 * 20) < 4 * np.sqrt(64 * 20 / 4)).all()  # binomial


def test_shuffling_changes_answers_and_nothing_about_the_target(run_store):
    plain, shuffled = (beside(SPEC, name).tasks.tasks(0) for name in ("add", "shuffled add"))
    np.testing.assert_array_equal(plain.tokens[:121], shuffled.tokens[:121])
    np.testing.assert_array_equal(plain.answers[:121], shuffled.answers[:121])
    agree = (plain.tokens[121:] == shuffled.tokens[121:]).all(axis=1).mean()
    assert agree < 0.2
    private = beside(SPEC, "private add").tasks.tasks(0)
    assert not set(private.number_tokens[0]) & set(private.number_tokens[1])


def test_numbers_and_curves_are_those_of_the_runs(found):
    runs = companies(beside(SPEC, "add").changed(steps=20), "add", 2, 0, 2, "sub")
    own = runs.transpose("replicate", "operation", "step", ...)
    kept = found.isel(setting=1)
    np.testing.assert_allclose(kept.final_test, own.test_accuracy.values[:, 0, -3:].mean(axis=-1))
    np.testing.assert_allclose(kept.partner_test, own.test_accuracy.values[:, 1, -3:].mean(axis=-1))
    np.testing.assert_array_equal(
        kept.generalised_at, first_checkpoint(own.step, own.test_accuracy.values[:, 0])
    )
    known = np.isfinite(kept.step.values)
    assert known.sum() >= 3 and np.isfinite(kept.test.values[:, known]).all()
    np.testing.assert_allclose(
        kept.test.values[:, known],
        own.test_accuracy.sel(step=kept.step.values[known].astype(int)).values[:, 0],
        atol=1e-4,
    )
    assert kept.step.values[known][-1] == 20 and np.nanmax(found.step.values[3:6]) == 30
    missing = np.isnan(found.partner_test.transpose("setting", "replicate").values).all(axis=1)
    np.testing.assert_array_equal(missing, found.partner.values == "none")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"spec": SPEC.changed(batch=0)}, "spec.batch: 0 given"),
        ({"partners": ["add", "add"]}, "partners: .* given"),
        ({"partners": []}, "partners: .* given"),
        ({"budgets": [40, 40]}, "budgets: .* given"),
        ({"partners": ["none"]}, "with several fractions"),
        ({"partners": ["sub"]}, "sub"),
    ],
)
def test_refused(run_store, changes, named):
    given = {"partners": PARTNERS, "fractions": [0.25, 0.6], "budgets": [40], "spec": SPEC} | changes
    if changes.get("partners") == ["sub"]:
        given["fractions"] = [0.25]
    with pytest.raises(ValueError, match=named):
        partner_compatibility(**given, replicates=2, seed=0, block=2)
