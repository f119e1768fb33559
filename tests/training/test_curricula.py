"""Curricula from plain data: the smoke profile, variations in one stack, what is recorded, and refusals."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from companion.training.adaptive_schedules import Gate
from companion.training.curricula import train_curriculum
from companion.training.curriculum_spec import CurriculumSpec, ScheduleSpec, TaskSpec
from companion.training.operation_batches import TableSource

TASKS = TaskSpec(operations=("add", "mul"), prime=11, fractions=(0.7,))
SMOKE = CurriculumSpec(tasks=TASKS, steps=60, batch=64, width=16, hidden=64, every=30, logarithmic=5)


AWAY = {**TASKS.model_dump(), "held_out": ("mul",)}
TINY = {"operations": ("add", "mul"), "prime": 5, "fractions": (0.06, 0.5)}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_smoke_profile_learns_and_repeats():
    found = train_curriculum(SMOKE, [0, 1], device="cpu")
    assert found.train_accuracy[:, 0].mean() < 0.2 < float(found.train_accuracy[:, -1].mean())
    assert np.isfinite(found.train_loss).all() and np.isfinite(found.test_loss).all()
    assert (found.train.sum("row") == 2 * round(0.7 * 121)).all()
    assert found.identical(train_curriculum(SMOKE, [0, 1], device="cpu"))
    assert found.operation.values.tolist() == ["add", "mul"] and found.replicate.values.tolist() == [0, 1]


def test_networks_of_one_stack_may_differ():
    variations = [{"weight_decay": 0.1}, {"weights": (0.9, 0.1)}, {"fractions": (0.3,)}, {"corruption": 0.2}]
    found = train_curriculum(SMOKE, [0] * 4, variations=variations, device="cpu")
    exposure = found.step_exposure[:, -1].values
    assert exposure.sum(axis=1).tolist() == [64 * 60] * 4
    assert exposure[1, 0] / exposure[1].sum() == pytest.approx(0.9, abs=0.03)
    assert found.train.sum("row").values.tolist() == [170, 170, 72, 170]
    assert found.corrupted.sum("row").values.tolist() == [0, 0, 0, 34]
    assert np.isfinite(found.wrong_accuracy[3]).all() and np.isnan(found.wrong_accuracy[0]).all()
    alone = train_curriculum(SMOKE, [0], variations=variations[1:2], device="cpu")
    np.testing.assert_allclose(found.train_loss[1, 0], alone.train_loss[0, 0], atol=1e-5)
    np.testing.assert_array_equal(exposure[1], alone.step_exposure[0, -1])


def test_everything_asked_for_is_recorded():
    schedule = ScheduleSpec(kind="blocked", order=(1, 0))
    spec = SMOKE.changed(schedule=schedule.model_dump(), checkpoints=3, linear_checkpoints=4, moments=(0, 60))
    found = train_curriculum(spec, [3], device="cpu")
    assert {30, 31, 33, 40} <= set(found.step.values.tolist())
    assert {0, 20, 30, 40, 60} <= set(found.checkpoint.values.tolist())
    assert found.correct.dims == ("run", "moment", "row")
    np.testing.assert_allclose(found.additive_power.sum("frequency"), 1)
    train = found.train.astype(bool).values[0]
    first = np.arange(242) < 121
    last = found.correct.sel(moment=60).values[0]
    assert last[train & first].mean() == pytest.approx(float(found.train_accuracy[0, -1, 0]))
    seen, unseen = found.seen_accuracy[0, -1, 0], found.unseen_accuracy[0, -1, 0]
    low, high = sorted((float(seen), float(unseen)))
    assert low <= float(found.test_accuracy[0, -1, 0]) <= high


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tasks": {"operations": ("add", "div"), "prime": 12}}, "prime"),
        ({"tasks": {"operations": ("ad",)}}, "ad"),
        ({"tasks": {"fractions": (1.0,)}}, "fractions"),
        ({"schedule": {"weights": (0.5, 0.4)}}, r"weights.*sum 0\.9"),
        ({"schedule": {"weights": (1.0,)}}, "one of 2"),
        ({"heads": 3}, "heads"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"moments": (61,)}, "moments"),
        ({"steps": 0}, "steps"),
        ({"schedule": {"kind": "gate"}, "held_share": 0.0}, "held_share"),
        ({"tasks": TINY, "schedule": {"kind": "gate"}, "held_share": 0.9}, "held_share: 0.9 given for 2"),
        ({"consolidation": 0.1}, "consolidation, reset_moments"),
        ({"schedule": {"kind": "loss"}, "reset_moments": True}, "consolidation, reset_moments"),
        ({"tasks": AWAY, "schedule": {"weights": (0.5, 0.5)}}, "operation 1, which is held_out"),
        ({"tasks": AWAY, "schedule": {"kind": "gate"}}, "operation 1, which is held_out"),
    ],
)
def test_bad_specs_are_named_before_any_work(change, named):
    with pytest.raises(ValidationError, match=named):
        SMOKE.changed(**change)


@pytest.mark.parametrize("batch", [0, 64])
def test_an_operation_that_is_held_out_is_tested_and_never_trained(batch):
    found = train_curriculum(SMOKE.changed(tasks=AWAY, batch=batch), [0, 1], device="cpu")
    assert found.train.sum("row").values.tolist() == [round(0.7 * 121)] * 2
    assert (found.step_exposure.sel(operation="mul") == 0).all()
    assert np.isnan(found.train_accuracy.sel(operation="mul")).all()
    assert np.isfinite(found.test_accuracy.sel(operation="mul")).all()
    assert float(found.train_accuracy[:, -1, 0].mean()) > 0.2
    alone = SMOKE.changed(tasks={**TASKS.model_dump(), "operations": ("add",)}, batch=batch, steps=1)
    of_addition = train_curriculum(alone, [0, 1], device="cpu").train
    np.testing.assert_array_equal(found.train[:, : of_addition.sizes["row"]], of_addition)


GATED = SMOKE.changed(schedule={"kind": "gate", "threshold": 0.6}, look_every=5)


@pytest.mark.parametrize("kind", ["gate", "loss", "progress"])
def test_schedules_that_adapt_look_at_rows_that_are_not_trained_on(kind, monkeypatch):
    given, sampled = [], []
    draw, sample = TableSource.draw, TableSource.sample
    monkeypatch.setattr(TableSource, "draw", lambda self, *rest: given.append(draw(self, *rest)) or given[-1])
    monkeypatch.setattr(TableSource, "sample", lambda self: sampled.append(sample(self)) or sampled[-1])
    spec = GATED.changed(schedule={"kind": kind}, tasks={**TASKS.model_dump(), "corruption": 0.1})
    found = train_curriculum(spec, [0, 1], device="cpu")
    train, held = found.train.values.astype(bool), found.held.values.astype(bool)
    assert (held & ~train).sum() == 0 and (held[0] != held[1]).any()
    assert held.reshape(2, 2, 121).sum(axis=2).tolist() == [[8, 8], [8, 8]]
    place = {tuple(row): index for index, row in enumerate(TASKS.tasks(0).tokens.tolist())}
    for run in range(2):
        looked, learned = (
            {place[tuple(row)] for rows in drawn for row in rows.tokens[run].tolist()}
            for drawn in (sampled, given)
        )
        assert looked == set(np.flatnonzero(held[run]).tolist())
        assert learned and not learned & looked and learned <= set(np.flatnonzero(train[run]).tolist())


def test_schedules_that_look_at_nothing_train_on_all_rows():
    found = train_curriculum(SMOKE.changed(held_share=0.5), [0, 1], device="cpu")
    assert "held" not in found and found.identical(train_curriculum(SMOKE, [0, 1], device="cpu"))


def test_a_schedule_that_replaces_the_specs_is_given_a_slice_where_it_adapts():
    own = train_curriculum(GATED, [0, 1], device="cpu")
    replaced = train_curriculum(SMOKE.changed(look_every=5), [0, 1], schedule=Gate((0, 1), 0.6), device="cpu")
    assert own.identical(replaced)


def test_bad_variations_are_named():
    with pytest.raises(ValueError, match="variations: width given"):
        train_curriculum(SMOKE, [0], variations=[{"width": 8}])
    with pytest.raises(ValueError, match="variations: 1 given"):
        train_curriculum(SMOKE, [0, 1], variations=[{}])
