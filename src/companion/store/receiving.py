"""Taking results out of an archive: each checked before it appears, whatever became of the others."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from companion.store.archive import Held, Index, Member, chunks
from companion.store.artefacts import MANIFEST, RESULT, DamagedResult, missing_file, placed, quarantine
from companion.store.upkeep import whole_manifest

Advance = Callable[[int], None]


@dataclass
class Received:
    """What became of the results of an archive."""

    imported: list[Held] = field(default_factory=list)
    makers: Counter[str] = field(default_factory=Counter)
    damaged: dict[Held, str] = field(default_factory=dict)


def missing_here(index: Index) -> list[Held]:
    """The results of an archive that no store holds yet."""
    return [held for held in index.results if held.address.find() is None]


def receive(file: BinaryIO, start: int, wanted: Iterable[Held], advance: Advance) -> Received:
    """Put each of ``wanted`` into one's own store, if its bytes are those that the index promises.

    ``start`` is where the index ends. A result appears by one rename, so that a kill leaves whole ones only.
    """
    found = Received()
    for held in wanted:
        try:
            if sorted(member.name for member in held.files) != [MANIFEST, RESULT]:
                raise DamagedResult("the index lists other files than a result has")
            if missing_file(held.address.own):
                quarantine(held.address.own)  # a folder that is no result would stay in the way
            with placed(held.address) as folder:
                for member in held.files:
                    _take(file, start, member, folder / member.name)
                made = _checked_manifest(held, folder)
        except DamagedResult as problem:
            found.damaged[held] = str(problem)
        else:
            found.imported.append(held)
            found.makers[f"{made['user']} on {made.get('host', 'an unknown machine')}"] += 1
        advance(held.size)
    return found


def _take(file: BinaryIO, start: int, member: Member, target: Path) -> None:
    file.seek(start + member.offset)
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as written:
        for chunk in chunks(file, member.size):
            digest.update(chunk)
            written.write(chunk)
            size += len(chunk)
    if size < member.size:
        raise DamagedResult(f"the archive ends before or within its {member.name}")
    if digest.hexdigest() != member.sha256:
        raise DamagedResult(f"its {member.name} is damaged")


def _checked_manifest(held: Held, folder: Path) -> dict:
    """Who made the result, once its manifest is known to be that of this key."""
    manifest = whole_manifest(folder)
    digests = {member.name: member.sha256 for member in held.files}
    promised = (held.key, held.function, digests.get(RESULT))
    if (manifest["key"], manifest["function"], manifest.get("result_sha256")) != promised:
        raise DamagedResult("its manifest is another result's")
    return manifest["made"]
