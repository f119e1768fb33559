"""What the pages of claims and of notebooks say, as plain data for their templates."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from companion.site.inventory import Inventory, profile_order
from companion.site.material import Material
from companion.site.notebook_html import NotebookPage
from companion.site.papers import paper_of
from companion.site.records import Attempt
from companion.site.verdicts import ClaimRow, counted

Notebooks = Mapping[tuple[str, str], NotebookPage]
"""Rendered notebooks by profile and name; the name of a failed attempt ends in ``.failed``."""
View = dict[str, Any]


def claims_view(material: Material) -> View:
    """All claims by paper."""
    rows = material.rows
    groups = [
        {"paper": paper, "rows": list(some)}
        for paper, some in groupby(rows, key=lambda row: paper_of(row.id))
    ]
    hrefs = {row.id: figure_href(row, material.inventory) for row in rows}
    return {
        "groups": groups,
        "counts": counted([row.entry.verdict for row in rows]),
        "surprises": sum(row.entry.surprises for row in rows),
        "figure_hrefs": {name: href for name, href in hrefs.items() if href},
    }


def notebooks_view(inventory: Inventory, notebooks: Notebooks) -> View:
    """Every notebook that was run on this machine, by profile, and how its last run failed if it did."""
    names: dict[str, dict[str, Attempt]] = {}
    for profile, summary in inventory.summaries.items():
        names[profile] = {attempt.name: attempt for attempt in summary.notebooks}
    for profile, name in [*inventory.runs, *notebooks]:
        whole = name.removesuffix(".failed")
        names.setdefault(profile, {}).setdefault(whole, Attempt(name=whole))
    shelves = [
        {
            "profile": profile,
            "notebooks": [
                _notebook(profile, attempt, inventory, notebooks) for attempt in names[profile].values()
            ],
        }
        for profile in sorted(names, key=profile_order)
    ]
    return {"shelves": shelves}


def figure_href(row: ClaimRow, inventory: Inventory) -> str | None:
    """The claim's figure at the profile of the verdict, else at any other."""
    profiles = [figure.profile for figure in inventory.figures if figure.id == row.entry.figure]
    if not profiles:
        return None
    return f"figures/{row.profile if row.profile in profiles else profiles[0]}/{row.entry.figure}.html"


def _notebook(profile: str, attempt: Attempt, inventory: Inventory, notebooks: Notebooks) -> View:
    name = attempt.name
    page, failed = notebooks.get((profile, name)), notebooks.get((profile, f"{name}.failed"))
    run = inventory.runs.get((profile, name))
    return {
        "name": name,
        "title": (page.title if page else None) or name,
        "href": f"notebooks/{profile}/{name}.html" if page else None,
        "failed_href": f"notebooks/{profile}/{name}.failed.html" if failed else None,
        "failure": attempt.failure,
        "run": run,
        "figures": len(run.figures if run else attempt.figures),
    }
