"""Everything that differs between two sides: verdicts, figures' numbers, stored results, and why."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.claims.changes import ClaimDifference, compare_claims
from companion.figures.comparison import ROUNDING, TableDifference, compare_tables
from companion.figures.reading import read_tables
from companion.run.causes import code_changes, parameter_changes
from companion.run.sides import Side, is_bundle
from companion.settings.problems import Problem, SettingsError, shown_path

Entries = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class DataDifference:
    """A figure, or a stored result, whose numbers or making are not the same on both sides.

    ``only`` is "A" or "B" where the other side lacks it; ``parameters`` and ``code`` say what else differs, and so
    what the cause may be; ``tables`` where its numbers differ, ``problem`` why they could not be read.
    """

    name: str
    only: str = ""
    parameters: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    tables: tuple[TableDifference, ...] = ()
    problem: str = ""

    @property
    def beyond_tolerance(self) -> bool:
        """Whether it is there on one side only, cannot be read, or has numbers that differ by more than TOLERANCE."""
        return bool(self.only or self.problem) or any(table.beyond_tolerance for table in self.tables)

    @property
    def rounding(self) -> bool:
        """Whether all that differs are numbers by less than ROUNDING."""
        alone = self.beyond_tolerance or self.same_numbers
        return not alone and all(each.within == ROUNDING for table in self.tables for each in table.columns)

    @property
    def significant(self) -> list[str]:
        """Columns that differ by more than chance over replicates."""
        return [
            column.column for table in self.tables for column in table.columns if column.chance.significant
        ]

    @property
    def same_numbers(self) -> bool:
        """Whether both sides have it, with the same numbers."""
        return not (self.only or self.problem or self.tables)


@dataclass(frozen=True)
class Differences:
    """What differs between the sides A and B; the counts are of what both have."""

    names: tuple[str, str]
    about: tuple[str, str]
    libraries: tuple[str, ...] = ()
    claims_compared: int = 0
    claims: tuple[ClaimDifference, ...] = ()
    figures_compared: int = 0
    figures: tuple[DataDifference, ...] = ()
    results_compared: int = 0
    results_only: tuple[int, int] = (0, 0)
    results: tuple[DataDifference, ...] = ()

    @property
    def verdicts_changed(self) -> bool:
        """Whether a claim or a regime has another verdict in B than in A."""
        return any(claim.kind == "verdict" for claim in self.claims)


def read_claims(folder: Path) -> dict[str, dict[str, Any]]:
    """The verdicts in a folder of figures; none where there is no such file. Raises SettingsError for a damaged one."""
    path = (folder.parent if is_bundle(folder.parent) else folder) / "claims.json"
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise SettingsError([Problem(shown_path(path), None, None, f"not JSON ({problem})")]) from None
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise SettingsError([Problem(shown_path(path), None, None, "holds no mapping of claims")])
    return content


def read_descriptions(folder: Path, device: str | None = None) -> dict[str, dict[str, Any]]:
    """What the JSON beside each figure says, by figure; with ``device``, of those made on it.

    A description that cannot be read is empty: its numbers may still be compared.
    """
    found = {}
    for path in sorted(folder.glob("*.json")):
        if path.name == "claims.json" or path.name.endswith(".claims.json"):  # all verdicts; a notebook's own
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            content = {}
        content = content if isinstance(content, dict) else {}
        if device is None or content.get("device", device) == device:
            found[path.stem] = content
    return found


def compare_figures(
    a: Side, b: Side, notebooks: Collection[str] = (), only: Collection[str] = ()
) -> tuple[int, tuple[DataDifference, ...]]:
    """How many figures both sides have, and those that differ; of ``notebooks`` and ``only``, where any are named."""
    if a.figures is None or b.figures is None:
        return 0, ()
    before, now = (
        {
            name: description
            for name, description in read_descriptions(folder, side.device).items()
            if (not notebooks or description.get("notebook") in notebooks) and (not only or name in only)
        }
        for side, folder in ((a, a.figures), (b, b.figures))
    )
    found = [DataDifference(name, only="A") for name in before if name not in now]
    found += [DataDifference(name, only="B") for name in now if name not in before]
    shared = [name for name in before if name in now]
    for name in shared:
        tables, problem = _tables(a.figures / f"{name}.csv", b.figures / f"{name}.csv")
        parameters, code = parameter_changes(before[name], now[name]), code_changes(before[name], now[name])
        if tables or problem or parameters or code:
            found.append(DataDifference(name, "", parameters, code, tables, problem))
    return len(shared), tuple(sorted(found, key=lambda each: each.name))


def _tables(a: Path, b: Path) -> tuple[tuple[TableDifference, ...], str]:
    """Differing tables of a figure's two files, or why they cannot be compared."""
    try:
        if a.read_bytes() == b.read_bytes():
            return (), ""
        return tuple(compare_tables(read_tables(a), read_tables(b))), ""
    except FileNotFoundError as missing:
        return (), f"its numbers are missing: {missing.filename}"
    except ValueError as problem:
        return (), str(problem)


def compare_verdicts(
    a: Entries, b: Entries, notebooks: Collection[str] = (), only: Collection[str] = ()
) -> tuple[int, tuple[ClaimDifference, ...]]:
    """How many claims both sides have, and those that differ; of ``notebooks`` and of the figures ``only``."""
    before, now = (
        {
            name: entry
            for name, entry in entries.items()
            if (not notebooks or entry.get("notebook") in notebooks)
            and (not only or entry.get("figure") in only)
        }
        for entries in (a, b)
    )
    return len(before.keys() & now.keys()), tuple(compare_claims(before, now))
