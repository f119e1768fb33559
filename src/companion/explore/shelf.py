"""What the stores hold of one study: the calls that were made of it, in words, and replicates that are missing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.explore.missing import NotStored
from companion.store.arguments import decode, readable
from companion.store.artefacts import DamagedResult, is_whole, store_roots
from companion.store.durable import StoredFunction
from companion.store.upkeep import whole_manifest

#: Of networks that differ in their replicate only: the folder of each, and its place in the stack stored there.
Replicates = Mapping[int, tuple[Path, int]]


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
    """All calls of ``study`` whose results are stored, each once, the newest first; damaged results are left out."""
    found: dict[str, StoredCall] = {}
    for root in store_roots():
        for folder in sorted((root / study.name).glob("[!.]*")):
            if folder.name not in found and is_whole(folder):
                try:
                    found[folder.name] = StoredCall(folder, whole_manifest(folder))
                except DamagedResult:
                    continue
    return sorted(found.values(), key=lambda call: -call.manifest["made"]["time"])


def replicated(
    study: StoredFunction, words: Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[str, ...]]
) -> dict[tuple[str, ...], Replicates]:
    """The stored networks of ``study``, whose calls train a stack of ``conditions`` with a ``replicate`` each.

    ``words`` names a network by the arguments of its call and by its condition, whatever its replicate. Where several
    versions of the code have trained the same networks, those of the newest result.
    """
    made: dict[tuple[str, ...], dict[int, tuple[Path, int]]] = {}
    codes: dict[tuple[str, ...], str] = {}
    for call in stored_calls(study):
        given = call.texts
        for place, condition in enumerate(given["conditions"]):
            texts = words(given, condition)
            if codes.setdefault(texts, call.code) == call.code:
                made.setdefault(texts, {}).setdefault(condition["replicate"], (call.folder, place))
    return {texts: dict(sorted(known.items())) for texts, known in sorted(made.items())}


def more_replicates(study: StoredFunction, stored: Replicates, wanted: Iterable[int]) -> NotStored:
    """What to train so that the ``wanted`` replicates are there, beside those ``stored``: in one stack.

    All of them where the code has changed since the stored ones were trained.
    """
    folder, place = next(iter(stored.values()))
    given = call_of(folder).arguments
    own = {name: value for name, value in given["conditions"][place].items() if name != "replicate"}
    same = study.address(**given).key == folder.name
    missing = [each for each in wanted if not (same and each in stored)]
    conditions = [own | {"replicate": each} for each in missing]
    what = f"replicate{'s' if len(missing) > 1 else ''} {', '.join(map(str, missing))}"
    return NotStored(what, study, **(given | {"conditions": conditions}))


def call_of(folder: Path) -> StoredCall:
    """The call whose result lies in ``folder``. Raises DamagedResult where its manifest is not whole."""
    return StoredCall(folder, whole_manifest(folder))


def differences(values: Mapping[str, Any], usual: Mapping[str, Any], always: Sequence[str] = ()) -> list[str]:
    """Names and values of what is not as usual; fields that the code no longer knows are named too.

    >>> differences({"model": "Spec", "width": 8, "steps": 20}, {"width": 32, "steps": 20})
    ['width 8']
    """
    found = []
    for name, value in values.items():
        several = list(value) if isinstance(value, list | tuple) else value
        default = usual.get(name)
        same = several == (list(default) if isinstance(default, tuple) else default)
        if name != "model" and (not same or name in always):
            text = " ".join(map(plain, several)) if isinstance(several, list) else plain(several)
            found.append(f"{name.replace('_', ' ')} {text}")
    return found


def plain(value: Any) -> str:
    """A value as menus show it: numbers with three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
