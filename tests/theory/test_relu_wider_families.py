"""Families at K = M + 1: independently computed numbers, onset, branches told apart, a random census."""

import numpy as np
import pytest

from companion.analysis.minima import classify, polish
from companion.theory import relu_landscape as landscape
from companion.theory import relu_wider_families as wider
from companion.theory.relu_ansatz import NotConvergedError
from companion.theory.relu_continuation import BranchEndedError
from companion.training.descent import descend, initial_weights

# M, kind, p, loss, smallest eigenvalue in span, smallest eigenvalue of A
_TABLE = [
    (6, "S", 1, 0.023866209, -0.005997, 0.064352),
    (7, "S", 1, 0.022147443, 0.002609, 0.066433),
    (8, "S", 1, 0.020560792, 0.005945, 0.067542),
    (10, "S", 1, 0.017892655, 0.005667, 0.068224),
    (10, "S", 2, 0.032675548, 0.006585, 0.077175),
    (12, "X", 6, 0.043688360, 0.000234, 0.075705),
    (13, "X", 5, 0.036104636, 0.000605, 0.084722),
    (14, "X", 4, 0.028313525, 0.000693, 0.087490),
    (16, "X", 3, 0.019720696, -0.001188, 0.083308),
    (17, "X", 2, 0.011698913, -0.020415, 0.075488),
    (17, "X", 3, 0.019157183, 0.000038, 0.083021),
    (17, "X", 4, 0.025978184, 0.005866, 0.088132),
    (17, "X", 5, 0.032359509, 0.007805, 0.091659),
    (18, "X", 3, 0.018623431, 0.001017, 0.082668),
]

_BLOCKS = [
    (
        *("S", 1, 10),
        {
            "d1": 0.992029,
            "o1": -0.018310,
            "c12": 0.184638,
            "d2": -0.530762,
            "c21": 0.057349,
            "u1": 0.096642,
            "u2": -0.190305,
        },
    ),
    (
        *("X", 4, 14),
        {
            "d1": 1.004487,
            "o1": -0.002729,
            "c12": 0.063173,
            "d2": -0.654546,
            "o2": 0.176448,
            "c21": 0.026503,
            "u1": -0.091581,
            "u2": 0.464899,
        },
    ),
]


@pytest.mark.parametrize(("teachers", "kind", "flipped", "loss", "lowest", "transverse"), _TABLE)
def test_families_match_the_table(teachers, kind, flipped, loss, lowest, transverse):
    minimum = landscape.family(kind, flipped, teachers + 1)
    assert minimum.name == f"{kind}({flipped})"
    assert (minimum.students, minimum.teachers, minimum.extra) == (teachers + 1, teachers, 1)
    assert minimum.loss == pytest.approx(loss, abs=1e-8)
    # The smallest one printed, 0.000038, is known to the digits printed only.
    assert minimum.hessian_min == pytest.approx(lowest, abs=6e-7)
    assert minimum.transverse_min == pytest.approx(transverse, abs=1e-5)
    assert minimum.is_minimum == (lowest > 0)
    assert minimum.gradient_norm < 1e-14


@pytest.mark.parametrize(("kind", "flipped", "teachers", "values"), _BLOCKS)
def test_blocks_match(kind, flipped, teachers, values):
    minimum = landscape.family(kind, flipped, teachers + 1, teachers)
    assert minimum.values == pytest.approx(values, abs=1e-5)
    W = minimum.weights
    assert W.shape == (teachers + 1, teachers)
    np.testing.assert_array_equal(W[-1, : teachers - flipped], minimum.values["u1"])
    np.testing.assert_array_equal(W[-1, teachers - flipped :], minimum.values["u2"])


@pytest.mark.parametrize(
    ("kind", "flipped", "first"),
    [
        ("S", 1, 7),
        ("S", 2, 9),
        ("S", 3, 11),
        ("S", 4, 13),
        ("X", 2, None),
        ("X", 3, 17),
        ("X", 4, 14),
        ("X", 5, 13),
        ("X", 6, 12),
        ("X", 7, 12),
        ("X", 8, 11),
        ("X", 9, 11),
    ],
)
def test_onset_of_stability_up_to_twenty_teachers(kind, flipped, first):
    listed = {
        M: minimum
        for M in range(4, 21)
        for minimum in landscape.known_families(M + 1, M)
        if minimum.name == f"{kind}({flipped})"
    }
    stable = [M for M, minimum in listed.items() if minimum.is_minimum]
    assert stable == ([] if first is None else list(range(first, 21)))
    assert 20 in listed


