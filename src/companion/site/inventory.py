"""What there is to show: figures, verdicts and runs found on disk. Any of it may be missing or damaged."""

import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from companion.site.papers import Paper, paper_of
from companion.site.records import ClaimEntry, DrawnRecord, FigureRecord, RunRecord, Summary

#: Profiles in the order in which pages show them, with what each is for. Others follow by name.
PROFILES = {
    "laptop": "every figure, on two cores",
    "night": "laptop physics with more replicates",
    "gpu": "drawn on one GPU",
    "paper": "the published scale",
    "smoke": "proves that everything runs; its numbers mean nothing",
}
#: Folders under figures/ that hold no results of their own: ``--check`` draws there to compare.
_SCRATCH = frozenset({"check"})
_SUFFIXES = (".png", ".pdf", ".csv", ".json")
_PNG_HEADER = b"\x89PNG\r\n\x1a\n"

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class DrawnFigure:
    """A figure of one profile, with the files that exist of it (by suffix)."""

    profile: str
    record: FigureRecord
    files: dict[str, Path]
    image_size: tuple[int, int] | None

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def title(self) -> str:
        return self.record.title or self.record.id

    @property
    def paper(self) -> Paper:
        return paper_of(self.record.id)


@dataclass
class Inventory:
    """Everything that the pages are made from, and a line for each file that could not be read."""

    figures: list[DrawnFigure] = field(default_factory=list)
    claims: dict[str, dict[str, ClaimEntry]] = field(default_factory=dict)
    runs: dict[tuple[str, str], RunRecord] = field(default_factory=dict)
    drawn: dict[tuple[str, str], DrawnRecord] = field(default_factory=dict)
    summaries: dict[str, Summary] = field(default_factory=dict)
    executed: dict[tuple[str, str], Path] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def profile_order(profile: str) -> tuple[int, str]:
    """Sort key of profiles: the known ones as in `PROFILES`, then the others by name."""
    known = list(PROFILES)
    return (known.index(profile) if profile in known else len(known)), profile


def natural_order(identifier: str) -> tuple[str | int, ...]:
    """Sort key that counts: f2 before f10.

    >>> sorted(["p1_f10_a", "p1_f2_b"], key=natural_order)
    ['p1_f2_b', 'p1_f10_a']
    """
    pieces = re.split(r"(\d+)", identifier)
    return tuple(int(piece) if place % 2 else piece for place, piece in enumerate(pieces))


def take_inventory(root: Path) -> Inventory:
    """Read figures/ and build/runs/ under ``root``; whatever is not there is simply absent."""
    inventory = Inventory()
    for folder in _folders(root / "figures"):
        _read_figures(folder, root, inventory)
    for folder in _folders(root / "build" / "runs"):
        _read_runs(folder, root, inventory)
    inventory.figures.sort(key=lambda figure: (profile_order(figure.profile), natural_order(figure.id)))
    return inventory


def parse_claims(content: Any) -> tuple[dict[str, ClaimEntry], list[str]]:
    """Entries of the content of a claims.json, by claim id, and what is wrong with the unreadable ones."""
    if not isinstance(content, dict):
        return {}, ["a mapping of claim ids to entries is needed"]
    entries, problems = {}, []
    for identifier, entry in content.items():
        try:
            entries[identifier] = ClaimEntry.model_validate({**entry, "id": identifier})
        except (ValidationError, TypeError) as error:
            problems.append(f"{identifier}: {_said(error)}")
    return entries, problems


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    found = [path for path in parent.iterdir() if path.is_dir() and path.name[0] != "."]
    return sorted((path for path in found if path.name not in _SCRATCH), key=lambda path: path.name)


def _read_figures(folder: Path, root: Path, inventory: Inventory) -> None:
    for path in sorted(folder.glob("*.json")):
        if path.name == "claims.json":
            entries, problems = _read(path, root, inventory, parse_claims) or ({}, [])
            inventory.claims[folder.name] = entries
            inventory.problems += [f"{path.relative_to(root)}: {problem}" for problem in problems]
        elif (record := _read(path, root, inventory, FigureRecord.model_validate)) is not None:
            _add_figure(path, record, root, inventory)


def _add_figure(path: Path, record: FigureRecord, root: Path, inventory: Inventory) -> None:
    name = path.relative_to(root)
    if record.id != path.stem:
        inventory.problems.append(f"{name}: the id inside is {record.id!r}, it should be {path.stem!r}")
        return
    files = {suffix: path.with_suffix(suffix) for suffix in _SUFFIXES if path.with_suffix(suffix).is_file()}
    size = _png_size(files[".png"]) if ".png" in files else None
    if size is None:
        files.pop(".png", None)
        inventory.problems.append(f"{name.with_suffix('.png')}: there is no readable image")
    inventory.figures.append(DrawnFigure(path.parent.name, record, files, size))


def _read_runs(folder: Path, root: Path, inventory: Inventory) -> None:
    profile = folder.name
    for path in sorted(folder.glob("*.record.json")):
        if (record := _read(path, root, inventory, RunRecord.model_validate)) is not None:
            inventory.runs[profile, record.notebook] = record
    for path in sorted((folder / "drawn").glob("*.json")):
        if (drawn := _read(path, root, inventory, DrawnRecord.model_validate)) is not None:
            inventory.drawn[profile, path.stem] = drawn
    path = folder / "summary.json"
    if path.is_file() and (summary := _read(path, root, inventory, Summary.model_validate)) is not None:
        inventory.summaries[profile] = summary
    for path in sorted(folder.glob("*.ipynb")):
        inventory.executed[profile, path.stem] = path


def _read(path: Path, root: Path, inventory: Inventory, parse: Callable[[Any], _Read]) -> _Read | None:
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:  # ValidationError is a ValueError too
        inventory.problems.append(f"{path.relative_to(root)}: {_said(error)}")
        return None


def _said(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())


def _png_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels from the header of a PNG; None if it is no PNG."""
    with path.open("rb") as handle:
        header = handle.read(24)
    if len(header) < 24 or not header.startswith(_PNG_HEADER):
        return None
    width, height = struct.unpack(">II", header[16:24])
    return width, height
