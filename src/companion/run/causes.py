"""Why two sides may differ: parameters, code, device, libraries."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from companion.run import commits
from companion.run.sides import PROVENANCE, Side, is_bundle
from companion.session.provenance import library_versions
from companion.session.root import project_root
from companion.settings.problems import shown_value
from companion.store.artefacts import Address, DamagedResult, read_manifest
from companion.store.content import file_digest

Description = Mapping[str, Any]
Versions = Mapping[str, str]

_NOT_PHYSICS = ("profile",)  # it names the parameters' file, and they are told themselves
_SHOWN_KEY = 10
_MOST_MODULES = 6


def parameter_changes(a: Description, b: Description) -> tuple[str, ...]:
    """What is not the same in the parameters that two descriptions of a figure name."""
    before, now = a.get("parameters") or {}, b.get("parameters") or {}
    names = [name for name in sorted(before.keys() | now.keys()) if name not in _NOT_PHYSICS]
    changed = [name for name in names if name in before and name in now and before[name] != now[name]]
    said = [f"{name} {shown_value(before[name])} → {shown_value(now[name])}" for name in changed]
    for word, there, elsewhere in (("gone", before, now), ("new", now, before)):
        alone = [
            f"{name} {shown_value(there[name])}" for name in names if name in there and name not in elsewhere
        ]
        said += [f"{word}: {', '.join(alone)}"] if alone else []
    return tuple(said)


def code_changes(a: Description, b: Description) -> tuple[str, ...]:
    """A line for each other thing that two descriptions of a figure say about where its numbers come from."""
    said = []
    for name, meaning in (("device", "device"), ("data_function", "study")):
        if a.get(name) != b.get(name):
            said.append(f"{meaning} {a.get(name)} → {b.get(name)}")
    keys = a.get("data_key"), b.get("data_key")
    if keys[0] == keys[1]:
        if a.get("data_digest") != b.get("data_digest"):
            said.append(
                f"the same result ({_short(keys[0])}) with other numbers: another machine or other libraries"
            )
        return tuple(said)
    said.append(f"result {_short(keys[0])} → {_short(keys[1])}")
    manifests = [_manifest(each) for each in (a, b)]
    if manifests[0] and manifests[1]:
        said += manifest_changes(manifests[0], manifests[1])
    elif not parameter_changes(a, b) and a.get("device") == b.get("device"):
        said.append(f"code: {a.get('data_function')}, or what it imports")
    return tuple(said)


def manifest_changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Modules and libraries that are not the same for two stored results."""
    before, now = a.get("modules", {}), b.get("modules", {})
    modules = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    more = f" and {len(modules) - _MOST_MODULES} more modules" if len(modules) > _MOST_MODULES else ""
    named = ", ".join(name.removeprefix("companion.") for name in modules[:_MOST_MODULES])
    said = [f"code: {named}{more}"] if modules else []
    versions = library_changes(a.get("made", {}).get("versions", {}), b.get("made", {}).get("versions", {}))
    return said + ([f"libraries: {', '.join(versions)}"] if versions else [])


def library_changes(a: Versions, b: Versions) -> list[str]:
    """``numpy 2.3.1 → 2.4.6`` for each library that is another one in B.

    Builds (``+cpu``) count where both sides tell theirs.
    """
    shared = [name for name in b if name in a]
    return [f"{name} {a[name]} → {b[name]}" for name in shared if not _same_version(a[name], b[name])]


def libraries(side: Side) -> tuple[Versions, str]:
    """Versions that a side's figures were made with, as far as anything tells, and what tells them."""
    folder = side.figures
    if folder is None:
        return {}, "unknown"
    if side.commit is None:
        recorded = _recorded(folder)
        if recorded:
            return recorded, "records of their runs"
    root = project_root()
    inside = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else None
    tracked = f"figures/{folder.name}" if side.commit else inside
    commit = commits.last_change(side.commit or "HEAD", tracked) if tracked else None
    if commit is not None:
        lock = commits.file_at(commit, "requirements.lock")
        return _pinned((lock or b"").decode()), f"requirements.lock at {commit[:10]}, which last changed them"
    for lock in (folder.parent / "requirements.lock", folder.parent.parent / "requirements.lock"):
        if lock.is_file():
            return _pinned(lock.read_text(encoding="utf-8")), "requirements.lock beside them"
    return {}, "unknown"


def said_of_libraries(a: tuple[Versions, str], b: tuple[Versions, str]) -> tuple[str, ...]:
    """What two answers of `libraries` come to: which are other ones in B, and where that is known from."""
    (before, from_a), (now, from_b) = a, b
    origins = f"A: {from_a}; B: {from_b}"
    if not before or not now:
        return (f"not known on both sides ({origins})",)
    changes = library_changes(before, now)
    return (f"{', '.join(changes) if changes else 'the same versions'} ({origins})",)


def _recorded(folder: Path) -> Versions:
    """Versions in the records of the runs that made the tables in ``folder``, as they are; later runs win."""
    found = []
    for record in _records(folder):
        try:
            digests = {name: record["files"].get(f"figure {name}.csv") for name in record["figures"]}
            tables = {folder / f"{name}.csv": digest for name, digest in digests.items() if digest}
            if any(path.is_file() and file_digest(path) == digest for path, digest in tables.items()):
                found.append((record["finished"], record["environment"]["versions"]))
        except (OSError, KeyError, TypeError, AttributeError):
            continue
    ordered = sorted(found, key=lambda each: each[0])
    return {name: version for _, versions in ordered for name, version in versions.items()}


def _records(folder: Path) -> Iterator[Any]:
    """What was noted of the runs that may have made the figures in ``folder``."""
    bundled = folder.parent / PROVENANCE
    paths = [bundled] if is_bundle(folder.parent) else []
    runs = folder.parent.parent / "build" / "runs" / folder.name
    for path in paths or runs.glob("*.record.json"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            yield from content["runs"].values() if paths else [content]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue


def _pinned(lock: str) -> Versions:
    """Versions in the text of a lock, of the libraries that numbers depend on."""
    pins = dict(line.strip().split("==", 1) for line in lock.splitlines() if "==" in line)
    return {name: pins[name] for name in library_versions() if name in pins}


def _same_version(a: str, b: str) -> bool:
    (a, _, built_a), (b, _, built_b) = a.partition("+"), b.partition("+")
    return a == b and (built_a == built_b or not built_a or not built_b)


def _manifest(description: Description) -> Mapping[str, Any] | None:
    """What the store says about the result that a figure was drawn from."""
    function, key = description.get("data_function"), description.get("data_key")
    folder = Address(function, key).find() if function and key else None
    try:
        return read_manifest(folder) if folder else None
    except DamagedResult:
        return None


def _short(key: object) -> str:
    return str(key)[:_SHOWN_KEY]
