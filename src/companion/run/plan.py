"""What would run, and why: a notebook runs again only if something that it depends on changed."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from companion.run.record import (
    Identity,
    Record,
    executed_path,
    failed_path,
    file_digests,
    identify,
    left_files,
    read_record,
    that_count,
)
from companion.session.provenance import library_versions, who
from companion.settings.notebook import Notebook
from companion.settings.profiles import Parameters
from companion.store.artefacts import store_roots
from companion.store.holdings import Holding, holdings

_MOST_NAMED = 4


@dataclass(frozen=True)
class Request:
    """A notebook to bring up to date: validated parameters, resolved device kind, figures if not all.

    ``overridden`` says how ``--set`` changes parameters that count. Such a request is an excursion: it draws and
    judges in a folder of its own, and what the profile stands for remains.
    """

    notebook: Notebook
    parameters: Parameters
    device: str
    only: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.notebook.name

    @property
    def profile(self) -> str:
        return self.parameters.values["profile"]


@dataclass(frozen=True)
class Step:
    """A request with the reasons to execute it; without a reason it is a hit and nothing happens."""

    request: Request
    identity: Identity
    record: Record | None
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def hit(self) -> bool:
        return not self.reasons


def make_plan(
    requests: Iterable[Request], *, because: str | None = None, settled: Collection[str] = ()
) -> list[Step]:
    """The steps for ``requests``, in their order. ``because`` is a reason to execute all but those ``settled``."""
    return [_step(request, None if request.name in settled else because) for request in requests]


def _step(request: Request, because: str | None) -> Step:
    record = read_record(request.profile, request.name)
    identity = identify(request.notebook, request.parameters.values, request.device, record)
    reasons = [because] if because else []
    if request.overridden:
        return Step(request, identity, None, (*reasons, *request.overridden))
    notes: list[str] = []
    if record is not None:
        reasons += differences(record, identity)
        held = holdings(record.keys)
        reasons += missing_results(record.keys, held)
        reasons += _changed_files(record, request.profile)
        notes += other_versions(held.values()) + by_others(held.values())
    failed = failed_path(request.profile, request.name).exists()
    if failed:
        reasons.append("last run failed")
    elif record is None:
        reasons.append("never run at this profile")
    return Step(request, identity, record, tuple(reasons), tuple(notes))


def differences(record: Record, identity: Identity) -> list[str]:
    """How the identity of a notebook differs from that of its record, in plain words."""
    if record.digest == identity.digest:
        return []
    reasons = []
    if record.cells_digest != identity.cells:
        reasons.append("cell code changed")
    old, new = record.modules, identity.modules
    reasons += _named("code of {} changed", [name for name in new if name in old and new[name] != old[name]])
    reasons += _named("code of {} is new", [name for name in new if name not in old])
    reasons += _named("code of {} is no longer used", [name for name in old if name not in new])
    reasons += parameter_changes(that_count(record.parameters), identity.parameters)
    if record.device != identity.device:
        reasons.append(f"device: {record.device} → {identity.device}")
    return reasons or ["its record is of another kind"]


def parameter_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A line for each parameter that came, went or changed.

    >>> parameter_changes({"seed": 0, "runs": 5}, {"seed": 1, "runs": 5})
    ['parameter seed: 0 → 1']
    """
    changes = []
    for name in sorted(before.keys() | now.keys()):
        if name not in before:
            changes.append(f"parameter {name} is new ({_shown(now[name])})")
        elif name not in now:
            changes.append(f"parameter {name} is gone")
        elif before[name] != now[name]:
            changes.append(f"parameter {name}: {_shown(before[name])} → {_shown(now[name])}")
    return changes


def missing_results(keys: Mapping[str, str], held: Mapping[str, Holding]) -> list[str]:
    """A reason for each stored result that the notebook used and that is no longer in the store."""
    missing = [(key, function) for key, function in keys.items() if key not in held]
    reasons = [f"result {key[:12]} ({function}) is missing" for key, function in missing[:_MOST_NAMED]]
    if len(missing) > _MOST_NAMED:
        reasons.append(f"{len(missing) - _MOST_NAMED} more results are missing")
    return reasons


def other_versions(held: Iterable[Holding]) -> list[str]:
    """A note for each library whose version differs from the one that the results were made with."""
    current = library_versions()
    found = {
        (library, str(version))
        for holding in held
        for library, version in holding.versions.items()
        if library in current and version != current[library]
    }
    return [
        f"results made with {library} {old} (now {current[library]}); --force recomputes"
        for library, old in sorted(found)
    ]


def by_others(held: Iterable[Holding]) -> list[str]:
    """A note for each other user whose results are used, and for each store but one's own that they are read from."""
    me, own = who(), store_roots()[0]
    counted = Counter(
        (holding.user or "unknown", holding.store)
        for holding in held
        if holding.store != own or holding.user not in ("", me)
    )
    return [
        f"{number} results made by {user}" + (f", read from {store}" if store != own else "")
        for (user, store), number in sorted(counted.items())
    ]


def _changed_files(record: Record, profile: str) -> list[str]:
    """A reason for each file that the run left and that is gone or another one now."""
    files = left_files(profile, record.notebook, record.figures)
    present = file_digests(files)
    reasons = []
    for name, digest in record.files.items():
        if name not in present:
            reasons.append(f"{name} is missing")
        elif present[name] != digest:
            reasons.append(f"{name} is not the one that this notebook made")
    if not executed_path(profile, record.notebook).exists():
        reasons.append("the executed notebook is missing")
    return reasons


def _named(sentence: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(sorted(names)[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return [sentence.format(shown + more)]


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
