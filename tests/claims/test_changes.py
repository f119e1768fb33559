"""Verdicts side by side: what was decided otherwise comes first, and nothing merely differs."""

import pytest

from companion.claims.changes import compare_claims, significance


def entry(verdict="holds", value=1.0, interval=(0.5, 1.5), text="1.0", regimes=(), **others):
    listed = [{"name": name, "verdict": said, "value_text": number} for name, said, number in regimes]
    fixed = {"verdict": verdict, "value": value, "interval": interval, "value_text": text, "regimes": listed}
    return fixed | {"digest": "d", "version": 1, "decides": True, "deterministic": False} | others


def test_equal_records_do_not_differ():
    assert compare_claims({"c": entry()}, {"c": entry()}) == []


def test_changed_verdicts_come_first_those_decided_on_both_sides_leading():
    waits = entry("not evaluated", None, None, "", decides=False, deciding_profile="night")
    a = {"c1": entry(), "c2": waits, "c3": entry(), "c4": entry()}
    b = {"c1": entry(value=1.2, text="1.2"), "c2": entry(), "c3": entry("fails"), "c5": entry()}
    found = compare_claims(a, b)
    assert [(each.name, each.kind) for each in found] == [
        ("c3", "verdict"),
        ("c2", "verdict"),
        ("c1", "value"),
        ("c4", "only A"),
        ("c5", "only B"),
    ]
    assert (found[0].a, found[0].b) == ("holds", "fails")
    assert found[1].remarks == ("A does not decide it, night does", "no value on one side")
    assert found[2].remarks == ("the intervals overlap: no difference shown",)
    assert (found[3].a, found[4].b) == ("holds", "holds")


def test_a_changed_criterion_cannot_be_compared():
    (found,) = compare_claims({"c": entry()}, {"c": entry("fails", digest="e", version=2)})
    assert found.kind == "verdict"
    assert found.remarks[0] == "not comparable: the criterion changed (version 1 → 2)"
    (found,) = compare_claims({"c": entry()}, {"c": entry(digest="e")})
    assert found.kind == "criterion"
    assert found.remarks == ("not comparable: the criterion's words changed (version 1 still)",)


def test_regimes_are_compared_and_named():
    a = entry(regimes=[("wide", "fails", "3"), ("deep", "fails", "4"), ("gone", "fails", "")])
    b = entry(regimes=[("wide", "holds", "3"), ("deep", "fails", "5")])
    found = compare_claims({"c": a}, {"c": b})
    assert [(each.name, each.kind, each.a, each.b) for each in found] == [
        ("c · wide", "verdict", "fails", "holds"),
        ("c · deep", "value", "fails", "fails"),
    ]
    assert found[1].slight and found[1].remarks == ("no interval is kept of regimes: chance not judged",)


@pytest.mark.parametrize(
    ("value", "slight"), [(1.000000001, None), (1.0000005, True), (1.00001, False), (None, False)]
)
def test_numbers_differ_by_rounding_slightly_or_more(value, slight):
    found = compare_claims({"c": entry()}, {"c": entry(value=value)})
    assert [each.slight for each in found] == ([] if slight is None else [slight])


def test_words_alone_are_a_slight_difference():
    (found,) = compare_claims({"c": entry()}, {"c": entry(text="1.0 at rest")})
    assert found.slight and found.remarks == ("value and interval are the same, the text differs",)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (
            entry(interval=(0.5, 1.5)),
            entry(value=9, interval=(2, 20)),
            "significant: the intervals do not overlap",
        ),
        (
            entry(interval=(0.5, 1.5)),
            entry(value=2, interval=(1.4, 3)),
            "the intervals overlap: no difference shown",
        ),
        (
            entry(interval=(0.5, 1.5)),
            entry(value=2, interval=None),
            "only A has an interval; the other value lies outside",
        ),
        (
            entry(value=2, interval=None),
            entry(value=1.8, interval=(1, 3)),
            "only B has an interval; the other value lies inside",
        ),
        (entry(interval=None), entry(value=2, interval=None), "no intervals: chance not judged"),
        (
            entry(value=None, interval=None),
            entry(value=None, interval=None),
            "no value is kept: chance not judged",
        ),
        (
            entry(interval=("-inf", "inf")),
            entry(value=2, interval=(1, 3)),
            "the intervals overlap: no difference shown",
        ),
        (
            entry(interval=None, deterministic=True),
            entry(value=2, interval=None, deterministic=True),
            "deterministic: no chance in it",
        ),
    ],
)
def test_chance_is_judged_by_intervals(a, b, said):
    assert significance(a, b) == said
