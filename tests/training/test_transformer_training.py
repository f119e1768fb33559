"""Stacks of transformers in training: gradients, bytes, neighbours, kills, stops and adaptive schedules."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.models.transformer import TransformerSpec
from companion.session import interruption
from companion.training import transformer_training
from companion.training.adaptive_schedules import ByLoss, Gate
from companion.training.curriculum_recipe import CurriculumRecipe, NetworkRun
from companion.training.diffusion_draws import RunName
from companion.training.operation_batches import TableSource, TrainingRows
from companion.training.schedules import Blocked, Static
from companion.training.stacked_adam import AdamSettings
from companion.training.transformer_step import TransformerStep
from companion.training.transformer_training import train_stack

P = 7
FIRST, SECOND = np.divmod(np.arange(P * P), P)
TOKENS = np.concatenate(
    [
        np.stack([FIRST, np.full(P * P, P + operation), SECOND, np.full(P * P, P + 2)], axis=1)
        for operation in range(2)
    ]
)
ANSWERS = np.concatenate([(FIRST + SECOND) % P, np.maximum(FIRST, SECOND)])
OPERATION = np.repeat([0, 1], P * P)
NETWORK = TransformerSpec(P + 3, P, 4, width=16, hidden=32)
RECIPE = CurriculumRecipe(NETWORK, Static((0.5, 0.5)), steps=30)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def runs(count, **rates):
    found = []
    for seed in range(count):
        found.append(NetworkRun(RunName(0, ("curriculum", seed)), **rates))
    return found


def source(own, batch):
    given = []
    for run in own:
        train = np.sort(np.random.default_rng(run.name.name[-1]).permutation(2 * P * P)[:70])
        given.append(TrainingRows(train, OPERATION[train], np.ones(70)))
    labels = np.tile(ANSWERS, (len(own), 1))
    return TableSource(TOKENS, labels, given, [run.name for run in own], 2, batch)


class Accuracy:
    """Share of right answers on the whole table."""

    dim = "step"

    def __init__(self, steps):
        self.steps = steps

    def __call__(self, snapshot):
        tokens = torch.from_numpy(TOKENS).expand(len(snapshot.weights), -1, -1)
        right = snapshot.logits(tokens).argmax(dim=2) == torch.from_numpy(ANSWERS)
        return {
            "accuracy": ((), right.double().mean(dim=1).numpy()),
            "weights": (("weight",), snapshot.weights.numpy().copy()),
        }


def trained(recipe, own, steps=(0, 15, 30), batch=32, **options):
    rows = source(own, batch)
    return train_stack(recipe, rows, own, [Accuracy(list(steps))], device="cpu", **options)


@pytest.mark.parametrize("batch", [0, 32])
def test_training_learns_and_repeats_to_the_byte(batch):
    recipe = replace(RECIPE, steps=80)
    first = trained(recipe, runs(2), (0, 80), batch)
    assert (first.accuracy[:, -1] > first.accuracy[:, 0] + 0.2).all()
    assert first.identical(trained(recipe, runs(2), (0, 80), batch))


def test_one_step_of_a_stack_is_that_of_each_network_alone():
    recipe = replace(RECIPE, steps=1)
    together = trained(recipe, runs(3), (0, 1))
    for seed in range(3):
        alone = trained(recipe, runs(3)[seed : seed + 1], (0, 1))
        np.testing.assert_allclose(together.weights[seed], alone.weights[0], rtol=0, atol=1e-6)


def test_rates_belong_to_networks():
    slow, fast = runs(1, learning_rate=1e-4, weight_decay=0.0), runs(1, learning_rate=1e-2, weight_decay=0.5)
    together = trained(RECIPE, [*slow, *fast])
    for place, own in enumerate((slow, fast)):
        alone = trained(RECIPE, own)
        np.testing.assert_allclose(together.weights[place, 1], alone.weights[0, 1], rtol=0, atol=2e-4)
    moved = np.abs(together.weights[:, 2] - together.weights[:, 0]).mean("weight")
    assert moved[1] > 20 * moved[0]


def test_a_killed_training_goes_on_bit_for_bit(tmp_path, monkeypatch):
    recipe = replace(RECIPE, schedule=Gate((1, 0), threshold=0.2, looks=1), look_every=5)
    whole = trained(recipe, runs(2), folder=tmp_path / "whole")
    took = transformer_training._Training._one_step
    monkeypatch.setattr(transformer_training, "_SAVE_SECONDS", 0.0)

    def killed(self):
        if self.step == 22:
            raise KeyboardInterrupt
        if self.step == 12:
            monkeypatch.setattr(transformer_training, "_SAVE_SECONDS", 120.0)
        took(self)

    monkeypatch.setattr(transformer_training._Training, "_one_step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(recipe, runs(2), folder=tmp_path / "killed")
    monkeypatch.setattr(transformer_training._Training, "_one_step", took)
    assert torch.load(tmp_path / "killed" / "training.pt", weights_only=True)["step"] == 12
    resumed = trained(recipe, runs(2), folder=tmp_path / "killed")
    assert resumed.identical(whole)


def saves(monkeypatch):
    """Steps at which a training is saved."""
    found, save = [], transformer_training._Training.save

    def counted(self):
        found.append(self.step)
        save(self)

    monkeypatch.setattr(transformer_training._Training, "save", counted)
    return found


def test_looks_save_nothing(tmp_path, monkeypatch):
    found = saves(monkeypatch)
    trained(RECIPE, runs(1), tuple(range(31)), folder=tmp_path)
    assert not found and not (tmp_path / "training.pt").exists()


def test_a_long_training_is_saved_between_looks_and_when_it_is_time(tmp_path, monkeypatch):
    found, clock = saves(monkeypatch), iter(range(10_000))
    # Each look at the clock is 25 seconds after the one before; a save looks once more.
    monkeypatch.setattr(transformer_training.time, "monotonic", lambda: 25.0 * next(clock))
    trained(RECIPE, runs(1), (0, 30), folder=tmp_path)
    assert len(found) >= 4 and (np.diff(found) == found[1] - found[0]).all() and found[0] < 10


def test_a_training_that_is_asked_to_end_saves_and_goes_on_bit_for_bit(tmp_path, monkeypatch):
    recipe = replace(RECIPE, schedule=Gate((1, 0), threshold=0.2, looks=1), look_every=5, consolidation=0.1)
    whole = trained(recipe, runs(2))
    took = transformer_training._Training._one_step

    def interrupted(self):
        took(self)
        if self.step == 17:
            interruption.ask()

    monkeypatch.setattr(transformer_training._Training, "_one_step", interrupted)
    try:
        with pytest.raises(interruption.Resumable):
            trained(recipe, runs(2), folder=tmp_path)
    finally:
        interruption.forget()
    monkeypatch.setattr(transformer_training._Training, "_one_step", took)
    found = saves(monkeypatch)
    assert torch.load(tmp_path / "training.pt", weights_only=True)["step"] == 17
    assert trained(recipe, runs(2), folder=tmp_path).identical(whole) and not found


def test_a_network_without_a_number_stops_alone():
    ill = runs(3)
    ill[1] = replace(ill[1], learning_rate=1e30)
    found, fine = trained(RECIPE, ill), trained(RECIPE, runs(3))
    assert found.stopped_at.values[1] > 0 and (found.stopped_at.values[[0, 2]] == -1).all()
    assert np.isnan(found.accuracy[1, -1])
    np.testing.assert_array_equal(found.weights[[0, 2]], fine.weights[[0, 2]])


def test_exposure_and_weights_are_on_record():
    found = trained(replace(RECIPE, schedule=Blocked((1, 0), ends=(0.5, 1.0))), runs(2))
    np.testing.assert_array_equal(found.step_exposure[:, 1], [[0, 15 * 32]] * 2)
    np.testing.assert_array_equal(found.step_exposure[:, 2], [[15 * 32, 15 * 32]] * 2)
    assert found.look.values.tolist() == [0, 15]
    np.testing.assert_array_equal(found.mixture[0], [[0, 1], [1, 0]])


def test_consolidation_holds_weights_to_those_at_the_switch():
    blocks = replace(RECIPE, schedule=Blocked((0, 1)), steps=40)
    free = trained(blocks, runs(2), (20, 40))
    held = trained(replace(blocks, consolidation=10.0), runs(2), (20, 40))
    np.testing.assert_array_equal(free.weights[:, 0], held.weights[:, 0])
    moved = [float(np.abs(each.weights[:, 1] - each.weights[:, 0]).mean()) for each in (free, held)]
    assert moved[1] < 0.7 * moved[0]


def test_a_gate_anchors_each_network_where_it_goes_on(monkeypatch):
    seen, go_on = [], TransformerStep.go_on

    def watched(self, which):
        before = self.adam.taken[:, 0].numpy().copy()
        go_on(self, which)
        assert torch.equal(self.anchor[which], self.weights[which].detach())
        assert not torch.equal(self.anchor[~which], self.weights[~which].detach())
        np.testing.assert_array_equal(self.adam.taken[:, 0].numpy(), np.where(which, 0, before))
        seen.append((which.tolist(), self.anchored.tolist()))

    gate = Gate((1, 0), threshold=0.35, looks=1)
    recipe = replace(RECIPE, schedule=gate, look_every=2, steps=90, adam=AdamSettings(decay_share=0.0))
    treated = replace(recipe, consolidation=50.0, reset_moments=True)
    own = [*runs(1, learning_rate=1e-2), *runs(1, learning_rate=2e-3)]
    free = trained(recipe, own, (0, 90))
    monkeypatch.setattr(TransformerStep, "go_on", watched)
    held = trained(treated, own, (0, 90))
    assert seen == [([True, False], [1.0, 0.0]), ([False, True], [1.0, 1.0])]
    assert (np.abs(held.weights - free.weights)[:, 1].mean("weight") > 1e-3).all()


@pytest.mark.parametrize("treatment", [{"consolidation": 0.1}, {"reset_moments": True}])
@pytest.mark.parametrize("schedule", [Static((0.5, 0.5)), ByLoss(2)])
def test_stages_are_asked_for_where_something_acts_on_them(schedule, treatment):
    with pytest.raises(ValueError, match=f"consolidation, reset_moments: .*{type(schedule).__name__}"):
        replace(RECIPE, schedule=schedule, **treatment)


@pytest.mark.parametrize(("field", "value"), [("steps", 0), ("look_every", 0), ("consolidation", -0.1)])
def test_bad_recipes_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        replace(RECIPE, **{field: value})
