"""Batches of operations: shares, common random numbers between schedules, and all rows at once."""

import numpy as np
import pytest

from companion.training.diffusion_draws import RunName
from companion.training.operation_batches import FullBatches, SampledBatches, TableSource, TrainingRows

NAMES = [RunName(0, ("batches", seed)) for seed in range(2)]


def training_rows(weights=None) -> TrainingRows:
    operation = np.repeat([0, 1], [30, 50])
    return TrainingRows(np.arange(100, 180), operation, np.ones(80) if weights is None else weights)


def drawn(mixture, steps=200, size=32, names=NAMES, weights=None):
    batches = SampledBatches([training_rows(weights)] * len(names), names, 2, size)
    exposure = np.zeros((len(names), 2), dtype=np.int64)
    shown = [[[] for _ in range(2)] for _ in names]
    for step in range(steps):
        batch = batches.draw(step, np.array(mixture), exposure)
        for network in range(len(names)):
            for row, operation in zip(batch.rows[network], batch.operation[network], strict=True):
                shown[network][operation].append(int(row))
        np.add.at(exposure, (np.arange(len(names))[:, None], batch.operation), 1)
    return shown


def test_shares_are_those_of_the_schedule():
    for own in drawn([[0.8, 0.2]]):
        assert len(own[0]) == pytest.approx(0.8 * 6400, abs=4 * np.sqrt(6400 * 0.16))
        assert set(own[0]) == set(range(100, 130)) and set(own[1]) == set(range(130, 180))


def test_a_schedule_decides_how_many_rows_and_never_which():
    many, few = drawn([[0.9, 0.1]]), drawn([[0.3, 0.7]])
    for one, other in zip(many, few, strict=True):
        for operation in range(2):
            count = min(len(one[operation]), len(other[operation]))
            assert count > 500 and one[operation][:count] == other[operation][:count]
    assert many[0][0][:50] != many[1][0][:50]


def test_networks_may_have_weights_of_their_own():
    first, second = drawn([[1.0, 0.0], [0.0, 1.0]], steps=20)
    assert len(first[0]) == len(second[1]) == 640 and not first[1] and not second[0]


def test_streams_go_on_across_chunks_and_do_not_know_their_neighbours():
    long = drawn([[1.0, 0.0]], steps=300)
    assert len(long[0][0]) == 9600  # more than two chunks of the stream
    assert drawn([[1.0, 0.0]], steps=300, names=NAMES[1:])[0] == long[1]


def test_rows_are_drawn_by_their_weights():
    weights = np.ones(80)
    weights[0] = 10.0
    own = drawn([[1.0, 0.0]], weights=weights)[0][0]
    share = own.count(100) / len(own)
    assert share == pytest.approx(10 / 39, abs=4 * np.sqrt(0.19 / len(own)))


def test_all_rows_weigh_as_the_schedule_says():
    shorter = TrainingRows(np.arange(40), np.repeat([0, 1], 20), np.ones(40))
    batch = FullBatches([training_rows(), shorter], 2).draw(
        0, np.array([[0.25, 0.75]]), np.zeros((2, 2), int)
    )
    for network in range(2):
        totals = np.bincount(batch.operation[network], batch.weight[network], minlength=2)
        np.testing.assert_allclose(totals, [0.25, 0.75], rtol=1e-6)
    assert (batch.weight[1, 40:] == 0).all()


LONELY = TrainingRows(np.arange(5), np.zeros(5, dtype=int), np.ones(5))


@pytest.mark.parametrize("batches", [SampledBatches([LONELY], NAMES[:1], 2, 8), FullBatches([LONELY], 2)])
def test_an_operation_without_rows_is_refused_once_rows_of_it_are_asked_for(batches):
    shown = np.zeros((1, 2), dtype=int)
    assert (batches.draw(0, np.array([[1.0, 0.0]]), shown).operation == 0).all()
    with pytest.raises(ValueError, match="operation 1"):
        batches.draw(0, np.array([[0.0, 1.0]]), shown)


def test_weights_that_sum_to_a_little_less_than_one_ask_for_no_other_operation():
    batches = SampledBatches([LONELY], NAMES[:1], 2, 8)
    batches._choices = 0, np.full((64, 1, 8), 1 - 1e-9)
    assert (batches.draw(0, np.array([[1 - 1e-7, 0.0]]), np.zeros((1, 2), dtype=int)).operation == 0).all()


def test_all_rows_again_are_the_same_arrays_with_new_weights():
    source = TableSource(np.arange(180)[:, None], np.arange(180)[None], [training_rows()], NAMES[:1], 2, 0)
    shown = np.zeros((1, 2), dtype=int)
    first, again, other = (source.draw(0, np.array([[w, 1 - w]]), shown) for w in (0.5, 0.5, 0.2))
    assert again is first and other.tokens is first.tokens
    assert other.weight[0, :30].sum() == pytest.approx(0.2) and first.weight[0, :30].sum() == pytest.approx(
        0.5
    )


def test_schedules_are_judged_on_the_rows_meant_for_it():
    judged = TrainingRows(np.array([3, 7]), np.array([0, 0]), np.ones(2))
    source = TableSource(
        np.arange(180)[:, None], np.arange(180)[None], [training_rows()], NAMES[:1], 2, 8, [judged]
    )
    rows = source.sample()
    assert rows.tokens.tolist() == [[[3], [7]]] and rows.weight.tolist() == [[0.5, 0.5]]
