"""The record of verdicts: one file per notebook while it runs, merged into one claims.json per profile."""

import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from companion.claims.display import Recorded, VerdictTable
from companion.claims.protocol import (
    Claim,
    RegimeVerdict,
    Verdict,
    criterion_digest,
    decides,
    default_verdict,
    is_unexpected,
)
from companion.session import current as session_current
from companion.session import events
from companion.session.files import write_json

Entry = dict[str, Any]

_SUFFIX = ".claims.json"
# What this process has recorded, by file (None without a session): a file read at the same time as another
# process writes it can then never cost a verdict.
_recorded: dict[Path | None, dict[str, Entry]] = {}


def record(verdict: Verdict | None, claim: Claim) -> Recorded:
    """Record what was found on a claim, and return it for display.

    None records the default: it needs a larger profile, or there is no result. In a session the entry goes to
    build/runs/<profile>/<notebook>.claims.json and an event "claim" is emitted. Raises ValueError where the
    verdict is on another claim or on a regime that was not registered.
    """
    session = session_current.current()
    profile = session.profile if session else "laptop"
    entry = _entry(verdict or default_verdict(claim, profile), claim, profile)
    entry["notebook"] = session.notebook if session else ""
    target = session.runs_folder / f"{session.notebook}{_SUFFIX}" if session else None
    known = _recorded.setdefault(target, {})
    known[claim.id] = entry
    if target is not None:
        write_json(target, (_read(target) if target.exists() else {}) | known)
        events.emit("claim", id=claim.id, verdict=entry["verdict"])
    return Recorded(entry)


def table() -> VerdictTable:
    """Every verdict that this notebook has recorded so far, in the order of its recording."""
    session = session_current.current()
    target = session.runs_folder / f"{session.notebook}{_SUFFIX}" if session else None
    return VerdictTable(list(_recorded.get(target, {}).values()))


def merge_claims(
    runs_folder: Path,
    figures_folder: Path,
    tracked: Mapping[str, Mapping[str, Any]] | None = None,
    complete: Collection[str] = (),
) -> dict[str, Entry]:
    """Merge what all notebooks recorded into ``figures_folder``/claims.json, atomically, and return it.

    Entries of notebooks that did not run are kept. Of those in ``complete``, which ran from first to last cell,
    claims that are no longer recorded are dropped. ``tracked`` holds the entries under version control (without
    it: those of the file as it was); where criterion or version differ from them, ``criterion_changed`` is
    true and ``criterion_was`` tells the old one. Raises ValueError, naming the file, where one is damaged.
    """
    target = figures_folder / "claims.json"
    before = _read(target) if target.exists() else {}
    merged = {name: dict(entry) for name, entry in before.items() if entry.get("notebook") not in complete}
    for path in sorted(runs_folder.glob(f"*{_SUFFIX}")):
        merged |= _read(path)
    for name, entry in merged.items():
        _mark_change(entry, (before if tracked is None else tracked).get(name))
    if merged or target.exists():
        write_json(target, merged)
    return merged


def _mark_change(entry: Entry, known: Mapping[str, Any] | None) -> None:
    changed = known is not None and known.get("digest") != entry.get("digest")
    entry["criterion_changed"] = changed
    entry.pop("criterion_was", None)
    if known is not None and changed:
        entry["criterion_was"] = {"criterion": known.get("criterion"), "version": known.get("version")}


def _read(path: Path) -> dict[str, Entry]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise ValueError(f"{path}: not JSON ({problem}); delete it and run the notebook again") from problem
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds no mapping of claims; delete it and run the notebook again")
    return content


def _number(value: float | None) -> float | str | None:
    """A number that repeats across machines; JSON knows neither NaN nor infinity."""
    if value is None or math.isnan(value):
        return None
    return float(f"{value:.9g}") if math.isfinite(value) else str(float(value))


def _whole(value: int | None) -> int | None:
    return None if value is None else int(value)


def _interval(verdict: Verdict) -> list[float | str | None] | None:
    if verdict.interval is None or any(math.isnan(end) for end in verdict.interval):
        return None
    return [_number(end) for end in verdict.interval]


def _regimes(verdict: Verdict, claim: Claim) -> list[Entry]:
    """Every registered regime, evaluated or not, in the order of registration."""
    expected = {regime.name: regime.expected for regime in claim.regimes}
    for found in verdict.regimes:
        if expected.get(found.name) != found.expected:
            raise ValueError(
                f"verdict on {claim.id!r}: regime {found.name!r}, expected {found.expected!r}, given; "
                f"registered are {expected or 'none'}"
            )
    evaluated = {found.name: found for found in verdict.regimes}
    entries = []
    for regime in claim.regimes:
        found = evaluated.get(regime.name) or RegimeVerdict(regime.name, regime.expected, "not evaluated")
        entries.append(
            {
                "name": regime.name,
                "description": regime.description,
                "expected": regime.expected,
                "verdict": found.verdict,
                "value_text": found.value_text,
                "unexpected": found.unexpected,
            }
        )
    return entries


def _entry(verdict: Verdict, claim: Claim, profile: str) -> Entry:
    if verdict.claim != claim.id:
        raise ValueError(f"verdict on {verdict.claim!r} given, allowed is one on {claim.id!r}")
    regimes = _regimes(verdict, claim)
    surprises = [
        f"{regime['name']}: {regime['verdict']}, registered as {regime['expected']}"
        for regime in regimes
        if regime["unexpected"]
    ]
    if is_unexpected(verdict.verdict, claim.expected):
        surprises.insert(0, f"{verdict.verdict}, registered as {claim.expected}")
    deciding = decides(profile, claim)
    return {
        "id": claim.id,
        "statement": claim.statement,
        "quantity": claim.quantity,
        "criterion": claim.criterion,
        "version": claim.version,
        "digest": criterion_digest(claim),
        "source": claim.source,
        "note": claim.note,
        "figure": claim.figure,
        "deterministic": claim.deterministic,
        "expected": claim.expected,
        "profile": profile,
        "deciding_profile": claim.profile,
        "decides": deciding,
        "standing": "" if deciding else f"decided at {claim.profile}",
        "verdict": verdict.verdict,
        "unexpected": bool(surprises),
        "surprises": surprises,
        "value": _number(verdict.value),
        "interval": _interval(verdict),
        "value_text": verdict.value_text,
        "replicates": _whole(verdict.replicates),
        "root_seed": _whole(verdict.root_seed),
        "seeds": verdict.seeds,
        "regimes": regimes,
        "notes": list(verdict.notes),
        "keys": list(verdict.keys),
    }
