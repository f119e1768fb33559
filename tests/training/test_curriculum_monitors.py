"""Monitors against accuracies counted by hand, and the grid of steps."""

import numpy as np
import pytest
import torch

from companion.datasets.modular_operations import modular_tasks
from companion.datasets.operation_splits import split_tasks
from companion.models.transformer import TransformerSpec, TransformerStack
from companion.training import curriculum_monitors
from companion.training.curriculum_monitors import (
    AccuracyMonitor,
    PredictionMonitor,
    SpectrumMonitor,
    StreamMonitor,
    metric_steps,
)
from companion.training.curriculum_recipe import Snapshot

TASKS = modular_tasks(["add", "left"], 5)
SPLITS = [split_tasks(TASKS, 0.6, corruption=0.2, seed=0, replicate=replicate) for replicate in range(2)]


class Table:
    """Answers by heart: the taught labels of all rows but every third, whatever the weights."""

    def __init__(self, answers):
        self.answers = answers

    def logits(self, weights, tokens):
        place = {tuple(row): index for index, row in enumerate(TASKS.tokens.tolist())}
        rows = [[place[tuple(row)] for row in own] for own in tokens.tolist()]
        chosen = np.stack([own[index] for own, index in zip(self.answers, rows, strict=True)])
        return 9.0 * torch.nn.functional.one_hot(torch.from_numpy(chosen), 5).double()


@pytest.fixture
def seen(monkeypatch):
    monkeypatch.setattr(curriculum_monitors, "_BLOCK", 7)
    answers = np.stack([split.labels for split in SPLITS])
    answers[:, ::3] = (answers[:, ::3] + 1) % 5
    return answers, Snapshot(0, Table(answers), torch.zeros(2, 1))


def test_accuracies_are_shares_of_the_right_rows(seen):
    answers, snapshot = seen
    found = AccuracyMonitor(TASKS, SPLITS, [0])(snapshot)
    for run, split in enumerate(SPLITS):
        for operation in range(2):
            own = TASKS.operation == operation
            masks = {
                "train_accuracy": (split.train, split.labels),
                "test_accuracy": (~split.train, TASKS.answers),
                "clean_accuracy": (split.train & ~split.corrupted, TASKS.answers),
                "wrong_accuracy": (split.corrupted, split.labels),
                "corrected_accuracy": (split.corrupted, TASKS.answers),
            }
            for name, (mask, target) in masks.items():
                right = (answers[run] == target)[mask & own].mean()
                assert found[name][1][run, operation] == pytest.approx(right), name
            mirror = TASKS.mirror[~split.train & own]
            other = mirror != np.flatnonzero(~split.train & own)
            known = other & split.train[mirror]
            right = (answers[run] == TASKS.answers)[~split.train & own]
            assert found["seen_accuracy"][1][run, operation] == pytest.approx(right[known].mean())
            assert found["unseen_accuracy"][1][run, operation] == pytest.approx(right[~known].mean())


def test_predictions_are_row_by_row(seen):
    answers, snapshot = seen
    ((dims, correct),) = PredictionMonitor(TASKS, [0])(snapshot).values()
    assert dims == ("row",)
    np.testing.assert_array_equal(correct, answers == TASKS.answers)


def test_spectra_are_those_of_the_numbers_of_one_operation():
    spec = TransformerSpec(TASKS.vocabulary, 5, 4, width=8, heads=2)
    stack = TransformerStack(spec)
    weights = stack.draw_weights([torch.Generator().manual_seed(0)])
    angle = torch.arange(5) * 2 * torch.pi / 5
    stack.named(weights)["embedding"][0, :5] = torch.cos(2 * angle)[:, None]
    found = SpectrumMonitor(TASKS, [0])(Snapshot(0, stack, weights))
    np.testing.assert_allclose(found["additive_power"][1], [[0, 1]], atol=1e-6)
    assert found["weight_norm"][1][0] == pytest.approx(float(weights.norm()))


def test_streams_are_judged_on_rows_of_their_own(seen):
    _, snapshot = seen
    tokens = np.stack([TASKS.tokens[:10]] * 2)
    labels = np.stack(
        [np.argmax(snapshot.logits(torch.from_numpy(tokens))[run].numpy(), -1) for run in range(2)]
    )
    labels[1, :4] = (labels[1, :4] + 1) % 5
    found = StreamMonitor(tokens, labels, [0])(snapshot)
    np.testing.assert_allclose(found["test_accuracy"][1], [1.0, 0.6])


def test_the_grid_is_logarithmic_even_and_dense_after_a_switch():
    grid = metric_steps(1000, every=25, logarithmic=60, switches=(512,))
    assert {0, 1, 2, 3, 25, 975, 1000, 512, 513, 515, 522, 542, 612} <= set(grid)
    assert grid == tuple(sorted(set(grid))) and max(np.diff(grid)) <= 25
