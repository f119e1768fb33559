"""Streams of fresh rows: shares, repeatability, steps, and the rows that schedules are judged on."""

import numpy as np
import pytest

from companion.training.diffusion_draws import RunName
from companion.training.operation_streams import StreamSource

NAMES = [RunName(0, ("streams", seed)) for seed in range(2)]


def sampler(label):
    def drawn(generator, rows, step):
        return generator.integers(0, 9, (rows, 3)), np.full(rows, label + 10 * step)

    return drawn


def source(batch=32, names=NAMES):
    return StreamSource([[sampler(0), sampler(1)]] * len(names), names, batch)


def test_batches_hold_what_the_schedule_asks_for():
    rows = source().draw(3, np.array([[0.25, 0.75]]), np.zeros((2, 2), int))
    assert rows.tokens.shape == (2, 32, 3)
    assert np.bincount(rows.operation[0]).tolist() == [8, 24]
    assert (rows.labels == rows.operation + 30).all()
    assert rows.weight.sum(axis=1) == pytest.approx([1, 1])


def test_what_is_left_over_is_drawn_in_proportion():
    counts = [
        np.bincount(
            source(1).draw(step, np.array([[0.3, 0.7]]), np.zeros((2, 2), int)).operation[0], minlength=2
        )
        for step in range(600)
    ]
    assert np.sum(counts, axis=0)[0] == pytest.approx(180, abs=4 * np.sqrt(600 * 0.21))


def test_a_step_repeats_and_neighbours_do_not_matter():
    first = source().draw(5, np.array([[0.5, 0.5]]), np.zeros((2, 2), int))
    alone = source(names=NAMES[1:]).draw(5, np.array([[0.5, 0.5]]), np.zeros((1, 2), int))
    np.testing.assert_array_equal(first.tokens[1], alone.tokens[0])
    assert (first.tokens[0] != first.tokens[1]).any()
    assert (first.tokens != source().draw(6, np.array([[0.5, 0.5]]), np.zeros((2, 2), int)).tokens).any()


def test_looks_see_each_operation_alike():
    rows = source().sample()
    assert np.bincount(rows.operation[0]).tolist() == [256, 256]
    assert rows.weight[0][rows.operation[0] == 1].sum() == pytest.approx(1)


def test_no_batch_is_refused():
    with pytest.raises(ValueError, match="batch: 0 given"):
        source(0)
