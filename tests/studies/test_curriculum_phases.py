"""The grid of trained shares and weight decays: each place holds the run that it names."""

import numpy as np
import pytest

from companion.analysis.curriculum_times import first_checkpoint
from companion.studies.curriculum_phases import phase_diagram
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

TINY = CurriculumSpec(
    tasks=TaskSpec(prime=5), steps=20, width=16, hidden=32, every=10, logarithmic=3, checkpoints=3
)


def test_each_place_of_the_grid_holds_its_own_runs(run_store):
    found = phase_diagram(TINY, [0.4, 0.8], [0.1, 3.0], 2, 5, block=2)
    assert found.memorised_at.dims == ("fraction", "weight_decay", "replicate")
    assert found.sizes == {"fraction": 2, "weight_decay": 2, "replicate": 2}
    own = TINY.changed(tasks={"prime": 5, "fractions": (0.8,)}, weight_decay=3.0, checkpoints=0)
    runs = trained(own, 2, 5, block=2).isel(variation=0, operation=0)
    place = found.sel(fraction=0.8, weight_decay=3.0)
    np.testing.assert_allclose(place.final_train, runs.train_accuracy[:, -3:].mean("step"))
    np.testing.assert_allclose(place.final_unseen, runs.unseen_accuracy[:, -3:].mean("step"))
    np.testing.assert_array_equal(place.memorised_at, first_checkpoint(runs.step, runs.train_accuracy))
    np.testing.assert_array_equal(place.generalised_at, first_checkpoint(runs.step, runs.test_accuracy))
    assert (found.stopped_at == -1).all()
    assert {name: found.attrs[name] for name in ("root_seed", "steps", "operation", "prime")} == {
        "root_seed": 5,
        "steps": 20,
        "operation": "add",
        "prime": 5,
    }


@pytest.mark.parametrize(
    ("fractions", "decays", "named"),
    [([], [1.0], "fractions"), ([0.5, 0.4], [1.0], "fractions"), ([0.5], [1.0, 1.0], "weight_decays")],
)
def test_grids_ascend(fractions, decays, named):
    with pytest.raises(ValueError, match=rf"{named}: .* given; allowed: a list, not empty, that ascends"):
        phase_diagram.function(TINY, fractions, decays, 1, 0, block=1)


def test_one_operation_at_a_time():
    both = TINY.changed(tasks={"operations": ("add", "mul"), "prime": 5})
    with pytest.raises(ValueError, match="allowed: one operation"):
        phase_diagram.function(both, [0.5], [1.0], 1, 0, block=1)
