"""Which results are meant: by key, or all that a notebook's last complete run used, with what those used."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.session.root import build_folder
from companion.store.artefacts import Address, DamagedResult, is_whole, store_roots
from companion.store.upkeep import whole_manifest

#: Characters of a key that name it, if no other begins with them.
SHORTEST_KEY = 6


class UnknownName(ValueError):
    """Neither the beginning of one key nor a notebook with a complete run."""


@dataclass
class Selection:
    """Results with their folders and manifests; what could not be taken, each with the reason."""

    folders: dict[Address, Path] = field(default_factory=dict)
    manifests: dict[Address, dict[str, Any]] = field(default_factory=dict)
    problems: dict[Address, str] = field(default_factory=dict)
    left_out: dict[Address, tuple[Path, dict[str, Any]]] = field(default_factory=dict)

    def drop(self, address: Address, why: str) -> None:
        """Take a result out again, because of ``why``."""
        del self.folders[address], self.manifests[address]
        self.problems[address] = why


def select(names: Sequence[str], profile: str) -> Selection:
    """The results that ``names`` mean, and all that these used, from one's own store and the group's.

    A name is a key, its first characters, or a notebook that has run at ``profile``. Raises UnknownName.
    """
    waiting = [address for name in names for address in _named(name, profile)]
    found = Selection()
    while waiting:
        address = waiting.pop()
        if address in found.folders or address in found.problems:
            continue
        folder = address.find()
        if folder is None:
            found.problems[address] = "not in the store"
            continue
        try:
            manifest = whole_manifest(folder)
        except DamagedResult as problem:
            found.problems[address] = str(problem)
            continue
        found.folders[address], found.manifests[address] = folder, manifest
        waiting += [Address(function, key) for key, function in manifest["used"].items()]
    return found


def leave_out_regenerable(selection: Selection) -> None:
    """Leave out results that their function declares regenerable, where all that they were made from is there."""
    for address, manifest in list(selection.manifests.items()):
        sources = _sources(manifest)
        if manifest.get("regenerable") and sources and sources <= selection.folders.keys():
            selection.left_out[address] = selection.folders[address], manifest
    for address in selection.left_out:
        del selection.folders[address], selection.manifests[address]


def take_back(selection: Selection) -> list[Address]:
    """Take results in again that were left out and cannot be made again, as what they were made from was dropped."""
    back: list[Address] = []
    while lost := [
        address
        for address, (_, manifest) in selection.left_out.items()
        if not _sources(manifest) <= selection.folders.keys() | selection.left_out.keys()
    ]:
        for address in lost:
            selection.folders[address], selection.manifests[address] = selection.left_out.pop(address)
        back += lost
    return back


def _sources(manifest: Mapping[str, Any]) -> set[Address]:
    return {Address(function, key) for key, function in manifest["used"].items()}


def _named(name: str, profile: str) -> Iterable[Address]:
    folder, notebook = build_folder() / "runs" / profile, Path(name).stem
    record = folder / f"{notebook}.record.json"
    if re.fullmatch(r"[0-9a-f]{1,40}", name) and not record.is_file():
        return [_by_key(name)]
    if not record.is_file():
        known = sorted(path.name.removesuffix(".record.json") for path in folder.glob("*.record.json"))
        near = difflib.get_close_matches(notebook, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none yet'}"
        raise UnknownName(
            f"given {name!r}; no key, and no notebook with a complete run at profile {profile!r}; {hint}"
        )
    return [Address(function, key) for key, function in _used_by_run(record).items()]


def _by_key(beginning: str) -> Address:
    if len(beginning) < SHORTEST_KEY:
        raise UnknownName(f"given {beginning!r}; a key's first {SHORTEST_KEY} characters or more are allowed")
    folders = (folder for root in store_roots() for folder in root.glob(f"[!.]*/{beginning}*"))
    found = {Address(folder.parent.name, folder.name) for folder in folders if is_whole(folder)}
    if len(found) != 1:
        said = f"{len(found)} results' keys begin" if found else "no result's key begins"
        raise UnknownName(f"given {beginning!r}; {said} with it (`store ls` lists them)")
    return found.pop()


def _used_by_run(record: Path) -> Mapping[str, str]:
    """Keys, with their functions, that the complete run of ``record`` used. Raises UnknownName."""
    try:
        keys = json.loads(record.read_text(encoding="utf-8"))["keys"]
        return {str(key): str(function) for key, function in keys.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise UnknownName(f"{record} cannot be read ({problem}); run the notebook again") from None
