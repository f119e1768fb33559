"""Loss, gradient, Hessian and spectrum against autograd, sampling, symmetry and exact identities."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.theory import relu_landscape as landscape

_SHAPES = [(1, 1, 2), (3, 2, 4), (2, 5, 5), (6, 6, 6), (5, 4, 11), (4, 7, 3)]


def _torch_loss(W, V):
    """The plain arc-cosine sum, kept apart from the package's own arrangement of the terms."""
    rows = torch.cat([W, V])
    signs = torch.cat([torch.ones(len(W)), -torch.ones(len(V))]).double()
    gram = rows @ rows.T
    other = ~torch.eye(len(rows), dtype=torch.bool)
    g, norms = gram[other], torch.diagonal(gram)
    s = torch.sqrt(torch.outer(norms, norms)[other] - g**2)
    kappa = (s + (torch.pi - torch.atan2(s, g)) * g) / (2 * torch.pi)
    return 0.5 * ((torch.outer(signs, signs)[other] * kappa).sum() + norms.sum() / 2)


def _random(shape, seed, correlation=0.0):
    students, teachers, dimension = shape
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((students, dimension)) / np.sqrt(dimension)
    V = rng.standard_normal((teachers, dimension)) + correlation * rng.standard_normal(dimension)
    return W, V / np.sqrt(dimension)


def _rotation(dimension, seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((dimension, dimension)))[0]


@pytest.fixture(scope="module")
def one_flipped():
    return landscape.family("I", 1, 7)


@pytest.mark.parametrize("correlation", [0.0, 1.5], ids=["independent", "correlated"])
@pytest.mark.parametrize("shape", _SHAPES, ids=str)
def test_loss_gradient_and_hessian_agree_with_autograd(shape, correlation):
    W, V = _random(shape, 3, correlation)
    student, teacher = torch.tensor(W, requires_grad=True), torch.tensor(V)
    loss = _torch_loss(student, teacher)
    (gradient,) = torch.autograd.grad(loss, student)
    hessian = torch.autograd.functional.hessian(lambda w: _torch_loss(w, teacher), student)
    assert landscape.population_loss(W, V) == pytest.approx(loss.item(), abs=1e-13)
    np.testing.assert_allclose(landscape.loss_gradient(W, V), gradient.numpy(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        landscape.hessian(W, V), hessian.numpy().reshape(W.size, W.size), rtol=0, atol=1e-9
    )


@given(st.integers(1, 6), st.integers(1, 6), st.integers(2, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_gradient_agrees_with_autograd_for_any_shape(students, teachers, dimension, seed):
    W, V = _random((students, teachers, dimension), seed)
    student = torch.tensor(W, requires_grad=True)
    (gradient,) = torch.autograd.grad(_torch_loss(student, torch.tensor(V)), student)
    np.testing.assert_allclose(landscape.loss_gradient(W, V), gradient.numpy(), rtol=0, atol=1e-9)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 7), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_permutations_and_rotations_change_nothing(students, teachers, dimension, seed):
    W, V = _random((students, teachers, dimension), seed)
    rng = np.random.default_rng(seed)
    rotation = _rotation(dimension, seed)
    order = rng.permutation(students)
    moved, teacher = W[order] @ rotation, V[rng.permutation(teachers)] @ rotation
    assert landscape.population_loss(moved, teacher) == pytest.approx(
        landscape.population_loss(W, V), abs=1e-13
    )
    np.testing.assert_allclose(
        landscape.loss_gradient(moved, teacher), landscape.loss_gradient(W, V)[order] @ rotation, atol=1e-12
    )
    np.testing.assert_allclose(
        np.linalg.eigvalsh(landscape.hessian(moved, teacher)),
        np.linalg.eigvalsh(landscape.hessian(W, V)),
        atol=1e-10,
    )


@pytest.mark.parametrize("shape", [(3, 2, 4), (4, 6, 6)], ids=str)
def test_loss_agrees_with_sampling(shape):
    W, V = _random(shape, 11, 0.5)
    x = np.random.default_rng(12).standard_normal((400_000, shape[2]))
    error = np.maximum(x @ W.T, 0).sum(axis=1) - np.maximum(x @ V.T, 0).sum(axis=1)
    sample = 0.5 * error**2
    z = (sample.mean() - landscape.population_loss(W, V)) / (sample.std() / np.sqrt(len(sample)))
    assert abs(z) < 4


def test_gradient_is_orthogonal_to_the_weights_at_critical_points(one_flipped):
    W, V = one_flipped.weights, np.eye(7)
    assert np.linalg.norm(landscape.loss_gradient(W, V)) < 1e-14
    # Homogeneity of degree one then leaves half the difference of the two mean squared outputs.
    nothing = np.full((1, 7), 1e-200)
    teacher_power = landscape.population_loss(nothing, V)
    student_power = landscape.population_loss(nothing, W)
    assert one_flipped.loss == pytest.approx(teacher_power - student_power, abs=1e-13)


def test_transverse_block_of_the_hessian_is_a(one_flipped):
    W = np.pad(one_flipped.weights, ((0, 0), (0, 2)))
    V = np.eye(7, 9)
    H = landscape.hessian(W, V).reshape(7, 9, 7, 9)
    A = landscape.transverse_matrix(W, V)
    np.testing.assert_array_equal(A, A.T)
    np.testing.assert_allclose(H[:, 7:, :, 7:], np.einsum("kl,ij->kilj", A, np.eye(2)), atol=1e-15)
    np.testing.assert_allclose(H[:, :7, :, 7:], 0, atol=1e-15)


@pytest.mark.parametrize("rotated", [False, True])
def test_spectrum_in_d_dimensions_is_that_of_the_whole_hessian(one_flipped, rotated):
    W, V = np.pad(one_flipped.weights, ((0, 0), (0, 3))), np.eye(7, 10)
    if rotated:
        W, V = W @ _rotation(10, 1), V @ _rotation(10, 1)
    spectrum = landscape.hessian_spectrum(W, V, 10)
    assert spectrum.multiplicity == 3
    np.testing.assert_allclose(
        spectrum.eigenvalues(), np.linalg.eigvalsh(landscape.hessian(W, V)), rtol=0, atol=1e-13
    )
    assert spectrum.smallest == pytest.approx(one_flipped.hessian_min, abs=1e-13)


def test_spectrum_counts_the_rank_of_the_teacher():
    V = np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]])
    spectrum = landscape.hessian_spectrum([[1.0, 0.5, 0]], V, 1000)
    assert spectrum.in_span.shape == (2,)
    assert spectrum.multiplicity == 998


