"""When one operation is memorised and generalised: settings, times, and what the first hundred steps must show."""

import numpy as np
import pytest

from companion.analysis.curriculum_times import first_checkpoint
from companion.studies.curriculum_delay import CONTROLS, delay_settings, generalisation_delay
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

TINY = CurriculumSpec(
    tasks=TaskSpec(prime=7, fractions=(0.5,)), steps=30, width=16, hidden=32, every=10, logarithmic=3
)


def test_controls_change_what_they_name_and_nothing_else():
    found = delay_settings(CurriculumSpec(), ["add", "mul"])
    assert list(found) == ["add", "mul", "comprehension", "few rows"]
    assert found["add"] == CurriculumSpec()
    assert found["mul"].tasks.operations == ("mul",)
    comprehension = found["comprehension"]
    assert (comprehension.batch, comprehension.weight_decay, comprehension.tasks.fractions) == (
        256,
        2.0,
        (0.6,),
    )
    assert found["few rows"].changed(tasks=TaskSpec().model_dump()) == CurriculumSpec()
    assert found["few rows"].tasks.fractions == (0.25,)


@pytest.mark.parametrize("operations", [[], ["few rows"], ["add", "add"]])
def test_settings_have_names_of_their_own(operations):
    with pytest.raises(ValueError, match=r"operations, controls: .* given"):
        delay_settings(CurriculumSpec(), operations)


def test_curves_and_times_are_those_of_the_runs(run_store):
    controls = {"more rows": {"fraction": 0.8, "weight_decay": 0.1}}
    found = generalisation_delay(
        TINY, ["sub"], 2, 5, block=2, controls=controls, drawn_from=1, drawn_steps=99
    )
    assert found.setting.values.tolist() == ["sub", "more rows"]
    assert found.fraction.values.tolist() == [0.5, 0.8]
    assert found.batch.values.tolist() == [0, 0] and found.weight_decay.values.tolist() == [1.0, 0.1]
    assert (found.attrs["root_seed"], found.attrs["steps"], found.attrs["prime"]) == (5, 30, 7)
    assert (found.attrs["width"], found.attrs["layers"], found.attrs["decay_share"]) == (16, 1, 0.3)
    own = TINY.changed(tasks={"operations": ("sub",), "prime": 7, "fractions": (0.8,)}, weight_decay=0.1)
    runs = trained(own, 2, 5, block=2).isel(variation=0, operation=0)
    runs, whole = runs.isel(step=slice(1, None)), runs
    np.testing.assert_allclose(found.train[1], runs.train_accuracy, atol=1e-4)
    np.testing.assert_allclose(found.unseen[1], runs.unseen_accuracy, atol=1e-4)
    np.testing.assert_allclose(found.weight_norm[1], runs.weight_norm, atol=1e-4)
    expected = first_checkpoint(whole.step, whole.train_accuracy, 0.8)
    np.testing.assert_array_equal(found.memorised_at.sel(setting="more rows", threshold=0.8), expected)
    np.testing.assert_allclose(found.final_test[1], runs.test_accuracy[:, -3:].mean("step"))
    assert (found.stopped_at == -1).all()
    by_level = found.memorised_at.values
    assert (by_level[..., :-1] <= by_level[..., 1:]).all()


def test_a_hundred_steps_memorise_addition_without_generalising_it(run_store):
    spec = CurriculumSpec(steps=120, every=10, logarithmic=3)
    found = generalisation_delay(spec, ["add"], 2, 0, block=2, controls={})
    memorised, generalised = found.memorised_at.sel(threshold=0.9), found.generalised_at
    assert ((memorised >= 50) & (memorised <= 120)).all()
    assert np.isinf(generalised).all()
    # Below chance, 1/31: rows without a trained mirror are answered like their neighbours.
    assert float(found.unseen[..., -1].mean()) < 0.1
    assert (found.weight_norm.isel(step=-1) < found.weight_norm.isel(step=0)).all()


def test_controls_are_those_of_the_registered_regime():
    assert CONTROLS["comprehension"] == {"batch": 256, "fraction": 0.6, "weight_decay": 2.0}
