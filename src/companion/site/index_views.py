"""What the indexes say: claims at a glance and figures by paper, by profile, by verdict."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from companion.site import formats
from companion.site.inventory import PROFILES, DrawnFigure, Inventory, profile_order
from companion.site.material import Material
from companion.site.mathml import text_without_formulas
from companion.site.papers import Paper, paper_of, paper_order
from companion.site.verdicts import ClaimRow, claims_of_figure, counted
from companion.site.views import View

#: In the order of the page: what a reader must not miss comes first.
_VERDICTS = {
    "fails": "the interval lies outside the criterion",
    "inconclusive": "the interval straddles the criterion, or there are too few replicates",
    "holds": "the interval lies inside the criterion",
    "not evaluated": "a larger profile decides them, or a number is missing",
}


def index_view(material: Material) -> View:
    """Claims at a glance, then the figures by paper and profile."""
    inventory, rows = material.inventory, material.rows
    papers = sorted({figure.paper for figure in inventory.figures}, key=paper_order)
    groups = []
    for paper in papers:
        mine = [figure for figure in inventory.figures if figure.paper == paper]
        shelves = [
            _shelf(profile, some, inventory)
            for profile, some in groupby(mine, key=lambda figure: figure.profile)
        ]
        groups.append({"paper": paper, "shelves": shelves})
    return {
        "groups": groups,
        "number": len({figure.id for figure in inventory.figures}),
        "overview": _overview(rows),
        "claims": len(rows),
        "works": _works({paper_of(row.id) for row in rows} | set(papers)),
        "tally": _tally(rows),
        "problems": inventory.problems,
        "failures": [
            {"name": attempt.name, "profile": profile}
            for profile in sorted(inventory.summaries, key=profile_order)
            for attempt in inventory.summaries[profile].notebooks
            if attempt.failure
        ],
    }


def profiles_view(inventory: Inventory) -> View:
    """The figures by profile, then paper."""
    shelves = []
    for profile, some in groupby(inventory.figures, key=lambda figure: figure.profile):
        mine = sorted(some, key=lambda figure: paper_order(figure.paper))
        groups = [
            {"paper": paper, "cards": [card(figure, inventory) for figure in few]}
            for paper, few in groupby(mine, key=lambda figure: figure.paper)
        ]
        shelves.append({"profile": profile, "purpose": PROFILES.get(profile, ""), "groups": groups})
    return {"shelves": shelves}


def verdicts_view(material: Material) -> View:
    """Claims with their figures by verdict; those against the register first; figures without a claim last."""
    inventory, rows = material.inventory, material.rows
    cards = [card(figure, inventory) for figure in inventory.figures]
    findings = [_finding(row, cards) for row in rows]
    sections = [
        {
            "name": verdict.replace(" ", "-"),
            "title": verdict.capitalize(),
            "meaning": meaning,
            "findings": [one for one in findings if one["row"].entry.verdict == verdict],
        }
        for verdict, meaning in _VERDICTS.items()
    ]
    surprising = {
        "name": "unexpected",
        "title": "Against the register",
        "meaning": "the claim, or a regime registered with it, came out otherwise than expected",
        "findings": [one for one in findings if one["row"].entry.surprises],
    }
    unclaimed = [one for one in cards if not one["claims"]]
    return {"sections": [surprising, *sections], "unclaimed": unclaimed, "tally": _tally(rows)}


def card(figure: DrawnFigure, inventory: Inventory) -> View:
    """A figure as indexes show it; addresses are those of a page beside the index."""
    folder = f"figures/{figure.profile}/{figure.id}"
    alt = text_without_formulas(formats.first_sentence(figure.record.caption)) or text_without_formulas(
        figure.title
    )
    return {
        "figure": figure,
        "href": f"{folder}.html",
        "image": f"{folder}.png",
        "alt": alt,
        "claims": claims_of_figure(figure.id, figure.record.claims, inventory.claims.get(figure.profile, {})),
    }


def _shelf(profile: str, figures: Iterable[DrawnFigure], inventory: Inventory) -> View:
    cards = [card(figure, inventory) for figure in figures]
    return {"profile": profile, "purpose": PROFILES.get(profile, ""), "cards": cards}


def _overview(rows: list[ClaimRow]) -> list[View]:
    """The claims of each paper, and how many came out how."""
    groups = []
    for paper, some in groupby(rows, key=lambda row: paper_of(row.id)):
        mine = list(some)
        groups.append({"paper": paper, "rows": mine, "counts": counted([row.entry.verdict for row in mine])})
    return groups


def _works(papers: Iterable[Paper]) -> View:
    """How many papers, and how many experiments that have none."""
    found = set(papers)
    return {
        "papers": len({paper.arxiv for paper in found if paper.arxiv}),
        "experiments": sum(paper.arxiv is None for paper in found),
    }


def _tally(rows: list[ClaimRow]) -> View:
    """How often each verdict came out; refutations that were registered; which profiles decide what is open."""
    entries = [row.entry for row in rows]
    open_at = Counter(entry.deciding_profile for entry in entries if entry.verdict == "not evaluated")
    return {
        "counts": counted([entry.verdict for entry in entries]) if entries else {},
        "refuted": sum(entry.verdict == entry.expected == "fails" for entry in entries),
        "surprising": sum(entry.surprises > 0 for entry in entries),
        "open_at": sorted(filter(None, open_at), key=profile_order),
    }


def _finding(row: ClaimRow, cards: list[View]) -> View:
    """A claim with its figure, at the profile of the verdict if it was drawn there, and all others that support it."""
    mine = [one for one in cards if row.id in {claim.id for claim in one["claims"]}]
    mine.sort(key=lambda one: (one["figure"].id != row.entry.figure, one["figure"].profile != row.profile))
    return {"row": row, "card": mine[0] if mine else None, "also": mine[1:]}
