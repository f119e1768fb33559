"""The verdict rules on numbers whose verdict is known."""

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from companion.claims.judging import judge_all, judge_exact, judge_interval, judge_p_value

finite = st.floats(-10, 10)
quick = settings(max_examples=80, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [(0.96, 0.99, "holds"), (0.5, 0.9, "fails"), (0.9, 0.99, "inconclusive"), (0.95, 0.99, "holds")],
)
def test_an_interval_against_a_floor(lower, upper, verdict):
    assert judge_interval(0.9, lower, upper, criterion_lower=0.95) == verdict


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [
        (0.85, 1.2, "holds"),
        (0.7, 1.0, "inconclusive"),
        (1.0, 1.3, "inconclusive"),
        (0.7, 1.3, "inconclusive"),
        (1.3, 1.5, "fails"),
        (0.1, 0.2, "fails"),
    ],
)
def test_an_interval_against_an_equivalence_margin(lower, upper, verdict):
    found = judge_interval(1.0, lower, upper, criterion_lower=0.8, criterion_upper=1.25)
    assert found == verdict


def test_the_edge_counts_unless_the_criterion_is_strict():
    assert judge_interval(0.0, 0.0, 0.0, criterion_lower=0.0) == "holds"
    assert judge_interval(0.0, 0.0, 0.0, criterion_lower=0.0, strict=True) == "fails"
    assert judge_interval(0.5, 0.0, 1.0, criterion_lower=0.0, strict=True) == "inconclusive"
    assert judge_interval(0.0, 0.0, 0.0, criterion_upper=0.0, strict=True) == "fails"
    assert judge_interval(-1.0, -math.inf, -0.5, criterion_upper=0.0, strict=True) == "holds"


@pytest.mark.parametrize("missing", [None, math.nan])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_missing_number_is_never_a_pass(place, missing):
    numbers: list[float | None] = [0.98, 0.97, 0.99]
    numbers[place] = missing
    assert judge_interval(*numbers, criterion_lower=0.0) == "not evaluated"


def test_too_few_replicates_are_inconclusive_whatever_they_say():
    assert judge_interval(5, 4, 6, criterion_lower=0, replicates=7, minimum_replicates=8) == "inconclusive"
    assert judge_interval(-5, -6, -4, criterion_lower=0, replicates=7, minimum_replicates=8) == "inconclusive"
    assert judge_interval(5, 4, 6, criterion_lower=0, replicates=8, minimum_replicates=8) == "holds"
    assert judge_p_value(0.001, 0.05, replicates=5, minimum_replicates=8) == "inconclusive"
    assert judge_interval(math.nan, 4, 6, criterion_lower=0, replicates=7, minimum_replicates=8) == (
        "not evaluated"
    )


def test_demanded_replicates_must_be_counted():
    with pytest.raises(ValueError, match="replicates: None given"):
        judge_interval(5, 4, 6, criterion_lower=0, minimum_replicates=8)


def test_impossible_questions_are_refused():
    with pytest.raises(ValueError, match="criterion_lower, criterion_upper: None given"):
        judge_interval(1, 0, 2)
    with pytest.raises(ValueError, match="lower: 2 given, allowed is up to upper, 0"):
        judge_interval(1, 2, 0, criterion_lower=0)


@quick
@given(finite, finite, finite, st.booleans())
def test_one_sided_verdicts_mirror(one, other, edge, strict):
    lower, upper = sorted((one, other))
    above = judge_interval(lower, lower, upper, criterion_lower=edge, strict=strict)
    below = judge_interval(-lower, -upper, -lower, criterion_upper=-edge, strict=strict)
    assert above == below


@quick
@given(finite, finite, finite, finite)
def test_a_wider_interval_never_decides_what_a_narrow_one_left_open(one, other, edge, widening):
    lower, upper = sorted((one, other))
    narrow = judge_interval(lower, lower, upper, criterion_lower=edge)
    wide = judge_interval(lower, lower - abs(widening), upper + abs(widening), criterion_lower=edge)
    assert wide in (narrow, "inconclusive")


@pytest.mark.parametrize(
    ("p_value", "opposite", "verdict"),
    [
        (0.01, None, "holds"),
        (0.05, None, "inconclusive"),
        (0.9, 0.001, "fails"),
        (0.9, 0.2, "inconclusive"),
        (math.nan, None, "not evaluated"),
        (None, None, "not evaluated"),
        (0.01, math.nan, "not evaluated"),
    ],
)
def test_a_p_value_refutes_only_from_the_other_side(p_value, opposite, verdict):
    assert judge_p_value(p_value, 0.05, p_opposite=opposite) == verdict


def test_deterministic_claims():
    assert judge_exact(True, [1.0, -math.inf]) == "holds"
    assert judge_exact(False, [1.0]) == "fails"
    assert judge_exact(True, [1.0, math.nan]) == "not evaluated"
    assert judge_exact(True, [None]) == "not evaluated"
    assert judge_exact(True, []) == "not evaluated"


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "inconclusive"], "inconclusive"),
        (["inconclusive", "not evaluated"], "not evaluated"),
        (["not evaluated", "fails", "holds"], "fails"),
        ([], "not evaluated"),
        ({"K = 17": "holds", "K = 18": "fails"}, "fails"),
    ],
)
def test_all_parts_are_asked_for(parts, verdict):
    assert judge_all(parts) == verdict
