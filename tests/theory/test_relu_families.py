"""Families of minima: published and independently computed numbers, stability, large and real K."""

import numpy as np
import pytest

from companion.theory import relu_landscape as landscape
from companion.theory.relu_ansatz import Ansatz, NotConvergedError
from companion.theory.relu_families import branch

# K, kind, p or q, loss, smallest and largest eigenvalue in span, smallest eigenvalue of A
_TABLE = [
    (5, "I", 1, 0.026970470, -0.007702, 1.7489, 0.191531),
    (6, "I", 1, 0.025080581, 0.004700, 2.0237, 0.199803),
    (6, "II", 6, 0.055668581, 0.001504, 1.9897, 0.171398),
    (7, "I", 1, 0.023202715, 0.014059, 2.2955, 0.206233),
    (7, "I", 2, 0.042085572, -0.004588, 2.2780, 0.181019),
    (7, "II", 7, 0.062210981, 0.006847, 2.2535, 0.173716),
    (8, "I", 1, 0.021508037, 0.021347, 2.5646, 0.211286),
    (8, "I", 2, 0.039793234, 0.003343, 2.5464, 0.188236),
    (8, "II", 6, 0.055045523, 0.001793, 2.5426, 0.175030),
    (8, "II", 8, 0.067731691, 0.011057, 2.5161, 0.176029),
    (9, "I", 1, 0.020014176, 0.027182, 2.8314, 0.215334),
    (9, "I", 2, 0.037488963, 0.010166, 2.8134, 0.194302),
    (10, "I", 1, 0.018702195, 0.031964, 3.0964, 0.218638),
    (10, "I", 2, 0.035326880, 0.015992, 3.0788, 0.199291),
    (10, "I", 3, 0.050239598, 0.004049, 3.0664, 0.181705),
    (10, "II", 6, 0.054633774, 0.001997, 3.0796, 0.177498),
    (12, "I", 1, 0.016523793, 0.039347, 3.6216, 0.223691),
    (12, "I", 2, 0.031551184, 0.025306, 3.6055, 0.206773),
    (12, "I", 3, 0.045458001, 0.014344, 3.5933, 0.190944),
    (12, "I", 4, 0.058232899, 0.005154, 3.5840, 0.178173),
    (16, "I", 1, 0.013399845, 0.049003, 4.6590, 0.229740),
    (20, "I", 1, 0.011275582, 0.055093, 5.6856, 0.231363),
    (20, "I", 6, 0.060758663, 0.020232, 5.6466, 0.185922),
    (20, "II", 12, 0.080944785, 0.020008, 5.6467, 0.190541),
]

_BLOCKS = [
    ("I", 1, 6, {"d1": 0.986704, "o1": -0.050413, "c12": 0.308011, "d2": -0.601512, "c21": 0.224516}),
    ("I", 1, 10, {"d1": 1.004355, "o1": -0.015812, "c12": 0.182368, "d2": -0.699037, "c21": 0.126042}),
    (
        "I",
        2,
        10,
        {
            "d1": 0.997564,
            "o1": -0.037412,
            "c12": 0.191012,
            "d2": -0.729840,
            "o2": 0.153265,
            "c21": 0.135519,
        },
    ),
    ("II", 6, 6, {"d1": -0.663397, "o1": 0.330710}),
    (
        "II",
        6,
        12,
        {
            "d1": 1.044138,
            "o1": 0.000603,
            "c12": 0.011506,
            "d2": -0.642797,
            "o2": 0.313713,
            "c21": -0.008090,
        },
    ),
]

_M17 = [  # losses and smallest eigenvalues of I(1) … I(6) at K = M = 17
    (0.012796245, 0.050767),
    (0.024766429, 0.039737),
    (0.036174915, 0.031678),
    (0.047086556, 0.024185),
    (0.057513389, 0.017389),
    (0.067434737, 0.011104),
]


