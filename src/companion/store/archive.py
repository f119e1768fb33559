"""An archive of results: one uncompressed tar file that begins with an index of all that it holds.

The index says of every file its size, its SHA-256 and where it lies, so that what is whole can be taken out
of an archive that is damaged or cut off elsewhere. Equal results make equal archives, byte for byte.
"""

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from companion.store.artefacts import MANIFEST, RESULT, Address
from companion.store.content import file_digest

#: Form of the archives that are written; those of a later form are refused.
ARCHIVE_FORMAT = 1

INDEX = "companion-results.json"
BLOCK = 512
_CHUNK = 1 << 20


class UnreadableArchive(ValueError):
    """A file that is no archive of results, that begins damaged, or that a later version wrote."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Strict):
    """One file of a result; ``offset`` is where its bytes lie, counted from the end of the index."""

    name: Annotated[str, Field(pattern=rf"^({RESULT}|{MANIFEST})$")]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    offset: Annotated[int, Field(ge=0)]


class Held(_Strict):
    """A result by its address; ``files`` is empty for one that was left out because it can be made again."""

    # A name from elsewhere becomes a folder here: nothing that leads out of the store.
    function: Annotated[str, Field(pattern=r"^[^./\x00][^/\x00]*$")]
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    files: tuple[Member, ...] = ()

    @property
    def address(self) -> Address:
        """Where it lies in a store."""
        return Address(self.function, self.key)

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(member.size for member in self.files)


class Index(_Strict):
    """What an archive holds, and what was left out of it."""

    format: int = ARCHIVE_FORMAT
    results: tuple[Held, ...]
    left_out: tuple[Held, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(held.size for held in self.results)

    def text(self) -> bytes:
        """The index as the archive holds it: header, JSON, padding."""
        body = json.dumps(self.model_dump(), sort_keys=True, separators=(",", ":")).encode() + b"\n"
        return header(INDEX, len(body)) + body + padding(len(body))

    @property
    def total(self) -> int:
        """Bytes of the whole archive."""
        ends = [member.offset + padded(member.size) for held in self.results for member in held.files]
        return len(self.text()) + max(ends, default=0) + 2 * BLOCK


def header(name: str, size: int) -> bytes:
    """What tar writes before a file; without owner and time, so that equal files make equal archives."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o664
    return entry.tobuf(tarfile.GNU_FORMAT)


def padded(size: int) -> int:
    """``size`` bytes in whole blocks of tar."""
    return -(-size // BLOCK) * BLOCK


def padding(size: int) -> bytes:
    """What follows ``size`` bytes up to the next block."""
    return bytes(padded(size) - size)


def lay_out(manifests: Mapping[Address, Mapping[str, Any]], folders: Mapping[Address, Path]) -> list[Held]:
    """The results in ``folders``, one after the other by function and key, each with its place in an archive."""
    end, found = 0, []
    for address in sorted(folders, key=lambda each: (each.function, each.key)):
        folder, members = folders[address], []
        digests = {RESULT: manifests[address]["result_sha256"], MANIFEST: file_digest(folder / MANIFEST)}
        for name, digest in digests.items():
            size = (folder / name).stat().st_size
            offset = end + len(header(member_name(address, name), size))
            members.append(Member(name=name, size=size, sha256=digest, offset=offset))
            end = offset + padded(size)
        found.append(Held(function=address.function, key=address.key, files=tuple(members)))
    return found


def member_name(address: Address, name: str) -> str:
    """The path that tar shows for a file of a result."""
    return f"{address.function}/{address.key}/{name}"


def read_index(file: BinaryIO, name: Path) -> tuple[Index, int]:
    """The index of an open archive, and where it ends. Raises UnreadableArchive."""
    file.seek(0)
    try:
        entry = tarfile.TarInfo.frombuf(file.read(BLOCK), "utf-8", "strict")
        if entry.name != INDEX:
            raise ValueError(f"its first member is {entry.name!r}")
        body = file.read(entry.size)
        if len(body) < entry.size:
            raise ValueError("it ends within its index")
        content = json.loads(body)
        form = content.get("format") if isinstance(content, dict) else None
    except (tarfile.HeaderError, ValueError) as problem:
        raise UnreadableArchive(
            f"{name}: no archive that `store export` made, or its beginning is damaged ({problem})"
        ) from problem
    if not isinstance(form, int) or form > ARCHIVE_FORMAT:
        raise UnreadableArchive(
            f"{name}: an archive of format {form!r}; this version reads up to {ARCHIVE_FORMAT}: update it here, "
            "or export with this version there"
        )
    try:
        index = Index.model_validate(content)
    except ValidationError as problem:
        raise UnreadableArchive(f"{name}: its index is damaged ({problem.errors()[0]['msg']})") from problem
    return index, BLOCK + padded(entry.size)


def chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The next ``size`` bytes of ``file``, or as many as there are, a bounded number at a time."""
    while size > 0:
        chunk = file.read(min(size, _CHUNK))
        if not chunk:
            return
        size -= len(chunk)
        yield chunk


def digest_of(file: BinaryIO, size: int) -> str:
    """SHA-256 of the next ``size`` bytes of ``file``."""
    digest = hashlib.sha256()
    for chunk in chunks(file, size):
        digest.update(chunk)
    return digest.hexdigest()
