"""Which verdict counts, and what is marked."""

import pytest

from companion.site.inventory import parse_claims
from companion.site.records import ClaimEntry
from companion.site.verdicts import claim_rows, claims_of_figure, measured


def entries(small_project, **claims):
    return parse_claims({name: small_project.claim(name, **changes) for name, changes in claims.items()})[0]


def test_the_deciding_profile_has_the_word(small_project):
    claims = {
        "smoke": entries(small_project, p1_c1_a={"verdict": "inconclusive", "decides": False}),
        "laptop": entries(small_project, p1_c1_a={"verdict": "holds"}),
        "night": entries(small_project, p1_c1_a={"verdict": "fails"}),
    }
    (row,) = claim_rows(claims, {})
    assert (row.profile, row.entry.verdict) == ("laptop", "holds")
    assert row.others == (("night", "fails"), ("smoke", "inconclusive"))
    assert row.standing == "decided at laptop"


def test_a_larger_profile_decides_where_the_deciding_one_is_missing(small_project):
    claims = {
        "smoke": entries(small_project, p1_c1_a={"decides": False}),
        "paper": entries(small_project, p1_c1_a={"verdict": "fails"}),
    }
    (row,) = claim_rows(claims, {})
    assert (row.profile, row.entry.verdict) == ("paper", "fails")


def test_a_verdict_that_does_not_decide_says_so(small_project):
    claims = {"laptop": entries(small_project, p1_c1_a={"deciding_profile": "night", "decides": False})}
    assert claim_rows(claims, {})[0].standing == "seen at laptop, decided at night"


def test_rows_come_by_paper_and_count_like_people(small_project):
    names = {"e4_q1_a": {}, "p1_c10_b": {}, "p1_c2_c": {}, "zz_c1_d": {}, "p2rf_k1_e": {}}
    rows = claim_rows({"laptop": entries(small_project, **names)}, {})
    assert [row.id for row in rows] == ["p1_c2_c", "p1_c10_b", "p2rf_k1_e", "e4_q1_a", "zz_c1_d"]


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ({"digest": "aa"}, ""),
        ({"digest": "bb", "version": 1}, "criterion changed: version 1 → 2"),
        ({"digest": "bb", "version": 2}, "criterion changed, still version 2"),
    ],
)
def test_a_criterion_that_differs_from_the_tracked_one_is_marked(small_project, before, said):
    now = {"laptop": entries(small_project, p1_c1_a={"digest": "aa", "version": 2})}
    tracked = {"laptop": entries(small_project, p1_c1_a=before)}
    assert claim_rows(now, tracked)[0].changed == said


def test_a_new_claim_has_not_changed(small_project):
    now = {"laptop": entries(small_project, p1_c1_a={"criterion_changed": True})}
    assert claim_rows(now, {"laptop": {}})[0].changed == ""


def test_without_version_control_the_mark_of_the_run_counts(small_project):
    was = {"criterion_changed": True, "criterion_was": {"criterion": "x", "version": 0}}
    now = {"laptop": entries(small_project, p1_c1_a=was)}
    assert claim_rows(now, {})[0].changed == "criterion changed: version 0 → 1"


@pytest.mark.parametrize(
    ("verdict", "expected", "surprises"),
    [
        ("holds", "holds", 0),
        ("fails", "holds", 1),
        ("fails", "fails", 0),
        ("holds", "fails", 1),
        ("inconclusive", "fails", 0),
    ],
)
def test_unexpected_holds_count_like_unexpected_failures(small_project, verdict, expected, surprises):
    changes = {"verdict": verdict, "expected": expected}
    assert entries(small_project, p1_c1_a=changes)["p1_c1_a"].surprises == surprises
    inside = {"verdict": "holds", "regimes": [small_project.regime(verdict, expected)]}
    assert entries(small_project, p1_c1_a=inside)["p1_c1_a"].surprises == surprises


def test_a_figure_shows_the_claims_it_lists_and_those_that_name_it(small_project):
    found = entries(small_project, p1_c1_a={"figure": "p1_f1_x"}, p1_c2_b={"figure": "p1_f2_y"})
    shown = claims_of_figure("p1_f1_x", ("p1_c3_listed", "p1_c2_b"), found)
    assert [(one.id, one.verdict) for one in shown] == [
        ("p1_c1_a", "holds"),
        ("p1_c2_b", "holds"),
        ("p1_c3_listed", "not evaluated"),
    ]


def test_a_value_is_told_in_words_if_there_are_any():
    assert measured(ClaimEntry(id="a", value=0.5, value_text="half of them")) == "half of them"
    assert measured(ClaimEntry(id="a", value=0.5)) == "0.5"
    assert measured(ClaimEntry(id="a")) == ""


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"deterministic": True}, "deterministic"),
        ({"seeds": "confirmatory"}, "confirmatory"),
        ({"seeds": "none"}, ""),
    ],
)
def test_the_kind_of_a_claim_is_told(small_project, changes, kind):
    assert entries(small_project, p1_c1_a=changes)["p1_c1_a"].kind == kind
