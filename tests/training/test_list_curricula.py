"""Training on nested lists: exposure by operation, expressions kept for tests, accuracies by operation and depth."""

import numpy as np
import pytest

from companion.training.diffusion_draws import RunName
from companion.training.list_curricula import ExpressionMonitor, ListSpec, _sampler, train_lists

TINY = ListSpec(operations=("ADD", "MAX"), steps=6, every=3, width=8, heads=2, batch=8, test_rows=32)


def test_rows_are_training_expressions_of_the_operation_and_repeat_by_step():
    lists = TINY.lists(0)
    name = RunName(0, ("lists", 0))
    sample = _sampler(lists, name, "ADD", 8)
    unused = np.random.default_rng(0)
    by_step = {step: sample(unused, 8, step) for step in (0, 63, 64, 65)}
    again = _sampler(lists, name, "ADD", 8)
    np.testing.assert_array_equal(by_step[65][0], again(unused, 8, 65)[0])
    np.testing.assert_array_equal(by_step[63][0], again(unused, 8, 63)[0])
    tokens = np.concatenate([rows for rows, _ in by_step.values()])
    assert not lists.held_out(tokens).any()
    symbols = (tokens == lists.token_names.index("ADD")).any(axis=1)
    assert symbols.all() and not (tokens == lists.token_names.index("MAX")).any()
    answers = np.concatenate([own for _, own in by_step.values()])
    digits = np.where(tokens < 10, tokens, 0).sum(axis=1) % 10
    np.testing.assert_array_equal(answers, digits)
    assert (by_step[0][0] != by_step[64][0]).any()


def test_company_changes_no_expression_of_the_operation():
    name, unused = RunName(0, ("lists", 0)), np.random.default_rng(0)
    alone, beside = ListSpec().lists(0), TINY.lists(0)
    first, second = (_sampler(lists, name, "ADD", 8)(unused, 8, 3) for lists in (alone, beside))
    texts = [[lists.text(row) for row in rows] for lists, rows in ((alone, first[0]), (beside, second[0]))]
    assert texts[0] == texts[1]


def test_the_monitor_has_both_parts_of_every_operation_and_depth():
    spec = ListSpec(operations=("ADD", "MIN"), depth=2, test_rows=20)
    lists = spec.lists(0)
    monitor = ExpressionMonitor(lists, [RunName(0, ("m", seed)) for seed in range(2)], 20, [0])
    tokens = monitor.tokens.numpy().reshape(2, 2, 2, 2, 20, -1)
    assert not lists.held_out(tokens[:, 0].reshape(-1, tokens.shape[-1])).any()
    assert lists.held_out(tokens[:, 1].reshape(-1, tokens.shape[-1])).all()
    opening = lists.token_names.index("(")
    lone = (tokens == opening).sum(axis=-1) == 1
    assert lone[:, :, :, 0].all() and not lone[:, :, :, 1].any()
    outermost = np.take_along_axis(tokens, (tokens == opening).argmax(axis=-1)[..., None] + 1, axis=-1)[
        ..., 0
    ]
    assert (outermost[:, :, 0] == lists.token_names.index("ADD")).all()
    assert (outermost[:, :, 1] == lists.token_names.index("MIN")).all()


def test_records_and_reruns():
    found, again = train_lists(TINY, [0, 1]), train_lists(TINY, [0, 1])
    assert found.accuracy.dims == ("run", "step", "part", "operation", "depth")
    assert found.operation.values.tolist() == ["ADD", "MAX"] and found.step.values.tolist() == [0, 3, 6]
    np.testing.assert_array_equal(found.accuracy, again.accuracy)
    assert ((found.accuracy >= 0) & (found.accuracy <= 1)).all()
    assert found.attrs["weight_count"] == TINY.network(TINY.lists(0)).weight_count
    own = train_lists(TINY, [0, 0], variations=[{"weight_decay": 0.0}, {"weight_decay": 2.0}])
    assert own.sizes["run"] == 2
    with pytest.raises(ValueError, match="variations: 1 given"):
        train_lists(TINY, [0, 1], variations=[{}])


def test_maxima_of_two_are_learned_in_two_hundred_steps():
    spec = ListSpec(operations=("MAX",), arities=(2, 2), steps=200, every=100, width=16, weight_decay=0.1)
    found = train_lists(spec, [0]).accuracy.sel(part="train", operation="MAX")
    assert found[0, 0] < 0.4 < 0.75 < found[0, -1]
