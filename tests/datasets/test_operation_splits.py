"""Splits: exact sizes, orbits on one side, wrong labels that are wrong, dials that leave each other alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.datasets.composed_operations import composed_tasks
from companion.datasets.modular_operations import MODULAR_OPERATIONS, modular_tasks
from companion.datasets.operation_splits import hold_slice, mirror_seen, split_tasks
from companion.datasets.permutation_groups import permutation_tasks

FRACTIONS = st.floats(0.02, 0.98)
NAMES = st.lists(st.sampled_from([*MODULAR_OPERATIONS, "lin(2, 3)"]), min_size=1, max_size=3, unique=True)


@settings(max_examples=60, deadline=None)
@given(NAMES, st.data(), st.integers(0, 10**6), st.integers(0, 50))
def test_random_splits_have_exact_sizes(names, data, seed, replicate):
    tasks = modular_tasks(names, 11)
    fractions = data.draw(st.lists(FRACTIONS, min_size=len(names), max_size=len(names)))
    split = split_tasks(tasks, fractions, seed=seed, replicate=replicate)
    for name, fraction, size in zip(tasks.operations, fractions, tasks.table_size, strict=True):
        assert split.train[tasks.rows(name)].sum() == round(fraction * size)
    np.testing.assert_array_equal(split.labels, tasks.answers)
    assert not split.corrupted.any()
    np.testing.assert_array_equal(split.row_weights, np.ones(len(tasks.answers)))
    assert (split.train.dtype, split.labels.dtype) == (np.bool_, np.int64)


def test_sizes_on_the_published_tables():
    tasks = modular_tasks(["add", "sub", "div"], 31)
    split = split_tasks(tasks, [0.5, 0.25, 0.3], seed=0)
    assert [split.train[tasks.rows(name)].sum() for name in tasks.operations] == [480, 240, 279]


@settings(max_examples=60, deadline=None)
@given(NAMES, FRACTIONS, st.integers(0, 10**6))
def test_orbit_splits_keep_mirrors_together(names, fraction, seed):
    tasks = modular_tasks(names, 11)
    split = split_tasks(tasks, fraction, kind="orbit", seed=seed)
    found = tasks.mirror >= 0
    np.testing.assert_array_equal(split.train[found], split.train[tasks.mirror[found]])
    for name, size in zip(tasks.operations, tasks.table_size, strict=True):
        assert round(fraction * size) - split.train[tasks.rows(name)].sum() in (0, 1)
    assert not (mirror_seen(tasks, split) & ~split.train).any()


@pytest.mark.parametrize("kind", ["random", "orbit"])
@given(data=st.data(), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_larger_fractions_contain_smaller_ones(kind, data, seed):
    tasks = modular_tasks(["add", "div"], 11)
    small, large = sorted(data.draw(st.tuples(FRACTIONS, FRACTIONS)))
    few, many = (split_tasks(tasks, value, kind=kind, seed=seed) for value in (small, large))
    assert not (few.train & ~many.train).any()


def test_every_row_and_every_pair_of_rows_is_as_likely_as_any_other():
    tasks = modular_tasks(["sub"], 5)
    for kind in ("random", "orbit"):
        draws = np.array(
            [
                split_tasks(tasks, 0.4, kind=kind, seed=0, replicate=replicate).train
                for replicate in range(2000)
            ]
        )
        shares = draws.mean(axis=0)
        assert np.abs(shares - shares.mean()).max() < 5 * np.sqrt(0.24 / 2000)
    together = split_tasks(tasks, 0.4, seed=0).train
    assert together.sum() == 10
    draws = np.array([split_tasks(tasks, 0.4, seed=0, replicate=number).train for number in range(2000)])
    pairs = draws.T.astype(float) @ draws / 2000
    away = pairs[~np.eye(25, dtype=bool)]
    assert np.abs(away - 10 * 9 / (25 * 24)).max() < 5.5 * np.sqrt(0.15 * 0.85 / 2000)


def test_draws_belong_to_the_operation_whatever_stands_beside_it():
    alone = modular_tasks(["sub"], 11)
    options = {"corruption": 0.2, "operand_exponent": 1.0, "seed": 3, "replicate": 2}
    reference = split_tasks(alone, 0.25, **options)
    for beside, vocabulary in (
        (["add", "sub"], "shared"),
        (["sub", "max", "mul"], "private"),
        (["add", "sub"], ["shuffled", "shared"]),
    ):
        tasks = modular_tasks(beside, 11, vocabulary=vocabulary)
        fractions = [0.25 if name == "sub" else 0.7 for name in beside]
        split = split_tasks(tasks, fractions, **options)
        rows = tasks.rows("sub")
        for name in ("train", "corrupted", "labels", "row_weights"):
            np.testing.assert_array_equal(getattr(split, name)[rows], getattr(reference, name))


def test_equal_seeds_equal_bytes_and_replicates_differ():
    tasks = modular_tasks(["add", "mul"], 11)
    options = {"corruption": 0.1, "operand_exponent": 0.7}
    first, again = (split_tasks(tasks, 0.5, seed=1, replicate=4, **options) for _ in range(2))
    for name in ("train", "corrupted", "labels", "row_weights"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()
    for other in (
        split_tasks(tasks, 0.5, seed=1, replicate=5, **options),
        split_tasks(tasks, 0.5, seed=2, replicate=4, **options),
    ):
        for name in ("train", "corrupted", "labels", "row_weights"):
            assert (getattr(first, name) != getattr(other, name)).any()
    assert (first.train[:121] != first.train[121:]).any()


@settings(max_examples=60, deadline=None)
@given(NAMES, FRACTIONS, st.floats(0, 0.9), st.integers(0, 10**6))
def test_wrong_labels_are_wrong_and_as_many_as_asked(names, fraction, corruption, seed):
    tasks = modular_tasks(names, 11, vocabulary="shuffled", seed=seed)
    split = split_tasks(tasks, fraction, corruption=corruption, seed=seed)
    assert not (split.corrupted & ~split.train).any()
    np.testing.assert_array_equal(split.labels != tasks.answers, split.corrupted)
    for name in tasks.operations:
        rows = tasks.rows(name)
        assert split.corrupted[rows].sum() == round(corruption * int(split.train[rows].sum()))
        assert set(split.labels[rows]) <= set(tasks.answers[rows])
    np.testing.assert_array_equal(split.train, split_tasks(tasks, fraction, seed=seed).train)


def test_wrong_labels_are_uniform_over_the_others():
    tasks = modular_tasks(["add"], 5)
    shifts = np.concatenate(
        [
            ((split.labels - tasks.answers) % 5)[split.corrupted]
            for split in (
                split_tasks(tasks, 0.8, corruption=0.5, seed=0, replicate=replicate)
                for replicate in range(500)
            )
        ]
    )
    assert len(shifts) == 5000
    shares = np.bincount(shifts, minlength=5) / 5000
    assert shares[0] == 0
    assert np.abs(shares[1:] - 0.25).max() < 5 * np.sqrt(0.1875 / 5000)


def test_wrong_labels_stay_within_the_answers_of_the_operation():
    tasks = permutation_tasks(["product", "sgn"], 4, seed=0)
    split = split_tasks(tasks, 0.5, corruption=0.4, seed=0)
    rows = tasks.rows("sgn")
    assert set(split.labels[rows]) == set(tasks.answers[rows])
    assert len(set(tasks.answers[rows])) == 2


def test_more_wrong_labels_contain_fewer_and_keep_them():
    tasks = modular_tasks(["mul"], 11)
    few, many = (split_tasks(tasks, 0.6, corruption=value, seed=0) for value in (0.1, 0.3))
    assert not (few.corrupted & ~many.corrupted).any()
    np.testing.assert_array_equal(few.labels[few.corrupted], many.labels[few.corrupted])


@settings(max_examples=40, deadline=None)
@given(NAMES, FRACTIONS, st.floats(0.1, 3), st.integers(0, 10**6))
def test_operand_weights_are_power_laws_of_mean_one(names, fraction, exponent, seed):
    tasks = modular_tasks(names, 11)
    split = split_tasks(tasks, fraction, operand_exponent=exponent, seed=seed)
    np.testing.assert_array_equal(split.train, split_tasks(tasks, fraction, seed=seed).train)
    for name in tasks.operations:
        rows = tasks.rows(name)
        weights, first = split.row_weights[rows], tasks.operands[rows, 0]
        assert weights[split.train[rows]].mean() == pytest.approx(1, rel=1e-12)
        by_operand = [np.unique(weights[first == operand]) for operand in range(11)]
        assert {len(found) for found in by_operand} == {1}
        ordered = np.sort(np.concatenate(by_operand))[::-1]
        np.testing.assert_allclose(ordered / ordered[0], np.arange(1, 12.0) ** -exponent, rtol=1e-9)


def test_the_frequent_operand_is_drawn_and_not_the_smallest():
    tasks = modular_tasks(["max"], 11)
    heaviest = [
        int(tasks.operands[split.row_weights.argmax(), 0])
        for split in (
            split_tasks(tasks, 0.5, operand_exponent=1, seed=0, replicate=replicate)
            for replicate in range(60)
        )
    ]
    assert len(set(heaviest)) > 8
    weights = {
        exponent: split_tasks(tasks, 0.5, operand_exponent=exponent, seed=0).row_weights
        for exponent in (0.5, 2)
    }
    np.testing.assert_array_equal(
        np.argsort(-weights[0.5], kind="stable"), np.argsort(-weights[2], kind="stable")
    )


def test_mirror_seen_against_its_definition():
    tasks = modular_tasks(["add", "div"], 7)
    split = split_tasks(tasks, 0.5, seed=0)
    trained = {
        (operation, *operands)
        for operation, operands, train in zip(
            tasks.operation.tolist(), tasks.operands.tolist(), split.train, strict=True
        )
        if train
    }
    expected = [
        (operation, b, a) in trained and a != b
        for operation, (a, b) in zip(tasks.operation.tolist(), tasks.operands.tolist(), strict=True)
    ]
    assert mirror_seen(tasks, split).tolist() == expected


def test_knowing_commutativity_alone_gives_the_fraction():
    """The plateau of a network that knows the table and f(a, b) = f(b, a): accuracy f on test rows, none by orbits."""
    tasks = modular_tasks(["add"], 31)
    for kind, expected in (("random", 0.5), ("orbit", 0.0)):
        shares = []
        for replicate in range(30):
            split = split_tasks(tasks, 0.5, kind=kind, seed=0, replicate=replicate)
            seen = mirror_seen(tasks, split)
            np.testing.assert_array_equal(tasks.answers[seen], tasks.answers[tasks.mirror[seen]])
            shares.append(seen[~split.train].mean())
        # Operands that are equal, 1 row in 31, have no other order.
        assert np.mean(shares) == pytest.approx(expected * 30 / 31, abs=0.01)


@given(NAMES, st.floats(0.05, 0.9), st.floats(0.02, 0.6), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_held_slices_are_exact_shares_of_the_training_rows(names, fraction, share, seed):
    tasks = modular_tasks(names, 11)
    split = split_tasks(tasks, fraction, corruption=0.2, seed=seed)
    slices = [hold_slice(tasks, split, part, seed=seed) for part in (share, min(1.5 * share, 0.65))]
    for found in slices:
        assert not (found.held & ~split.train).any() and (found.trained == split.train & ~found.held).all()
        assert found.train is split.train and found.labels is split.labels
    for name in tasks.operations:
        rows = tasks.rows(name)
        assert slices[0].held[rows].sum() == max(1, round(share * split.train[rows].sum()))
    assert not (slices[0].held & ~slices[1].held).any()
    assert not (mirror_seen(tasks, slices[0]) & slices[0].held[tasks.mirror]).any()


def test_held_slices_keep_orbits_together_and_belong_to_operation_and_replicate():
    tasks = modular_tasks(["add", "mul"], 11)
    orbits = split_tasks(tasks, 0.5, kind="orbit", seed=0)
    held = hold_slice(tasks, orbits, 0.2, kind="orbit", seed=0).held
    np.testing.assert_array_equal(held, held[tasks.mirror])
    assert held.sum() == pytest.approx(0.2 * orbits.train.sum(), abs=2)
    split = split_tasks(tasks, 0.5, seed=0)
    first, again, other = (
        hold_slice(tasks, split, 0.2, seed=0, replicate=replicate).held for replicate in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    alone = modular_tasks(["mul"], 11)
    own = hold_slice(alone, split_tasks(alone, 0.5, seed=0), 0.2, seed=0).held
    np.testing.assert_array_equal(own, first[tasks.rows("mul")])


@pytest.mark.parametrize(
    ("share", "words"), [(0.0, "held_share: 0.0"), (1.0, "held_share: 1.0"), (0.9, "for 2 training")]
)
def test_a_slice_leaves_rows_to_train_on(share, words):
    tasks = modular_tasks(["add"], 5)
    with pytest.raises(ValueError, match=words):
        hold_slice(tasks, split_tasks(tasks, 0.08, seed=0), share, seed=0)


def test_pairs_held_out_have_no_training_rows():
    tasks = composed_tasks([("add", "mul"), ("mul", "add"), ("add", "add")], 5)
    split = split_tasks(tasks, 0.5, held_out=["add(mul)"], corruption=0.1, operand_exponent=1.0, seed=0)
    away = tasks.rows("add(mul)")
    assert not split.train[away].any()
    assert not split.corrupted[away].any()
    assert split.row_weights[away].max() == 1
    for name in ("mul(add)", "add(add)"):
        assert split.train[tasks.rows(name)].sum() == round(0.5 * 125)
    whole_set = split_tasks(tasks, 0.5, corruption=0.1, operand_exponent=1.0, seed=0)
    np.testing.assert_array_equal(
        split.train[tasks.rows("mul(add)")], whole_set.train[tasks.rows("mul(add)")]
    )


@given(st.one_of(st.floats(max_value=0), st.floats(min_value=1), st.just(float("nan"))))
def test_fractions_lie_between_zero_and_one(fraction):
    tasks = modular_tasks(["add", "sub"], 5)
    with pytest.raises(ValueError, match=r"fractions: .* given for sub; allowed: numbers between 0 and 1"):
        split_tasks(tasks, [0.5, fraction], seed=0)


@given(st.floats(0.001, 0.999), st.sampled_from(["random", "orbit"]))
def test_no_side_is_ever_empty(fraction, kind):
    tasks = modular_tasks(["left"], 3)
    try:
        split = split_tasks(tasks, fraction, kind=kind, seed=0)
    except ValueError as error:
        assert round(fraction * 9) in ((0, 9) if kind == "random" else (0, 1, 9))
        assert "given for left; allowed: one that leaves" in str(error)
    else:
        assert 0 < split.train.sum() < 9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"fractions": [0.5]},
            r"fractions: shape \(1,\) given; allowed: one number, or one for each of add, sub",
        ),
        (
            {"fractions": 0.001},
            "fractions: 0.001 given for add; allowed: one that leaves training rows of its 25",
        ),
        ({"fractions": 0.999}, "leaves test rows of its 25"),
        ({"kind": "orbits"}, r"kind: 'orbits' given; allowed: random, orbit \(did you mean `orbit`\?\)"),
        ({"corruption": 1.0}, "corruption: 1.0 given"),
        ({"corruption": -0.1}, "corruption: -0.1 given"),
        ({"operand_exponent": -1.0}, "operand_exponent: -1.0 given"),
        ({"operand_exponent": float("nan")}, "operand_exponent: nan given"),
        ({"replicate": -1}, "replicate: -1 given"),
        ({"held_out": ["mul"]}, "held_out: 'mul' given; allowed: add, sub"),
        ({"held_out": ["sub", "add"]}, "held_out: .* allowed: not all of the operations"),
    ],
)
def test_bad_input_is_named(change, words):
    arguments = {"fractions": 0.5, "seed": 0} | change
    with pytest.raises(ValueError, match=words):
        split_tasks(modular_tasks(["add", "sub"], 5), **arguments)


def test_an_operation_with_one_answer_has_no_wrong_labels():
    tasks = modular_tasks(["lin(1, 1)"], 2)
    tasks.answers[:] = 0
    with pytest.raises(
        ValueError, match=r"corruption: 0.5 given; allowed: 0, as lin\(1, 1\) has one answer only"
    ):
        split_tasks(tasks, 0.5, corruption=0.5, seed=0)
