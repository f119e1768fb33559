"""BibTeX from CITATION.cff."""

from pathlib import Path

import pytest

from companion.site.citation import Citations, read_citations
from companion.site.papers import PAPERS, Paper

OURS = Path(__file__).parents[2]

SMALL = """
title: "tool: all of it"
authors: [{name: The tool & die makers}]
version: 1.2.0
date-released: 2030-05-06
references:
  - title: The Theory of 100 % Everything
    authors: [{family-names: Dominé, given-names: Clémentine}, {family-names: Sarao Mannelli}]
    year: 2029
    identifiers: [{type: other, value: "arXiv:2901.01234v2"}]
  - title: A book
    authors: [{family-names: Author}]
"""


@pytest.fixture
def read(tmp_path):
    def write(text):
        (tmp_path / "CITATION.cff").write_text(text, encoding="utf-8")
        return read_citations(tmp_path)

    return write


def test_a_paper_and_the_software(read):
    citations, problems = read(SMALL)
    assert not problems
    assert citations.papers == {
        "2901.01234": (
            "@article{domine2029theory,\n"
            "  title         = {{The Theory of 100 \\% Everything}},\n"
            "  author        = {Domin{\\'e}, Cl{\\'e}mentine and {Sarao Mannelli}},\n"
            "  year          = {2029},\n"
            "  journal       = {arXiv preprint arXiv:2901.01234},\n"
            "  eprint        = {2901.01234},\n"
            "  archivePrefix = {arXiv},\n"
            "}\n"
        )
    }
    assert citations.software == (
        "@misc{tool,\n"
        "  title         = {{tool: all of it}},\n"
        "  author        = {{The tool \\& die makers}},\n"
        "  year          = {2030},\n"
        "  howpublished  = {Software, version 1.2.0},\n"
        "}\n"
    )
    assert citations.everything == citations.papers["2901.01234"] + "\n" + citations.software


def test_a_figure_cites_its_paper_and_the_software(read):
    citations, _ = read(SMALL)
    cited = citations.of(Paper("p9", "P9", "Everything", arxiv="2901.01234"))
    assert cited.index("@article{domine2029theory") < cited.index("@misc{tool")
    assert citations.of(Paper("mine", "mine", "mine")) == citations.software


@pytest.mark.parametrize(
    ("text", "said"),
    [("title: [", "CITATION.cff: "), ("- 1", "CITATION.cff: "), ("title: x", "CITATION.cff: authors: ")],
)
def test_a_damaged_file_is_named_and_cites_nothing(read, text, said):
    citations, (problem,) = read(text)
    assert citations == Citations()
    assert problem.startswith(said)


def test_without_the_file_nothing_is_cited(tmp_path):
    assert read_citations(tmp_path) == (Citations(), [])


def test_every_paper_of_ours_can_be_cited():
    citations, problems = read_citations(OURS)
    assert not problems
    assert {paper.arxiv for paper in PAPERS if paper.arxiv} == set(citations.papers)
    assert citations.software.startswith("@misc{companion,")
