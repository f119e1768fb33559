"""What nothing in the store needs any more, and what must stay although no figure names it."""

import fcntl
import json
import os
import shutil
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.session.processes import is_running
from companion.session.root import project_root
from companion.store.artefacts import Address, DamagedResult, all_results, leftovers, store_roots
from companion.store.upkeep import whole_manifest

#: Results that no figure and no run names, and checkpoints, are spared for so long, in days.
SPARED_DAYS = 7.0

#: Files that name keys, below the project's root: of figures, of complete runs, of verdicts.
_USERS = (
    "figures/*/*_*.json",
    "figures/*/claims.json",
    "build/overridden/*/*_*.json",
    "build/overridden/*/claims.json",
    "build/runs/*/*.record.json",
    "build/runs/*/*.claims.json",
)


@dataclass(frozen=True)
class Usage:
    """Keys that are in use, and what could not be read on the way; ``complete`` without a user missed."""

    keys: set[str]
    remarks: list[str]
    complete: bool


def keys_in_use() -> Usage:
    """Keys that a figure, a verdict or a run's record names, and all that those results used."""
    named: set[str] = set()
    remarks: list[str] = []
    for path in (path for pattern in _USERS for path in sorted(project_root().glob(pattern))):
        try:
            named |= _named_keys(json.loads(path.read_text(encoding="utf-8")), path)
        except (OSError, ValueError, TypeError) as problem:
            remarks.append(f"{path}: which results it uses cannot be read ({problem})")
    complete = not remarks
    used_by: dict[str, set[str]] = {}
    for address, folder in (pair for root in store_roots() for pair in all_results(root)):
        try:
            used_by.setdefault(address.key, set()).update(whole_manifest(folder)["used"])
        except DamagedResult as problem:
            remarks.append(str(problem))
    in_use: set[str] = set()
    while named:
        key = named.pop()
        if key not in in_use:
            in_use.add(key)
            named |= used_by.get(key, set())
    return Usage(in_use, remarks, complete)


def _named_keys(content: Any, path: Path) -> set[str]:
    """Keys that a figure's or a run's file lists, or each entry of a file of verdicts."""
    if not isinstance(content, dict):
        raise TypeError("it holds no mapping")
    entries = content.values() if path.name.endswith("claims.json") else [content]
    return {key for entry in entries if isinstance(entry, dict) for key in entry.get("keys", ())}


@dataclass(frozen=True)
class Prunable:
    """Folders that nothing needs, how many are spared for which reason, and what could not be read."""

    folders: list[Path]
    spared: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)


def prunable(older_than_days: float = SPARED_DAYS) -> Prunable:
    """What may be deleted of one's own store: unused results, and what killed processes left behind.

    Spared is what somebody computes or writes now, and results and checkpoints younger than
    ``older_than_days``: a run that still goes on, or that was killed and will be resumed, needs them.
    """
    root, usage = store_roots()[0], keys_in_use()
    found = Prunable([], remarks=usage.remarks)
    unused = [folder for address, folder in all_results(root) if address.key not in usage.keys]
    needed = None if usage.complete else "perhaps in use by what cannot be read"
    candidates = [(folder, needed) for folder in unused] + [(folder, None) for folder in leftovers(root)]
    for folder, otherwise in candidates:
        reason = _why_spared(folder, older_than_days) or otherwise
        if reason is None:
            found.folders.append(folder)
        else:
            found.spared[reason] += 1
    return found


def _why_spared(folder: Path, older_than_days: float) -> str | None:
    """Why a folder that no figure and no run needs must stay all the same; None where it may go."""
    if _is_held(folder):
        return "being computed now"
    if folder.parent.name == "quarantine":
        return None
    written = _writer(folder)
    if written is not None and written[0] == socket.gethostname():
        return "being written now" if is_running(written[1]) else None
    if time.time() - _made(folder) < older_than_days * 86_400:
        return f"younger than {older_than_days:g} days"
    return None


def _is_held(folder: Path) -> bool:
    """Whether a process computes under the key of ``folder``; a lock that nobody holds means nothing."""
    key = folder.name.removeprefix(".work-").removeprefix(".").split(".")[0]
    try:
        descriptor = os.open(Address(folder.parent.name, key).lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    except PermissionError:  # another user's: not to be told
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # the file system refuses locks: nobody can hold one
        return False
    finally:
        os.close(descriptor)
    return False


def _writer(folder: Path) -> tuple[str, int] | None:
    """Host and process that write the temporary folder ``.<key>.<host>.<pid>.<random>.tmp``."""
    try:
        _, _, rest = folder.name.removeprefix(".").partition(".")
        host, pid, _, suffix = rest.rsplit(".", 3)
        return (host, int(pid)) if suffix == "tmp" else None
    except ValueError:
        return None


def _made(folder: Path) -> float:
    """When a result was made, by its manifest; when anything in another folder last changed."""
    try:
        return float(whole_manifest(folder)["made"]["time"])
    except DamagedResult:
        return max((path.stat().st_mtime for path in (folder, *folder.rglob("*"))), default=0.0)


def remove(folders: Sequence[Path]) -> list[Path]:
    """Delete folders of one's own store, but none whose key somebody began to compute meanwhile.

    Returns those that are gone.
    """
    gone = []
    for folder in folders:
        if not _is_held(folder):
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink(missing_ok=True)
            gone.append(folder)
    return gone


def size(folder: Path) -> int:
    """Bytes of all files below ``folder``."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
