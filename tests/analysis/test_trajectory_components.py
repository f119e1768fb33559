"""Components from inner products are those of the points, and walks have the shares that random walks have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.analysis import trajectory_components as components


def trajectory(points=12, dimension=40, seed=0):
    random = np.random.default_rng(seed)
    return np.cumsum(
        random.standard_normal((points, dimension)) * random.uniform(0.2, 2, (points, 1)), axis=0
    )


def centred(points):
    return points - points.mean(axis=0)


def test_shares_and_coordinates_are_those_of_a_singular_value_decomposition():
    points = centred(trajectory())
    gram = components.inner_products(points)
    left, values, _ = np.linalg.svd(points, full_matrices=False)
    np.testing.assert_allclose(components.explained_shares(gram), (values**2 / (values**2).sum())[:11])
    found = components.component_coordinates(gram, 3)
    np.testing.assert_allclose(np.abs(found), np.abs(left[:, :3] * values[:3]), atol=1e-10)
    assert (found[np.abs(found).argmax(axis=0), range(3)] > 0).all()
    everything = components.component_coordinates(gram, 11)
    np.testing.assert_allclose(everything @ everything.T, gram, atol=1e-10)


def test_products_of_many_columns_are_whole(monkeypatch):
    points = trajectory(5, 23).astype(np.float32)
    whole = components.inner_products(points)
    monkeypatch.setattr(components, "_COLUMNS", 4)
    np.testing.assert_allclose(components.inner_products(points), whole, rtol=1e-12)
    np.testing.assert_allclose(whole, points.astype(float) @ points.T.astype(float), rtol=1e-12)


def test_steps_lead_to_the_points():
    ways = np.stack([trajectory(seed=seed) for seed in (1, 2, 3)])
    ways -= ways[:, :1]  # all begin at one point
    steps = np.concatenate([components.steps_between(way) for way in ways])
    found = components.walked(components.inner_products(steps), 3)
    np.testing.assert_allclose(found, components.inner_products(centred(np.concatenate(ways))), atol=1e-9)
    alone = components.walked(np.stack([components.inner_products(np.diff(way, axis=0)) for way in ways]))
    np.testing.assert_allclose(alone[1], components.inner_products(centred(ways[1])), atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10), turned=st.booleans())
def test_shares_know_no_position_scale_or_rotation(seed, scale, turned):
    points = trajectory(7, 9, seed)
    random = np.random.default_rng(seed + 1)
    turn = np.linalg.qr(random.standard_normal((9, 9)))[0] if turned else np.eye(9)
    moved = scale * points @ turn + random.standard_normal(9)
    shares = [
        components.explained_shares(components.inner_products(centred(each))) for each in (points, moved)
    ]
    np.testing.assert_allclose(*shares, atol=1e-9)
    assert shares[0].sum() == pytest.approx(1)


def test_a_walk_of_equal_steps_has_the_spectrum_of_a_path():
    M = 51
    gram = components.walk_gram(np.ones((1, M - 1)))
    k = np.arange(1, M)
    eigenvalues = 1 / (4 * np.sin(np.pi * k / (2 * M)) ** 2)
    np.testing.assert_allclose(np.linalg.eigvalsh(gram)[:0:-1], eigenvalues, rtol=1e-9)
    shares = components.explained_shares(gram, 4)
    np.testing.assert_allclose(shares, 6 / np.pi**2 / np.arange(1, 5) ** 2, rtol=0.01)
    # A simulated walk of this length was measured to have 0.613, 0.151, 0.068, 0.038.
    np.testing.assert_allclose(shares, [0.613, 0.151, 0.068, 0.038], atol=0.01)


def test_drawn_walks_are_those_of_uniform_directions():
    lengths, dimension, draws = np.array([[1.0, 2.0, 0.5, 1.5], [3.0, 1.0, 1.0, 0.2]]), 12, 3000
    drawn = components.drawn_walks(lengths, dimension, draws, np.random.default_rng(0))
    directions = np.random.default_rng(1).standard_normal((draws, 8, dimension))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    steps = directions * lengths.ravel()[:, None]
    direct = components.walked(steps @ np.swapaxes(steps, -1, -2), 2)
    first, second = (components.explained_shares(each, 4) for each in (drawn, direct))
    error = np.sqrt((first.var(axis=0) + second.var(axis=0)) / draws)
    assert (np.abs(first.mean(axis=0) - second.mean(axis=0)) < 4.5 * error).all()
    np.testing.assert_allclose(first.std(axis=0), second.std(axis=0), rtol=0.1)


def test_many_dimensions_leave_no_chance():
    lengths = np.random.default_rng(0).uniform(0.5, 2, (3, 10))
    drawn = components.drawn_walks(lengths, 10**8, 2, np.random.default_rng(1))
    np.testing.assert_allclose(drawn, np.broadcast_to(components.walk_gram(lengths), drawn.shape), atol=5e-3)


def test_tossed_steps_keep_directions_and_lose_persistence():
    straight = np.outer(np.ones(30), [1.0, 2.0, 2.0])
    gram = components.inner_products(straight)
    flipped = components.flipped_walks(gram, 1, 200, np.random.default_rng(0))
    np.testing.assert_allclose(components.explained_shares(flipped, 2), [[1.0, 0.0]] * 200, atol=1e-9)
    assert np.trace(flipped, axis1=1, axis2=2).mean() < 0.3 * np.trace(components.walked(gram))
    orthogonal = components.flipped_walks(np.diag(np.arange(1.0, 9.0)), 2, 3, np.random.default_rng(0))
    expected = components.walked(np.diag(np.arange(1.0, 9.0)), 2)
    np.testing.assert_allclose(
        components.explained_shares(orthogonal), [components.explained_shares(expected)] * 3
    )


def test_participation_counts_components():
    gram = components.inner_products(centred(trajectory()))
    shares = components.explained_shares(gram)
    assert components.participation_ratio(gram) == pytest.approx(1 / (shares**2).sum())
    line = components.inner_products(centred(np.outer(np.arange(6.0), np.ones(3))))
    assert components.participation_ratio(line) == pytest.approx(1)


def test_points_that_do_not_move_have_no_components():
    gram = components.inner_products(np.zeros((4, 3)))
    assert np.isnan(components.explained_shares(gram)).all()
    assert np.isnan(components.participation_ratio(gram))
    assert components.explained_shares(components.walk_gram(np.ones((1, 2))), 5).shape == (5,)


def test_scores_are_in_standard_deviations():
    drawn = np.array([[1.0, 10.0], [3.0, 10.0], [2.0, 13.0]])
    np.testing.assert_allclose(components.z_scores([4.0, 11.0], drawn), [2.0, 0.0])


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: components.walked(np.eye(5), 2), "trajectories: 2"),
        (lambda: components.walked(np.eye(0)), "trajectories"),
        (lambda: components.component_coordinates(np.eye(3), 3), "count: 3"),
        (lambda: components.drawn_walks([[1.0] * 5], 4, 2, np.random.default_rng(0)), "dimension: 4"),
        (lambda: components.z_scores([1.0], [[1.0]]), "drawn: 1"),
    ],
)
def test_what_cannot_be_is_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()
