"""Grouping by paper."""

from companion.site.papers import PAPERS, paper_of, paper_order


def test_prefixes_are_told_apart():
    assert [paper_of(f"{paper.prefix}_f1_x") for paper in PAPERS] == list(PAPERS)
    assert len({paper.prefix for paper in PAPERS}) == len(PAPERS)


def test_unknown_groups_follow_by_name():
    names = ["zeta_f1_a", "p3_f1_a", "alpha_f1_a", "p1_f1_a"]
    order = sorted({paper_of(name) for name in names}, key=paper_order)
    assert [paper.prefix for paper in order] == ["p1", "p3", "alpha", "zeta"]
