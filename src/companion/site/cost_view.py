"""What the page of costs says: what each notebook and study cost, by profile."""

from companion.site.costs import NotebookCost
from companion.site.inventory import PROFILES, profile_order
from companion.site.material import Material
from companion.site.views import Notebooks, View
from companion.store.costs import Spent


def costs_view(material: Material, notebooks: Notebooks) -> View:
    """A row for each notebook at each profile, with what its last run took, and the totals."""
    costs, runs = material.costs, material.inventory.runs
    shelves = []
    for profile in sorted(costs.profiles, key=profile_order):
        mine = {name: cost for (place, name), cost in costs.notebooks.items() if place == profile}
        shelves.append(
            {
                "profile": profile,
                "purpose": PROFILES.get(profile, ""),
                "total": costs.profiles[profile],
                "rows": [
                    {
                        "name": name,
                        "href": _href(profile, name, notebooks),
                        "spent": cost.spent,
                        "complete": cost.complete,
                        "run": runs.get((profile, name)),
                    }
                    for name, cost in mine.items()
                ],
                "studies": _studies(mine),
            }
        )
    return {"shelves": shelves, "everything": costs.everything}


def _href(profile: str, name: str, notebooks: Notebooks) -> str | None:
    return f"notebooks/{profile}/{name}.html" if (profile, name) in notebooks else None


def _studies(notebooks: dict[str, NotebookCost]) -> list[tuple[str, str, Spent]]:
    """Each study with its notebook, the dearest first."""
    found = [
        (study, name, spent) for name, cost in notebooks.items() for study, spent in cost.studies.items()
    ]
    return sorted(found, key=lambda row: (-row[2].core_seconds - row[2].gpu_seconds, row[0], row[1]))
