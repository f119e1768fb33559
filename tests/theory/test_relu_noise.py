"""Noise matrix: sampling, invariances, merged and coplanar fields, label noise, derivatives, bad inputs."""

import numpy as np
import pytest

from companion.theory.relu_landscape import family, overlaps
from companion.theory.relu_noise import noise_matrix, noise_slopes, sampled_noise_matrix


def _weights(students, teachers, dimension, seed=0, lean=0.4):
    rng = np.random.default_rng(seed)
    V = rng.standard_normal((teachers, dimension)) / np.sqrt(dimension)
    W = rng.standard_normal((students, dimension)) / np.sqrt(dimension)
    return W + lean * V[np.arange(students) % teachers], V


def _sampled(W, V, samples, seed, deviation=0.0):
    """Mean and standard error of Δ² 1 1 over plain samples."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, W.shape[1]))
    fields = x @ W.T
    error = np.maximum(fields, 0).sum(axis=1) - np.maximum(x @ V.T, 0).sum(axis=1)
    squared = (error + deviation * rng.standard_normal(samples)) ** 2
    positive = (fields > 0).astype(float)
    mean = (positive * squared[:, None]).T @ positive / samples
    power = (positive * squared[:, None] ** 2).T @ positive / samples
    return mean, np.sqrt((power - mean**2) / samples)


@pytest.mark.parametrize(
    ("W", "V"),
    [
        _weights(3, 2, 6),
        _weights(4, 4, 4, seed=1),
        _weights(2, 3, 3, seed=2),
        _weights(3, 2, 2, seed=3),
        (family("I", 1, 6).weights, np.eye(6)),
    ],
    ids=["general", "square", "one space", "one plane", "I(1)"],
)
def test_agrees_with_sampling(W, V):
    mean, error = _sampled(W, V, 400_000, 4)
    z = (mean - noise_matrix(*overlaps(W, V))) / error
    assert np.abs(z).max() < 4


def test_one_student_by_hand():
    # E[ReLU(x)²] E[...] with Δ = ReLU(λ) - ReLU(ρ), independent: 1/2 - 2 · 1/2π + 1/4
    assert noise_matrix([[1]], [[0]], [[1]])[0, 0] == pytest.approx(0.75 - 1 / np.pi, abs=1e-15)


def test_symmetric_positive_and_homogeneous():
    W, V = _weights(5, 4, 12)
    N = noise_matrix(*overlaps(W, V))
    np.testing.assert_array_equal(N, N.T)
    assert np.linalg.eigvalsh(N)[0] > 0
    np.testing.assert_allclose(noise_matrix(*overlaps(3 * W, 3 * V)), 9 * N, rtol=1e-12)


def test_order_of_units_does_not_matter():
    W, V = _weights(5, 4, 12)
    N = noise_matrix(*overlaps(W, V))
    order = np.array([3, 1, 4, 0, 2])
    moved = noise_matrix(*overlaps(W[order], V[::-1]))
    np.testing.assert_allclose(moved, N[np.ix_(order, order)], rtol=0, atol=1e-14)


@pytest.mark.parametrize("share", [0.5, 0.2, 1e-3])
def test_a_split_student_makes_the_same_noise(share):
    W, V = _weights(3, 2, 6)
    N = noise_matrix(*overlaps(W, V))
    split = np.vstack([share * W[:1], W[1:], (1 - share) * W[:1]])
    same = [0, 1, 2, 0]
    np.testing.assert_allclose(noise_matrix(*overlaps(split, V)), N[np.ix_(same, same)], atol=1e-14)


@pytest.mark.parametrize("width", [1e-4, 1e-6, 1e-7, 3e-8, 1e-9])
def test_noise_is_continuous_towards_parallel_fields(width):
    W, V = _weights(3, 2, 6)
    split = np.vstack([0.5 * W[:1], W[1:], 0.5 * W[:1]])
    N = noise_matrix(*overlaps(split, V))
    split[3] += width * np.random.default_rng(0).standard_normal(6)
    np.testing.assert_allclose(noise_matrix(*overlaps(split, V)), N, atol=10 * width + 1e-7)


def test_no_noise_at_the_teacher_and_only_labels_after():
    W = np.vstack([0.3 * np.eye(3)[:1], np.eye(3)[1:], 0.7 * np.eye(3)[:1]])
    assert np.abs(noise_matrix(*overlaps(W, np.eye(3)))).max() < 1e-15
    N = noise_matrix(*overlaps(W, np.eye(3)), label_noise=0.3)
    together = 0.3 * np.array([[2, 1, 1, 2], [1, 2, 1, 1], [1, 1, 2, 1], [2, 1, 1, 2]]) / 4
    np.testing.assert_allclose(N, together, atol=1e-15)


def test_opposed_students_are_never_active_together():
    V = np.eye(2, 4)
    W = np.vstack([np.eye(4)[2], -0.5 * np.eye(4)[2], np.eye(4)[3]])
    N = noise_matrix(*overlaps(W, V), label_noise=0.1)
    assert N[0, 1] == pytest.approx(0.0, abs=1e-15)
    mean, error = _sampled(W, V, 200_000, 0, np.sqrt(0.1))
    assert np.nanmax(np.abs(mean - N)[mean > 0] / error[mean > 0]) < 4


def test_label_noise_agrees_with_sampling():
    W, V = _weights(3, 2, 6)
    mean, error = _sampled(W, V, 400_000, 5, deviation=0.7)
    assert np.abs((mean - noise_matrix(*overlaps(W, V), label_noise=0.49)) / error).max() < 4


@pytest.mark.parametrize(("size", "tolerance"), [(3, 0.012), (6, 0.03)])
def test_quasi_monte_carlo(size, tolerance):
    W, V = _weights(size, size, 2 * size)
    these = overlaps(W, V)
    exact = noise_matrix(*these, label_noise=0.2)
    near = sampled_noise_matrix(*these, label_noise=0.2)
    np.testing.assert_allclose(near, exact, rtol=tolerance)
    np.testing.assert_array_equal(near, sampled_noise_matrix(*these, label_noise=0.2))
    other = sampled_noise_matrix(*these, label_noise=0.2, seed=1)
    assert not np.array_equal(near, other)
    np.testing.assert_allclose(other, exact, rtol=tolerance)


def test_quasi_monte_carlo_takes_coplanar_fields():
    W = family("I", 1, 6).weights
    these = overlaps(W, np.eye(6))
    np.testing.assert_allclose(sampled_noise_matrix(*these), noise_matrix(*these), atol=1e-3)


def test_slopes_agree_with_differences():
    Q, R, T = overlaps(*_weights(4, 3, 9))
    by_Q, by_R = noise_slopes(Q, R, T, label_noise=0.3)
    h = 1e-5

    def difference(dQ, dR):
        up, down = (noise_matrix(Q + s * dQ, R + s * dR, T, 0.3) for s in (h, -h))
        return (up - down) / (2 * h)

    for a in range(4):
        for b in range(a, 4):
            dQ = np.zeros((4, 4))
            dQ[a, b] = dQ[b, a] = 1.0
            np.testing.assert_allclose(by_Q[:, :, a, b], difference(dQ, np.zeros((4, 3))), atol=1e-8)
        for m in range(3):
            dR = np.zeros((4, 3))
            dR[a, m] = 1.0
            np.testing.assert_allclose(by_R[:, :, a, m], difference(np.zeros((4, 4)), dR), atol=1e-8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"T": np.ones((2, 2))}, "T must be positive definite"),
        ({"T": np.ones((2, 3))}, "T must be a square matrix"),
        ({"T": [[1, 0.5], [0.1, 1]]}, "T must be symmetric"),
        ({"Q": np.ones((2, 3))}, "Q must be square"),
        ({"Q": [[1, 0.5], [0.1, 1]]}, "Q must be symmetric"),
        ({"Q": np.zeros((2, 2))}, "Q must have a positive diagonal"),
        ({"Q": np.full((2, 2), np.nan)}, "Q must be finite"),
        ({"R": np.ones((3, 2))}, "R must have shape"),
        ({"R": 5 * np.eye(2)}, "no overlaps of any weights"),
        ({"R": np.eye(2) * 1j}, "R must hold real numbers"),
        ({"label_noise": -1.0}, "label_noise"),
        ({"label_noise": np.nan}, "label_noise"),
    ],
)
@pytest.mark.parametrize("function", [noise_matrix, sampled_noise_matrix, noise_slopes])
def test_bad_inputs_are_named(function, change, message):
    Q, R, T = overlaps(*_weights(2, 2, 6))
    with pytest.raises(ValueError, match=message):
        function(**{"Q": Q, "R": R, "T": T} | change)


def test_bad_points_and_parallel_slopes_are_named():
    with pytest.raises(ValueError, match="points must be a power of two, got 1000"):
        sampled_noise_matrix(np.eye(2), np.zeros((2, 2)), np.eye(2), points=1000)
    with pytest.raises(ValueError, match="parallel"):
        noise_slopes(np.ones((2, 2)), np.zeros((2, 2)), np.eye(2))
