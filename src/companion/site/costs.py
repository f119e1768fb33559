"""What figures, notebooks and profiles cost: from the results that they name, as far as these are on this machine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from companion.session.root import project_root
from companion.site.inventory import DrawnFigure, Inventory, profile_order
from companion.store.artefacts import store_roots
from companion.store.costs import Ledger, ResultCost, Spent, together


@dataclass(frozen=True)
class NotebookCost:
    """What the results behind a notebook cost, all together and by the module of studies that made them.

    ``complete`` is false where only its figures tell which results it used, because no complete run was kept.
    """

    spent: Spent
    studies: Mapping[str, Spent]
    complete: bool


@dataclass
class Costs:
    """Costs by figure and notebook (each with its profile), by profile, and of everything, each result once."""

    figures: dict[tuple[str, str], Spent] = field(default_factory=dict)
    notebooks: dict[tuple[str, str], NotebookCost] = field(default_factory=dict)
    profiles: dict[str, Spent] = field(default_factory=dict)
    everything: Spent = field(default_factory=Spent)


def take_costs(inventory: Inventory, root: Path) -> Costs:
    """Costs of everything in ``inventory``, read from the stores of the project at ``root``."""
    ledger = Ledger(_stores(root))
    functions = _functions(inventory)
    costs = Costs()
    for figure in inventory.figures:
        found, missing = ledger.behind({key: functions.get(key, "") for key in _keys(figure)})
        costs.figures[figure.profile, figure.id] = together(found, len(missing))
    gathered: dict[str, tuple[dict[str, ResultCost], set[str]]] = {}
    for profile, notebook in _notebooks(inventory):
        run = inventory.runs.get((profile, notebook))
        keys = {key: functions.get(key, "") for key in _keys_of_notebook(inventory, profile, notebook)}
        found, missing = ledger.behind(keys)
        costs.notebooks[profile, notebook] = NotebookCost(
            together(found, len(missing)), _by_study(found), run is not None
        )
        for group in (profile, ""):
            known, unknown = gathered.setdefault(group, ({}, set()))
            known.update((cost.key, cost) for cost in found)
            unknown |= missing
    totals = {group: together(known.values(), len(unknown)) for group, (known, unknown) in gathered.items()}
    costs.everything = totals.pop("", Spent())
    costs.profiles = totals
    return costs


def _stores(root: Path) -> list[Path]:
    """Stores of this project as the environment names them; of another project its own."""
    try:
        here = project_root()
    except FileNotFoundError:
        here = None
    return store_roots() if here == root else [root / "build" / "store"]


def _functions(inventory: Inventory) -> dict[str, str]:
    """Which function made which result, as far as runs and figures tell."""
    known = {key: function for run in inventory.runs.values() for key, function in run.keys.items()}
    for figure in inventory.figures:
        if figure.record.data_key and figure.record.data_function:
            known[figure.record.data_key] = figure.record.data_function
    return known


def _keys(figure: DrawnFigure) -> set[str]:
    return {*figure.record.keys, *([figure.record.data_key] if figure.record.data_key else [])}


def _keys_of_notebook(inventory: Inventory, profile: str, notebook: str) -> set[str]:
    run = inventory.runs.get((profile, notebook))
    keys = set(run.keys) if run else set()
    for figure in inventory.figures:
        if (figure.profile, figure.record.notebook) == (profile, notebook):
            keys |= _keys(figure)
    return keys


def _notebooks(inventory: Inventory) -> list[tuple[str, str]]:
    drawn = {
        (figure.profile, figure.record.notebook) for figure in inventory.figures if figure.record.notebook
    }
    return sorted(drawn | inventory.runs.keys(), key=lambda place: (profile_order(place[0]), place[1]))


def _by_study(costs: Iterable[ResultCost]) -> dict[str, Spent]:
    grouped: dict[str, list[ResultCost]] = {}
    for cost in costs:
        grouped.setdefault(cost.function.partition(".")[0], []).append(cost)
    return {study: together(some) for study, some in sorted(grouped.items())}
