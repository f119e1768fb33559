"""The explorer of curricula lists what the store holds, draws it, and keeps quiet where there is nothing to draw."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from companion.explore import curricula, panel
from companion.explore.curricula import CHOICES, curves, explorer, listed, view
from companion.explore.stored_curricula import more_seeds
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec, ScheduleSpec, TaskSpec

PAIR = TaskSpec(operations=("add", "sub"), prime=7, fractions=(0.5, 0.25))
SPEC = CurriculumSpec(tasks=PAIR, batch=16, steps=20, every=10, logarithmic=3, width=8, hidden=16, heads=2)
BLOCKED = SPEC.changed(schedule=ScheduleSpec(kind="blocked", order=(1, 0), ends=(0.3, 1.0)).model_dump())
ALONE = SPEC.changed(tasks=TaskSpec(prime=7).model_dump(), batch=0, schedule=ScheduleSpec().model_dump())


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store of a mixture at two weights, a blocked schedule and one operation, and what was put there."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_STORE", str(folder))
        mixed = trained(SPEC, 4, 0, block=2, variations=[{"weights": (0.9, 0.1)}, {"weights": (0.5, 0.5)}])
        blocked, alone = trained(BLOCKED, 2, 0, block=2), trained(ALONE, 2, 3, block=2)
    return folder, mixed, blocked, alone


@pytest.fixture
def store(filled, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", str(filled[0]))
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    curricula._stack.cache_clear()
    return filled[0]


def chosen(**texts):
    (found,) = [each for each in listed() if all(getattr(each, name) == text for name, text in texts.items())]
    return found


def test_what_is_stored_is_listed_once_in_the_words_of_its_settings(store):
    names = [each[: len(CHOICES)] for each in listed()]
    assert len(names) == len(set(names)) == 4
    assert [each[:3] for each in names] == [
        ("add", "f = 0.5", "alone"),
        ("add + sub", "f = 0.5, 0.25", "blocked, ends 0.3 1, order 1 0"),
        ("add + sub", "f = 0.5, 0.25", "mixed 0.5 : 0.5"),
        ("add + sub", "f = 0.5, 0.25", "mixed 0.9 : 0.1"),
    ]
    assert names[0][3].startswith("20 steps, all rows, root seed 3, prime 7, ")
    assert names[0][3].endswith(", width 8")
    assert "batches of 16" in names[1][3]
    assert [len(each.replicates) for each in listed()] == [2, 2, 4, 4]


def test_curves_are_those_that_were_stored(store, filled):
    _, mixed, blocked, _ = filled
    for at, name in enumerate(("mixed 0.9 : 0.1", "mixed 0.5 : 0.5")):
        found = curves(chosen(schedule=name))
        for variable in ("train_accuracy", "test_accuracy", "step_exposure"):
            expected = mixed[variable].isel(variation=at).transpose("replicate", "step", "operation")
            np.testing.assert_array_equal(found[variable], expected)
    found = curves(chosen(schedule="blocked, ends 0.3 1, order 1 0"))
    np.testing.assert_array_equal(
        found.step_exposure, blocked.step_exposure.isel(variation=0).transpose(*found.step_exposure.dims)
    )


def test_a_field_of_a_network_s_own_is_always_named(store):
    trained(ALONE, 2, 3, block=2, variations=[{"weight_decay": decay} for decay in (0.5, 1.0)])
    rest = [each.rest for each in listed() if each.operations == "add"]
    assert sum(", weight decay 0.5" in text for text in rest) == 1
    assert sum(", weight decay 1" in text for text in rest) == 1


def test_a_view_draws_every_seed_and_what_was_shown(store, filled):
    training = chosen(schedule="blocked, ends 0.3 1, order 1 0")
    test, train, shown, clocks = view(training).axes
    data = curves(training)
    for axes, name in ((test, "test_accuracy"), (train, "train_accuracy")):
        drawn = [np.asarray(line.get_ydata()) for line in axes.lines]
        for operation in range(2):
            runs = data[name].values[:, 1:, operation]
            for run in (*runs, runs.mean(axis=0)):
                assert any(np.array_equal(run, line) for line in drawn)
    # Up to step 6 all rows are of the second operation, then all of the first.
    first = shown.collections[0].get_paths()[0]
    assert first.contains_point((15.0, 0.5)) and not first.contains_point((3.0, 0.5))
    open_marks = [line for line in clocks.lines if line.get_markerfacecolor() == "white"]
    assert sum(len(line.get_xdata()) for line in open_marks) == 8  # nothing is learned in 20 steps


def test_a_damaged_result_is_not_offered(store, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", str(tmp_path))
    trained(ALONE, 2, 0, block=1)
    (each,) = listed()
    each.replicates[1][0].joinpath("manifest.json").write_text("{}")
    (left,) = listed()
    assert list(left.replicates) == [0]


def test_an_empty_store_offers_a_first_training(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", str(tmp_path / "none"))
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    assert listed() == []
    offer, _ = explorer().children
    assert offer.children[0].value.startswith("a curriculum: not stored. Computing it takes about ")
    assert listed() == []


def test_in_a_batch_run_it_says_where_it_is(store, monkeypatch):
    monkeypatch.setenv("COMPANION_RUN", "1")
    assert "make lab" in str(explorer())


def test_each_menu_offers_what_the_ones_before_it_leave_and_one_move_draws_once(store, monkeypatch):
    shown = []

    def noted(training):
        shown.append(training[: len(CHOICES)])
        return view(training)

    monkeypatch.setattr(curricula, "view", noted)
    box = explorer()
    operations, shares, schedule, rest, _ = box.children[0].children
    assert operations.options == ("add", "add + sub") and schedule.options == ("alone",)
    operations.value = "add + sub"
    assert shares.value == "f = 0.5, 0.25" and len(schedule.options) == 3
    schedule.value = "mixed 0.9 : 0.1"
    assert len(shown) == 3
    assert shown[-1] == ("add + sub", "f = 0.5, 0.25", "mixed 0.9 : 0.1", rest.value)


def test_an_explorer_begins_where_its_notebook_is(store):
    box = explorer(operations="add + sub", schedule="mixed 0.9 : 0.1")
    operations, _, schedule, _, seeds = box.children[0].children
    assert (operations.value, schedule.value, seeds.value) == ("add + sub", "mixed 0.9 : 0.1", 4)
    assert explorer(operations="unheard of").children[0].children[0].value == "add"


def test_more_seeds_are_those_that_are_missing(store, filled, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", f"{tmp_path}:{store}")
    alone = next(each for each in listed() if "weight decay" not in each.rest)
    missing = more_seeds(alone, 3)
    assert str(missing).startswith("replicate 2: not stored. Computing it takes about")
    missing.compute()
    grown = chosen(operations="add", rest=alone.rest)
    assert list(grown.replicates) == [0, 1, 2]
    np.testing.assert_array_equal(
        curves(grown).test_accuracy[:2],
        filled[3].test_accuracy.isel(variation=0).transpose("replicate", "step", ...),
    )


def test_twice_as_many_seeds_are_offered_and_trained_when_asked_for(store, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", f"{tmp_path}:{store}")
    shown = []

    def noted(training):
        shown.append(len(training.replicates))
        return Figure(figsize=(1.0, 1.0))

    monkeypatch.setattr(curricula, "view", noted)
    offered = []
    monkeypatch.setattr(panel, "display", offered.append)
    box = explorer(operations="add")
    seeds = box.children[0].children[-1]
    seeds.value = 4
    assert shown == [2]
    text, button = offered[-1].children
    assert text.value.startswith("replicates 2, 3: not stored")
    button.click()
    assert shown == [2, 4]