@pytest.mark.parametrize(("students", "kind", "flipped", "loss", "lowest", "highest", "transverse"), _TABLE)
def test_families_match_the_table(students, kind, flipped, loss, lowest, highest, transverse):
    minimum = landscape.family(kind, flipped, students)
    assert minimum.name == f"{kind}({flipped})"
    assert minimum.loss == pytest.approx(loss, abs=1e-8)
    assert minimum.hessian_min == pytest.approx(lowest, abs=1e-5)
    assert minimum.hessian_max == pytest.approx(highest, abs=1e-4)  # printed with four decimals
    assert minimum.transverse_min == pytest.approx(transverse, abs=1e-5)
    assert minimum.is_minimum == (lowest > 0)
    assert minimum.gradient_norm < 1e-14


@pytest.mark.parametrize(("kind", "flipped", "students", "values"), _BLOCKS)
def test_blocks_match(kind, flipped, students, values):
    assert landscape.family(kind, flipped, students).values == pytest.approx(values, abs=1e-5)


@pytest.mark.parametrize(("flipped", "oracle"), list(enumerate(_M17, start=1)))
def test_families_at_17(flipped, oracle):
    minimum = landscape.family("I", flipped, 17)
    assert minimum.loss == pytest.approx(oracle[0], abs=1e-8)
    assert minimum.hessian_min == pytest.approx(oracle[1], abs=1e-5)


@pytest.mark.parametrize(("flipped", "loss"), [(7, 0.060243475), (8, 0.065636482)])
def test_flipped_blocks_at_17(flipped, loss):
    assert landscape.family("II", flipped, 17).loss == pytest.approx(loss, abs=1e-8)


@pytest.mark.parametrize(
    ("students", "loss", "lowest"), [(19, 0.060054222, 0.001379), (20, 0.059753412, 0.000401)]
)
def test_child_of_the_block_of_seven(students, loss, lowest):
    child = landscape.child_family(7, students)
    assert child.blocks == (students - 7, 6, 1)
    assert child.loss == pytest.approx(loss, abs=1e-8)
    assert child.hessian_min == pytest.approx(lowest, abs=1e-5)
    assert child.is_minimum


def test_blocks_of_the_child_at_19():
    printed = {
        "d1": 1.031,
        "o1": -0.001,
        "c12": 0.022,
        "c13": -0.041,
        "d2": -0.727,
        "o2": 0.221,
        "c21": 0.006,
    }
    printed |= {"c23": 0.319, "d3": -0.413, "c31": -0.057, "c32": 0.353}
    assert landscape.child_family(7, 19).values == pytest.approx(printed, abs=6e-4)


@pytest.mark.parametrize(
    ("kind", "flipped", "first", "last"),
    [
        ("I", 1, 6, None),
        ("I", 2, 8, None),
        ("I", 3, 10, None),
        ("I", 4, 11, None),
        ("I", 5, 13, None),
        ("I", 6, 15, None),
        ("II", 5, None, None),
        ("II", 6, 6, 17),
        ("II", 7, 7, 19),
        *[("II", q, q, None) for q in range(8, 13)],
    ],
)
def test_stability_windows_up_to_twenty(kind, flipped, first, last):
    smallest = flipped + 3 if kind == "I" else flipped
    stable = [K for K in range(smallest, 21) if landscape.family(kind, flipped, K).is_minimum]
    assert stable == ([] if first is None else list(range(first, (last or 20) + 1)))


@pytest.mark.parametrize(("flipped", "crossing"), [(1, 5.59), (2, 7.56), (3, 9.32)])
def test_onset_of_stability_at_real_size(flipped, crossing):
    below, above = (
        ansatz.hessian_eigenvalues(values)[0]
        for ansatz, values in (branch("I", flipped, crossing + shift) for shift in (-0.01, 0.01))
    )
    assert below < 0 < above