def test_the_pair_at_seventeen_has_one_unstable_direction():
    """X(2) is left only by changing its two flipped units oppositely; the next eigenvalue is positive."""
    saddle = landscape.family("X", 2, 18)
    spectrum = landscape.hessian_spectrum(saddle.weights, np.eye(17), 17).in_span
    assert spectrum[:2] == pytest.approx([-0.0204, 0.0217], abs=5e-5)
    assert saddle.negative_eigenvalues == 1
    H = landscape.hessian(saddle.weights, np.eye(17))
    unstable = np.linalg.eigh(H)[1][:, 0].reshape(18, 17)
    np.testing.assert_allclose(unstable[[15, 16]][:, [15, 16]], -unstable[[16, 15]][:, [16, 15]], atol=1e-12)
    np.testing.assert_allclose(unstable[:15, :15], 0, atol=1e-12)


@pytest.mark.parametrize("flipped", [3, 4, 5])
def test_an_extra_student_softens_the_families_at_seventeen(flipped):
    wide, narrow = landscape.family("X", flipped, 18), landscape.family("I", flipped, 17)
    assert wide.is_minimum and narrow.is_minimum
    assert wide.hessian_min / narrow.hessian_min < 0.5
    assert wide.transverse_min / narrow.transverse_min < 0.6


@pytest.mark.parametrize("teachers", [5, 7, 9, 12, 17])
def test_reduced_numbers_are_those_of_the_weights(teachers):
    V = np.eye(teachers)
    for minimum in landscape.known_families(teachers + 1, teachers)[::3]:
        W = minimum.weights
        assert landscape.population_loss(W, V) == pytest.approx(minimum.loss, abs=1e-14)
        assert np.linalg.norm(landscape.loss_gradient(W, V)) < 1e-13
        spectrum = landscape.hessian_spectrum(W, V, teachers)
        assert minimum.hessian_min == pytest.approx(spectrum.in_span[0], abs=1e-12)
        assert minimum.hessian_max == pytest.approx(spectrum.in_span[-1], abs=1e-12)
        assert minimum.transverse_min == pytest.approx(spectrum.transverse[0], abs=1e-12)
        assert minimum.negative_eigenvalues == np.count_nonzero(spectrum.in_span < -1e-9)


@pytest.mark.parametrize("teachers", [*range(9, 34), 45, 60])
def test_branches_are_followed_without_jumps(teachers):
    names = {
        kind: [m for m in landscape.known_families(teachers + 1, teachers) if m.name.startswith(kind)]
        for kind in ("S", "X", "T")
    }
    flipped = {kind: sorted(m.flipped for m in members) for kind, members in names.items()}
    # Each family is one stretch of p, but X(3) begins at M = 11, and T has two pieces at M = 25 to 29.
    assert flipped["S"] == list(range(1, flipped["S"][-1] + 1))
    assert flipped["T"] == list(range(flipped["T"][0], teachers - 1))
    assert flipped["X"] == [p for p in range(2, teachers + 1) if p != 3 or teachers >= 11]
    for members in names.values():
        ordered = sorted(members, key=lambda m: m.flipped)
        # A jump to another branch would break the order: losses grow with p.
        assert np.all(np.diff([m.loss for m in ordered]) > 0)
        assert all(m.gradient_norm < 1e-12 for m in members)


@pytest.mark.parametrize("kind", ["S", "X", "T"])
def test_losses_are_smooth_in_real_sizes(kind):
    sizes = np.linspace(17.0, 19.0, 9)
    flipped = 8 if kind == "T" else 4
    losses = np.array([landscape.reduced_loss(kind, flipped, size) for size in sizes])
    assert losses[[0, 4, 8]] == pytest.approx(
        [landscape.family(kind, flipped, K).loss for K in (17, 18, 19)], abs=1e-14
    )
    assert np.max(np.abs(np.diff(losses, 3))) < 1e-5
    parts = np.array([landscape.reduced_loss(kind, flipped + x, 18) for x in np.linspace(-1, 1, 9)])
    assert np.all(np.diff(parts) > 0)
    assert np.max(np.abs(np.diff(parts, 3))) < 1e-5


