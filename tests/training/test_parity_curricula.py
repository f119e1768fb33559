"""Training on parities: biases by step, common draws, and the curriculum that learns where uniform bits do not yet."""

import numpy as np
import pytest

from companion.analysis.curriculum_times import first_checkpoint
from companion.training.diffusion_draws import RunName
from companion.training.operation_streams import StreamSource
from companion.training.parity_curricula import ParitySpec, _sampler, train_parity

TINY = ParitySpec(
    bits=6, relevant=2, steps=12, every=6, width=8, heads=2, batch=16, test_rows=64, biased_steps=5
)


def rows(spec, step, count=4000):
    task = spec.drawn(0, 0)
    source = StreamSource([[_sampler(spec, task)]], [RunName(0, ("rows",))], count)
    return source.draw(step, np.array([[1.0]]), np.zeros((1, 1), int)), task


def test_bits_are_biased_up_to_the_switch():
    spec = ParitySpec(bias=0.85, biased_steps=150)
    assert [spec.bias_at(step) for step in (0, 149, 150, 600)] == [0.85, 0.85, 0.5, 0.5]
    for step, share in ((149, 0.85), (150, 0.5)):
        drawn, task = rows(spec, step)
        bits = drawn.tokens[0, :, :-1]
        assert bits.mean() == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / bits.size))
        np.testing.assert_array_equal(drawn.labels[0], bits[:, list(task.hidden)].sum(axis=1) % 2)


def test_curricula_of_one_seed_share_the_numbers_that_rows_are_made_of():
    (biased, _), (uniform, _) = rows(ParitySpec(bias=0.85), 0), rows(ParitySpec(bias=0.5), 0)
    assert (biased.tokens >= uniform.tokens).all() and (biased.tokens > uniform.tokens).any()
    late, early = rows(ParitySpec(bias=0.85), 200), rows(ParitySpec(bias=0.5), 200)
    np.testing.assert_array_equal(late[0].tokens, early[0].tokens)


def test_a_network_is_the_same_alone_and_in_company():
    both = train_parity(TINY, [3, 3, 4], variations=[{"bias": 0.85}, {"bias": 0.5}, {"task": "hamming"}])
    alone = train_parity(TINY, [3], variations=[{"bias": 0.5}])
    np.testing.assert_allclose(both.test_loss[1], alone.test_loss[0], rtol=1e-5)
    # One start, one set of test rows; what they are trained on differs from the first step on.
    assert both.test_loss[0, 0] == both.test_loss[1, 0]
    assert both.test_loss[0, -1] != both.test_loss[1, -1]
    assert both.replicate.values.tolist() == [3, 3, 4] and (both.stopped_at == -1).all()


def test_another_order_of_rows_keeps_the_start():
    found = train_parity(TINY, [1, 1], variations=[{"stream": 0}, {"stream": 1}])
    assert found.test_loss[0, 0] == found.test_loss[1, 0]
    assert found.test_loss[0, -1] != found.test_loss[1, -1]


def test_reruns_repeat_and_replicates_differ():
    first, again = train_parity(TINY, [1, 2]), train_parity(TINY, [1, 2])
    np.testing.assert_array_equal(first.test_loss, again.test_loss)
    assert (first.test_loss[0] != first.test_loss[1]).all()
    with pytest.raises(ValueError, match="variations: 1 given; allowed: one for each of 2 seeds"):
        train_parity(TINY, [1, 2], variations=[{}])


def test_biased_bits_teach_parity_within_two_hundred_steps():
    spec = ParitySpec(steps=200, test_rows=256)
    found = train_parity(spec, [0, 1], variations=[{}, {}])
    reached = first_checkpoint(found.step, found.test_accuracy)
    assert (reached <= 200).all(), reached