def test_parallel_units_are_regular_points():
    V = np.eye(4)
    assert landscape.population_loss(V, V) < 1e-15
    assert np.linalg.norm(landscape.loss_gradient(V, V)) < 1e-15
    H = landscape.hessian(V, V)
    np.testing.assert_array_equal(H, H.T)
    nearby = landscape.hessian(V + 1e-7 * np.random.default_rng(0).standard_normal((4, 4)), V)
    np.testing.assert_allclose(H, nearby, atol=1e-6)
    opposed = landscape.hessian(np.vstack([V, -V]), V)
    assert np.isfinite(opposed).all()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_splitting_a_teacher_unit_keeps_the_loss_at_zero(share):
    W = np.vstack([share * np.eye(4)[:1], (1 - share) * np.eye(4)[:1], np.eye(4)[1:]])
    assert landscape.population_loss(W, np.eye(4)) < 1e-15
    eigenvalues = np.linalg.eigvalsh(landscape.hessian(W, np.eye(4)))
    assert np.count_nonzero(np.abs(eigenvalues) < 1e-12) == 4  # (K - M) d flat directions
    assert eigenvalues[0] > -1e-12


def test_overlaps():
    W, V = _random((3, 2, 4), 0)
    Q, R, T = landscape.overlaps(W, V)
    np.testing.assert_allclose(Q, W @ W.T)
    np.testing.assert_allclose(R, W @ V.T)
    np.testing.assert_allclose(T, V @ V.T)
    assert landscape.overlaps(np.zeros((1, 4)), V)[0] == 0
    with pytest.raises(ValueError, match="V must be finite"):
        landscape.overlaps(W, np.full((2, 4), np.inf))


@pytest.mark.parametrize(
    ("W", "V", "message"),
    [
        ([1.0, 2.0], np.eye(2), "W must be a matrix"),
        (np.eye(2), np.empty((0, 2)), "V must be a matrix"),
        (np.eye(2), np.eye(3), "same D"),
        ([[1.0, np.nan]], np.eye(2), "W must be finite"),
        (np.eye(2), [[1.0, np.inf]], "V must be finite"),
        ([[1.0, 0], [0, 0]], np.eye(2), r"W has a row of zeros \(row 1\)"),
        ([[1j, 0]], np.eye(2), "W must hold real numbers"),
        (np.empty((0, 2)), np.eye(2), "W must be a matrix with at least one row"),
        (np.eye(2), [[0, 1.0], [0, 0]], r"V has a row of zeros \(row 1\)"),
        (np.eye(2), "teacher", "V must hold real numbers"),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        landscape.population_loss,
        landscape.loss_gradient,
        landscape.transverse_matrix,
        landscape.hessian,
        lambda W, V: landscape.hessian_spectrum(W, V, 10),
    ],
)
def test_bad_arrays_are_named(function, W, V, message):
    with pytest.raises(ValueError, match=message):
        function(W, V)


@pytest.mark.parametrize(
    ("W", "dimension", "message"),
    [
        (np.eye(3), 2, "dimension must be a whole number of at least D = 3, got 2"),
        (np.eye(3), 3.5, "dimension must be a whole number"),
        ([[0, 0, 1.0]], 3, "outside the span of V"),
    ],
)
def test_spectrum_refuses_what_it_cannot_split(W, dimension, message):
    with pytest.raises(ValueError, match=message):
        landscape.hessian_spectrum(W, np.eye(2, 3), dimension)
