"""Stability at real sizes: where each family becomes a minimum, or ceases to be one."""

import pytest

from companion.theory import relu_landscape as landscape


@pytest.mark.parametrize(
    ("kind", "flipped", "crossing"),
    [
        ("I", 1, 5.59),
        ("I", 2, 7.56),
        ("I", 3, 9.32),
        ("II", 6, 17.005),  # at K = 17 the smallest eigenvalue is 7e-6
        ("II", 7, 19.743),
        ("S", 1, 7.665),
        ("X", 3, 17.965),
        ("X", 4, 14.677),
    ],
)
def test_crossings(kind, flipped, crossing):
    found = landscape.stability_crossing(kind, flipped)
    assert found == pytest.approx(crossing, abs=6e-3 if kind == "I" else 6e-4)
    below, above = (
        min(landscape.symmetry_minima(kind, flipped, found + shift).values()) for shift in (-1e-6, 1e-6)
    )
    assert below * above < 0
    assert (below < 0) == (kind != "II")


@pytest.mark.parametrize(
    ("kind", "flipped", "symmetry"),
    [
        ("I", 1, "standard(1)"),
        ("I", 3, "standard(1)"),
        ("II", 7, "standard(2)"),
        ("S", 1, "standard(1)"),
        ("X", 4, "standard(2)"),
    ],
)
def test_one_symmetry_crosses(kind, flipped, symmetry):
    """I and S are born when the aligned units stop to tell themselves apart, X when the flipped ones do."""
    eigenvalues = landscape.symmetry_minima(kind, flipped, landscape.stability_crossing(kind, flipped))
    assert abs(eigenvalues.pop(symmetry)) < 1e-9
    assert min(eigenvalues.values()) > 2e-3


def test_crossings_agree_with_whole_sizes():
    for kind, flipped in (("I", 4), ("I", 5), ("I", 6), ("S", 2), ("S", 4), ("X", 5), ("X", 7)):
        first = int(landscape.stability_crossing(kind, flipped)) + 1
        assert landscape.family(kind, flipped, first).is_minimum
        assert not landscape.family(kind, flipped, first - 1).is_minimum


def test_the_pair_becomes_a_minimum_only_at_hundreds_of_units():
    crossing = landscape.stability_crossing("X", 2)
    assert crossing == pytest.approx(640.07, abs=0.01)
    assert not landscape.family("X", 2, 640).is_minimum
    assert landscape.family("X", 2, 641).is_minimum


def test_a_block_can_gain_and_lose_stability():
    crossings = landscape.stability_crossings("T", 14, 28.5)
    assert crossings == pytest.approx((23.75, 27.81), abs=0.01)
    assert [landscape.family("T", 14, K).is_minimum for K in (20, 23, 24, 27)] == [True, True, False, False]


def test_a_family_that_never_changes_is_an_error():
    assert landscape.stability_crossings("II", 5, 30) == ()
    assert landscape.stability_crossings("I", 1, 5) == ()
    with pytest.raises(ValueError, match=r"flipped: the stability of II\(5\) does not change"):
        landscape.stability_crossing("II", 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: landscape.stability_crossing("Y", 1), "kind must be one of"),
        (lambda: landscape.stability_crossing("I", 0), "flipped must be a finite number >= 1"),
        (lambda: landscape.stability_crossing("X", 1), "flipped: "),
        (lambda: landscape.stability_crossing("I", 1.5), "flipped must be a whole number"),
        (lambda: landscape.stability_crossings("I", 1, float("inf")), "largest must be a finite number"),
        (lambda: landscape.symmetry_minima("I", 1.5, 8), "flipped must be a whole number"),
        (lambda: landscape.symmetry_minima("I", 1, 0.5), "students must be a finite number >= 1"),
        (lambda: landscape.symmetry_minima("X", 1, 18), "flipped: "),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
