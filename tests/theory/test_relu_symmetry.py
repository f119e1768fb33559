"""The Hessian's eigenvalues by symmetry, with their multiplicities, at whole and real sizes."""

import numpy as np
import pytest

from companion.theory import relu_landscape as landscape
from companion.theory.relu_ansatz import Ansatz
from companion.theory.relu_families import branch


def _repeated(components):
    return np.sort(
        np.concatenate([np.repeat(part.eigenvalues, round(part.dimension)) for part in components])
    )


@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("sizes", [(4,), (1, 1), (2, 1), (2, 2), (3, 3), (5, 1), (4, 2, 1)], ids=str)
def test_components_make_up_the_whole_spectrum(sizes, extra):
    """Not at a critical point: the symmetry is that of the weights."""
    ansatz = Ansatz(sizes, extra)
    values = np.random.default_rng(len(ansatz.names)).standard_normal(len(ansatz.names))
    W, V = ansatz.weights(values), np.eye(sum(sizes))
    whole = np.linalg.eigvalsh(landscape.hessian(W, V))
    np.testing.assert_allclose(_repeated(ansatz.hessian_components(values)), whole, rtol=0, atol=3e-14)
    assert set(ansatz.hessian_eigenvalues(values)) <= {
        value for part in ansatz.hessian_components(values) for value in part.eigenvalues
    }


@pytest.mark.parametrize(("kind", "flipped", "students"), [("I", 3, 20), ("II", 7, 20), ("X", 5, 21)])
def test_components_at_twenty(kind, flipped, students):
    minimum = landscape.family(kind, flipped, students)
    spectrum = landscape.hessian_spectrum(minimum.weights, np.eye(20), 20).in_span
    np.testing.assert_allclose(_repeated(minimum.hessian_components), spectrum, rtol=0, atol=1e-12)
    assert sum(part.dimension * len(part.eigenvalues) for part in minimum.hessian_components) == students * 20


def test_components_of_a_child():
    child = landscape.child_family(7, 19)
    spectrum = landscape.hessian_spectrum(child.weights, np.eye(19), 19).in_span
    np.testing.assert_allclose(_repeated(child.hessian_components), spectrum, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "flipped"), [("I", 2), ("II", 9), ("S", 2), ("X", 6)])
def test_eigenvalues_are_smooth_in_real_sizes(kind, flipped):
    sizes = np.linspace(12.0, 14.0, 9)
    rows = [landscape.symmetry_minima(kind, flipped, size) for size in sizes]
    for symmetry in rows[0]:
        values = np.array([row[symmetry] for row in rows])
        assert np.max(np.abs(np.diff(values, 3))) < 3e-4
    whole = landscape.family(kind, flipped, 13)
    assert min(v for k, v in rows[4].items() if k != "transverse") == pytest.approx(
        whole.hessian_min, abs=1e-13
    )
    assert rows[4]["transverse"] == pytest.approx(whole.transverse_min, abs=1e-13)


def test_spectra_up_to_two_hundred():
    """Against products of the Hessian with vectors, where the Hessian has 4e4 rows."""
    for kind, flipped, students in (("I", 6, 200), ("II", 40, 60), ("X", 30, 201), ("S", 12, 201)):
        minimum = landscape.family(kind, flipped, students)
        V = np.eye(minimum.teachers)
        parts = {part.symmetry: part for part in minimum.hessian_components}
        total = sum(part.dimension * len(part.eigenvalues) for part in parts.values())
        assert total == students * minimum.teachers
        # The member of antisymmetric(1) on units 0, 1, 2 is an eigenvector of the Hessian.
        vector = np.zeros(minimum.weights.shape)
        for i, j in ((0, 1), (1, 2), (2, 0)):
            vector[i, j], vector[j, i] = 1.0, -1.0
        step = 1e-5
        product = landscape.loss_gradient(minimum.weights + step * vector, V)
        product = (product - landscape.loss_gradient(minimum.weights - step * vector, V)) / (2 * step)
        eigenvalue = parts["antisymmetric(1)"].eigenvalues[0]
        np.testing.assert_allclose(product, eigenvalue * vector, rtol=0, atol=1e-7)


def test_a_block_between_one_and_two_units_has_no_symmetry_types():
    ansatz, values = branch("II", 8.0, 9.5)
    with pytest.raises(ValueError, match="sizes: blocks must have 1 or at least 2 units"):
        ansatz.hessian_components(values)