def test_losses_at_large_size():
    """All but T vanish as p/K, at unequal rates."""
    assert 1001 * landscape.reduced_loss("S", 1, 1001) == pytest.approx(0.2662, abs=1e-4)
    assert 1001 * landscape.reduced_loss("X", 2, 1001) / 2 == pytest.approx(0.2435, abs=2e-4)
    large = landscape.family("X", 40, 201)
    assert np.linalg.norm(landscape.loss_gradient(large.weights, np.eye(200))) < 2e-11


@pytest.mark.parametrize(("kind", "other"), [("S", "X"), ("X", "S"), ("T", "X"), ("X", "T")])
def test_another_branch_is_an_error(kind, other, monkeypatch):
    """A start that leads to another family must never be handed out under the wrong name."""
    monkeypatch.setitem(wider._GUESSES, kind, wider._GUESSES[other])
    with pytest.raises(BranchEndedError, match=rf"flipped: {kind}\(6\) was not reached at students = 21"):
        wider.branch(kind, 6.0, 21.0)


@pytest.mark.parametrize(("flipped", "students"), [(8, 21), (5, 13), (3, 9)])
def test_a_branch_that_has_ended_is_an_error(flipped, students):
    with pytest.raises(BranchEndedError, match=rf"flipped: S\({flipped}\) was not reached") as refusal:
        landscape.family("S", flipped, students)
    assert isinstance(refusal.value, ValueError) and isinstance(refusal.value, NotConvergedError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("S", 0, 11), r"flipped: family S\(p\) exists for 1 <= p <= teachers - 3, got 0"),
        (("S", 8, 11), "flipped: .* got 8 with teachers = 10 and students = 11"),
        (("X", 1, 18), r"flipped: family X\(p\) exists for 2 <= p <= teachers, got 1"),
        (("X", 18, 18), "flipped: .* got 18"),
        (("T", 4, 18), "flipped: .* got 4"),
        (("T", 16, 18), "flipped: .* got 16"),
        (("X", 3, 18, 18), r"teachers: family X needs one teacher less than students \(17\), got 18"),
        (("S", 1, 18, 16), "teachers: "),
        (("X", 3.5, 18), "flipped must be a whole number, got 3.5"),
        (("X", 3, 18.5), "students must be a whole number, got 18.5"),
        (("X", 3, 0), "students must be a finite number >= 1, got 0"),
        (("X", 3, 18, 0), "teachers must be a finite number >= 1, got 0"),
        (("X", float("nan"), 18), "flipped must be a finite number, got nan"),
        (("X", "3", 18), "flipped must be a finite number, got '3'"),
        (("Y", 3, 18), "kind must be one of 'I', 'II', 'S', 'X', 'T', got 'Y'"),
    ],
)
def test_families_outside_their_domain_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        landscape.family(*arguments)


# At M = 12 two starts in a thousand end in a spurious minimum: number 286 is one.
@pytest.mark.parametrize(
    ("teachers", "starts", "seed"), [(12, range(270, 300), 1), (13, range(100), 7), (14, range(100), 7)]
)
def test_every_spurious_endpoint_of_a_census_is_listed(teachers, starts, seed):
    V = np.eye(teachers)
    starts = initial_weights(teachers + 1, teachers, starts, seed)
    ends = descend(starts, V, tolerance=1e-6, spurious_tolerance=1e-8)
    assert ends.converged.all()
    spurious = np.flatnonzero(ends.loss > 1e-3)
    better = polish(ends.weights[spurious], V)
    assert better.converged.all()
    named = classify(
        better.weights, V, better.loss, better.converged, landscape.known_families(teachers + 1, teachers)
    )
    # A run held up beside a saddle is polished down to the global minimum.
    listed = named.label[named.label != "global"]
    assert {label[:2] for label in listed} <= {"S(", "X("}
    assert len(listed) >= {12: 1, 13: 1, 14: 5}[teachers]
