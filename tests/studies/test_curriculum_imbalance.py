"""A rare operation in company and alone: shares, rows, pairing by seed, and the numbers that are kept."""

import numpy as np
import pytest
import torch

from companion.analysis.curriculum_times import area_in_log_time, first_checkpoint
from companion.studies.curriculum_imbalance import exposure_imbalance
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

SPEC = CurriculumSpec(
    tasks=TaskSpec(prime=11),
    steps=30,
    batch=64,
    width=16,
    hidden=64,
    every=10,
    logarithmic=8,
)
PAIRS, FRACTIONS, SHARES = [("add", "sub")], [0.6], [0.5, 0.1]


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory):
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_STORE", str(tmp_path_factory.mktemp("store")))
        patch.setenv("COMPANION_DEVICE", "cpu")
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def found(store):
    return exposure_imbalance(PAIRS, FRACTIONS, SHARES, SPEC, [2], 0, block=2)


def test_settings_are_pairs_and_shares(found):
    assert found.pair.values.tolist() == ["add + sub"] * 2
    assert found.share.values.tolist() == [0.5, 0.1]
    assert found.fraction.values.tolist() == [0.6, 0.6]
    assert found.width.values.tolist() == [16, 16]
    assert (found.attrs["steps"], found.attrs["batch"], found.attrs["root_seed"]) == (30, 64, 0)


def test_the_common_operation_is_alone_only_at_a_half(found):
    common = found.final_test.sel(role="common", company="alone").transpose("setting", "replicate")
    missing = np.isnan(common).all("replicate").values
    assert missing.tolist() == [False, True]
    assert not np.isnan(found.final_test.sel(role="rare")).any()
    assert not np.isnan(found.final_test.sel(company="together")).any()


def test_rows_seen_are_shares_of_the_batch_in_company_and_exact_alone(found):
    steps = found.step.values
    alone = found.exposure.sel(company="alone").values
    np.testing.assert_array_equal(alone, np.array([[32], [6]]) * steps)
    together = found.exposure.sel(company="together").values[:, -1]
    expected = found.share.values * 64 * 30
    spread = np.sqrt(found.share.values * (1 - found.share.values) * 64 * 30 / 2)  # binomial, mean of 2 seeds
    assert (np.abs(together - expected) < 4 * spread).all()


def test_numbers_are_those_of_the_runs(found):
    tasks = SPEC.tasks.model_dump() | {"operations": ("add", "sub"), "fractions": (0.6,)}
    variations = [{"weights": (1 - share, share)} for share in SHARES]
    runs = trained(SPEC.changed(tasks=tasks), 2, 0, block=2, variations=variations)
    sub = runs.isel(operation=1).transpose("variation", "replicate", "step", ...)
    kept = found.sel(company="together", role="rare").transpose("setting", "replicate", ...)
    steps, accuracy = sub.step.values, sub.test_accuracy.values
    np.testing.assert_allclose(kept.area.values, area_in_log_time(steps, accuracy))
    np.testing.assert_allclose(kept.final_train.values, sub.train_accuracy.values[..., -3:].mean(axis=-1))
    np.testing.assert_array_equal(kept.generalised_at.values, first_checkpoint(steps, accuracy))
    np.testing.assert_allclose(kept.test.values[:, -1], accuracy[..., -1].mean(axis=1))
    assert (kept.final_train.values[0] > accuracy[0, :, 0]).all()


def test_alone_starts_as_in_company(found):
    """Same start and same split: before the first step both give the very same answers."""
    tasks = SPEC.tasks.model_dump() | {"operations": ("add", "sub"), "fractions": (0.6,)}
    own = SPEC.changed(tasks=tasks)
    together = trained(own, 2, 0, block=2, variations=[{"weights": (1 - share, share)} for share in SHARES])
    alone = trained(own.changed(batch=6), 2, 0, block=2, variations=[{"weights": (0.0, 1.0)}])
    first, second = together.isel(variation=1, step=0), alone.isel(variation=0, step=0)
    np.testing.assert_array_equal(first.train.values, second.train.values)
    np.testing.assert_allclose(first.test_loss.values, second.test_loss.values, rtol=1e-6)
    assert (alone.isel(step=-1).step_exposure.sel(operation="add") == 0).all()


def test_widths_and_pairs_are_settings_too(store):
    small = SPEC.changed(steps=2, every=2, logarithmic=2)
    pairs = [("add", "sub"), ("add", "mul")]
    sized = {"widths": (16, 32), "rates": (0.005, 0.003)}
    both = exposure_imbalance(pairs, [0.6, 0.5], [0.1], small, [1, 2], 0, block=1, **sized)
    assert both.learning_rate.values.tolist() == [0.005, 0.005, 0.003, 0.003]
    assert (both.attrs["width"], both.attrs["hidden"], both.attrs["learning_rate"]) == (16, 64, 0.005)
    assert both.width.values.tolist() == [16, 16, 32, 32]
    assert both.pair.values.tolist() == ["add + sub", "add + mul"] * 2
    assert both.fraction.values.tolist() == [0.6, 0.5] * 2
    assert both.seeds.values.tolist() == [1, 2] * 2
    area = both.area.sel(company="together", role="rare").transpose("setting", "replicate").values
    assert len(np.unique(area[:, 0])) == 4
    wide = small.changed(width=32, hidden=128, learning_rate=0.003)
    alike = exposure_imbalance(pairs[:1], [0.6], [0.1], wide, [1], 0, block=1)
    np.testing.assert_array_equal(both.area[2, ..., :1], alike.area[0])
    assert np.isnan(area[:, 1]).tolist() == [True, False] * 2


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"spec": SPEC.changed(batch=0)}, "spec.batch: 0 given"),
        ({"fractions": [0.6, 0.5]}, "fractions: 2 given"),
        ({"replicates": [2, 2]}, "replicates: 2 given"),
        ({"pairs": [("add",)]}, "two operations"),
        ({"widths": [16, 32], "rates": [0.005]}, "rates: 1 given; allowed: one for each of 2 widths"),
        ({"shares": [0.6]}, "shares: 0.6 given"),
        ({"shares": [0.0]}, "shares: 0.0 given"),
        ({"shares": [0.001]}, "a row per step"),
    ],
)
def test_refused(store, changes, named):
    given = {
        "pairs": PAIRS,
        "fractions": FRACTIONS,
        "shares": SHARES,
        "spec": SPEC,
        "replicates": [2],
    } | changes
    with pytest.raises(ValueError, match=named):
        exposure_imbalance(**given, seed=0, block=2)
