"""Everything that pages are made from, read once: figures, runs, verdicts, costs, committed state, citations."""

from dataclasses import dataclass
from pathlib import Path

from companion.site.citation import Citations, read_citations
from companion.site.costs import Costs, take_costs
from companion.site.inventory import Inventory, take_inventory
from companion.site.tracked import Tracked, read_tracked
from companion.site.verdicts import ClaimRow, claim_rows


@dataclass(frozen=True)
class Material:
    """What there is to show; ``rows`` holds each claim once, with the verdict that counts."""

    inventory: Inventory
    rows: list[ClaimRow]
    tracked: Tracked
    costs: Costs
    citations: Citations


def take_material(root: Path) -> Material:
    """Read the project at ``root``; what cannot be read is named in the inventory's problems."""
    inventory = take_inventory(root)
    tracked = read_tracked(root, inventory)
    citations, problems = read_citations(root)
    inventory.problems += problems
    rows = claim_rows(inventory.claims, tracked.claims)
    return Material(inventory, rows, tracked, take_costs(inventory, root), citations)