# K L of I(1) evaluated with 40 digits; at K = 10⁴ the plain sum of correlations in float64 gives .296142.
@pytest.mark.parametrize(
    ("students", "few", "all_flipped"),
    [
        (20, 0.225511638952, 0.101505),
        (100, 0.274167166657, 0.142074),
        (1000, 0.292552821352, 0.168533),
        (10_000, 0.296125833901, 0.177472),
    ],
)
def test_large_sizes(students, few, all_flipped):
    assert students * landscape.reduced_loss("I", 1, students) == pytest.approx(few, abs=1e-8)
    assert round(landscape.reduced_loss("II", students, students), 6) == all_flipped


def test_losses_approach_their_limits():
    few, limit = 1e5 * landscape.reduced_loss("I", 1, 1e5), 0.5 - 2 / np.pi**2
    assert few == pytest.approx(limit, abs=5e-4)
    correction = (landscape.reduced_loss("II", 1e5, 1e5) - (0.5 - 1 / np.pi)) * 1e5**0.5
    assert correction == pytest.approx(-0.42, abs=0.01)


@pytest.mark.parametrize(
    ("kind", "flipped", "students"), [("I", 1, 300), ("I", 40, 300), ("II", 300, 300), ("II", 9, 200)]
)
def test_reduced_loss_and_gradient_are_those_of_the_weights(kind, flipped, students):
    minimum = landscape.family(kind, flipped, students)
    V = np.eye(students)
    assert landscape.population_loss(minimum.weights, V) == pytest.approx(minimum.loss, abs=2e-12)
    assert np.linalg.norm(landscape.loss_gradient(minimum.weights, V)) < 2e-11


@pytest.mark.parametrize("students", [4, 5, 6, 9, 12, 20])
def test_eigenvalues_from_symmetry_are_those_of_the_whole_hessian(students):
    for minimum in landscape.known_families(students)[:: 1 + students // 8]:
        spectrum = landscape.hessian_spectrum(minimum.weights, np.eye(students), students)
        assert minimum.hessian_min == pytest.approx(spectrum.in_span[0], abs=1e-12)
        assert minimum.hessian_max == pytest.approx(spectrum.in_span[-1], abs=1e-12)
        assert minimum.transverse_min == pytest.approx(spectrum.transverse[0], abs=1e-12)


@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("sizes", [(4,), (1, 1), (5, 1), (3, 2), (4, 2, 1)], ids=str)
def test_ansatz_is_the_restriction_of_the_landscape(sizes, extra):
    ansatz = Ansatz(sizes, extra)
    values = np.random.default_rng(len(ansatz.names)).standard_normal(len(ansatz.names))
    W, V = ansatz.weights(values), np.eye(sum(sizes))
    units = np.eye(len(values)) / np.sqrt(ansatz.multiplicities)
    basis = np.array([ansatz.weights(unit).ravel() for unit in units])
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(values)), atol=1e-15)
    assert ansatz.loss(values) == pytest.approx(landscape.population_loss(W, V), abs=1e-13)
    gradient = landscape.loss_gradient(W, V).ravel()
    np.testing.assert_allclose(ansatz.gradient(values), basis @ gradient, atol=1e-13)
    assert np.linalg.norm(ansatz.gradient(values)) == pytest.approx(np.linalg.norm(gradient), abs=1e-13)
    np.testing.assert_allclose(ansatz.hessian(values), basis @ landscape.hessian(W, V) @ basis.T, atol=1e-13)
    A = np.linalg.eigvalsh(landscape.transverse_matrix(W, V))
    np.testing.assert_allclose(ansatz.transverse_eigenvalues(values)[[0, -1]], A[[0, -1]], atol=1e-13)


