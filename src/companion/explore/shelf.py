"""What the stores hold of one study: the calls that were made of it, the newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.store.arguments import decode, readable
from companion.store.artefacts import DamagedResult, is_whole, store_roots
from companion.store.durable import StoredFunction
from companion.store.upkeep import whole_manifest


@dataclass(frozen=True)
class StoredCall:
    """A call whose result lies in ``folder``, as its manifest tells it."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def code(self) -> str:
        """Fingerprint of the code that made it."""
        return str(self.manifest["fingerprint"])

    @property
    def texts(self) -> dict[str, Any]:
        """Its arguments by name, for people."""
        return {name: readable(form) for name, form in self.manifest["arguments"].items()}

    @property
    def arguments(self) -> dict[str, Any]:
        """Its arguments by name. Raises NotRebuildable where only a digest was kept."""
        return {name: decode(form) for name, form in self.manifest["arguments"].items()}


def stored_calls(study: StoredFunction) -> list[StoredCall]:
    """All calls of ``study`` whose results are stored, each once; damaged results are left out."""
    found: dict[str, StoredCall] = {}
    for root in store_roots():
        for folder in sorted((root / study.name).glob("[!.]*")):
            if folder.name not in found and is_whole(folder):
                try:
                    found[folder.name] = StoredCall(folder, whole_manifest(folder))
                except DamagedResult:
                    continue
    return sorted(found.values(), key=lambda call: -call.manifest["made"]["time"])
