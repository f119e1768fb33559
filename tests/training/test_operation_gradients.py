"""Gradients and streams of kept weights: against finite differences, and of the very rows that were trained on."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from companion.models.transformer import TransformerStack
from companion.training.curricula import train_curriculum
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec
from companion.training.operation_gradients import OperationViewer

SPEC = CurriculumSpec(
    tasks=TaskSpec(operations=("sub", "add"), prime=7, fractions=(0.4, 0.7)),
    steps=12,
    batch=32,
    width=8,
    heads=2,
    hidden=16,
    every=6,
    logarithmic=3,
    checkpoints=3,
)
SEEDS = (0, 3)


@pytest.fixture(scope="module")
def runs():
    return train_curriculum(SPEC, SEEDS, root=5, device="cpu").transpose("run", "checkpoint", ...)


@pytest.fixture(scope="module")
def views(runs):
    return OperationViewer(SPEC, SEEDS, root=5, device="cpu")(runs.weights.values[:, -1])


def _loss(weights, runs, network, operation, kind):
    """Mean cross-entropy of one network in double precision, straight from the tables."""
    tasks = SPEC.tasks.tasks(5)
    train = runs.train.values[network].astype(bool)
    rows = np.flatnonzero((tasks.operation == operation) & (train if kind == 0 else ~train))
    stack = TransformerStack(SPEC.network(tasks))
    logits = stack.logits(weights[None], torch.from_numpy(tasks.tokens[rows])[None])[0]
    return functional.cross_entropy(logits, torch.from_numpy(tasks.answers[rows]))


@pytest.mark.parametrize(("network", "operation", "kind"), [(0, 0, 0), (1, 0, 1), (1, 1, 0)])
def test_gradients_are_slopes_of_the_loss(runs, views, network, operation, kind):
    weights = torch.from_numpy(runs.weights.values[network, -1].astype(np.float64))
    direction = torch.from_numpy(np.random.default_rng(1).standard_normal(weights.shape))
    small = 1e-6
    ahead, behind = (
        float(_loss(weights + sign * small * direction, runs, network, operation, kind)) for sign in (1, -1)
    )
    slope = float(views.gradients[network, kind, operation] @ direction.numpy())
    assert slope == pytest.approx((ahead - behind) / (2 * small), rel=1e-4, abs=1e-5)


def test_a_step_down_the_gradient_lowers_that_loss(runs, views):
    weights = torch.from_numpy(runs.weights.values[0, -1].astype(np.float64))
    gradient = torch.from_numpy(views.gradients[0, 0, 1])
    before = _loss(weights, runs, 0, 1, 0)
    assert _loss(weights - 1e-3 * gradient, runs, 0, 1, 0) < before


def test_a_network_is_the_same_alone(runs, views):
    alone = OperationViewer(SPEC, SEEDS[1:], root=5, device="cpu")(runs.weights.values[1:, -1])
    np.testing.assert_allclose(alone.gradients[0], views.gradients[1], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(alone.features[1][0], views.features[1][1], rtol=1e-5, atol=1e-6)


def test_streams_are_those_of_the_table_in_its_order(runs, views):
    tasks = SPEC.tasks.tasks(5)
    stack = TransformerStack(SPEC.network(tasks))
    assert [each.shape for each in views.features] == [(2, 49, 8)] * 2
    row = torch.from_numpy(tasks.tokens[49 + 10])[None, None]  # add, a = 1, b = 3
    own = stack.features(torch.from_numpy(runs.weights.values[1:, -1]), row)
    np.testing.assert_allclose(views.features[1][1, 10], own[0, 0], rtol=1e-5, atol=1e-6)
    assert views.streams[0].shape == (1, 2, 49, 8)


def test_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match=r"weights: shape \(2, 5\) given"):
        OperationViewer(SPEC, SEEDS, device="cpu")(np.zeros((2, 5)))
