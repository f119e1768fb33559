"""Joint components are those of the stored weights, and every schedule starts at one point."""

import numpy as np
import pytest

from companion.studies.curriculum_runs import trained
from companion.studies.curriculum_schedules import scheduled
from companion.studies.curriculum_trajectories import JOINT, PARTS, schedule_trajectories, weight_parts
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

TASKS = TaskSpec(operations=("add", "sub"), prime=11, fractions=(0.7, 0.6))
SPEC = CurriculumSpec(tasks=TASKS, steps=20, batch=32, width=16, hidden=32)
NAMES = ["interleaved", "blocked", "replay"]


@pytest.fixture(scope="module")
def found(run_store):
    return schedule_trajectories(NAMES, SPEC, 0, points=11, draws=40)


def weights(run_store):
    runs = [
        trained(
            scheduled(name, SPEC).changed(linear_checkpoints=11, every=20, logarithmic=2), 1, 0, block=1
        ).weights.isel(variation=0, replicate=0)
        for name in NAMES
    ]
    return np.stack([each.sel(checkpoint=range(0, 21, 2)).values.astype(float) for each in runs])


def test_every_weight_has_one_part():
    parts = weight_parts(SPEC)
    assert tuple(parts) == PARTS
    count = np.sum([parts[name] for name in PARTS[1:]], axis=0)
    assert parts["all"].all() and (count == 1).all()
    # 15 tokens and 4 positions; attention 4 d^2 and its gain; two matrices, biases and a gain; readout and its gain.
    expected = [19 * 16, 4 * 16**2 + 16, 2 * 16 * 32 + 32 + 16 + 16, 16 * 11 + 16]
    assert [int(parts[name].sum()) for name in PARTS[1:]] == expected


def test_components_are_those_of_all_weights_together(found, run_store):
    points = weights(run_store)
    flat = points.reshape(33, -1)
    flat = flat - flat.mean(axis=0)
    left, values, _ = np.linalg.svd(flat, full_matrices=False)
    shares = values**2 / (values**2).sum()
    np.testing.assert_allclose(found.share.sel(path=JOINT), shares[:12], atol=1e-6)
    assert float(found.participation.sel(path=JOINT)) == pytest.approx(1 / (shares**2).sum(), rel=1e-5)
    np.testing.assert_allclose(
        np.abs(found.coordinate).values.reshape(33, 3), np.abs(left * values)[:, :3], atol=1e-4
    )
    alone = points[1] - points[1].mean(axis=0)
    own = np.linalg.svd(alone, compute_uv=False) ** 2
    np.testing.assert_allclose(found.share.sel(path="blocked")[:10], (own / own.sum())[:10], atol=1e-6)
    readout = alone[:, weight_parts(SPEC)["readout"]]
    own = np.linalg.svd(readout, compute_uv=False) ** 2
    assert float(found.part_share.sel(schedule="blocked", part="readout")) == pytest.approx(
        own[0] / own.sum()
    )


def test_schedules_part_only_where_they_differ(found):
    start = found.coordinate.isel(point=0)
    np.testing.assert_allclose(start, np.broadcast_to(start[0], start.shape), atol=1e-6)
    blocked, replay, mixed = (
        found.coordinate.sel(schedule=name) for name in ("blocked", "replay", "interleaved")
    )
    before = found.point <= 10
    np.testing.assert_allclose(blocked[before.values], replay[before.values], atol=1e-6)
    assert np.abs(blocked - replay).sel(point=20).max() > 1e-3
    assert np.abs(blocked - mixed).sel(point=2).max() > 1e-3
    assert found.attrs["switches"] in (10, [10])
    assert list(np.atleast_1d(found.attrs["blocked"])) == ["blocked", "replay"]


def test_nulls_stand_beside_every_path(found):
    assert found.path.values.tolist() == [JOINT, *NAMES]
    for name in ("null_low", "null_high", "score", "limit"):
        assert np.isfinite(found[name].sel(order=[1, 2, 3])).all()
    assert (found.null_low <= found.null_share + 1e-12).all()
    assert (found.null_share <= found.null_high + 1e-12).all()
    # Steps of a few weights scatter about the limit of infinitely many dimensions.
    walk = found.null_share.sel(null="random walk", order=1)
    np.testing.assert_allclose(walk, found.limit.sel(order=1), atol=0.02)
    expected = found.share - found.null_share
    assert (np.sign(found.score.transpose(*expected.dims)) == np.sign(expected)).sel(order=[1, 2]).all()


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="points: 3 given"):
        schedule_trajectories(NAMES, SPEC, 0, points=3)