@pytest.mark.parametrize("students", [*range(4, 33), 60])
def test_every_family_of_the_domain_is_found(students):
    few = [landscape.family("I", p, students) for p in range(1, min(students - 3, students // 2 + 3) + 1)]
    block = [landscape.family("II", q, students) for q in range(5, students + 1)]
    for minimum in few + block:
        assert minimum.gradient_norm < 1e-12
        flipped = minimum.values["d2"] if len(minimum.blocks) > 1 else minimum.values["d1"]
        assert flipped < 0
    assert all(minimum.values["c21"] > 0 for minimum in few)
    assert all(minimum.values["c21"] < 0 for minimum in block[:-1])
    # A jump to another branch would break the order: the loss of II(q) grows with q.
    assert np.all(np.diff([minimum.loss for minimum in block]) > 0)
    assert np.all(np.diff([minimum.loss for minimum in few[: students // 3]]) > 0)


def test_known_families_are_distinct_and_cached():
    listed = landscape.known_families(20)
    names = [minimum.name for minimum in listed]
    assert len(set(names)) == len(names)
    assert {"I(1)", "I(6)", "II(6)", "II(6+1)", "II(20)"} <= set(names)
    assert np.all(np.diff([minimum.loss for minimum in listed]) > 1e-7)
    assert landscape.known_families(20) is listed
    assert landscape.known_families(3) == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("III", 3, 18), "kind must be one of 'I', 'II', 'S', 'X', 'T', got 'III'"),
        (("I", 0, 6), "flipped: .* got 0 with students = 6"),
        (("I", 4, 6), "flipped"),
        (("II", 4, 6), "flipped"),
        (("II", 7, 6), "flipped"),
        (("I", 1, 6, 5), r"teachers: .* as many teachers as students \(6\), got 5"),
        (("II", 6, 8, 0), "teachers must be a finite number >= 1, got 0"),
        (("I", 1, 0), "students must be a finite number >= 1, got 0"),
        (("I", 1, float("inf")), "students must be a finite number >= 1, got inf"),
        (("I", float("nan"), 6), "flipped must be a finite number, got nan"),
        (("I", True, 6), "flipped must be a finite number, got True"),
        (("I", 1, "6"), "students must be a finite number >= 1, got '6'"),
        (("I", 1.5, 6), "flipped must be a whole number"),
        (("I", 1, 6.5), "students must be a whole number"),
    ],
)
def test_families_outside_their_domain_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        landscape.family(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("I", 1, 0.5), "students must be a finite number >= 1, got 0.5"),
        (("I", -1, 8), "flipped: .* got -1 with students = 8"),
        (("III", 1, 8), "kind must be one of"),
        (("II", 6, 8, 7), "teachers: "),
    ],
)
def test_reduced_losses_outside_their_domain_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        landscape.reduced_loss(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((7.5, 19), "flipped must be a whole number, got 7.5"),
        ((7, 19.5), "students must be a whole number, got 19.5"),
        ((7, 0), "students must be a finite number >= 1, got 0"),
        ((4, 19), "flipped: "),
    ],
)
def test_children_outside_their_domain_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        landscape.child_family(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "students must be a finite number >= 1, got 0"),
        ((6, 0), "teachers must be a finite number >= 1, got 0"),
        ((6.5,), "students must be a whole number, got 6.5"),
        ((float("nan"),), "students must be a finite number >= 1, got nan"),
    ],
)
def test_lists_of_families_of_no_size_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        landscape.known_families(*arguments)


def test_no_family_is_listed_at_other_widths():
    assert landscape.known_families(19, 17) == ()
    assert landscape.known_families(6, 8) == ()
    assert landscape.known_families(20, 20) is landscape.known_families(20)
    assert landscape.known_families(2, 1) == landscape.known_families(1) == ()


@pytest.mark.parametrize(("flipped", "students"), [(7, 18), (7, 24), (9, 30), (6, 6)])
def test_missing_children_are_refused(flipped, students):
    with pytest.raises(ValueError, match="no three-block child"):
        landscape.child_family(flipped, students)


def test_a_branch_that_has_ended_is_an_error():
    assert landscape.family("II", 20, 120).values["c21"] < 0
    with pytest.raises(NotConvergedError, match=r"II\(20\) was not reached at students = 200"):
        landscape.family("II", 20, 200)
    assert "II(20)" not in [minimum.name for minimum in landscape.known_families(200)]


def test_newtons_method_says_when_it_fails():
    with pytest.raises(NotConvergedError, match="blocks"):
        Ansatz((5, 1)).solve(np.full(5, 0.3), steps=2)
