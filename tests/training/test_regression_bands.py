"""What a nano network is known to do, in bands wide enough for any machine: memorise, generalise, be starved or helped.

The bands were measured with five seeds of another program; fewer seeds are trained here, with the smallest root seed.
"""

import numpy as np
import pytest

from companion.analysis.curriculum_times import final_accuracy, first_checkpoint
from companion.store.threads import one_thread
from companion.training.curricula import train_curriculum
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec
from companion.training.parity_curricula import ParitySpec, train_parity


@pytest.fixture(autouse=True, scope="module")
def single_thread():
    with one_thread():
        yield


def trained(operations, fractions, steps, batch, seeds, variations=(), **options):
    tasks = TaskSpec(operations=operations, fractions=fractions)
    spec = CurriculumSpec(tasks=tasks, steps=steps, batch=batch, every=25, logarithmic=2, **options)
    found = train_curriculum(spec, seeds, variations=variations, device="cpu")
    assert (found.stopped_at == -1).all()
    return found.transpose("run", "operation", "step", ...)


def test_addition_is_memorised_first_and_generalised_much_later():
    found = trained(("add",), (0.5,), 1100, 0, range(3))
    memorised = first_checkpoint(found.step, found.train_accuracy)[:, 0]
    generalised = first_checkpoint(found.step, found.test_accuracy)[:, 0]
    assert ((memorised >= 50) & (memorised <= 150)).all(), memorised
    assert ((generalised >= 450) & (generalised <= 1000)).all(), generalised
    assert (generalised > 3 * memorised).all()


def test_a_quarter_of_subtraction_is_a_rule_only_beside_addition():
    alone = trained(("sub",), (0.25,), 1200, 128, range(3))
    beside = trained(("sub", "add"), (0.25, 0.7), 1200, 256, range(3))
    without, with_it = (final_accuracy(found.test_accuracy)[:, 0] for found in (alone, beside))
    assert (without < 0.05).all(), without
    assert with_it.mean() > 0.4, with_it
    assert (final_accuracy(alone.train_accuracy) > 0.9).all()


def test_a_minority_is_not_memorised_and_equals_stay_at_symmetry():
    shares = [{"weights": weights} for weights in ((0.5, 0.5), (0.96, 0.04)) for _ in range(3)]
    # At a constant rate: where it falls towards the end, a minority can be memorised up to .35.
    found = trained(("add", "mul"), (0.5,), 1400, 256, [0, 1, 2] * 2, shares, decay_share=0.0)
    train, unseen = (final_accuracy(found[name]) for name in ("train_accuracy", "unseen_accuracy"))
    even, uneven = slice(0, 3), slice(3, 6)
    assert (train[even, 1] > 0.8).all(), train
    assert (train[uneven, 1] < 0.3).all(), train
    assert (unseen[even, 0] < 0.2).all(), unseen
    assert (final_accuracy(found.seen_accuracy)[even, 0] > 0.8).all()


def test_parity_is_learned_soon_by_way_of_biased_bits():
    found = train_parity(ParitySpec(steps=300), range(3), device="cpu")
    times = first_checkpoint(found.step, found.test_accuracy.transpose("run", "step"))
    assert (times < 300).all(), times
    assert np.abs(found.test_accuracy.sel(step=0) - 0.5).max() < 0.15
