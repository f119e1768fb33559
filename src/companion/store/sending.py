"""Writing an archive of results: whole at the end, and after a kill gone on with from the last whole file."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from companion.store.archive import (
    BLOCK,
    Held,
    Index,
    Member,
    chunks,
    digest_of,
    header,
    lay_out,
    member_name,
    padded,
    padding,
)
from companion.store.artefacts import RESULT, Address, DamagedResult
from companion.store.content import file_digest
from companion.store.selection import Selection, take_back

Advance = Callable[[int], None]


class BeingWritten(RuntimeError):
    """Another process writes the same archive."""


def part_of(target: Path) -> Path:
    """Where an archive lies until it is whole."""
    return target.with_name(target.name + ".part")


def check(selection: Selection, advance: Advance) -> None:
    """Compare the bytes of all selected results with their manifests, and drop what is damaged.

    What was left out, because it can be made from a result that is dropped, comes along again.
    """
    waiting = list(selection.folders)
    while waiting:
        for address in waiting:
            folder = selection.folders[address]
            size = (folder / RESULT).stat().st_size
            if file_digest(folder / RESULT) != selection.manifests[address].get("result_sha256"):
                selection.drop(address, "damaged: its bytes are not the ones that were written")
            advance(size)
        waiting = take_back(selection)


def index_of(selection: Selection) -> Index:
    """The index of an archive of all that is selected."""
    left_out = sorted(selection.left_out, key=lambda each: (each.function, each.key))
    return Index(
        results=tuple(lay_out(selection.manifests, selection.folders)),
        left_out=tuple(Held(function=each.function, key=each.key) for each in left_out),
    )


def write_archive(index: Index, folders: Mapping[Address, Path], target: Path, advance: Advance) -> int:
    """Write the archive and rename it to ``target``; the bytes that an interrupted call had written already.

    What is written of the same archive is compared with the index and kept as far as it is right. Raises
    BeingWritten, and DamagedResult where a result changes meanwhile; what was written then stays.
    """
    part = part_of(target)
    with part.open("r+b" if part.exists() else "w+b") as file:
        _lock(file, part)
        kept, waiting = _whole_part(file, index)
        advance(kept)
        file.seek(kept)
        file.truncate()
        if not kept:
            file.write(index.text())
        for address, member in waiting:
            file.write(header(member_name(address, member.name), member.size))
            _copy(folders[address] / member.name, member, file, advance)
            file.write(padding(member.size))
        file.write(bytes(2 * BLOCK))
        file.flush()
        os.fsync(file.fileno())
        part.replace(target)
    return kept


def _lock(file: BinaryIO, part: Path) -> None:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BeingWritten(f"{part} is being written by another process") from None
    except OSError:  # the file system refuses locks: checksums tell at the other end what went wrong
        pass


def _whole_part(file: BinaryIO, index: Index) -> tuple[int, list[tuple[Address, Member]]]:
    """How many bytes are already those of this archive, and the files that come after them."""
    members = [(held.address, member) for held in index.results for member in held.files]
    file.seek(0)
    text = index.text()
    if file.read(len(text)) != text:
        return 0, members
    kept = len(text)
    for place, (address, member) in enumerate(members):
        start = header(member_name(address, member.name), member.size)
        if file.read(len(start)) != start or digest_of(file, member.size) != member.sha256:
            return kept, members[place:]
        kept = len(text) + member.offset + padded(member.size)
        if file.seek(0, os.SEEK_END) < kept:
            return len(text) + member.offset - len(start), members[place:]
        file.seek(kept)
    return kept, []


def _copy(source: Path, member: Member, file: BinaryIO, advance: Advance) -> None:
    digest = hashlib.sha256()
    with source.open("rb") as opened:
        for chunk in chunks(opened, member.size):
            digest.update(chunk)
            file.write(chunk)
            advance(len(chunk))
    if digest.hexdigest() != member.sha256:
        raise DamagedResult(f"{source} changed while it was read; give the same command again")
